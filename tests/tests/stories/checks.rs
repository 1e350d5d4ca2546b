//! Checks, and tasks that fail: what people hear, and what is left alone.

use anyhow::Result;
use gantry_simulator::ecr::PushedImage;
use gantry_tests::{Change, Story, quick, tell, with};

const BACKUP: &str =
    "[components.backup]\nservice = \"web\"\ncommand = [\"bin/rails\", \"db:backup\"]\ntimeout = \"30m\"\n";
const MIGRATION: &str = "[components.migration]\nservice = \"web\"\ncommand = [\"bin/rails\", \"db:migrate\"]\ntimeout = \"30m\"\n";

fn failing(components: [&str; 1]) -> Change {
    Change { labels: Story::failing_tasks(3), ..Change::of(components) }
}

#[test]
fn a_backup_that_fails_ends_the_release_before_anything_is_written() -> Result<()> {
    tell(quick(), async |story| {
        let work = story.a_developer_delivers(failing(["backend"])).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("FailedClean"));
        insta::assert_snapshot!(story.slack_says(), @"
        message: ⚠️ *Release `exchange-c1-1` failed in preproduction: nothing was changed there*
                 backend-backup failed: Essential container in task exited; container web: exit code 3
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *engine* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 How it went is told in this thread.
          reply: ⚠️ *Release `exchange-c1-1` failed in preproduction: nothing was changed there*
                 backend-backup failed: Essential container in task exited; container web: exit code 3
        ");
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
        insta::assert_snapshot!(story.slack_says(), @"
        message: ⏪ *Release `exchange-c1-1` was rolled back in preproduction: what ran before runs again, verified*
                 backend-migration failed: Essential container in task exited; container web: exit code 3
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *engine* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 How it went is told in this thread.
        message: ⏪ *Release `exchange-c1-1` was rolled back in preproduction*
                 backend-migration failed: Essential container in task exited; container web: exit code 3
                 *What runs in preproduction now*
                 • *web* runs `c0` · was not touched
                 • *sidekiq* runs `c0` · was not touched
                 • *clockwork* runs `c0` · was not touched
                 • *kafka-consumer* runs `c0` · was not touched
                 • *exchange-client-web* runs `c0` · was not touched
                 • *exchange-engine-app* runs `c0` · was not touched
                 *Next:* Push a repair. preproduction holds: it lets in a release of a newer commit, and nothing else.
          reply: ⏪ *Release `exchange-c1-1` was rolled back in preproduction: what ran before runs again, verified*
                 backend-migration failed: Essential container in task exited; container web: exit code 3
        ");
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
        insta::assert_snapshot!(story.slack_says(), @"
        message: ⏪ *Release `exchange-c1-1` was rolled back in preproduction: what ran before runs again, verified*
                 acceptance failed: Essential container in task exited; container web: exit code 3
                 *What it holds*
                 • *backend* `c1` · new
                 • *client* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 • *engine* `c0` · _not touched by this commit: what preproduction ran when Gantry first looked, never verified by Gantry_
                 *1 commit*
                 • `c1` Improve backend _by_ Dana Brooks
                 How it went is told in this thread.
        message: ⏪ *Release `exchange-c1-1` was rolled back in preproduction*
                 acceptance failed: Essential container in task exited; container web: exit code 3
                 *What runs in preproduction now*
                 • *web* runs `c0` · put back
                 • *sidekiq* runs `c0` · put back
                 • *clockwork* runs `c0` · put back
                 • *kafka-consumer* runs `c0` · put back
                 • *exchange-client-web* runs `c0` · was not touched
                 • *exchange-engine-app* runs `c0` · was not touched
                 *Next:* Push a repair. preproduction holds: it lets in a release of a newer commit, and nothing else.
          reply: ⏪ *Release `exchange-c1-1` was rolled back in preproduction: what ran before runs again, verified*
                 acceptance failed: Essential container in task exited; container web: exit code 3
        ");
        insta::assert_snapshot!(story.aws_was_asked(), @"
        preproduction registers exchange-preprod2-web with backend@c1
        preproduction updates web to exchange-preprod2-web:2
        preproduction registers exchange-preprod2-sidekiq with backend@c1
        preproduction updates sidekiq to exchange-preprod2-sidekiq:2
        preproduction registers exchange-preprod2-clockwork with backend@c1
        preproduction updates clockwork to exchange-preprod2-clockwork:2
        preproduction registers exchange-preprod2-kafka-consumer with backend@c1
        preproduction updates kafka-consumer to exchange-preprod2-kafka-consumer:2
        preproduction runs exchange-preprod2-web:2: bin/acceptance --suite full
        preproduction registers exchange-preprod2-kafka-consumer with backend@c0
        preproduction updates kafka-consumer to exchange-preprod2-kafka-consumer:3
        preproduction registers exchange-preprod2-clockwork with backend@c0
        preproduction updates clockwork to exchange-preprod2-clockwork:3
        preproduction registers exchange-preprod2-sidekiq with backend@c0
        preproduction updates sidekiq to exchange-preprod2-sidekiq:3
        preproduction registers exchange-preprod2-web with backend@c0
        preproduction updates web to exchange-preprod2-web:3
        ");
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
        insta::assert_snapshot!(reason, @r#"check client-health failed after 2 answers: at /commit it says "ffffffffffffffffffffffffffffffffffffffff", not c1"#);
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
        assert!(reason.contains("no answer within 200 ms"), "{reason}");
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
