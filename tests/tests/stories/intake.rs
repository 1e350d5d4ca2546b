//! Events as they really come: many for one push, in any order, twice, late, foreign, malformed.

use anyhow::Result;
use gantry_simulator::ecr::Delivery;
use gantry_simulator::github::WorkflowRun;
use gantry_tests::{ADA, Change, Story, quick, tell};
use serde_json::{Value, json};

#[test]
fn t10_duplicated_and_shuffled_events_start_one_release() -> Result<()> {
    tell(quick(), async |story| {
        story.world.simulation.ecr.set_delivery(Delivery {
            shuffle_seed: Some(7),
            duplicates: 3,
            ..Delivery::default()
        });
        let work = story.a_developer_pushes(Change::of(["backend", "client", "engine"])).await?;
        story.ci_succeeds(&work).await?;
        story.images_arrive(&work)?;
        // Each push is an image, an attestation, the index with its tag and the index without, four times each.
        story.was_called("ecr-intake", 3 * 4 * 4).await?;
        assert_eq!(story.executions().await?.len(), 1);

        let question = story.question(&work).await?;
        assert_eq!(story.claims().await?, 1);
        story.rejects(ADA, &question, "Only a rehearsal").await?;
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Declined"));
        assert_eq!(story.executions().await?.len(), 1);
        let asked = story.aws_was_asked();
        for image in ["backend@c1", "client@c1", "engine@c1"] {
            assert!(asked.contains(image), "{asked}");
        }
        story.slack_says();
        Ok(())
    })
}

#[test]
fn images_may_come_before_the_push_and_workflows_last() -> Result<()> {
    tell(quick(), async |story| {
        let change = Change::of(["client", "engine"]);
        let commit = story.world.commit(&change)?;
        let work = story.work_of(&commit, change);
        story.images_arrive(&work)?;
        story.was_called("ecr-intake", 2).await?;
        assert_eq!(story.executions().await?.len(), 0);

        story.ci_succeeds(&work).await?;
        assert_eq!(story.executions().await?.len(), 0, "nothing proves yet that the commit is on main");
        story.pushes(commit).await?;
        let question = story.question(&work).await?;
        story.rejects(ADA, &question, "Only a rehearsal").await?;
        story.release_ends(&work).await?;
        assert_eq!(story.executions().await?.len(), 1);
        story.slack_says();
        Ok(())
    })
}

#[test]
fn a_failed_workflow_keeps_the_release_back_until_a_rerun_succeeds() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_pushes(Change::of(["client"])).await?;
        story.images_arrive(&work)?;
        story.was_called("ecr-intake", 1).await?;
        story.ci_ends(&work, "failure").await?;
        // Neither a fork's workflow of the same file nor one that a pull request started proves anything.
        let run = WorkflowRun::completed(".github/workflows/client.yml", &work.sha, "success");
        let fork = WorkflowRun { head_repository: Some("mallory/monorepo".to_owned()), ..run.clone() };
        let pull = WorkflowRun { event: "pull_request".to_owned(), ..run };
        for stranger in [fork, pull] {
            let told = story.world.simulation.github.workflow_run(&stranger).await?;
            assert_eq!(told.status, Some(200));
            assert!(told.response.contains("proves nothing"), "{}", told.response);
        }
        assert_eq!(story.executions().await?.len(), 0);

        story.ci_succeeds(&work).await?;
        let question = story.question(&work).await?;
        story.rejects(ADA, &question, "Only a rehearsal").await?;
        story.release_ends(&work).await?;
        story.slack_says();
        Ok(())
    })
}

#[test]
fn t13_an_older_commit_that_completes_late_is_skipped() -> Result<()> {
    tell(quick(), async |story| {
        let older = story.a_developer_pushes(Change::of(["backend"])).await?;
        story.ci_succeeds(&older).await?;
        let newer = story
            .a_developer_delivers(Change { message: "Improve it more".to_owned(), ..Change::of(["backend"]) })
            .await?;
        let question = story.question(&newer).await?;

        // EventBridge delivers for a day: the older image comes now, and once more when the newer one is out.
        let calls = story.calls_of("ecr-intake").await?;
        story.images_arrive(&older)?;
        story.was_called("ecr-intake", calls + 1).await?;
        assert_eq!(story.executions().await?.len(), 1);
        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&newer).await?.end.as_deref(), Some("Succeeded"));
        story.ci_succeeds(&older).await?;
        assert_eq!(story.executions().await?.len(), 1);
        assert!(!story.aws_was_asked().contains("backend@c1"));
        story.slack_says();
        Ok(())
    })
}

