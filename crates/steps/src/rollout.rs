//! What the steps of a rollout have in common: the plan's step they carry out, and the fence before they write.

mod derive;

use std::time::Duration;

use gantry_domain::ErrorName;
use gantry_domain::names::{
    ExecutionArn, PlanHash, ReleaseId, ServiceName, StageName, StepName, TaskDefinitionArn,
};
use gantry_domain::plan::{Plan, PlanKind, PlanStep};
use gantry_domain::task_definition::DeriveError;
use gantry_domain::verdict::deadline;
use jiff::Timestamp;

use crate::StepError;
use crate::ports::store::{Fenced, Locks, Plans, StoredLock};
use crate::ports::{Clock, PortError};

pub(crate) use derive::{Derivation, RELEASE};

/// Why a step of a rollout could not be carried out. A deployment, task or check that failed is a verdict, no error.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The lock is somebody else's, kept for a person, or with the rollback of this release: nothing was written.
    #[error("the lock of {0} is not this rollout's")]
    LockLost(StageName),
    /// The plan is not there.
    #[error("plan {0} is not recorded")]
    NoPlan(PlanHash),
    /// The plan is of another release or stage.
    #[error("plan {0} is of another release or stage")]
    OtherPlan(PlanHash),
    /// The plan has no such step, or it is of another kind.
    #[error("step {step} of plan {plan} is not {wanted}")]
    NoStep {
        /// The plan.
        plan: PlanHash,
        /// The step's index.
        step: usize,
        /// What it should be.
        wanted: &'static str,
    },
    /// The plan's step names something that the plan does not have.
    #[error("the plan's step names service {0}, which the plan does not deploy")]
    Unplanned(ServiceName),
    /// The base is gone since the plan was made.
    #[error("task definition {0} is not there any more")]
    BaseGone(TaskDefinitionArn),
    /// The base has fields that would be lost.
    #[error("{task_definition} has fields that would be lost: {}", fields.join(", "))]
    UnknownFields {
        /// The base.
        task_definition: TaskDefinitionArn,
        /// The fields.
        fields: Vec<String>,
    },
    /// The base has changed shape.
    #[error("no task definition can be made from {base}")]
    Derive {
        /// The base.
        base: TaskDefinitionArn,
        /// The cause.
        #[source]
        source: DeriveError,
    },
    /// The service is gone since the plan was made.
    #[error("service {0} is not there any more")]
    ServiceGone(ServiceName),
    /// ECS has no room for a task.
    #[error("ECS did not start task {task}: {reason}")]
    NotPlaced {
        /// The task.
        task: StepName,
        /// In ECS's words.
        reason: String,
    },
    /// The release has no manifest.
    #[error("release {0} is not recorded")]
    NoRelease(ReleaseId),
    /// A person does not want the rest of it.
    #[error("a person asked for {stage} to be put back ({by}): this release goes no further")]
    TurnsBack {
        /// The stage.
        stage: StageName,
        /// The rollback, which waits in line.
        by: ReleaseId,
    },
}

impl StepError for RolloutError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Port(error) => error.name(),
            Self::LockLost(_) | Self::TurnsBack { .. } => ErrorName::LockLost,
            Self::NoPlan(_)
            | Self::OtherPlan(_)
            | Self::NoStep { .. }
            | Self::Unplanned(_)
            | Self::NoRelease(_) => ErrorName::Inconsistent,
            Self::BaseGone(_) | Self::UnknownFields { .. } | Self::Derive { .. } | Self::ServiceGone(_) => {
                ErrorName::UnsupportedService
            }
            Self::NotPlaced { .. } => ErrorName::Unavailable,
        }
    }
}

/// Which step of which plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepAddress<'a> {
    pub(crate) release: &'a ReleaseId,
    pub(crate) stage: &'a StageName,
    pub(crate) plan: &'a PlanHash,
    pub(crate) step: usize,
}

