//! What happens when a stage breaks: everything is put back, people are told what runs, and the stage holds.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use gantry_simulator::aws::AwsError;
use gantry_tests::{ADA, CAT, Change, Story, Work, WorldOptions, quick, tell};
use serde_json::json;

/// The Exchange without backups and migrations, whose waves are given up soon.
fn without_tasks() -> WorldOptions {
    let mut options = quick();
    options.replacements = [(BACKUP, ""), (MIGRATION, "")]
        .into_iter()
        .chain([
            ("wave_timeout = \"15m\"", "wave_timeout = \"4m\""),
            ("wave_timeout = \"20m\"", "wave_timeout = \"4m\""),
        ])
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect();
    options
}

/// In production a check asks for what no version answers.
fn with_an_impossible_production() -> WorldOptions {
    let mut options = without_tasks();
    let check = "[[checks]]\nname = \"impossible\"\nstages = [\"production\"]\nafter = \"client\"\n\n[checks.http]\nurl = \
                 \"{client}/api/health\"\nstatus = 418\nattempts = 3\n\n# … and only what reads in production.";
    options.replacements.push(("# … and only what reads in production.".to_owned(), check.to_owned()));
    options
}

const BACKUP: &str =
    "[components.backup]\nservice = \"web\"\ncommand = [\"bin/rails\", \"db:backup\"]\ntimeout = \"30m\"\n";
const MIGRATION: &str = "[components.migration]\nservice = \"web\"\ncommand = [\"bin/rails\", \"db:migrate\"]\ntimeout = \"30m\"\n";

/// An image whose service's tasks exit at once.
fn crashing(components: [&str; 1]) -> Change {
    Change { labels: BTreeMap::from([(EXIT.to_owned(), "1".to_owned())]), ..Change::of(components) }
}

const EXIT: &str = "gantry.simulator.exit-code";

/// What Slack says without the details in ECS's words, which name tasks and counts that differ from world to world.
fn in_short(told: &str) -> String {
    told.lines().map(|line| line.split("; ").next().unwrap_or(line).to_owned() + "\n").collect()
}

/// A good release goes all the way.
async fn good(story: &Story, component: &'static str) -> Result<Work> {
    let work = story.a_developer_delivers(Change::of([component])).await?;
    let question = story.question(&work).await?;
    story.approves(ADA, &question).await?;
    assert_eq!(story.release_ends(&work).await?.end.as_deref(), Some("Succeeded"));
    story.slack_says();
    story.aws_was_asked();
    Ok(work)
}

#[test]
fn t19_the_first_release_ever_that_breaks_goes_back_to_what_ran_before_gantry_came() -> Result<()> {
    tell(without_tasks(), async |story| {
        let unwell = Change::of(["client"]).label("gantry.simulator.http.status", "503");
        let work = story.a_developer_delivers(unwell).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"), "{:?}", road.reason);
        insta::assert_snapshot!(story.aws_was_asked());
        insta::assert_snapshot!(in_short(&story.slack_says()));
        insta::assert_snapshot!(story.verified("preproduction").await?);
        assert_eq!(story.runs("exchange-base-cluster-preprod2", "exchange-client-web")?, "client@c0");
        Ok(())
    })
}

#[test]
fn t19_two_bad_deploys_in_a_row_go_back_to_the_good_one() -> Result<()> {
    tell(without_tasks(), async |story| {
        good(story, "client").await?;
        for name in ["c2", "c3"] {
            let bad = story.a_developer_delivers(crashing(["client"])).await?;
            let road = story.release_ends(&bad).await?;
            assert_eq!(road.end.as_deref(), Some("RolledBack"), "{name}: {:?}", road.reason);
            let asked = story.aws_was_asked();
            assert_eq!(asked.matches(" registers ").count(), 1, "what passed is used as it is: {asked}");
            assert_eq!(story.runs("exchange-base-cluster-preprod2", "exchange-client-web")?, "client@c1");
            let told = story.slack_says();
            assert!(told.contains("*exchange-client-web* runs `c1`"), "{told}");
        }
        insta::assert_snapshot!(story.verified("preproduction").await?);
        Ok(())
    })
}

