//! One release at a time writes to a stage; the others wait in line and are woken, oldest first.

use anyhow::Result;
use gantry_tests::{ADA, Change, quick, tell};

#[test]
fn releases_wait_in_line_for_a_stage_and_nothing_of_them_is_lost() -> Result<()> {
    tell(quick(), async |story| {
        let first = story.a_developer_delivers(Change::of(["backend"])).await?;
        story.release_comes_to(&first, "RollOut").await?;
        let second = story.a_developer_delivers(Change::of(["client"])).await?;
        story.has_waiters(1).await?;
        let third = story.a_developer_delivers(Change::of(["engine"])).await?;
        story.has_waiters(2).await?;
        assert_eq!(story.waiters().await?, ["exchange-c2-1", "exchange-c3-1"]);
        assert!(story.remembers_tokens().await? >= 2);

        let question = story.question(&third).await?;
        for older in [&first, &second] {
            assert_eq!(story.release_ends(older).await?.end.as_deref(), Some("Declined"));
        }
        insta::assert_snapshot!(story.aws_was_asked(), @"");
        let told = story.slack_says();
        assert_eq!(told.matches("*Waiting for preproduction*").count(), 2, "{told}");
        assert!(told.contains("Release `exchange-c1-1` is at work there"), "{told}");

        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&third).await?.end.as_deref(), Some("Succeeded"));
        insta::assert_snapshot!(story.verified("production").await?, @"");
        story.slack_says();
        Ok(())
    })
}
