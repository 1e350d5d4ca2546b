//! An execution is stopped by hand, in several states in turn: by the event of its end alone, and by the sweeper alone.

use anyhow::Result;
use gantry_tests::{ADA, Change, Story, Work, WorldOptions, quick, tell};
use serde_json::Value;

/// Who finds out that an execution has died. In these stories nothing is swept unless they say so.
#[derive(Clone, Copy)]
enum Finder {
    /// The event arrives.
    Watcher,
    /// The event gets lost.
    Sweeper,
}

use Finder::{Sweeper, Watcher};

impl Finder {
    /// Somebody stops a release, and it is found out. Returns the end on record.
    async fn stop(self, story: &Story, work: &Work) -> Result<String> {
        if matches!(self, Sweeper) {
            story.status_events_get_lost().await?;
        }
        let calls = story.calls_of("watch-executions").await?;
        story.somebody_stops(work).await?;
        match self {
            Watcher => story.was_called("watch-executions", calls + 1).await?,
            Sweeper => assert_eq!(story.sweeper_looks().await?, Value::Null),
        }
        let end = story.end_on_record(work).await?;
        // Whoever comes later finds everything in order.
        assert_eq!(story.sweeper_looks().await?, Value::Null);
        story.everybody_was_told().await?;
        Ok(end)
    }
}

/// A world in which nothing comes by itself to look for what was forgotten.
fn unswept() -> WorldOptions {
    WorldOptions { schedules: false, ..quick() }
}

/// While people are asked.
fn waiting_for_approval(finder: Finder) -> Result<()> {
    tell(unswept(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"])).await?;
        let question = story.question(&work).await?;
        let late = story.click_payload(ADA, &question, "approve")?;
        story.slack_says();
        story.remembers_tokens().await?;
        story.aws_was_asked();

        let end = finder.stop(story, &work).await?;
        assert_eq!(end, "FailedClean: Its execution was stopped by a person. No stage was being changed.");
        assert!(story.now(&question)?.action_ids().is_empty(), "the buttons are gone");
        let told = story.slack_says();
        assert_eq!(
            told.matches("was stopped by a person").count(),
            2,
            "its first message and one reply: {told}"
        );

        // Ada had the old message in front of her.
        assert_eq!(story.sends(&late).await?.status, 200);
        let told = story.slack_says();
        assert!(told.contains("only ada sees"), "{told}");
        assert_eq!(story.aws_was_asked(), "", "production was touched");

        let next = story.a_developer_delivers(Change::of(["engine"])).await?;
        let question = story.question(&next).await?;
        story.approves(ADA, &question).await?;
        assert_eq!(story.release_ends(&next).await?.end.as_deref(), Some("Succeeded"));
        story.slack_says();
        Ok(())
    })
}

/// While it stands in line for a stage.
fn waiting_for_the_lock(finder: Finder) -> Result<()> {
    tell(unswept(), async |story| {
        let first = story.a_developer_delivers(Change::of(["backend"])).await?;
        story.release_comes_to(&first, "RollOut").await?;
        let second = story.a_developer_delivers(Change::of(["client"])).await?;
        story.has_waiters(1).await?;
        let third = story.a_developer_delivers(Change::of(["engine"])).await?;
        story.has_waiters(2).await?;

        let end = finder.stop(story, &second).await?;
        assert_eq!(end, "FailedClean: Its execution was stopped by a person. No stage was being changed.");
        let question = story.question(&third).await?;
        assert_eq!(story.release_ends(&first).await?.end.as_deref(), Some("Declined"));
        assert_eq!(story.waiters().await?, [""; 0]);
        assert_eq!(story.rollouts().await?, ["SUCCEEDED"; 2], "it never got its turn");
        story.rejects(ADA, &question, "Only a rehearsal").await?;
        assert_eq!(story.release_ends(&third).await?.end.as_deref(), Some("Declined"));
        let told = story.slack_says();
        assert_eq!(
            told.matches("was stopped by a person").count(),
            2,
            "its first message and one reply: {told}"
        );
        Ok(())
    })
}

/// While a stage is being changed: in that state of the rollout, with images that keep it there.
fn in_the_middle(finder: Finder, state: &str, (label, value): (&str, &str)) -> Result<()> {
    tell(unswept(), async |story| {
        let work = story.a_developer_delivers(Change::of(["client"]).label(label, value)).await?;
        story.rollout_comes_to(&work, state).await?;

        let end = finder.stop(story, &work).await?;
        assert_eq!(end, "RolledBack: Its execution was stopped by a person. It was changing preproduction.");
        assert_eq!(story.runs("exchange-base-cluster-preprod2", "exchange-client-web")?, "client@c0");

        // The stage holds until a newer commit comes, which brings nothing of what was put back.
        let next = story.a_developer_delivers(Change::of(["engine"])).await?;
        let question = story.question(&next).await?;
        assert!(!question.words().contains("*client* `c1`"), "{}", question.words());
        story.rejects(ADA, &question, "Only a rehearsal").await?;
        assert_eq!(story.release_ends(&next).await?.end.as_deref(), Some("Declined"));
        assert_eq!(
            story.rollouts().await?,
            ["SUCCEEDED", "SUCCEEDED", "ABORTED"],
            "newest first: what it had started is stopped too"
        );
        let told = story.slack_says();
        assert_eq!(
            told.matches(
                "`exchange-c1-1` was rolled back in preproduction: what ran before runs again, verified"
            )
            .count(),
            2,
            "its first message and one reply: {told}"
        );
        assert!(told.contains("*exchange-client-web* runs `c0` · put back"), "{told}");
        Ok(())
    })
}

/// Tasks that take half an hour to start: the wave goes on until then.
const SLOW: (&str, &str) = ("gantry.simulator.start-seconds", "1800");
/// A service that answers as no check wants it to.
const UNWELL: (&str, &str) = ("gantry.simulator.http.status", "503");

#[test]
fn t08_a_release_that_is_stopped_while_people_are_asked_ends_at_once() -> Result<()> {
    waiting_for_approval(Watcher)
}

#[test]
fn t08_a_release_that_is_stopped_while_people_are_asked_is_found_by_the_sweeper() -> Result<()> {
    waiting_for_approval(Sweeper)
}

#[test]
fn t08_a_release_that_is_stopped_in_line_leaves_it_at_once() -> Result<()> {
    waiting_for_the_lock(Watcher)
}

#[test]
fn t08_a_release_that_is_stopped_in_line_is_found_by_the_sweeper() -> Result<()> {
    waiting_for_the_lock(Sweeper)
}

#[test]
fn t08_a_release_that_is_stopped_during_a_wave_is_put_back_at_once() -> Result<()> {
    in_the_middle(Watcher, "WatchWave", SLOW)
}

#[test]
fn t08_a_release_that_is_stopped_during_a_wave_is_found_by_the_sweeper() -> Result<()> {
    in_the_middle(Sweeper, "WatchWave", SLOW)
}

#[test]
fn t08_a_release_that_is_stopped_during_a_check_is_put_back_at_once() -> Result<()> {
    in_the_middle(Watcher, "RunChecks", UNWELL)
}

#[test]
fn t08_a_release_that_is_stopped_during_a_check_is_found_by_the_sweeper() -> Result<()> {
    in_the_middle(Sweeper, "RunChecks", UNWELL)
}
