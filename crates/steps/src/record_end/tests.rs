use gantry_domain::names::ReleaseId;
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::record::RolloutOutcome;
use gantry_domain::release::Release;
use gantry_domain::{End, lock::Lock};

use super::{RecordEnd, RecordEndInput, RecordEndOutput};
use crate::ports::store::{ClaimOutcome, Locks, NewClaim, NewNotice, Releases, Taken};
use crate::testing::given::{self, execution, token};
use crate::testing::{FakeClock, FakeTokens, Fault, MemoryStore};

struct World {
    pipeline: Pipeline,
    store: MemoryStore,
    tokens: FakeTokens,
    clock: FakeClock,
    release: Release,
}

impl World {
    /// A release that has been claimed and has the lock of production.
    async fn new() -> Self {
        let pipeline = given::exchange();
        let release = given::release(&pipeline, 'a', "2026-11-21T12:00:00Z");
        let world = Self {
            store: MemoryStore::default(),
            tokens: FakeTokens::default(),
            clock: FakeClock::at("2026-11-21T12:30:00Z"),
            pipeline,
            release,
        };
        let notice = Notice::WaitingForLock { stage: given::stage("preproduction"), held_by: "x".to_owned() };
        let claim = NewClaim {
            pipeline: &world.pipeline.name,
            release: &world.release,
            replaces: None,
            pushed: &[],
            notice: &NewNotice::new(world.release.claimed_at, notice),
        };
        assert_eq!(Releases::claim(&world.store, &claim).await.unwrap(), ClaimOutcome::Claimed);
        let lock = Lock {
            stage: given::stage("production"),
            owner: world.release.execution.clone(),
            release: world.release.id.clone(),
            rollout: None,
            plan: None,
            tasks: Vec::new(),
            acquired_at: world.release.claimed_at,
            kept: None,
        };
        assert!(matches!(world.store.take(&lock, &token("lock")).await, Ok(Taken::Yours)));
        world
    }

    fn step(&self) -> RecordEnd<'_> {
        let Self { pipeline, store, tokens, clock, .. } = self;
        RecordEnd { pipeline, releases: store, locks: store, tokens, clock }
    }

    fn input(&self, end: End) -> RecordEndInput {
        RecordEndInput {
            execution: self.release.execution.clone(),
            execution_name: self.release.id.to_string(),
            release: Some(self.release.id.clone()),
            stage: Some(given::stage("production")),
            end,
            error: None,
            cause: None,
            outcome: None,
            rollback: None,
            decision: None,
        }
    }

    async fn run(&self, input: RecordEndInput) -> RecordEndOutput {
        self.step().run(input).await.unwrap()
    }

    fn ends_told(&self, release: &ReleaseId) -> Vec<Notice> {
        let mut notices = self.store.notices(release);
        notices.retain(|notice| matches!(notice, Notice::Ended { .. }));
        notices
    }
}

#[tokio::test]
async fn every_end_is_recorded_once_with_one_final_notice_and_settles_the_lock() {
    for end in End::ALL {
        let world = World::new().await;
        let first = world.run(world.input(end)).await;
        assert_eq!(first.end, end);
        let second = world.run(world.input(End::FailedDirty)).await;
        assert_eq!(second, first, "what is on record stays");
        assert_eq!(world.ends_told(&world.release.id).len(), 1, "{end}");
        let lock = world.store.read(&given::stage("production")).await.unwrap();
        match end {
            End::FailedDirty => assert_eq!(lock.unwrap().lock.kept, Some(first.reason)),
            End::Succeeded | End::Declined | End::RolledBack | End::FailedClean => {
                assert!(lock.is_none(), "{end}");
            }
        }
        assert!(world.store.running().await.unwrap().is_empty(), "{end}");
    }
}