impl StepAddress<'_> {
    /// The plan, and its step as `pick` wants it.
    pub(crate) async fn load<T>(
        &self,
        plans: &dyn Plans,
        wanted: &'static str,
        pick: impl FnOnce(&PlanStep) -> Option<T>,
    ) -> Result<(Plan, T), RolloutError> {
        let plan = plans.get(self.plan).await?.ok_or_else(|| RolloutError::NoPlan(self.plan.clone()))?;
        if plan.terms.release != *self.release || plan.terms.stage != *self.stage {
            return Err(RolloutError::OtherPlan(self.plan.clone()));
        }
        let step = plan.terms.steps.get(self.step).and_then(pick);
        let step =
            step.ok_or_else(|| RolloutError::NoStep { plan: self.plan.clone(), step: self.step, wanted })?;
        Ok((plan, step))
    }
}

/// Who is about to write to a stage.
#[derive(Clone, Copy)]
pub(crate) struct Fence<'a> {
    pub(crate) locks: &'a dyn Locks,
    pub(crate) stage: &'a StageName,
    /// The release machine's execution, which must have the lock.
    pub(crate) owner: &'a ExecutionArn,
    /// The rollout that writes. One whose release has turned back meanwhile does not any more.
    pub(crate) rollout: &'a ExecutionArn,
    /// Does a person's wish to have the stage put back end it here? What puts the stage back does not turn back, nor what
    /// may have begun already and has to be noted.
    pub(crate) may_turn_back: bool,
}

impl Fence<'_> {
    /// Notes the rollout in the lock's row, which fails unless the row names the owner and no rollout that came after.
    pub(crate) async fn enter(&self, plan: &PlanHash, kind: PlanKind) -> Result<(), RolloutError> {
        self.goes_on(self.locks.read(self.stage).await?.as_ref())?;
        self.held(self.locks.record_rollout(self.stage, self.owner, self.rollout, plan, kind).await?)
    }

    /// Is the lock still the owner's, and this its rollout? Asked just before each write: ECS itself cannot be fenced (T9).
    pub(crate) async fn check(&self) -> Result<(), RolloutError> {
        let lock = self.locks.read(self.stage).await?;
        self.goes_on(lock.as_ref())?;
        let ours = lock.is_some_and(|stored| {
            stored.lock.is_writable_by(self.owner) && stored.lock.rollout.as_ref() == Some(self.rollout)
        });
        self.held(if ours { Fenced::Written } else { Fenced::Lost })
    }

    fn goes_on(&self, lock: Option<&StoredLock>) -> Result<(), RolloutError> {
        match lock.and_then(|stored| stored.turn_back.as_ref()) {
            Some(by) if self.may_turn_back => {
                Err(RolloutError::TurnsBack { stage: self.stage.clone(), by: by.clone() })
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn held(&self, fenced: Fenced) -> Result<(), RolloutError> {
        match fenced {
            Fenced::Written => Ok(()),
            Fenced::Lost => Err(RolloutError::LockLost(self.stage.clone())),
        }
    }
}

/// Between two looks of a watching step.
const POLL: Duration = Duration::from_secs(5);

/// How long a watching step looks before it returns: its function is stopped after 60 seconds.
const WATCH: Duration = Duration::from_secs(45);

/// The time that one call of a watching step has.
pub(crate) struct Watch<'a> {
    clock: &'a dyn Clock,
    over: Timestamp,
}

impl<'a> Watch<'a> {
    /// Begins now.
    pub(crate) fn begin(clock: &'a dyn Clock) -> Self {
        Self { clock, over: deadline(clock.now(), WATCH) }
    }

    /// Is it time to return?
    pub(crate) fn is_over(&self) -> bool {
        self.clock.now() >= self.over
    }

    /// Waits for the next look. `false`: it is time to return instead.
    pub(crate) async fn again(&self) -> bool {
        if self.is_over() {
            return false;
        }
        self.clock.sleep(POLL).await;
        true
    }
}

#[cfg(test)]
mod tests;