#[test]
fn t21_production_that_breaks_late_is_put_back_in_reverse_and_holds_until_a_person_resumes_it() -> Result<()>
{
    tell(with_an_impossible_production(), async |story| {
        let work = story.a_developer_delivers(Change::of(["backend", "client"])).await?;
        let question = story.question(&work).await?;
        story.slack_says();
        story.aws_was_asked();
        story.approves(ADA, &question).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"), "{:?}", road.reason);
        insta::assert_snapshot!(story.aws_was_asked());
        insta::assert_snapshot!(in_short(&story.slack_says()));
        insta::assert_snapshot!(story.verified("production").await?);
        assert_eq!(story.runs("exchange-base-cluster-prod2", "web")?, "backend@c0");

        // The next one waits in line; nothing of what failed comes along with it.
        let next = story.a_developer_delivers(Change::of(["engine"])).await?;
        let question = story.question(&next).await?;
        assert!(!question.words().contains("backend* `"), "{}", question.words());
        story.approves(ADA, &question).await?;
        story.has_waiters(1).await?;
        story.everybody_was_told().await?;
        let told = story.slack_says();
        assert!(told.contains("*production holds*"), "{told}");

        let rolled_back = story.rolled_back_message(&work)?;
        story.clicks(CAT, &rolled_back, "resume").await?;
        assert_eq!(story.waiters().await?.len(), 1, "Cat may not");
        assert_eq!(story.clicks(ADA, &rolled_back, "resume").await?.status, 200);
        // Who answers clicks may not touch locks: the sweeper lets the next one in.
        story.sweeper_looks().await?;
        let road = story.release_ends(&next).await?;
        assert_eq!(road.end.as_deref(), Some("Succeeded"), "{:?}", road.reason);
        let told = story.slack_says();
        assert!(told.contains("*production is resumed* by <@U0ADA>"), "{told}");
        Ok(())
    })
}

#[test]
fn a_broken_pre_production_holds_until_a_newer_commit_comes() -> Result<()> {
    tell(without_tasks(), async |story| {
        let bad = story.a_developer_delivers(crashing(["client"])).await?;
        assert_eq!(story.release_ends(&bad).await?.end.as_deref(), Some("RolledBack"));
        story.slack_says();

        // The same commit once more waits in line.
        let again = story.starts_on_console(&json!({ "commit": bad.sha })).await?;
        story.has_waiters(1).await?;
        let repaired = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&repaired).await?;
        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&repaired).await?.end.as_deref(), Some("Succeeded"));
        let road = story.execution_ends(&again).await?;
        assert!(road.end.is_some());
        story.an_error_was_logged("plan-stage", "ReleaseAlreadyClaimed");
        let told = story.slack_says();
        assert!(
            told.contains("*preproduction holds*") && told.contains("*preproduction is resumed*"),
            "{told}"
        );
        Ok(())
    })
}

