//! A plan: what a release will change in one stage, service by service, against what runs there now.
//!
//! The plan is the contract between the steps: made once, stored under its hash, read by everything after it. The hash
//! covers what a person agrees to (configuration, order, running and base task definitions, target digests, tasks) and
//! not what moves by itself (counts, times, lists of known deployments). `build` makes one from observed facts.

mod build;
mod moved;
mod refusal;
mod rollback;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::names::{
    ClusterName, CommitSha, ComponentName, ConfigHash, ContainerName, Digest, NameError, PlanHash, Region,
    ReleaseId, RepositoryName, RoleArn, ServiceDeploymentArn, ServiceName, StageName, StepName,
    TaskDefinitionArn,
};
use crate::pipeline::Check;
use crate::soak::Soak;

pub use build::{ObservedService, ObservedStage, PlanError, build, task_family};
pub use moved::moved;
pub use refusal::Refusal;
pub use rollback::{ChangedWave, Rollback, begun_waves, broke, reached, rollback, waves_of};

/// What a release will change in one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The part a person agrees to.
    pub terms: PlanTerms,
    /// When the world was read. Not hashed.
    pub observed_at: Timestamp,
    /// What each service looked like then, in the order of `terms.services`. Not hashed.
    pub observations: Vec<ServiceObservation>,
}

/// What the hash covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanTerms {
    /// Whether it brings a release or puts the stage back.
    #[serde(default, skip_serializing_if = "PlanKind::is_release")]
    pub kind: PlanKind,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
    /// The configuration it was made with.
    pub config: ConfigHash,
    /// The region it changes.
    pub region: Region,
    /// The cluster it changes.
    pub cluster: ClusterName,
    /// The registry's host in this stage.
    pub registry: String,
    /// The role to change the stage with.
    pub deploy_role: RoleArn,
    /// The role to look at the stage with.
    pub observe_role: RoleArn,
    /// How long a wave may take.
    pub wave_timeout: Duration,
    /// How long its success must hold.
    #[serde(default, skip_serializing_if = "Soak::is_default")]
    pub soak: Soak,
    /// Hosts in private networks that its checks may reach.
    pub private_hosts: Vec<String>,
    /// Every service of the stage, also those that stay as they are.
    pub services: Vec<PlannedService>,
    /// What is done, in order.
    pub steps: Vec<PlanStep>,
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlanKind {
    /// It brings a release.
    #[default]
    Release,
    /// It puts services back to what was verified. A rollback is never rolled back.
    Rollback,
}

impl PlanKind {
    /// Does it bring a release? Not written then, so that plans from before there were rollbacks keep their hash.
    pub fn is_release(&self) -> bool {
        *self == Self::Release
    }
}

/// One service in a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedService {
    /// The component it belongs to.
    pub component: ComponentName,
    /// The ECS service.
    pub service: ServiceName,
    /// Whether it is deployed.
    pub change: Change,
    /// What it runs now.
    pub running: TaskDefinitionArn,
    /// The digest that runs now, where ECS tells it.
    pub running_digest: Option<Digest>,
    /// What the new task definition is made from.
    pub base: TaskDefinitionArn,
    /// The containers whose image is replaced.
    pub containers: Vec<ContainerName>,
    /// The repository of the image it is to run.
    pub repository: RepositoryName,
    /// The digest it is to run.
    pub digest: Digest,
}

/// Whether a service is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It gets a new task definition.
    Deploy,
    /// It already runs the digest, by digest.
    NoChange,
}

/// One thing that is done. Steps are carried out one after the other and known by their index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum PlanStep {
    /// Runs a task to its end.
    Task(PlannedTask),
    /// Deploys services side by side and judges them.
    Wave {
        /// The component.
        component: ComponentName,
        /// Its services in this wave; each is in `PlanTerms::services` with `Change::Deploy`.
        services: Vec<ServiceName>,
    },
    /// Asks HTTP endpoints.
    Checks {
        /// After this component; `None`: after all.
        after: Option<ComponentName>,
        /// The checks, all of kind HTTP.
        checks: Vec<Check>,
    },
}

/// A task as it will be run: on the task definition of a service, with an image and a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTask {
    /// Its name.
    pub name: StepName,
    /// What it is for.
    pub purpose: TaskPurpose,
    /// The component it belongs to; `None` for a check of the whole stage.
    pub component: Option<ComponentName>,
    /// The service whose network settings it uses.
    pub service: ServiceName,
    /// What its task definition is made from.
    pub base: TaskDefinitionArn,
    /// The containers whose image is replaced.
    pub containers: Vec<ContainerName>,
    /// The container that gets the command.
    pub container: ContainerName,
    /// The repository of its image.
    pub repository: RepositoryName,
    /// The digest of its image.
    pub digest: Digest,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// Once it has begun, what ran before cannot run any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaking: bool,
}

/// What a task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskPurpose {
    /// Before the migration.
    Backup,
    /// Before the component's first wave.
    Migration,
    /// After a component or stage.
    Check,
}

/// How a service looked when the plan was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceObservation {
    /// The ECS service.
    pub service: ServiceName,
    /// How many tasks it wants.
    pub desired_count: u32,
    /// Its service deployments so far: ours is none of these.
    pub known_deployments: Vec<ServiceDeploymentArn>,
    /// The commit that the running image was built from, where a tag of it tells. For people only.
    pub running_commit: Option<CommitSha>,
}

impl PlanStep {
    /// Does it change what the stage runs or holds? A backup or a check does not.
    pub fn writes(&self) -> bool {
        match self {
            Self::Wave { .. } => true,
            Self::Task(task) => task.purpose == TaskPurpose::Migration,
            Self::Checks { .. } => false,
        }
    }

    /// The kind, as the state machine's Choice reads it: `task`, `wave` or `checks`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Task(_) => "task",
            Self::Wave { .. } => "wave",
            Self::Checks { .. } => "checks",
        }
    }
}

impl PlanTerms {
    /// The hash a person agrees to: SHA-256 over the terms as JSON (fields in the order declared here).
    pub fn hash(&self) -> Result<PlanHash, PlanHashError> {
        let bytes = serde_json::to_vec(self)?;
        Ok(PlanHash::new(hex::encode(Sha256::digest(bytes)))?)
    }

    /// As long as carrying the plan out may take: every task and every wave with all the time it has.
    pub fn longest(&self) -> Duration {
        let each = self.steps.iter().map(|step| match step {
            PlanStep::Task(task) => task.timeout,
            PlanStep::Wave { .. } => self.wave_timeout,
            PlanStep::Checks { .. } => Duration::ZERO,
        });
        each.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The service of that name.
    pub fn service(&self, name: &ServiceName) -> Option<&PlannedService> {
        self.services.iter().find(|service| service.service == *name)
    }
}

/// Why a plan has no hash.
#[derive(Debug, thiserror::Error)]
pub enum PlanHashError {
    /// The terms could not be written as JSON.
    #[error("the plan's terms could not be serialized")]
    Serialize(#[from] serde_json::Error),
    /// The hash was malformed: a defect.
    #[error("the plan's hash is malformed")]
    Malformed(#[from] NameError),
}