#[tokio::test]
async fn t25_a_lost_answer_of_the_end_changes_nothing_and_the_lock_is_still_settled() {
    let world = World::new().await;
    world.store.faults.plan("end", Fault::AnswerLost);
    world.step().run(world.input(End::Succeeded)).await.unwrap_err();
    world.run(world.input(End::Succeeded)).await;
    assert_eq!(world.ends_told(&world.release.id).len(), 1);
    assert!(world.store.read(&given::stage("production")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_stage_that_was_written_to_ends_dirty_even_if_clean_is_asked_for() {
    let world = World::new().await;
    let mut input = world.input(End::FailedClean);
    input.outcome = Some(RolloutOutcome {
        outcome: "failed".to_owned(),
        wrote: true,
        failed_step: Some(1),
        reason: Some("web: tasks failed to start".to_owned()),
        error: None,
    });
    let output = world.run(input).await;
    assert_eq!((output.end, output.reason.as_str()), (End::FailedDirty, "web: tasks failed to start"));
    let lock = world.store.read(&given::stage("production")).await.unwrap().unwrap().lock;
    assert!(lock.kept.is_some());
}

#[tokio::test]
async fn an_execution_that_was_refused_before_it_had_a_release_ends_in_a_log_of_its_own() {
    let world = World::new().await;
    let mut input = world.input(End::FailedClean);
    input.execution = execution("5F2A_.My--Run");
    input.execution_name = "5F2A_.My--Run".to_owned();
    input.release = None;
    input.stage = None;
    input.error = Some("InvalidInput".to_owned());
    input.cause =
        Some(r#"{"errorType":"InvalidInput","errorMessage":"field \"comit\" is unknown"}"#.to_owned());
    let first = world.run(input.clone()).await;
    assert_eq!(first, world.run(input.clone()).await);
    assert_eq!((first.end, first.reason.as_str()), (End::FailedClean, "field \"comit\" is unknown"));
    let log = super::refused(&input.execution, &input.execution_name).unwrap();
    assert!(log.as_str().starts_with("refused-5f2a-my-run-"), "{log}");
    assert_eq!(world.ends_told(&log).len(), 1);
    let lock = world.store.read(&given::stage("production")).await.unwrap();
    assert!(lock.is_some(), "somebody else's lock is left alone");
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_still_ended() {
    let world = World::new().await;
    let mut input = world.input(End::FailedClean);
    input.release = None;
    world.run(input).await;
    assert_eq!(world.ends_told(&world.release.id).len(), 1);
}

#[tokio::test]
async fn t25_who_was_to_put_a_stage_back_and_could_not_claim_it_calls_nothing_clean_and_ends_nothing() {
    let world = World::new().await;
    let put_back = crate::aftermath::put_back_name(&world.release.id);
    let mut input = world.input(End::FailedClean);
    input.execution = execution(&put_back);
    input.execution_name = put_back;
    input.release = None;
    input.stage = None;
    input.error = Some("AccessDenied".to_owned());
    for is_claimed in [false, true] {
        if is_claimed {
            // Its claim took effect, and the answer was lost. By then its name means nothing.
            input.execution_name = "anything".to_owned();
            let (id, from) = (&world.release.id, &world.release.execution);
            Releases::take_over(&world.store, id, from, &input.execution).await.unwrap();
        }
        let output = world.run(input.clone()).await;
        assert_eq!(output.end, End::FailedDirty);
        assert_eq!(output.reason, format!("{} was not put back: AccessDenied", world.release.id));
        assert!(world.store.everything_told().iter().all(|(_, told)| !matches!(told, Notice::Ended { .. })));
        assert_eq!(world.store.running().await.unwrap().len(), 1, "it is left to who finds the dead");
        assert!(world.store.read(&given::stage("production")).await.unwrap().is_some());
    }
}

#[test]
fn names_of_refused_executions_make_ids_whatever_they_are() {
    for name in ["", "-", "A", "----x----", &"long-".repeat(40), "名前"] {
        assert!(super::refused(&execution("x"), name).is_ok(), "{name:?}");
    }
    let (one, two) = (super::refused(&execution("x"), "a b"), super::refused(&execution("y"), "a-b"));
    assert_ne!(one.unwrap(), two.unwrap());
}

#[test]
fn the_state_machines_input_is_read() {
    let input = serde_json::json!({
        "execution": execution("x"), "executionName": "x", "release": null, "stage": null, "end": "FailedClean",
        "error": "InvalidInput", "cause": "{}", "outcome": null, "decision": null
    });
    serde_json::from_value::<RecordEndInput>(input).unwrap();
    let declined = serde_json::json!({
        "execution": execution("x"), "executionName": "x", "release": "exchange-a-1", "stage": "production",
        "end": "Declined", "error": null, "cause": null,
        "outcome": {"outcome": "succeeded", "wrote": true, "failedStep": null, "reason": null, "error": null},
        "decision": {"outcome": "rejected", "by": "U0QA", "reason": "no"}
    });
    serde_json::from_value::<RecordEndInput>(declined).unwrap();
}