#[test]
fn t11_t40_events_that_are_not_about_our_images_do_nothing() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_pushes(Change::of(["client"])).await?;
        story.ci_succeeds(&work).await?;
        let before = story.everything_on_record().await?;
        let good = image_pushed(&work.tag());
        let changed = |field: &str, value: Value| {
            let mut detail = good.clone();
            detail[field] = value;
            detail
        };
        // What reaches the function.
        let odd = [
            changed("image-tag", json!("")),
            changed("image-tag", json!("latest")),
            changed("image-tag", json!("branch-main")),
            changed("manifest-media-type", json!("application/vnd.cncf.helm.config.v1+json")),
            changed("artifact-media-type", json!("application/vnd.dev.cosign.simplesigning.v1+json")),
            changed("image-digest", json!("sha256:short")),
            changed("action-type", json!("DELETE")),
            changed("result", json!("FAILURE")),
            changed("repository-name", json!("somebody-elses")),
        ];
        for detail in odd {
            assert_eq!(of_function(story, "111122223333", "us-west-2", &detail).await?, "", "{detail}");
        }
        assert_eq!(of_function(story, "999988887777", "us-west-2", &good).await?, "");
        assert_eq!(of_function(story, "111122223333", "eu-central-1", &good).await?, "");
        // What the rule does not even let through.
        let calls = story.calls_of("ecr-intake").await?;
        for (field, value) in
            [("repository-name", "somebody-elses"), ("action-type", "DELETE"), ("result", "FAILURE")]
        {
            story.registry_event(&changed(field, json!(value))).await?;
        }
        assert_eq!(story.changes_since(&before).await?, Vec::<String>::new());
        assert_eq!(story.executions().await?.len(), 0);

        // The image itself, as the proof that the events above were not deaf.
        story.images_arrive(&work)?;
        let question = story.question(&work).await?;
        assert_eq!(story.calls_of("ecr-intake").await?, calls + 4);
        story.rejects(ADA, &question, "Only a rehearsal").await?;
        story.release_ends(&work).await?;
        story.slack_says();
        Ok(())
    })
}

#[test]
fn an_event_nobody_understands_goes_to_the_dead_letters_with_its_cause() -> Result<()> {
    tell(quick(), async |story| {
        let event = json!({
            "result": "SUCCESS", "action-type": "PUSH", "repository-name": "exchange-client-59deea6",
            "image-tag": ["sha-4f2a9c1"], "image-digest": 42,
        });
        story.registry_event(&event).await?;
        let letters = story.dead_letters().await?;
        story.an_error_was_logged("ecr-intake", "an event was not understood");
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!(letters[0]["function"], "ecr-intake");
        let cause = letters[0]["cause"].as_str().unwrap_or_default();
        assert!(cause.starts_with("not an event of an image push"), "{cause}");
        let told: Value = serde_json::from_str(letters[0]["event"].as_str().unwrap_or_default())?;
        assert_eq!(told["detail"], event);
        assert_eq!(story.executions().await?.len(), 0);
        Ok(())
    })
}

/// The detail of the event of a good push of the client.
fn image_pushed(tag: &str) -> Value {
    json!({
        "result": "SUCCESS", "action-type": "PUSH", "repository-name": "exchange-client-59deea6", "image-tag": tag,
        "image-digest": format!("sha256:{}", "5".repeat(64)),
        "manifest-media-type": "application/vnd.oci.image.index.v1+json",
    })
}

/// Calls the function with such an event; what it says went wrong, if anything did.
async fn of_function(story: &Story, account: &str, region: &str, detail: &Value) -> Result<String> {
    let event = json!({
        "version": "0", "id": "6f0c2b7e-5d49-4d53-9d63-5b8b8f0f4c11", "source": "aws.ecr", "account": account,
        "region": region, "detail-type": "ECR Image Action", "time": "2026-11-21T12:00:00Z", "resources": [],
        "detail": detail,
    });
    let answer = story.world.invoke("ecr-intake", &event).await?;
    Ok(if answer.failed { answer.payload.to_string() } else { String::new() })
}
