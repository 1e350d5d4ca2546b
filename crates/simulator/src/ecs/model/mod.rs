//! The world's state: clusters, task definitions, services with their revisions, deployments and tasks.
//!
//! Plain values without behaviour; `tasks` and `deployments` move them through time.

mod rollouts;
mod tasks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

pub(crate) use self::rollouts::{
    DeploymentStatus, Rollback, Rollout, RolloutState, RolloutStatus, ServiceDeployment, Trigger,
};
pub(crate) use self::tasks::{Container, Health, Owner, Step, Stop, StopCode, Task, TaskStatus, TaskTimes};
use super::arn::Place;
use super::behaviour::Labels;
use super::words::Shortage;
use crate::aws::BusEvent;
use crate::images::ImageCatalog;
use crate::logs::Logs;

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
    /// How many tasks of a definition `RunTask` has started.
    pub(crate) runs: BTreeMap<DefinitionKey, usize>,
    /// What clusters have too little of.
    pub(crate) shortages: BTreeMap<String, Shortage>,
    /// Labels that tasks of a service (or family) get on top of their image's.
    pub(crate) imposed: BTreeMap<(String, String), Labels>,
    /// Alarms in the ALARM state.
    pub(crate) alarms: BTreeSet<String>,
    /// Where containers write.
    pub(crate) logs: Arc<Logs>,
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
    /// Until then the scheduler starts nothing: too many tasks never came to run.
    pub(crate) held_until: Option<Timestamp>,
    /// The last complaint about placement, which is not repeated for six hours.
    pub(crate) complaint: Option<(String, Timestamp)>,
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
