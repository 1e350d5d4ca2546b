//! Vendors that show how a release stands: GitHub beside its commit.

use anyhow::Result;
use gantry_tests::{ADA, Change, quick, tell};

#[test]
fn a_release_is_shown_on_its_commit_and_in_both_environments() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Succeeded"));
        story.slack_says();
        insta::assert_snapshot!(story.github_shows(&work), @"
        gantry/exchange/preproduction: pending, Under way
        gantry/exchange/preproduction: success, Runs, verified
        gantry/exchange/production: pending, People are asked to decide
        gantry/exchange/production: pending, Under way
        gantry/exchange/production: success, Runs, verified
        deployment to preproduction: in_progress, success
        deployment to production (production): in_progress, success
        ");
        Ok(())
    })
}
