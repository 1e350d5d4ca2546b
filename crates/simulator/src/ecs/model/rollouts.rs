//! Deployments as values: what `DescribeServices` calls one, and the service deployment with its outcome.

use jiff::Timestamp;
use serde_json::Value;

/// What `DescribeServices` calls a deployment (`ecs-svc/…`): one revision's tasks under the scheduler.
#[derive(Debug, Clone)]
pub(crate) struct Rollout {
    pub(crate) id: String,
    pub(crate) revision: usize,
    pub(crate) status: RolloutStatus,
    pub(crate) state: RolloutState,
    pub(crate) reason: String,
    pub(crate) failed_tasks: usize,
    /// A task of it became healthy: failures are not counted any more.
    pub(crate) proven: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// Whose tasks the scheduler wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RolloutStatus {
    Primary,
    Active,
    Inactive,
}

/// How far a rollout got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RolloutState {
    InProgress,
    Completed,
    Failed,
}

/// A service deployment with its own ARN and outcome.
#[derive(Debug, Clone)]
pub(crate) struct ServiceDeployment {
    pub(crate) id: String,
    /// Index into the service's rollouts.
    pub(crate) rollout: usize,
    /// Index of the target revision.
    pub(crate) target: usize,
    /// Indexes of the revisions whose tasks ran when it was created.
    pub(crate) sources: Vec<usize>,
    pub(crate) status: DeploymentStatus,
    pub(crate) reason: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) stopped_at: Option<Timestamp>,
    pub(crate) updated_at: Timestamp,
    pub(crate) rollback: Option<Rollback>,
    pub(crate) configuration: Value,
    pub(crate) threshold: usize,
    /// When it moves on by itself.
    pub(crate) due: Option<Timestamp>,
}

/// Where a deployment turned back to.
#[derive(Debug, Clone)]
pub(crate) struct Rollback {
    pub(crate) reason: String,
    pub(crate) started_at: Timestamp,
    /// Index into the service's rollouts.
    pub(crate) rollout: usize,
}

/// Outcome, or the way there, of a service deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeploymentStatus {
    Pending,
    InProgress,
    Successful,
    Stopped,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
}

impl DeploymentStatus {
    /// AWS's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
        }
    }

    /// Whether nothing will happen to it any more.
    pub(crate) fn ended(self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful)
    }
}
