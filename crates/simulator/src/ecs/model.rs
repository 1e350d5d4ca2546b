//! The world's state: clusters, task definitions, services with their revisions and deployments, tasks.
//!
//! Plain values without behaviour; `tasks` and `deployments` move them through time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::arn::Place;
use super::behaviour::Life;
use crate::aws::BusEvent;
use crate::images::ImageCatalog;

/// Tags of a resource.
pub(crate) type Tags = BTreeMap<String, String>;

/// Cluster and name of a service.
pub(crate) type ServiceKey = (String, String);

/// Everything there is, at one moment of world time.
pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) now: Timestamp,
    pub(crate) catalog: Arc<dyn ImageCatalog>,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    pub(crate) definitions: BTreeMap<String, Vec<TaskDefinition>>,
    pub(crate) services: BTreeMap<ServiceKey, Service>,
    /// By serial number, so in the order in which they were started.
    pub(crate) tasks: BTreeMap<u64, Task>,
    /// Answers to remember for `RunTask` calls with a client token.
    pub(crate) run_tokens: BTreeMap<(String, String), RunToken>,
    /// Events not yet handed to the bus.
    pub(crate) outbox: Vec<BusEvent>,
    /// Grows with every change that a page would show.
    pub(crate) changes: u64,
    pub(crate) serial: u64,
    /// Distinguishes the ids of one world from those of another.
    pub(crate) seed: String,
}

/// What a `RunTask` with this client token started.
pub(crate) struct RunToken {
    pub(crate) input: Value,
    pub(crate) tasks: Vec<u64>,
}

/// A cluster; what runs in it refers to it by name.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) tags: Tags,
}

/// A registered revision of a family.
#[derive(Debug, Clone)]
pub(crate) struct TaskDefinition {
    pub(crate) family: String,
    pub(crate) revision: usize,
    /// What was registered, with AWS's defaults filled in; answers are made from it.
    pub(crate) body: Map<String, Value>,
    pub(crate) containers: Vec<ContainerSpec>,
    pub(crate) tags: Tags,
    pub(crate) registered_at: Timestamp,
    pub(crate) deregistered_at: Option<Timestamp>,
}

/// What the scheduler needs to know about one container of a definition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ContainerSpec {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) essential: bool,
    pub(crate) check: Option<HealthCheck>,
}

/// The times of a container health check, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HealthCheck {
    pub(crate) interval: i64,
    pub(crate) retries: i64,
    pub(crate) start_period: i64,
}

/// Family and revision of a task definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DefinitionKey {
    pub(crate) family: String,
    pub(crate) revision: usize,
}

/// A service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) cluster: String,
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) desired: usize,
    /// `networkConfiguration`, `loadBalancers`, `deploymentConfiguration`, … as AWS answers them.
    pub(crate) settings: Map<String, Value>,
    pub(crate) tags: Tags,
    pub(crate) created_at: Timestamp,
    pub(crate) revisions: Vec<Revision>,
    pub(crate) rollouts: Vec<Rollout>,
    pub(crate) deployments: Vec<ServiceDeployment>,
    /// Index of the deployment that `currentServiceDeployment` names; lags behind `UpdateService`.
    pub(crate) current: usize,
    /// Newest first.
    pub(crate) events: VecDeque<ServiceEvent>,
    pub(crate) steady: bool,
}

/// A line of the service's event log.
#[derive(Debug, Clone)]
pub(crate) struct ServiceEvent {
    pub(crate) id: String,
    pub(crate) at: Timestamp,
    pub(crate) message: String,
}

/// A service revision: definition, settings and image digests as of one deployment.
#[derive(Debug, Clone)]
pub(crate) struct Revision {
    pub(crate) id: String,
    pub(crate) definition: DefinitionKey,
    pub(crate) settings: Map<String, Value>,
    /// Digest per container name, as far as known; from then on tasks are pulled by it.
    pub(crate) digests: BTreeMap<String, String>,
    pub(crate) created_at: Timestamp,
}

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

/// A task, running or stopped.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) cluster: String,
    pub(crate) owner: Owner,
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

impl Service {
    /// The rollout whose tasks the scheduler wants.
    pub(crate) fn primary(&self) -> Option<usize> {
        self.rollouts.iter().position(|rollout| rollout.status == RolloutStatus::Primary)
    }

    /// The definition that the primary rollout runs.
    pub(crate) fn definition(&self) -> Option<&DefinitionKey> {
        let rollout = self.rollouts.get(self.primary()?)?;
        Some(&self.revisions.get(rollout.revision)?.definition)
    }

    /// Whether load balancers send it traffic.
    pub(crate) fn balanced(&self) -> bool {
        self.settings
            .get("loadBalancers")
            .and_then(Value::as_array)
            .is_some_and(|balancers| !balancers.is_empty())
    }
}
