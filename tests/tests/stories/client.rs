//! A real registry client: skopeo pushes images that were made without Docker, and the push alone starts the road.
//!
//! Only `make test-client` runs this story: it needs Debian's skopeo, which that target installs.

mod layout;
mod skopeo;

use anyhow::{Result, ensure};
use gantry_tests::{ADA, Change, Story, Work, quick, tell};

use serde_json::Value;

use layout::{Image, Layout};
use skopeo::Skopeo;

const SERVICES: [(&str, &str); 6] = [
    ("web", "backend"),
    ("sidekiq", "backend"),
    ("clockwork", "backend"),
    ("kafka-consumer", "backend"),
    ("exchange-client-web", "client"),
    ("exchange-engine-app", "engine"),
];
const CLUSTERS: [&str; 2] = ["exchange-base-cluster-preprod2", "exchange-base-cluster-prod2"];

#[test]
#[ignore = "needs skopeo: run it with `make test-client`"]
fn an_image_that_skopeo_pushes_goes_to_production_by_that_alone() -> Result<()> {
    tell(quick(), async |story| {
        let registry = story.world.simulation.registry_address();
        let skopeo = Skopeo::new(registry)?;
        let work = story.a_developer_pushes(Change::of(["backend", "client", "engine"])).await?;
        story.ci_succeeds(&work).await?;
        let before = story.everything_on_record().await?;

        // Without a password, and with a wrong one, nothing gets in.
        let images = images(&work)?;
        let [(_, repository, backend), ..] = &images[..] else { unreachable!() };
        let tag = work.tag();
        let refused = skopeo.push(backend, repository, &tag).await?;
        ensure!(refused.is_err_and(|said| said.contains("authentication required")), "nobody had logged in");
        let refused = skopeo.log_in("not-the-password").await?;
        ensure!(
            refused.is_err_and(|said| said.contains("invalid username/password")),
            "it was not the password"
        );
        let password = gantry_local::login::password(registry).await?;
        skopeo.log_in(&password).await?.map_err(anyhow::Error::msg)?;
        let refused = skopeo.push(backend, "exchange-nothing", &tag).await?;
        ensure!(
            refused.is_err_and(|said| said.contains("does not exist in the registry")),
            "no such repository"
        );
        assert_eq!(story.changes_since(&before).await?, Vec::<String>::new());

        // Three real pushes, and nothing else.
        for (component, repository, layout) in &images {
            story.image_was_pushed(&work, component, layout.digest());
            skopeo.push(layout, repository, &tag).await?.map_err(anyhow::Error::msg)?;
        }
        let question = story.question(&work).await?;
        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Succeeded"));
        assert_eq!(story.executions().await?.len(), 1);
        for cluster in CLUSTERS {
            for (service, component) in SERVICES {
                assert_eq!(
                    story.runs(cluster, service)?,
                    format!("{component}@c1"),
                    "{service} in {cluster}"
                );
            }
        }
        let version = version_of(story, CLUSTERS[1], "web").await?;
        assert_eq!(version["version"], "2.0.0-by-hand", "a label of the pushed image");
        assert_eq!(version["digest"], *backend.digest());

        // What was pushed comes back as it was, and the same push again is no news.
        let (_, repository, client) = &images[1];
        assert_eq!(skopeo.pull(repository, &tag).await?, client.digest());
        let before = story.everything_on_record().await?;
        skopeo.push(client, repository, &tag).await?.map_err(anyhow::Error::msg)?;
        // Another image under a tag that is taken is refused, and nothing changes.
        let stood = story.world.simulation.ecr.snapshot();
        let other = Layout::write(&Image { content: "another build\n", ..image_of("client", &work) })?;
        let refused = skopeo.push(&other, repository, &tag).await?;
        ensure!(refused.is_err_and(|said| said.contains("cannot be overwritten")), "the tag was taken");
        assert_eq!(story.world.simulation.ecr.snapshot(), stood);
        assert_eq!(story.changes_since(&before).await?, Vec::<String>::new());
        assert_eq!(story.executions().await?.len(), 1);
        story.slack_says();
        Ok(())
    })
}

/// What a running service says of itself.
async fn version_of(story: &Story, cluster: &str, service: &str) -> Result<Value> {
    let url = format!("{}/version", story.world.simulation.service_url(cluster, service));
    Ok(reqwest::Client::builder().no_proxy().build()?.get(url).send().await?.json().await?)
}

/// Component, repository and image of everything the Exchange is made of.
fn images(work: &Work) -> Result<Vec<(&'static str, &'static str, Layout)>> {
    let repositories = [
        ("backend", "exchange-backend-f899186"),
        ("client", "exchange-client-59deea6"),
        ("engine", "exchange-engine-0480f75"),
    ];
    let written = repositories.map(|(component, repository)| {
        Ok((component, repository, Layout::write(&image_of(component, work))?))
    });
    written.into_iter().collect()
}

/// The backend comes as buildx makes images, an index with an attestation; the others are plain.
fn image_of<'a>(component: &'a str, work: &'a Work) -> Image<'a> {
    Image {
        content: component,
        labels: vec![
            ("org.opencontainers.image.version", "2.0.0-by-hand"),
            ("org.opencontainers.image.revision", &work.sha),
            ("gantry.simulator.start-seconds", "2"),
        ],
        attested: component == "backend",
    }
}
