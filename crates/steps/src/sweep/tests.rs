use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::End;
use gantry_domain::approval::{Approval, Outcome};
use gantry_domain::lock::{Lock, Waiter};
use gantry_domain::names::{ApprovalId, ReleaseId, StageName};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::release::Release;

use super::{Sweep, SweepOutput};
use crate::decide::Decide;
use crate::ports::store::{
    Approvals, Asked, ClaimOutcome, Deliver, Locks, NewApproval, NewClaim, NewNotice, Releases, Taken,
};
use crate::ports::{ExecutionState, PortError};
use crate::testing::given::{self, person, token};
use crate::testing::{FakeClock, FakeExecutions, FakeTokens, Fault, MemoryStore};

/// Remembers what was to be delivered.
#[derive(Default)]
struct FakeDeliver(Mutex<Vec<ReleaseId>>);

#[async_trait]
impl Deliver for FakeDeliver {
    async fn deliver(&self, release: &ReleaseId) -> Result<(), PortError> {
        self.0.lock().unwrap().push(release.clone());
        Ok(())
    }
}

struct World {
    pipeline: Pipeline,
    store: MemoryStore,
    executions: FakeExecutions,
    tokens: FakeTokens,
    deliver: FakeDeliver,
    clock: FakeClock,
    production: StageName,
}

impl World {
    fn new() -> Self {
        Self {
            pipeline: given::exchange(),
            store: MemoryStore::default(),
            executions: FakeExecutions::default(),
            tokens: FakeTokens::default(),
            deliver: FakeDeliver::default(),
            clock: FakeClock::at("2026-11-21T12:30:00Z"),
            production: given::stage("production"),
        }
    }

    async fn try_sweep(&self) -> Result<SweepOutput, PortError> {
        let Self { pipeline, store, executions, tokens, deliver, clock, .. } = self;
        let sweep = Sweep {
            pipeline,
            releases: store,
            outbox: store,
            approvals: store,
            locks: store,
            executions,
            tokens,
            deliver,
            clock,
        };
        sweep.run().await
    }

    async fn sweep(&self) -> SweepOutput {
        self.try_sweep().await.unwrap()
    }

    async fn claimed(&self, digit: char) -> Release {
        let release = given::release(&self.pipeline, digit, "2026-11-21T12:00:00Z");
        let notice = Notice::WaitingForLock { stage: given::stage("preproduction"), held_by: "x".to_owned() };
        let claim = NewClaim {
            pipeline: &self.pipeline.name,
            release: &release,
            replaces: None,
            pushed: &[],
            notice: &NewNotice::new(release.claimed_at, notice),
        };
        assert_eq!(Releases::claim(&self.store, &claim).await.unwrap(), ClaimOutcome::Claimed);
        release
    }

    async fn asked(&self, release: &Release) -> Approval {
        let approval = Approval {
            id: ApprovalId::new(release.commit.as_str().get(..32).unwrap()).unwrap(),
            release: release.id.clone(),
            execution: release.execution.clone(),
            stage: self.production.clone(),
            plan: given::plan_hash('d'),
            approvers: vec![person("U0LEAD")],
            asked_at: "2026-11-21T12:00:00Z".parse().unwrap(),
            expires_at: "2026-11-21T16:00:00Z".parse().unwrap(),
            decision: None,
        };
        let moved = Notice::ApprovalVoided {
            approval: approval.id.clone(),
            stage: approval.stage.clone(),
            moved: Vec::new(),
        };
        let notice = NewNotice::new(approval.asked_at, moved);
        let new =
            NewApproval { approval: &approval, token: &token("approval"), replaces: None, notice: &notice };
        assert!(matches!(self.store.ask(&new).await, Ok(Asked::Now)));
        approval
    }

    async fn locked(&self, release: &Release) {
        let lock = Lock {
            stage: self.production.clone(),
            owner: release.execution.clone(),
            release: release.id.clone(),
            rollout: None,
            tasks: Vec::new(),
            acquired_at: release.claimed_at,
            kept: None,
        };
        assert!(matches!(self.store.take(&lock, &token("lock")).await, Ok(Taken::Yours)));
    }

