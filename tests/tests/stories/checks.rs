//! Checks, and tasks that fail: what people hear, and what is left alone.

use anyhow::Result;
use gantry_simulator::ecr::PushedImage;
use gantry_tests::{Change, Story, WorldOptions, quick, tell};

const BACKUP: &str =
    "[components.backup]\nservice = \"web\"\ncommand = [\"bin/rails\", \"db:backup\"]\ntimeout = \"30m\"\n";
const MIGRATION: &str = "[components.migration]\nservice = \"web\"\ncommand = [\"bin/rails\", \"db:migrate\"]\ntimeout = \"30m\"\n";

/// The Exchange with other words in its configuration.
fn with(replacements: &[(&str, &str)]) -> WorldOptions {
    let replacements = replacements.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    WorldOptions { replacements: replacements.collect(), ..quick() }
}

fn failing(components: [&str; 1]) -> Change {
    Change { labels: Story::failing_tasks(3), ..Change::of(components) }
}

#[test]
fn a_backup_that_fails_ends_the_release_before_anything_is_written() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(failing(["backend"])).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("FailedClean"));
        insta::assert_snapshot!(story.slack_says(), @"");
        assert!(!story.aws_was_asked().contains(" updates "));
        assert_eq!(story.verified("preproduction").await?, "");
        Ok(())
    })
}

#[test]
fn a_migration_that_fails_stops_the_rollout_and_nothing_needs_to_go_back() -> Result<()> {
    tell(with(&[(BACKUP, "")]), async |story| {
        let work = story.a_developer_delivers(failing(["backend"])).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"));
        insta::assert_snapshot!(story.slack_says(), @"");
        assert!(!story.aws_was_asked().contains(" updates "));
        Ok(())
    })
}

#[test]
fn an_acceptance_run_that_fails_keeps_the_release_from_production() -> Result<()> {
    tell(with(&[(BACKUP, ""), (MIGRATION, "")]), async |story| {
        let work = story.a_developer_delivers(failing(["backend"])).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"));
        insta::assert_snapshot!(story.slack_says(), @"");
        insta::assert_snapshot!(story.aws_was_asked(), @"");
        let rows = story.verified("preproduction").await?;
        assert!(
            rows.lines().count() == 4 && rows.lines().all(|row| row.ends_with("(rolled back)")),
            "{rows}"
        );
        Ok(())
    })
}

#[test]
fn a_version_that_is_not_the_one_released_fails_the_stage() -> Result<()> {
    tell(with(&[("json = [", "attempts = 4\njson = ["), ("attempts = 60\n", "")]), async |story| {
        let work = story.a_developer_pushes(Change::of(["client"])).await?;
        story.ci_succeeds(&work).await?;
        // Built from another commit than its tag says.
        let repository = story.world.component("client")?.repository.to_string();
        let image = PushedImage::new(repository, [work.tag()], "1.1.0", "f".repeat(40));
        story.world.simulation.ecr.push(&image)?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"));
        let reason = story.name(&road.reason.unwrap_or_default());
        insta::assert_snapshot!(reason, @"");
        let told = story.slack_says();
        assert!(told.contains("was rolled back in preproduction"), "{told}");
        Ok(())
    })
}

#[test]
fn an_answer_that_takes_too_long_fails_the_stage() -> Result<()> {
    let slow = [
        ("latency_budget = \"1s\"\n", ""),
        ("json = [", "attempts = 4\nlatency_budget = \"200ms\"\njson = ["),
        ("attempts = 60\n", ""),
    ];
    tell(with(&slow), async |story| {
        let change = Change::of(["client"]).label("gantry.simulator.http.latency-ms", "400");
        let work = story.a_developer_delivers(change).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"));
        let reason = road.reason.unwrap_or_default();
        assert!(reason.contains("more than 200 ms"), "{reason}");
        story.slack_says();
        Ok(())
    })
}

/// A service that sends its checker to the metadata address gets an answer that counts as wrong, and nobody follows.
#[test]
fn t36_a_check_follows_no_redirect() -> Result<()> {
    tell(with(&[("json = [", "attempts = 4\njson = ["), ("attempts = 60\n", "")]), async |story| {
        let change = Change::of(["client"])
            .label("gantry.simulator.http.status", "302")
            .label("gantry.simulator.http.location", "http://169.254.169.254/latest/meta-data/");
        let work = story.a_developer_delivers(change).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"));
        let reason = road.reason.unwrap_or_default();
        assert!(reason.contains("it answered status 302, not 200"), "{reason}");
        story.slack_says();
        Ok(())
    })
}

/// No world comes about whose checks lead to where credentials lie, however the address is spelled.
#[test]
fn t36_a_configuration_that_leads_to_metadata_is_refused() {
    let spellings = [
        "http://169.254.169.254/latest/meta-data/",
        "http://2852039166/",
        "http://[::ffff:169.254.169.254]/",
        "http://169.254.170.2/v2/credentials",
        "http://[fd00:ec2::254]/",
    ];
    for url in spellings {
        let outcome = tell(with(&[("{client}/api/health", url)]), async |_| Ok(()));
        let error = format!("{:?}", outcome.err());
        assert!(error.contains("metadata, link-local or unspecified"), "{url}: {error}");
    }
}
