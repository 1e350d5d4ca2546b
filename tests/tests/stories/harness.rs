//! The harness itself: a story that overlooks something fails.

use anyhow::Result;
use gantry_local::exchange::Secrets;
use gantry_tests::{Change, Story, quick, tell};
use serde_json::json;

/// What the end of the story has to say now.
async fn complaint(story: &Story) -> String {
    story.must_be_over().await.err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn t07_t37_a_story_that_overlooks_something_or_shows_a_secret_fails() -> Result<()> {
    let outcome = tell(quick(), async |story| {
        assert_eq!(complaint(story).await, "");

        story.registry_event(&json!({
            "result": "SUCCESS", "action-type": "PUSH", "repository-name": "exchange-client-59deea6", "image-digest": 42,
        })).await?;
        story.was_called("ecr-intake", 1).await?;
        assert!(complaint(story).await.starts_with("nobody looked at these dead letters"));
        assert!(complaint(story).await.contains("logged an error"));
        story.an_error_was_logged("ecr-intake", "an event was not understood");
        assert_eq!(complaint(story).await, "");

        let execution = story.starts_on_console(&json!({})).await?;
        story.execution_ends(&execution).await?;
        assert!(complaint(story).await.starts_with("nobody looked at this in Slack"));
        story.slack_says();
        story.an_error_was_logged("claim-release", "InvalidInput");
        assert_eq!(complaint(story).await, "");

        // A lock that nobody frees, with a task token in its row.
        let locks = story.world.output("LocksTable")?;
        let key = json!({ "pk": { "S": "lock#production" }, "sk": { "S": "lock" } });
        let mut lock = key.clone();
        lock["token"] = json!({ "S": "canary-of-a-token" });
        story.world.client.dynamodb("PutItem", &json!({ "TableName": locks, "Item": lock })).await?;
        assert_eq!(story.remembers_tokens().await?, 1);
        assert!(complaint(story).await.starts_with("left in the table of locks"));
        story.world.client.dynamodb("DeleteItem", &json!({ "TableName": locks, "Key": key })).await?;
        assert_eq!(complaint(story).await, "");

        // The token where it may not stand.
        let releases = story.world.output("ReleasesTable")?;
        let key = json!({ "pk": { "S": "leak" }, "sk": { "S": "leak" } });
        let mut leak = key.clone();
        leak["cause"] = json!({ "S": "token canary-of-a-token was not accepted" });
        story.world.client.dynamodb("PutItem", &json!({ "TableName": releases, "Item": leak })).await?;
        assert!(complaint(story).await.starts_with("a secret stands in the table of releases"));
        story.world.client.dynamodb("DeleteItem", &json!({ "TableName": releases, "Key": key })).await?;
        assert_eq!(complaint(story).await, "");

        // A secret in a commit's message, for everybody to read.
        let message = format!("Use {} for now", Secrets::SLACK_SIGNING);
        story.a_developer_pushes(Change { message, ..Change::of(["client"]) }).await?;
        Ok(())
    });
    let complaint = outcome.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(complaint.starts_with("a secret stands in GitHub"), "{complaint}");
    Ok(())
}
