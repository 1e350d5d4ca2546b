//! Deployments as values: what `DescribeServices` calls one, and the service deployment with its outcome.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Service;
use crate::ecs::breaker::Breaker;
use crate::ecs::input::texts;

/// What `DescribeServices` calls a deployment (`ecs-svc/…`): one revision's tasks under the scheduler.
#[derive(Debug, Clone)]
pub(crate) struct Rollout {
    pub(crate) id: String,
    pub(crate) revision: usize,
    pub(crate) status: RolloutStatus,
    pub(crate) state: RolloutState,
    pub(crate) reason: String,
    /// As `DescribeServices` counts: not any more once a task of it was healthy.
    pub(crate) failed_tasks: usize,
    /// A task of it became healthy.
    pub(crate) proven: bool,
    /// Tasks it tried to start so far.
    pub(crate) attempts: usize,
    /// Attempts in a row that never came to run: the scheduler tries less and less often.
    pub(crate) unstarted: u32,
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
    /// Failed tasks in a row, as its circuit breaker counts them.
    pub(crate) failures: usize,
    /// What made it fail.
    pub(crate) trigger: Option<Trigger>,
    /// The alarms it watches: none, if one of them was in ALARM when it began.
    pub(crate) alarms: Vec<String>,
    /// When its bake time is over, once it has begun.
    pub(crate) baked_at: Option<Timestamp>,
    /// When it moves on by itself.
    pub(crate) due: Option<Timestamp>,
}

/// Where a deployment turned back to.
#[derive(Debug, Clone)]
pub(crate) struct Rollback {
    pub(crate) reason: String,
    pub(crate) started_at: Timestamp,
    /// Index into the service's rollouts; none when there was nothing to go back to.
    pub(crate) rollout: Option<usize>,
    /// Failed tasks in a row since then.
    pub(crate) failures: usize,
}

/// What ends a deployment that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// Too many failed tasks.
    Breaker,
    /// This alarm.
    Alarm(String),
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
    RollbackFailed,
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
            Self::RollbackFailed => "ROLLBACK_FAILED",
        }
    }

    /// Whether nothing will happen to it any more.
    pub(crate) fn ended(self) -> bool {
        matches!(self, Self::Successful | Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed)
    }
}

impl Rollout {
    /// A rollout that has only just become the primary one.
    pub(crate) fn new(id: String, revision: usize, now: Timestamp) -> Self {
        Self {
            reason: format!("ECS deployment {id} in progress."),
            id,
            revision,
            status: RolloutStatus::Primary,
            state: RolloutState::InProgress,
            failed_tasks: 0,
            proven: false,
            attempts: 0,
            unstarted: 0,
            created_at: now,
            updated_at: now,
        }
    }
}

impl ServiceDeployment {
    /// A deployment of a service's newest revision with its present configuration, PENDING.
    pub(crate) fn new(id: String, service: &Service, now: Timestamp) -> Self {
        let configuration = service.settings.get("deploymentConfiguration").cloned();
        let configuration = configuration.unwrap_or_else(|| json!({}));
        Self {
            id,
            rollout: 0,
            target: 0,
            sources: Vec::new(),
            status: DeploymentStatus::Pending,
            reason: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: now,
            rollback: None,
            threshold: Breaker::of(&configuration).threshold(service.desired),
            configuration,
            failures: 0,
            trigger: None,
            alarms: Vec::new(),
            baked_at: None,
            due: None,
        }
    }

    /// Watches the configured alarms, unless one of them is in ALARM already: then AWS watches none.
    pub(crate) fn watch_alarms(&mut self, ringing: &BTreeSet<String>) {
        let alarms = &self.configuration["alarms"];
        let names: Vec<String> = texts(alarms, "alarmNames").into_iter().map(str::to_owned).collect();
        if alarms["enable"] == true && !names.iter().any(|name| ringing.contains(name)) {
            self.alarms = names;
        }
    }

    pub(crate) fn end(&mut self, status: DeploymentStatus, now: Timestamp) {
        self.status = status;
        self.finished_at = Some(now);
        self.updated_at = now;
        self.due = None;
    }

    pub(crate) fn successful_end(&self) -> DeploymentStatus {
        if self.rollback.is_some() {
            DeploymentStatus::RollbackSuccessful
        } else {
            DeploymentStatus::Successful
        }
    }
}