    async fn queued(&self, release: &Release) {
        let waiter = Waiter {
            stage: self.production.clone(),
            execution: release.execution.clone(),
            release: release.id.clone(),
            since: release.claimed_at,
        };
        let notice =
            Notice::WaitingForLock { stage: self.production.clone(), held_by: "somebody".to_owned() };
        let notice = NewNotice::new(release.claimed_at, notice);
        self.store.wait(&waiter, &token(release.id.as_str()), &notice).await.unwrap();
    }

    async fn end_of(&self, release: &Release) -> Option<End> {
        let stored = Releases::find(&self.store, &release.id).await.unwrap().unwrap();
        stored.ended.map(|(end, _)| end)
    }

    async fn outcome(&self, approval: &Approval) -> Option<Outcome> {
        let stored = Approvals::find(&self.store, &approval.id).await.unwrap().unwrap();
        stored.approval.decision.map(|decision| decision.outcome)
    }

    async fn lock(&self) -> Option<Lock> {
        Locks::read(&self.store, &self.production).await.unwrap().map(|stored| stored.lock)
    }
}

#[tokio::test]
async fn t27_a_question_lapses_in_world_time_and_the_release_hears_of_it() {
    let world = World::new();
    let approval = world.asked(&world.claimed('a').await).await;
    world.clock.set("2026-11-21T15:59:59Z".parse().unwrap());
    world.sweep().await;
    assert_eq!(world.outcome(&approval).await, None);
    world.clock.pass(Duration::from_secs(1));
    world.sweep().await;
    assert_eq!(world.outcome(&approval).await, Some(Outcome::Expired));
    assert_eq!(world.tokens.succeeded(), ["approval"]);
    world.sweep().await;
    assert_eq!(world.tokens.succeeded(), ["approval"], "once");
}

#[tokio::test]
async fn t05_a_recorded_decision_whose_answer_was_lost_is_sent_again() {
    let world = World::new();
    let approval = world.asked(&world.claimed('a').await).await;
    world.tokens.faults.plan("succeed", Fault::Refused);
    let decide = Decide { approvals: &world.store, tokens: &world.tokens, clock: &world.clock };
    let choice = gantry_domain::approval::Choice::Approve;
    decide.click(&approval.id, &person("U0LEAD"), choice).await.unwrap();
    assert_eq!(world.tokens.succeeded(), Vec::<String>::new());
    world.sweep().await;
    assert_eq!(world.tokens.succeeded(), ["approval"]);
    assert_eq!(world.outcome(&approval).await, Some(Outcome::Approved));
    assert_eq!(world.sweep().await.approvals, 0);
}

#[tokio::test]
async fn a_question_that_no_execution_waits_for_any_more_is_closed() {
    let world = World::new();
    let release = world.claimed('a').await;
    let approval = world.asked(&release).await;
    world.executions.end(&release.execution, ExecutionState::Aborted);
    world.sweep().await;
    assert_eq!(world.outcome(&approval).await, Some(Outcome::Expired), "a click would open nothing");
}

#[tokio::test]
async fn t08_a_stopped_release_ends_clean_when_it_had_changed_nothing_and_its_lock_goes_on() {
    for state in [ExecutionState::Aborted, ExecutionState::TimedOut, ExecutionState::Failed] {
        let world = World::new();
        let (one, two) = (world.claimed('a').await, world.claimed('b').await);
        world.locked(&one).await;
        world.queued(&two).await;
        world.executions.end(&one.execution, state);
        world.sweep().await;
        assert_eq!(world.end_of(&one).await, Some(End::FailedClean), "{state:?}");
        assert_eq!(world.end_of(&two).await, None);
        assert_eq!(world.lock().await.unwrap().owner, two.execution, "{state:?}");
        assert_eq!(world.tokens.succeeded(), [two.id.as_str()]);
        let told = world.store.notices(&one.id);
        let ends = told.iter().filter(|notice| matches!(notice, Notice::Ended { .. })).count();
        world.sweep().await;
        assert_eq!((ends, world.store.notices(&one.id).len()), (1, told.len()), "exactly one end is told");
    }
}

