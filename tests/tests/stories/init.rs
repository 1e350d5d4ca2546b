//! A first configuration from the clusters as they run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use gantry_config::{Configuration, Overrides};
use gantry_local::places;
use gantry_tests::{quick, tell};

/// What a person fills in, as the Exchange has it.
const FILLED: [(&str, &str); 8] = [
    ("repository = \"<fill in>\"", "repository = \"exchange/monorepo\""),
    ("team = \"<fill in>\"", "team = \"T0EXCH\""),
    ("app = \"<fill in>\"", "app = \"A0GANTRY\""),
    ("channel = \"<fill in>\"", "channel = \"C0RELEASES\""),
    ("approvers = [\"<fill in>\"]", "approvers = [\"U0ADA\", \"U0BOB\"]"),
    ("such as \"backend/**\".\npaths = [\"<fill in>\"]", "\npaths = [\"backend/**\"]"),
    ("such as \"client/**\".\npaths = [\"<fill in>\"]", "\npaths = [\"client/**\"]"),
    ("such as \"engine/**\".\npaths = [\"<fill in>\"]", "\npaths = [\"engine/**\"]"),
];

const CLUSTERS: [&str; 4] =
    ["--cluster", "exchange-base-cluster-preprod2", "--cluster", "exchange-base-cluster-prod2"];

/// Components by name, with their repository and services.
fn components(configuration: &Configuration) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let component = |component: &gantry_domain::pipeline::Component| {
        let services = component.services().map(ToString::to_string).collect();
        (component.name.to_string(), (component.repository.to_string(), services))
    };
    configuration.pipeline.components.iter().map(component).collect()
}

fn loaded(file: &Path) -> Result<Configuration> {
    Ok(gantry_config::load(file, &Overrides::default())?)
}

#[test]
fn a_first_configuration_is_written_from_the_clusters_that_run() -> Result<()> {
    tell(quick(), async |story| {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("gantry.toml");
        let out = file.to_str().context("a path that is no text")?;
        let init = [&["init", "--out", out], CLUSTERS.as_slice()].concat();

        let written = story.gantry_alone(&init).await?;
        assert_eq!(written.code, Some(0), "{written:?}");
        assert!(written.words.contains("backend: web, clockwork, kafka-consumer, sidekiq"), "{written:?}");
        let text = std::fs::read_to_string(&file)?;

        // What is left is said, by both commands, place by place.
        let left = story.gantry_alone(&["validate", out]).await?;
        assert_eq!(left.code, Some(1), "{left:?}");
        assert!(left.words.ends_with("\n8 mistakes\n"), "{left:?}");
        for mistake in left.words.lines().filter(|line| line.contains("gantry.toml:")) {
            assert!(written.words.contains(mistake), "{mistake}\n{written:?}");
        }

        // A file that is there stays as it is, and nobody is asked.
        std::fs::write(&file, "mine")?;
        let refused = story.gantry_alone(&init).await?;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.words.contains("is there already and was left as it is"), "{refused:?}");
        assert_eq!(std::fs::read_to_string(&file)?, "mine");
        let forced = story.gantry_alone(&[init.as_slice(), &["--force"]].concat()).await?;
        assert_eq!(forced.code, Some(0), "{forced:?}");
        assert_eq!(std::fs::read_to_string(&file)?, text);

        let mut filled = text;
        for (left, by) in FILLED {
            assert_eq!(filled.matches(left).count(), 1, "{left} in\n{filled}");
            filled = filled.replace(left, by);
        }
        std::fs::write(&file, filled)?;
        let good = story.gantry_alone(&["validate", out]).await?;
        assert_eq!(good.code, Some(0), "{good:?}");
        let words = "exchange is good (components: 3, services: 6, stages: preproduction then production";
        assert!(good.words.contains(words), "{good:?}");

        // It is the Exchange, but for what ECS does not know.
        let (ours, example) =
            (loaded(&file)?, loaded(&places::root().join("examples/exchange/gantry.toml"))?);
        assert_eq!(components(&ours), components(&example));
        for (one, other) in ours.pipeline.stages.iter().zip(&example.pipeline.stages) {
            assert_eq!(
                (&one.name, &one.account, &one.region, &one.cluster),
                (&other.name, &other.account, &other.region, &other.cluster)
            );
            assert_eq!(one.approval, other.approval);
            let (ours, example) = (&ours.grants[&one.name], &example.grants[&one.name]);
            assert_eq!(ours.families, example.families);
            assert_eq!(ours.task_roles, example.task_roles);
            assert_eq!(ours.log_groups, example.log_groups);
        }
        for component in &ours.pipeline.components {
            assert!(component.waves.iter().all(|wave| wave.len() == 1), "{component:?}");
        }

        // An operator's own credentials, and nothing but looking.
        let asked: BTreeSet<String> = story
            .world
            .simulation
            .journal
            .calls()
            .into_iter()
            .filter(|call| call.role == "root" && call.service == "ecs")
            .map(|call| call.operation)
            .collect();
        let looking = ["DescribeServices", "DescribeTaskDefinition", "ListServices"];
        assert_eq!(asked, looking.map(str::to_owned).into());
        Ok(())
    })
}

#[test]
fn a_cluster_that_is_not_there_is_told_and_nothing_is_written() -> Result<()> {
    tell(quick(), async |story| {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("gantry.toml");
        let out = file.to_str().context("a path that is no text")?;
        let unknown = story.gantry_alone(&["init", "--out", out, "--cluster", "nowhere"]).await?;
        assert_eq!(unknown.code, Some(2), "{unknown:?}");
        assert!(unknown.words.contains("ecs:ListServices in nowhere"), "{unknown:?}");
        assert!(unknown.words.contains("Cluster not found."), "{unknown:?}");
        assert!(!file.exists());
        Ok(())
    })
}