#[test]
fn t20_a_rollback_that_fails_keeps_the_lock_and_calls_a_person() -> Result<()> {
    tell(without_tasks(), async |story| {
        let work = story.a_developer_delivers(crashing(["client"])).await?;
        story.release_comes_to(&work, "RollOut").await?;
        // Nobody may plan the way back.
        story.world.client.deny("gantry-exchange-plan-rollback", &["sts:AssumeRole"]).await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("FailedDirty"), "{:?}", road.reason);
        let told = story.slack_says();
        assert!(told.contains("Rolling back did not work either"), "{told}");
        assert!(told.contains("needs a person"), "{told}");
        let kept = story.lock_is_kept("preproduction").await?;
        assert!(kept.contains("Rolling back did not work either"), "{kept}");
        story.an_error_was_logged("plan-rollback", "AccessDenied");

        // Somebody looks, puts it right, and says so.
        let status = story.gantry(&["status"]).await?;
        assert!(status.words.contains("preproduction: KEPT since exchange-c1-1 failed there"), "{status:?}");
        let wrong = story.gantry(&["unlock", "preproduction", "--release", "exchange-c0-1"]).await?;
        assert_eq!(wrong.code, Some(1), "{wrong:?}");
        assert!(wrong.words.contains("was left by exchange-c1-1"), "{wrong:?}");
        let release = road.id;
        let freed = story.gantry(&["unlock", "preproduction", "--release", &release]).await?;
        assert_eq!(freed.code, Some(0), "{freed:?}");
        assert!(story.gantry(&["status"]).await?.words.contains("preproduction: free"));
        Ok(())
    })
}

/// The way back is planned, and ECS does not let it be gone.
#[test]
fn t20_a_way_back_that_ecs_refuses_ends_dirty_and_nothing_else_goes_in() -> Result<()> {
    tell(without_tasks(), async |story| {
        let script = story.world.simulation.front.script();
        let error = AwsError::client("ClusterNotFoundException", "Cluster not found.");
        let second =
            script.on("ecs", "UpdateService").given("service", "exchange-client-web").nth(2).always();
        let refused = second.refuse(error);
        let unwell = Change::of(["client"]).label("gantry.simulator.http.status", "503");
        let work = story.a_developer_delivers(unwell).await?;
        let road = story.release_ends(&work).await?;
        assert!(refused.fired() > 0, "the story never came to what it is about");
        assert_eq!(road.end.as_deref(), Some("FailedDirty"), "{:?}", road.reason);
        let told = story.slack_says();
        assert!(told.contains("check client-health failed"), "{told}");
        assert!(
            told.contains("Rolling back did not work either") && told.contains("Cluster not found"),
            "{told}"
        );
        let kept = story.lock_is_kept("preproduction").await?;
        assert!(kept.contains("Rolling back did not work either"), "{kept}");
        story.an_error_was_logged("start-deployments", "Cluster not found");

        // A repair waits in line until a person has looked.
        let repair = story.a_developer_delivers(Change::of(["client"])).await?;
        story.has_waiters(1).await?;
        let freed = story.gantry(&["unlock", "preproduction", "--release", &road.id]).await?;
        assert_eq!(freed.code, Some(0), "{freed:?}");
        script.clear();
        story.sweeper_looks().await?;
        let question = story.question(&repair).await?;
        story.rejects(ADA, &question, "Only a rehearsal").await?;
        assert_eq!(story.release_ends(&repair).await?.end.as_deref(), Some("Declined"));
        story.slack_says();
        Ok(())
    })
}

#[test]
fn a_breaking_migration_is_not_rolled_back_and_the_message_says_why() -> Result<()> {
    let mut options = without_tasks();
    options.replacements.retain(|(from, _)| from != MIGRATION);
    options
        .replacements
        .push((MIGRATION.to_owned(), MIGRATION.replace("timeout", "breaking = true\ntimeout")));
    tell(options, async |story| {
        let work = story
            .a_developer_delivers(Change { labels: crashing_service(), ..Change::of(["backend"]) })
            .await?;
        let road = story.release_ends(&work).await?;
        assert_eq!(road.end.as_deref(), Some("FailedDirty"), "{:?}", road.reason);
        let told = story.slack_says();
        assert!(
            told.contains("It was not rolled back by itself: migration backend-migration had begun"),
            "{told}"
        );
        let asked = story.aws_was_asked();
        assert_eq!(asked.matches(" updates ").count(), 1, "{asked}");
        story.lock_is_kept("preproduction").await?;
        story.an_error_was_logged("plan-rollback", "Irreversible");
        Ok(())
    })
}

