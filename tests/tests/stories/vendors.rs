//! Vendors that show how a release stands: GitHub beside its commit, Monday as an item of a board.

use std::collections::BTreeMap;

use anyhow::Result;
use gantry_tests::{ADA, Change, Fault, Story, Vendor, Work, WorldOptions, quick, tell};
use serde_json::json;

/// What GitHub shows of a release that goes all the way.
const COMMIT: &str = "\
gantry/exchange/preproduction: pending, Under way
gantry/exchange/preproduction: success, Runs, verified
gantry/exchange/production: pending, People are asked to decide
gantry/exchange/production: pending, Under way
gantry/exchange/production: success, Runs, verified
deployment to preproduction: in_progress, success
deployment to production (production): in_progress, success
";

/// What the board shows of it.
const ITEM: &str = "\
Improve client (exchange-c1-1): Under way, Verified in preproduction, Waiting for approval, Under way, Verified in production, Released
    Versions: client c1 (new), backend c0, engine c0
    preproduction: a date
    production: a date
    Commit: https://github.com/exchange/monorepo/commit/c1
    Release: exchange-c1-1
";

/// With the sweeper, which comes back for what could not be told.
fn with_sweeper() -> WorldOptions {
    WorldOptions { factor: 120.0, schedules: true, ..quick() }
}

/// A release goes to its end, whether everybody could be told or not.
async fn released(story: &Story) -> Result<Work> {
    let work = story.a_developer_delivers(Change::of(["client"])).await?;
    let question = story.question(&work).await?;
    story.approves(ADA, &question).await?;
    assert_eq!(story.world.wait_for_end(&work.sha).await?.end.as_deref(), Some("Succeeded"));
    Ok(work)
}

/// One sender at a time wrote to the board, in the version that is pinned.
fn the_board_was_treated_well(story: &Story) {
    let monday = &story.world.simulation.monday;
    assert_eq!((monday.most_at_once(), monday.versions()), (1, vec!["2026-10".to_owned()]));
}

#[test]
fn a_release_is_shown_on_its_commit_in_its_environments_and_on_the_board() -> Result<()> {
    tell(quick(), async |story| {
        let work = released(story).await?;
        story.everybody_was_told().await?;
        story.slack_says();
        assert_eq!(story.github_shows(&work), COMMIT);
        assert_eq!(story.monday_shows(), ITEM);
        the_board_was_treated_well(story);
        Ok(())
    })
}

/// A vendor is down while a release goes all the way, and comes back.
fn t43(vendor: Vendor, fault: Fault) -> Result<()> {
    tell(with_sweeper(), async |story| {
        story.breaks(vendor, Some(fault));
        let work = released(story).await?;
        story.told_but(vendor, &work).await?;
        assert!(story.broken_calls(vendor) > 0, "{vendor:?} was asked");
        let told = story.slack_says();
        assert!(told.contains("Every stage runs the release."), "Slack waits for nobody: {told}");
        match vendor {
            Vendor::GitHub => {
                assert_eq!(story.github_shows(&work), "");
                assert_eq!(story.monday_shows(), ITEM);
            }
            Vendor::Monday => {
                assert_eq!(story.monday_shows(), "");
                assert_eq!(story.github_shows(&work), COMMIT);
            }
        }
        story.breaks(vendor, None);
        story.everybody_was_told().await?;
        assert_eq!(story.github_shows(&work), COMMIT, "in order, once");
        assert_eq!(story.monday_shows(), ITEM, "in order, once");
        the_board_was_treated_well(story);
        Ok(())
    })
}

#[test]
fn t43_github_down_for_a_whole_release_changes_nothing_and_hears_it_later() -> Result<()> {
    t43(Vendor::GitHub, Fault::Status(503))
}

#[test]
fn t43_monday_down_for_a_whole_release_changes_nothing_and_hears_it_later() -> Result<()> {
    t43(Vendor::Monday, Fault::Status(500))
}

#[test]
fn t44_limits_lost_answers_and_errors_inside_a_200_are_got_over_and_nothing_is_told_twice() -> Result<()> {
    tell(with_sweeper(), async |story| {
        let (github, monday) = (&story.world.simulation.github, &story.world.simulation.monday);
        github.break_next("create commit status", Fault::RetryAfter(403, 60));
        github.break_next("create commit status", Fault::AnswerLost);
        github.break_next("create deployment", Fault::AnswerLost);
        github.break_next("create deployment status", Fault::RetryAfter(429, 30));
        let limited = vec![("x-ratelimit-remaining".to_owned(), "0".to_owned())];
        github.break_next(
            "list deployments",
            Fault::Answer(403, limited, json!({"message": "API rate limit exceeded"})),
        );

        let over = json!({"errors": [{"message": "Complexity budget exhausted", "extensions": {
            "code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": 20, "status_code": 429}}]});
        let older = json!({"error_code": "ComplexityException", "status_code": 429, "errors": ["Complexity budget exhausted"]});
        monday.break_next("create_item", Fault::Answer(200, vec![], over));
        monday.break_next("create_item", Fault::AnswerLost);
        monday.break_next("items_page_by_column_values", Fault::RetryAfter(429, 45));
        monday.break_next("change_multiple_column_values", Fault::Answer(200, vec![], older));

        let work = released(story).await?;
        story.everybody_was_told().await?;
        story.slack_says();
        assert_eq!((story.broken_calls(Vendor::GitHub), story.broken_calls(Vendor::Monday)), (5, 4));
        assert_eq!(story.github_shows(&work), COMMIT);
        assert_eq!(story.monday_shows(), ITEM);
        the_board_was_treated_well(story);
        Ok(())
    })
}

#[test]
fn a_release_that_is_declined_or_rolled_back_shows_why() -> Result<()> {
    tell(quick(), async |story| {
        let declined = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&declined).await?;
        story.rejects(ADA, &question, "prices are wrong").await?;
        assert_eq!(story.release_ends(&declined).await?.end.as_deref(), Some("Declined"));
        let crashing = BTreeMap::from([("gantry.simulator.exit-code".to_owned(), "1".to_owned())]);
        let broken =
            story.a_developer_delivers(Change { labels: crashing, ..Change::of(["client"]) }).await?;
        assert_eq!(story.release_ends(&broken).await?.end.as_deref(), Some("RolledBack"));
        story.slack_says();

        let shown = story.github_shows(&declined);
        assert!(
            shown.contains("production: failure, Declined: production was refused: prices are wrong\n"),
            "{shown}"
        );
        assert!(!shown.contains("deployment to production"), "{shown}");
        let shown = story.github_shows(&broken);
        assert!(shown.contains("preproduction: failure, Rolled back: "), "{shown}");
        assert!(shown.ends_with("deployment to preproduction: in_progress, failure\n"), "{shown}");
        let board = story.monday_shows();
        assert!(board.contains("Waiting for approval, Declined\n"), "{board}");
        assert!(board.contains("    Reason: production was refused: prices are wrong\n"), "{board}");
        assert!(board.contains("(exchange-c2-1): Under way, Rolled back\n"), "{board}");
        the_board_was_treated_well(story);
        Ok(())
    })
}
