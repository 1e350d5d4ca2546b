//! A release of the Exchange in pre-production, claimed, locked and ready to be planned.

use gantry_domain::lock::Lock;
use gantry_domain::names::{ExecutionArn, PlanHash, StageName};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::plan::{Plan, PlanStep};
use gantry_domain::release::Release;

use super::{FakeClock, FakeLogs, FakeRegistry, FakeStage, MemoryStore, given};
use crate::plan_stage::{PlanStage, PlanStageError, PlanStageInput, PlanStageOutput};
use crate::ports::Clock as _;
use crate::ports::store::{Locks as _, NewNotice, Plans as _, Releases as _};
use crate::start_deployments::{StartDeployments, StartDeploymentsInput};
use crate::start_task::{StartTask, StartTaskInput};
use crate::watch_task::WatchTask;
use crate::watch_wave::WatchWave;

/// The release brings digest `b` to services that run `a`.
pub(crate) struct Road<'a> {
    pub(crate) pipeline: Pipeline,
    pub(crate) release: Release,
    pub(crate) store: MemoryStore,
    pub(crate) stage: FakeStage<'a>,
    pub(crate) logs: FakeLogs,
    pub(crate) registry: FakeRegistry,
    pub(crate) clock: &'a FakeClock,
}

pub(crate) fn clock() -> FakeClock {
    FakeClock::at("2026-11-21T12:00:00Z")
}

impl<'a> Road<'a> {
    pub(crate) async fn new(clock: &'a FakeClock) -> Self {
        let pipeline = given::exchange();
        let release = given::release(&pipeline, 'b', "2026-11-21T11:59:00Z");
        let stage = FakeStage::running(&pipeline, &given::digest('a'), clock);
        let store = MemoryStore::default();
        store.given_release(&release);
        let (logs, registry) = (FakeLogs::default(), FakeRegistry::default());
        let road = Self { pipeline, release, store, stage, logs, registry, clock };
        road.lock(&road.release.execution).await;
        road
    }

    async fn lock(&self, owner: &ExecutionArn) {
        let lock = Lock {
            stage: self.name(),
            owner: owner.clone(),
            release: self.release.id.clone(),
            rollout: None,
            plan: None,
            tasks: Vec::new(),
            acquired_at: self.clock.now(),
            kept: None,
        };
        self.store.take(&lock, &given::token("t")).await.unwrap();
    }

    /// The lock passes to another execution.
    pub(crate) async fn lose_the_lock(&self) {
        let lock = self.store.read(&self.name()).await.unwrap().unwrap().lock;
        self.store.free(&lock).await.unwrap();
        self.lock(&given::execution("somebody-else")).await;
    }

    /// A person wants the stage put back.
    pub(crate) async fn is_to_turn_back(&self) {
        let by = given::release_id("exchange-rollback-0123456789ab");
        self.store.turn_back(&self.name(), &self.release.execution, &by).await.unwrap();
    }

    pub(crate) fn name(&self) -> StageName {
        given::stage("preproduction")
    }

    pub(crate) fn rollout(&self) -> ExecutionArn {
        given::execution("rollout")
    }

    pub(crate) fn plan_input(&self) -> PlanStageInput {
        PlanStageInput {
            execution: self.release.execution.clone(),
            release: self.release.id.clone(),
            stage: self.name(),
            under_lock: true,
            approved_hash: None,
        }
    }

    pub(crate) async fn plan(&self, input: PlanStageInput) -> Result<PlanStageOutput, PlanStageError> {
        let Self { pipeline, store, stage, registry, clock, .. } = self;
        let clock = *clock;
        let step = PlanStage {
            registry,
            pipeline,
            releases: store,
            plans: store,
            locks: store,
            verified: store,
            observe: stage,
            clock,
        };
        step.run(input).await
    }

    /// People were asked about a plan.
    pub(crate) async fn is_asked(&self, plan: &PlanHash) {
        let question = Notice::ApprovalRequested {
            approval: "0".repeat(32).parse().unwrap(),
            stage: self.name(),
            plan: plan.clone(),
            changes: vec![],
            commits: vec![],
            passed: vec![],
            look_at: vec![],
            approvers: vec![],
            expires_at: self.clock.now(),
        };
        let notice = NewNotice::new(self.clock.now(), question);
        self.store.append(&self.release.id, &notice).await.unwrap();
    }

    /// Plans, and finds the first step that is wanted.
    pub(crate) async fn planned(&self, wanted: impl Fn(&PlanStep) -> bool) -> (PlanHash, usize) {
        let hash = self.plan(self.plan_input()).await.unwrap().plan_hash;
        let plan = self.plan_of(&hash).await;
        (hash, plan.terms.steps.iter().position(wanted).unwrap())
    }

    pub(crate) async fn plan_of(&self, hash: &PlanHash) -> Plan {
        self.store.get(hash).await.unwrap().unwrap()
    }

    pub(crate) fn start_deployments(&self) -> StartDeployments<'_> {
        let Self { store, stage, clock, .. } = self;
        StartDeployments { plans: store, locks: store, observe: stage, deploy: stage, clock: *clock }
    }

    pub(crate) fn wave_input(&self, (plan_hash, step): &(PlanHash, usize)) -> StartDeploymentsInput {
        StartDeploymentsInput {
            execution: self.rollout(),
            release_execution: self.release.execution.clone(),
            release: self.release.id.clone(),
            stage: self.name(),
            plan_hash: plan_hash.clone(),
            step: *step,
        }
    }

    pub(crate) fn start_task(&self) -> StartTask<'_> {
        let Self { store, stage, clock, .. } = self;
        StartTask { plans: store, locks: store, observe: stage, deploy: stage, clock: *clock }
    }

    pub(crate) fn watch_wave(&self) -> WatchWave<'_> {
        let Self { store, stage, logs, clock, .. } = self;
        WatchWave { plans: store, releases: store, observe: stage, logs, clock: *clock }
    }

    pub(crate) fn watch_task(&self) -> WatchTask<'_> {
        let Self { store, stage, logs, clock, .. } = self;
        WatchTask { plans: store, releases: store, observe: stage, logs, clock: *clock }
    }

    pub(crate) fn task_input(&self, (plan_hash, step): &(PlanHash, usize)) -> StartTaskInput {
        StartTaskInput {
            execution: self.rollout(),
            release_execution: self.release.execution.clone(),
            release: self.release.id.clone(),
            stage: self.name(),
            plan_hash: plan_hash.clone(),
            step: *step,
            attempt: 0,
        }
    }
}

pub(crate) fn is_wave(step: &PlanStep) -> bool {
    step.kind() == "wave"
}

pub(crate) fn is_task(step: &PlanStep) -> bool {
    step.kind() == "task"
}

pub(crate) fn is_checks(step: &PlanStep) -> bool {
    step.kind() == "checks"
}
