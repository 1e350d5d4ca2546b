//! State `PlanRollback`: finds out what is to be put back and to what, and keeps that as a plan. Writes nothing to the
//! stage.
//!
//! What a failed plan changed goes back to what was verified before, else to what ran when Gantry first looked. What a
//! person asked for goes back to the release that the person named.

use std::collections::BTreeMap;

use gantry_domain::ErrorName;
use gantry_domain::lock::Lock;
use gantry_domain::names::{
    ComponentName, ExecutionArn, PlanHash, ReleaseId, ServiceName, StageName, StepName, TaskArn,
    TaskDefinitionArn,
};
use gantry_domain::pipeline::{Pipeline, Stage};
use gantry_domain::plan::{
    self, ChangedWave, ObservedStage, Plan, PlanError, PlanHashError, PlanKind, Rollback,
};
use gantry_domain::record::RolloutOutcome;
use gantry_domain::release::{Release, Undoing};
use gantry_domain::task_definition::TaskDefinition;
use gantry_domain::verdict::deadline;
use gantry_domain::verified::{Target, VerifiedEntry, target};
use serde::{Deserialize, Serialize};

use crate::StepError;
use crate::observe::observe_pipeline;
use crate::plan_stage::StepLabel;
use crate::ports::store::{Fenced, Locks, Plans, Releases, Verified};
use crate::ports::{Clock, ObserveStage, PortError, StageScope};

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRollbackInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
    /// The plan that failed. `None`: a person asked, or the release was taken over from an execution that died; then the
    /// lock tells.
    pub plan_hash: Option<PlanHash>,
    /// What its rollout returned. `None`: nobody knows how far it came.
    pub outcome: Option<RolloutOutcome>,
}

/// What the state gets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRollbackOutput {
    /// What has to end first: then there is no plan yet, and this is to be asked again.
    pub waits_for: Option<String>,
    /// The plan that failed. `None`: a person asked.
    pub failed_plan: Option<PlanHash>,
    /// The plan.
    pub plan_hash: Option<PlanHash>,
    /// What will be done, in order.
    pub steps: Vec<StepLabel>,
    /// How many steps there are.
    pub step_count: usize,
}

/// Why there is no plan to go back.
#[derive(Debug, thiserror::Error)]
pub enum PlanRollbackError {
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The lock is somebody else's.
    #[error("the lock of {0} is not this execution's")]
    LockLost(StageName),
    /// The release has no manifest.
    #[error("release {0} is not recorded")]
    NoRelease(ReleaseId),
    /// The plan that failed is not there, or not of this release and stage.
    #[error("the plan {0} that failed is not recorded for this release and stage")]
    NoPlan(PlanHash),
    /// Neither a plan that failed nor a person's wish: there is nothing to undo.
    #[error("release {0} undoes nothing in this stage")]
    NothingAsked(ReleaseId),
    /// The configuration has no such stage.
    #[error("the configuration has no stage {0}")]
    NoStage(StageName),
    /// A migration after which the version before does not run.
    #[error(
        "migration {migration} had begun, as far as is known, and it is declared breaking in gantry.toml: the version before could not run \
         with what it leaves behind. Repair forward with a newer commit, or restore what the migration changed and roll \
         back by hand"
    )]
    Broke {
        /// The migration.
        migration: StepName,
    },
    /// A task is never stopped: nobody knows what a migration would leave behind.
    #[error(
        "task {task}, which the release had started, still runs and is not stopped: nobody knows what it would leave \
         behind. Wait for it or stop it in ECS, then roll back by hand"
    )]
    TaskGoesOn {
        /// The task.
        task: TaskArn,
    },
    /// Services are such that they cannot be put back.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan has no hash.
    #[error("the plan has no hash")]
    Hash(#[from] PlanHashError),
}

impl StepError for PlanRollbackError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Port(error) => error.name(),
            Self::LockLost(_) => ErrorName::LockLost,
            Self::NoStage(_) => ErrorName::Misconfigured,
            Self::Broke { .. } | Self::TaskGoesOn { .. } => ErrorName::Irreversible,
            Self::Plan(PlanError::Unsupported(_)) => ErrorName::UnsupportedService,
            Self::Plan(PlanError::Incomplete(_))
            | Self::NoRelease(_)
            | Self::NoPlan(_)
            | Self::NothingAsked(_)
            | Self::Hash(_) => ErrorName::Inconsistent,
        }
    }
}