#[tokio::test]
async fn t08_a_release_stopped_while_it_changes_a_stage_ends_dirty_and_its_lock_is_kept() {
    let world = World::new();
    let (one, two) = (world.claimed('a').await, world.claimed('b').await);
    world.locked(&one).await;
    world.queued(&two).await;
    world
        .store
        .record_rollout(&world.production, &one.execution, &given::execution("rollout"))
        .await
        .unwrap();
    world.executions.end(&one.execution, ExecutionState::Aborted);
    world.sweep().await;
    assert_eq!(world.end_of(&one).await, Some(End::FailedDirty));
    let lock = world.lock().await.unwrap();
    assert_eq!(lock.owner, one.execution);
    assert!(lock.kept.unwrap().contains("production"));
    world.sweep().await;
    assert_eq!(world.lock().await.unwrap().owner, one.execution, "kept stays kept");
    assert_eq!(world.store.waiters(&world.production).await.unwrap().len(), 1);
}

#[tokio::test]
async fn t08_a_lock_left_behind_by_a_recorded_end_is_passed_on() {
    let world = World::new();
    let one = world.claimed('a').await;
    world.locked(&one).await;
    world
        .store
        .record_rollout(&world.production, &one.execution, &given::execution("rollout"))
        .await
        .unwrap();
    let notice = Notice::Ended { end: End::Succeeded, stage: None, reason: String::new(), next: None };
    let notice = NewNotice::new(one.claimed_at, notice);
    Releases::end(&world.store, &one.id, End::Succeeded, "", &notice).await.unwrap();
    world.executions.end(&one.execution, ExecutionState::Succeeded);
    world.sweep().await;
    assert_eq!(world.lock().await, None);
}

#[tokio::test]
async fn t08_nothing_is_taken_from_an_execution_that_goes_on() {
    let world = World::new();
    let (one, two) = (world.claimed('a').await, world.claimed('b').await);
    world.locked(&one).await;
    world.queued(&two).await;
    let approval = world.asked(&one).await;
    let output = world.sweep().await;
    assert_eq!(output, SweepOutput { approvals: 1, releases: 2, locks: 1, undelivered: 2 });
    assert_eq!(world.lock().await.unwrap().owner, one.execution);
    assert_eq!(world.outcome(&approval).await, None);
    assert_eq!((world.end_of(&one).await, world.end_of(&two).await), (None, None));
}

#[tokio::test]
async fn waiters_that_are_gone_leave_the_queue_and_a_free_lock_finds_the_next() {
    let world = World::new();
    let (one, two) = (world.claimed('a').await, world.claimed('b').await);
    world.queued(&one).await;
    world.queued(&two).await;
    world.executions.end(&one.execution, ExecutionState::Gone);
    world.sweep().await;
    assert_eq!(world.lock().await.unwrap().owner, two.execution);
    assert_eq!(world.tokens.succeeded(), [two.id.as_str()]);
}

#[tokio::test]
async fn t08_an_execution_that_step_functions_does_not_know_yet_is_not_over() {
    let world = World::new();
    let (one, two) = (world.claimed('a').await, world.claimed('b').await);
    world.locked(&one).await;
    world.queued(&two).await;
    let approval = world.asked(&one).await;
    for release in [&one, &two] {
        world.executions.end(&release.execution, ExecutionState::Gone);
    }
    world.clock.set("2026-11-21T12:00:30Z".parse().unwrap());
    world.sweep().await;
    assert_eq!((world.end_of(&one).await, world.end_of(&two).await), (None, None));
    assert_eq!(world.lock().await.unwrap().owner, one.execution);
    assert_eq!(world.store.waiters(&world.production).await.unwrap().len(), 1);
    assert_eq!(world.outcome(&approval).await, None);
    world.clock.set("2026-11-21T12:10:00Z".parse().unwrap());
    world.sweep().await;
    assert_eq!(world.end_of(&one).await, Some(End::FailedClean), "what stays unknown is over");
}

#[tokio::test]
async fn an_owner_who_was_never_told_is_told() {
    let world = World::new();
    world.locked(&world.claimed('a').await).await;
    world.sweep().await;
    world.sweep().await;
    assert_eq!(world.tokens.succeeded(), ["lock"]);
}

#[tokio::test]
async fn t43_undelivered_notices_are_delivered_and_one_failure_keeps_nothing_else_back() {
    let world = World::new();
    let one = world.claimed('a').await;
    world.asked(&one).await;
    world.clock.set("2026-11-21T17:00:00Z".parse().unwrap());
    world.store.faults.plan("waiters", Fault::Refused);
    let error = world.try_sweep().await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable { .. }), "the failure is seen");
    assert_eq!(world.tokens.succeeded(), ["approval"]);
    assert_eq!(*world.deliver.0.lock().unwrap(), [one.id]);
}
