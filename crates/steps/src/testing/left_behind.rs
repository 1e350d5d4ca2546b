//! Releases that stand in the places where an execution may die: asked about, in line for a lock, at work in a stage.

use std::sync::Mutex;

use async_trait::async_trait;
use gantry_domain::End;
use gantry_domain::approval::{Approval, Outcome};
use gantry_domain::lock::{Lock, Waiter};
use gantry_domain::names::{ApprovalId, ExecutionArn, ReleaseId, StageName};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::plan::PlanKind;
use gantry_domain::release::Release;

use serde_json::json;

use super::given::{self, person, token};
use super::{FakeClock, FakeExecutions, FakeTokens, MemoryStore};
use crate::aftermath::Aftermath;
use crate::ports::PortError;
use crate::ports::store::{
    Approvals, Asked, ClaimOutcome, Deliver, Locks, NewApproval, NewClaim, NewNotice, Plans as _, Releases,
    Taken,
};
use crate::sweep::{Sweep, SweepOutput};
use crate::watch_executions::{StatusChange, WatchExecutions, WatchExecutionsInput, WatchExecutionsOutput};

/// Remembers what was to be delivered.
#[derive(Default)]
pub(crate) struct FakeDeliver(Mutex<Vec<ReleaseId>>);

impl FakeDeliver {
    pub(crate) fn delivered(&self) -> Vec<ReleaseId> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Deliver for FakeDeliver {
    async fn deliver(&self, releases: &[ReleaseId]) -> Result<(), PortError> {
        self.0.lock().unwrap().extend_from_slice(releases);
        Ok(())
    }
}

/// The world of those releases. What they are called in tests: `one`, `two`.
pub(crate) struct LeftBehind {
    pub(crate) pipeline: Pipeline,
    pub(crate) store: MemoryStore,
    pub(crate) executions: FakeExecutions,
    pub(crate) tokens: FakeTokens,
    pub(crate) deliver: FakeDeliver,
    pub(crate) clock: FakeClock,
    pub(crate) production: StageName,
}

impl LeftBehind {
    pub(crate) fn new() -> Self {
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

    pub(crate) fn aftermath(&self) -> Aftermath<'_> {
        let Self { pipeline, store, executions, tokens, clock, .. } = self;
        Aftermath {
            pipeline,
            releases: store,
            plans: store,
            approvals: store,
            locks: store,
            executions,
            start: executions,
            stop: executions,
            tokens,
            clock,
        }
    }

    pub(crate) async fn try_sweep(&self) -> Result<SweepOutput, PortError> {
        let Self { store, deliver, .. } = self;
        Sweep { aftermath: self.aftermath(), outbox: store, deliver }.run().await
    }

    /// The event that an execution has ended arrives.
    pub(crate) async fn try_hear(&self, release: &Release) -> Result<WatchExecutionsOutput, PortError> {
        let detail = StatusChange { execution_arn: release.execution.clone(), status: "ABORTED".to_owned() };
        WatchExecutions { aftermath: self.aftermath() }.run(WatchExecutionsInput { detail }).await
    }

    pub(crate) async fn sweep(&self) -> SweepOutput {
        self.try_sweep().await.unwrap()
    }

    pub(crate) async fn claimed(&self, digit: char) -> Release {
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

    pub(crate) async fn asked(&self, release: &Release) -> Approval {
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
            NewApproval { approval: &approval, token: &token("approval"), notice: &notice, replaces: None };
        assert!(matches!(self.store.ask(&new).await, Ok(Asked::Now)));
        approval
    }

    pub(crate) async fn locked(&self, release: &Release) {
        let lock = Lock {
            stage: self.production.clone(),
            owner: release.execution.clone(),
            release: release.id.clone(),
            rollout: None,
            plan: None,
            tasks: Vec::new(),
            acquired_at: release.claimed_at,
            kept: None,
        };
        assert!(matches!(self.store.take(&lock, &token("lock")).await, Ok(Taken::Yours)));
    }

    pub(crate) async fn queued(&self, release: &Release) {
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

    pub(crate) async fn end_of(&self, release: &Release) -> Option<End> {
        let stored = Releases::find(&self.store, &release.id).await.unwrap().unwrap();
        stored.ended.map(|(end, _)| end)
    }

    pub(crate) async fn outcome(&self, approval: &Approval) -> Option<Outcome> {
        let stored = Approvals::find(&self.store, &approval.id).await.unwrap().unwrap();
        stored.approval.decision.map(|decision| decision.outcome)
    }

    pub(crate) async fn lock(&self) -> Option<Lock> {
        Locks::read(&self.store, &self.production).await.unwrap().map(|stored| stored.lock)
    }

    /// The release's rollout has begun to write, or is about to.
    pub(crate) async fn rolls_out(&self, release: &Release) -> ExecutionArn {
        self.carries_out(release, PlanKind::Release).await
    }

    /// What the release had changed is being put back.
    pub(crate) async fn rolls_back(&self, release: &Release) -> ExecutionArn {
        self.carries_out(release, PlanKind::Rollback).await
    }

    async fn carries_out(&self, release: &Release, kind: PlanKind) -> ExecutionArn {
        let mut plan = given::plan(&self.pipeline, release, self.production.as_str(), &["client"], '0');
        plan.terms.kind = kind;
        let plan = self.store.put(&plan).await.unwrap();
        let rollout = given::execution("rollout");
        self.store.record_rollout(&self.production, &release.execution, &rollout, &plan, kind).await.unwrap();
        rollout
    }

    /// The execution that puts back what the release had changed, if it was started.
    pub(crate) fn put_back(&self, release: &Release) -> Option<ExecutionArn> {
        let name = format!("{}-put-back", release.id);
        let started = self.executions.started();
        let input = started.get(&name)?;
        assert_eq!(*input, json!({ "rollback": { "stage": "production", "release": release.id } }));
        Some(release.execution.sibling(&name).unwrap())
    }

    /// How often people were told that the release is over.
    pub(crate) fn ends_told(&self, release: &Release) -> usize {
        let told = self.store.notices(&release.id);
        told.iter().filter(|notice| matches!(notice, Notice::Ended { .. })).count()
    }
}