/// Its services crash, its tasks do not.
fn crashing_service() -> BTreeMap<String, String> {
    BTreeMap::from([
        (EXIT.to_owned(), "1".to_owned()),
        ("gantry.simulator.run-task.exit-code".to_owned(), "0".to_owned()),
    ])
}

#[test]
fn a_person_rolls_back_one_component_to_the_release_before() -> Result<()> {
    tell(without_tasks(), async |story| {
        good(story, "backend").await?;
        good(story, "client").await?;
        let unknown = story.gantry(&["rollback", "production", "--component", "frontend"]).await?;
        assert_eq!(unknown.code, Some(1), "{unknown:?}");
        assert!(unknown.words.contains("there is no component \"frontend\""), "{unknown:?}");
        let started = story.gantry(&["rollback", "production", "--component", "client"]).await?;
        assert_eq!(started.code, Some(0), "{started:?}");
        let execution = started.words.split_whitespace().find(|word| word.starts_with("arn:"));
        let execution = execution.context("the execution that was started")?.to_owned();
        let road = story.execution_ends(&execution).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"), "{:?}", road.reason);
        assert_eq!(story.runs("exchange-base-cluster-prod2", "exchange-client-web")?, "client@c0");
        assert_eq!(story.runs("exchange-base-cluster-prod2", "web")?, "backend@c1");
        let asked = story.aws_was_asked();
        assert_eq!(asked.matches(" updates ").count(), 1, "{asked}");
        let told = story.slack_says();
        assert!(told.contains("A person asked for it"), "{told}");

        let status = story.gantry(&["status"]).await?;
        assert!(status.words.contains("until somebody resumes it: gantry resume production"), "{status:?}");
        let resumed = story.gantry(&["resume", "production"]).await?;
        assert_eq!(resumed.code, Some(0), "{resumed:?}");
        let again = story.gantry(&["resume", "production"]).await?;
        assert!(again.words.contains("does not hold"), "{again:?}");
        story.everybody_was_told().await?;
        let told = story.slack_says();
        assert!(told.contains("*production is resumed* by arn:aws:"), "{told}");
        Ok(())
    })
}

#[test]
fn t21_a_release_at_work_turns_back_for_a_person_who_wants_the_release_before() -> Result<()> {
    const CLUSTER: &str = "exchange-base-cluster-preprod2";
    tell(without_tasks(), async |story| {
        let first = good(story, "backend").await?;
        let before = story.release_ends(&first).await?.id;
        let second = story.a_developer_delivers(Change::of(["backend"])).await?;
        story.rollout_comes_to(&second, "WatchWave").await?;
        let back = ["rollback", "preproduction", "--component", "backend"];
        let unclear = story.gantry(&back).await?;
        assert!(unclear.words.contains("name the release to go back to with --to"), "{unclear:?}");
        let started = story.gantry(&[&back[..], &["--to", &before]].concat()).await?;
        assert_eq!(started.code, Some(0), "{started:?}");
        let execution = started.words.split_whitespace().find(|word| word.starts_with("arn:"));
        let road = story.execution_ends(execution.context("the execution that was started")?).await?;
        assert_eq!(road.end.as_deref(), Some("RolledBack"), "{:?}", road.reason);

        let turned = story.release_ends(&second).await?;
        assert_eq!(turned.end.as_deref(), Some("RolledBack"));
        let reason = turned.reason.unwrap_or_default();
        assert!(reason.starts_with("a person asked for preproduction to be put back"), "{reason}");
        assert_eq!(story.runs(CLUSTER, "web")?, "backend@c1");
        assert_eq!(story.runs(CLUSTER, "kafka-consumer")?, "backend@c1");
        let asked = story.aws_was_asked();
        assert!(!asked.contains("kafka-consumer"), "it was never reached: {asked}");
        story.an_error_was_logged("start-deployments", "LockLost");
        story.everybody_was_told().await?;
        let told = story.slack_says();
        assert!(told.contains("a person asked for preproduction to be put back"), "{told}");
        Ok(())
    })
}
