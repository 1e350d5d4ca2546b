//! Events of the registry that never come.

use anyhow::Result;
use gantry_tests::{ADA, Change, WorldOptions, quick, tell};
use serde_json::Value;

#[test]
fn t12_no_event_of_the_registry_arrives_and_the_release_starts_within_the_period_once() -> Result<()> {
    // Here the clock alone calls the reconciler: its period passes in five seconds.
    tell(WorldOptions { factor: 60.0, schedules: true, ..quick() }, async |story| {
        story.registry_events_get_lost();
        let work = story.a_developer_delivers(Change::of(["backend", "client", "engine"])).await?;
        let question = story.question(&work).await?;
        assert_eq!(story.calls_of("ecr-intake").await?, 0);
        assert_eq!((story.executions().await?.len(), story.claims().await?), (1, 1));

        story.rejects(ADA, &question, "Only a rehearsal").await?;
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Declined"));
        let calls = story.calls_of("reconcile").await?;
        story.was_called("reconcile", calls + 2).await?;
        assert_eq!(story.executions().await?.len(), 1, "once");
        let asked = story.aws_was_asked();
        for image in ["backend@c1", "client@c1", "engine@c1"] {
            assert!(asked.contains(image), "{asked}");
        }
        story.slack_says();
        Ok(())
    })
}

#[test]
fn t13_of_two_commits_whose_events_got_lost_only_the_newer_one_is_released() -> Result<()> {
    tell(WorldOptions { schedules: false, ..quick() }, async |story| {
        story.registry_events_get_lost();
        let older = story.a_developer_pushes(Change::of(["client"])).await?;
        story.ci_succeeds(&older).await?;
        let newer = Change { message: "Improve it more".to_owned(), ..Change::of(["client"]) };
        let newer = story.a_developer_delivers(newer).await?;
        story.images_arrive(&older)?;
        assert_eq!(story.executions().await?.len(), 0);
        assert_eq!(story.reconciler_looks().await?, Value::Null);
        assert_eq!(story.reconciler_looks().await?, Value::Null);
        let question = story.question(&newer).await?;
        assert_eq!(story.reconciler_looks().await?, Value::Null);
        story.rejects(ADA, &question, "Only a rehearsal").await?;
        story.release_ends(&newer).await?;
        assert_eq!(story.reconciler_looks().await?, Value::Null);
        assert_eq!(story.executions().await?.len(), 1);
        assert!(!story.aws_was_asked().contains("client@c1"));
        story.slack_says();
        Ok(())
    })
}