/// Plans the way back.
pub struct PlanRollback<'a> {
    /// The configuration.
    pub pipeline: &'a Pipeline,
    /// The manifest.
    pub releases: &'a dyn Releases,
    /// The plan that failed, and the one that is made.
    pub plans: &'a dyn Plans,
    /// Who may write to the stage.
    pub locks: &'a dyn Locks,
    /// What passed, and what ran before Gantry came.
    pub verified: &'a dyn Verified,
    /// The stage.
    pub observe: &'a dyn ObserveStage,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// How many rows of a component's history are looked through.
const ROWS: u32 = 400;

impl PlanRollback<'_> {
    /// Makes the plan and keeps it.
    pub async fn run(&self, input: PlanRollbackInput) -> Result<PlanRollbackOutput, PlanRollbackError> {
        let stage = self.pipeline.stage(&input.stage);
        let stage = stage.ok_or_else(|| PlanRollbackError::NoStage(input.stage.clone()))?;
        let lock = self.locks.read(&stage.name).await?.map(|stored| stored.lock);
        let lock = lock.filter(|lock| lock.is_writable_by(&input.execution));
        let lock = lock.ok_or_else(|| PlanRollbackError::LockLost(stage.name.clone()))?;
        let release = self.releases.find(&input.release).await?.map(|stored| stored.release);
        let release = release.ok_or_else(|| PlanRollbackError::NoRelease(input.release.clone()))?;
        let failed = self.failed(&input, &release, &lock).await?;
        self.turn_back(&input, failed.as_ref()).await?;
        let failed_plan = failed.as_ref().map(|(hash, _)| hash.clone());
        if let Some((_, failed)) = &failed
            && let Some(task) = self.task_under_way(failed, &lock).await?
        {
            let waits_for = Some(task.to_string());
            return Ok(PlanRollbackOutput { waits_for, failed_plan, ..PlanRollbackOutput::default() });
        }
        let undone = failed.as_ref().map(|(_, plan)| plan);
        let begun = self.begun(&input, &release, undone)?;
        let scope = StageScope::observing(stage, &release.id);
        let services = observe_pipeline(self.observe, &scope, self.pipeline).await?;
        let observed = ObservedStage { at: self.clock.now(), under_lock: true, services };
        let changed = match undone {
            Some(failed) => plan::reached(failed, &observed, begun),
            None => begun,
        };
        let targets = self.targets(stage, &release, &changed).await?;
        let definitions = self.definitions(&scope, &targets).await?;
        let wanted = Rollback {
            pipeline: self.pipeline,
            stage,
            release: &release.id,
            changed: &changed,
            targets: &targets,
            definitions: &definitions,
        };
        let plan = plan::rollback(&wanted, &observed)?;
        let plan_hash = Some(self.plans.put(&plan).await?);
        let steps: Vec<StepLabel> = plan.terms.steps.iter().map(StepLabel::of).collect();
        Ok(PlanRollbackOutput { waits_for: None, failed_plan, plan_hash, step_count: steps.len(), steps })
    }

    /// From here on the rollout that failed writes nothing more, should it still be at work: one that took longer than
    /// it may is left by its release, and Step Functions does not promise to stop it. What it wrote is seen afterwards.
    async fn turn_back(
        &self,
        input: &PlanRollbackInput,
        failed: Option<&(PlanHash, Plan)>,
    ) -> Result<(), PlanRollbackError> {
        let (stage, owner) = (&input.stage, &input.execution);
        let Some((plan, _)) = failed else { return Ok(()) };
        match self.locks.record_rollout(stage, owner, owner, plan, PlanKind::Rollback).await? {
            Fenced::Written => Ok(()),
            Fenced::Lost => Err(PlanRollbackError::LockLost(stage.clone())),
        }
    }

    /// The plan that failed. `None`: a person asked for a rollback, and nothing failed.
    async fn failed(
        &self,
        input: &PlanRollbackInput,
        release: &Release,
        lock: &Lock,
    ) -> Result<Option<(PlanHash, Plan)>, PlanRollbackError> {
        if release.undoes.as_ref().is_some_and(|undoes| undoes.stage == input.stage) {
            return Ok(None);
        }
        let Some(hash) = input.plan_hash.as_ref().or(lock.plan.as_ref()) else {
            return Err(PlanRollbackError::NothingAsked(release.id.clone()));
        };
        let failed = self.plans.get(hash).await?.filter(|plan| {
            plan.terms.release == release.id
                && plan.terms.stage == input.stage
                && plan.terms.kind.is_release()
        });
        let failed = failed.ok_or_else(|| PlanRollbackError::NoPlan(hash.clone()))?;
        Ok(Some((hash.clone(), failed)))
    }

    /// A task of the failed rollout that has not ended. It has as long as the whole rollout could have taken.
    async fn task_under_way(&self, failed: &Plan, lock: &Lock) -> Result<Option<TaskArn>, PlanRollbackError> {
        let scope = StageScope::observing_plan(&failed.terms);
        for task in &lock.tasks {
            if self.observe.task(&scope, task).await?.is_some_and(|task| !task.is_stopped()) {
                if self.clock.now() >= deadline(lock.acquired_at, failed.terms.longest()) {
                    return Err(PlanRollbackError::TaskGoesOn { task: task.clone() });
                }
                return Ok(Some(task.clone()));
            }
        }
        Ok(None)
    }

    /// What may have to be undone, in the order it was deployed.
    fn begun(
        &self,
        input: &PlanRollbackInput,
        release: &Release,
        failed: Option<&Plan>,
    ) -> Result<Vec<ChangedWave>, PlanRollbackError> {
        let Some(failed) = failed else {
            let undoes = release.undoes.as_ref();
            let components = undoes.map(|undoes| undoes.components.as_slice()).unwrap_or_default();
            return Ok(plan::waves_of(self.pipeline, components));
        };
        // A rollout that was good has begun all of its steps.
        let step = input.outcome.as_ref().and_then(|outcome| outcome.failed_step);
        if let Some(migration) = plan::broke(&failed.terms, step) {
            return Err(PlanRollbackError::Broke { migration: migration.clone() });
        }
        Ok(plan::begun_waves(&failed.terms, step))
    }

    /// What each service goes back to, as far as that is known.
    async fn targets(
        &self,
        stage: &Stage,
        release: &Release,
        changed: &[ChangedWave],
    ) -> Result<BTreeMap<ServiceName, Target>, PortError> {
        let undoes = release.undoes.as_ref().filter(|undoes| undoes.stage == stage.name);
        let mut histories: BTreeMap<&ComponentName, Vec<VerifiedEntry>> = BTreeMap::new();
        let mut targets = BTreeMap::new();
        for wave in changed {
            if !histories.contains_key(&wave.component) {
                let rows = self.verified.history(&stage.name, &wave.component, ROWS).await?;
                histories.insert(&wave.component, rows);
            }
            let rows = histories.get(&wave.component).map(Vec::as_slice).unwrap_or_default();
            for service in &wave.services {
                let baseline = self.verified.baseline(&stage.name, service).await?;
                let found = match undoes {
                    None => target(rows, service, &release.id, baseline.as_ref()),
                    Some(Undoing { to: Some(to), .. }) => {
                        rows.iter().find(|row| row.service == *service && row.release == *to).map(Target::of)
                    }
                    Some(Undoing { to: None, .. }) => baseline.as_ref().and_then(Target::of_baseline),
                };
                targets.extend(found.map(|found| (service.clone(), found)));
            }
        }
        Ok(targets)
    }

    async fn definitions(
        &self,
        scope: &StageScope,
        targets: &BTreeMap<ServiceName, Target>,
    ) -> Result<BTreeMap<TaskDefinitionArn, TaskDefinition>, PortError> {
        let mut definitions = BTreeMap::new();
        for target in targets.values() {
            let found = self.observe.task_definition(scope, &target.task_definition).await?;
            definitions.extend(found.map(|found| (target.task_definition.clone(), found)));
        }
        Ok(definitions)
    }
}

#[cfg(test)]
mod tests;
