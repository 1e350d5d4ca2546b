//! Tasks as values: who owns one, where it is in its life, what happens to it next.

use jiff::Timestamp;
use serde_json::Value;

use super::{ContainerSpec, DefinitionKey, Service, ServiceKey, Tags};
use crate::ecs::life::Life;

/// A task, running or stopped.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) cluster: String,
    pub(crate) owner: Owner,
    /// Counts from 1 among the tasks of its deployment, or of its definition if no service owns it.
    pub(crate) ordinal: usize,
    pub(crate) definition: DefinitionKey,
    pub(crate) status: TaskStatus,
    pub(crate) stop: Option<Stop>,
    pub(crate) health: Health,
    /// The scheduler counts it as healthy.
    pub(crate) counted: bool,
    pub(crate) agenda: Vec<(Timestamp, Step)>,
    pub(crate) times: TaskTimes,
    pub(crate) containers: Vec<Container>,
    /// Known once the images are pulled.
    pub(crate) life: Option<Life>,
    pub(crate) launch_type: String,
    pub(crate) network: Value,
    pub(crate) overrides: Value,
    pub(crate) tags: Tags,
    pub(crate) version: u64,
}

/// Who started a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A rollout (by index) of a service.
    Service { name: String, rollout: usize, rollout_id: String },
    /// A person or program, with `RunTask`.
    Caller { group: String, started_by: Option<String> },
}

/// Where a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TaskStatus {
    Provisioning,
    Pending,
    Running,
    Deactivating,
    Stopping,
    Deprovisioning,
    Stopped,
}

impl TaskStatus {
    /// AWS's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Deactivating => "DEACTIVATING",
            Self::Stopping => "STOPPING",
            Self::Deprovisioning => "DEPROVISIONING",
            Self::Stopped => "STOPPED",
        }
    }
}

/// What happens to a task next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Pull,
    Pulled,
    Start,
    PassHealth,
    FailHealth,
    FailBalancer,
    Refuse,
    Exit,
    Deregistered,
    Halted,
    Gone,
    Forget,
}

/// Why a task stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) code: StopCode,
    pub(crate) reason: String,
}

/// AWS's classes of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopCode {
    FailedToStart,
    EssentialContainerExited,
    UserInitiated,
    SchedulerInitiated,
}

impl StopCode {
    /// AWS's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::FailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::SchedulerInitiated => "ServiceSchedulerInitiated",
        }
    }
}

/// What container health checks say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    Unknown,
    Healthy,
    Unhealthy,
}

impl Health {
    /// AWS's word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Healthy => "HEALTHY",
            Self::Unhealthy => "UNHEALTHY",
        }
    }
}

/// The moments of a task's life.
#[derive(Debug, Clone)]
pub(crate) struct TaskTimes {
    pub(crate) created: Timestamp,
    pub(crate) pull_started: Option<Timestamp>,
    pub(crate) pull_stopped: Option<Timestamp>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) stopping: Option<Timestamp>,
    pub(crate) execution_stopped: Option<Timestamp>,
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) updated: Timestamp,
}

/// A container of a task.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) spec: ContainerSpec,
    /// The reference it is pulled by: the definition's, or pinned to the digest of the service revision.
    pub(crate) pull: String,
    pub(crate) digest: Option<String>,
    pub(crate) exit_code: Option<i64>,
    pub(crate) reason: Option<String>,
}

impl Task {
    /// Whether the scheduler wants it to run.
    pub(crate) fn wanted(&self) -> bool {
        self.stop.is_none()
    }

    /// Position of the first essential container: the one that answers, or the command of `RunTask`.
    pub(crate) fn main(&self) -> usize {
        self.containers.iter().position(|container| container.spec.essential).unwrap_or(0)
    }

    /// The service it belongs to, or its family.
    pub(crate) fn name(&self) -> &str {
        match &self.owner {
            Owner::Service { name, .. } => name,
            Owner::Caller { .. } => &self.definition.family,
        }
    }

    /// The service it belongs to.
    pub(crate) fn service(&self) -> Option<ServiceKey> {
        match &self.owner {
            Owner::Service { name, .. } => Some((self.cluster.clone(), name.clone())),
            Owner::Caller { .. } => None,
        }
    }

    /// Whether it is a task of this rollout of this service.
    pub(crate) fn of_rollout(&self, service: &Service, index: usize) -> bool {
        self.cluster == service.cluster
            && matches!(&self.owner, Owner::Service { name, rollout, .. } if *name == service.name && *rollout == index)
    }
}
