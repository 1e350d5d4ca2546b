//! What ECS tells about services, deployments and tasks, as far as the rules look at it.
//!
//! Facts only: what they mean is decided in `plan` and `verdict`. Texts in ECS's own words are kept for people.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{
    ContainerName, Digest, ServiceDeploymentArn, ServiceName, ServiceRevisionArn, TaskArn, TaskDefinitionArn,
};

/// A service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name.
    pub name: ServiceName,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// Who carries out its deployments.
    pub controller: Controller,
    /// What it is to run: the task definition of its newest deployment.
    pub task_definition: Option<TaskDefinitionArn>,
    /// How many tasks it wants.
    pub desired_count: u32,
    /// How many tasks run, of any revision.
    pub running_count: u32,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED` for the newest deployment, where ECS tells it.
    pub rollout_state: Option<String>,
    /// The revisions that have tasks now.
    pub revisions: Vec<ServiceRevisionArn>,
    /// How its tasks are placed.
    pub placement: Placement,
    /// Its events, newest first.
    pub events: Vec<ServiceEvent>,
}

/// Who carries out a service's deployments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Controller {
    /// ECS itself.
    Ecs,
    /// `CodeDeploy`, a task set's owner, or what a later AWS invents.
    Other(String),
}

/// A line of a service's event list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceEvent {
    /// When.
    pub at: Timestamp,
    /// In ECS's words.
    pub message: String,
}

/// How and where the tasks of a service are placed; a one-off task beside it is placed alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// Subnets and security groups, for tasks in `awsvpc` mode.
    pub network: Option<Network>,
    /// `FARGATE`, `EC2` or `EXTERNAL`; absent when capacity providers are used.
    pub launch_type: Option<String>,
    /// Capacity providers; empty when a launch type is used.
    pub capacity_providers: Vec<CapacityProvider>,
    /// The version of the Fargate platform.
    pub platform_version: Option<String>,
}

/// Network settings of a task in `awsvpc` mode.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Its subnets.
    pub subnets: Vec<String>,
    /// Its security groups.
    pub security_groups: Vec<String>,
    /// `ENABLED` or `DISABLED`.
    pub assign_public_ip: Option<String>,
}

/// An entry of a capacity provider strategy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapacityProvider {
    /// Its name.
    pub name: String,
    /// Its share of the tasks.
    pub weight: i32,
    /// How many tasks it gets first.
    pub base: i32,
}

/// A service deployment as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentSummary {
    /// Its ARN.
    pub arn: ServiceDeploymentArn,
    /// How far it is.
    pub status: DeploymentStatus,
    /// The revision it brings.
    pub target: Option<ServiceRevisionArn>,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
}

/// A service deployment in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Its ARN.
    pub arn: ServiceDeploymentArn,
    /// How far it is.
    pub status: DeploymentStatus,
    /// Why, in ECS's words.
    pub status_reason: Option<String>,
    /// The revision it brings.
    pub target: Option<ServiceRevisionArn>,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// Why it is rolled back, in ECS's words.
    pub rollback_reason: Option<String>,
    /// How many tasks failed, as the circuit breaker counts.
    pub failed_tasks: u32,
    /// Alarms that went off.
    pub alarms: Vec<String>,
}

/// How far a service deployment is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeploymentStatus {
    /// Not begun.
    Pending,
    /// Under way.
    InProgress,
    /// Somebody asked ECS to stop it.
    StopRequested,
    /// Stopped, by somebody or by a deployment that replaced it.
    Stopped,
    /// A rollback was asked for.
    RollbackRequested,
    /// Going back to the revision before.
    RollbackInProgress,
    /// Back at the revision before.
    RollbackSuccessful,
    /// Neither here nor there.
    RollbackFailed,
    /// All tasks run the revision it brought.
    Successful,
    /// What a later AWS invents. Never taken for success.
    Unknown(String),
}

impl DeploymentStatus {
    /// ECS's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::StopRequested => "STOP_REQUESTED",
            Self::Stopped => "STOPPED",
            Self::RollbackRequested => "ROLLBACK_REQUESTED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
            Self::RollbackFailed => "ROLLBACK_FAILED",
            Self::Successful => "SUCCESSFUL",
            Self::Unknown(word) => word,
        }
    }

    /// Has it come to its end?
    pub fn is_over(&self) -> bool {
        match self {
            Self::Stopped | Self::RollbackSuccessful | Self::RollbackFailed | Self::Successful => true,
            Self::Pending
            | Self::InProgress
            | Self::StopRequested
            | Self::RollbackRequested
            | Self::RollbackInProgress
            | Self::Unknown(_) => false,
        }
    }
}

impl From<&str> for DeploymentStatus {
    fn from(word: &str) -> Self {
        match word {
            "PENDING" => Self::Pending,
            "IN_PROGRESS" => Self::InProgress,
            "STOP_REQUESTED" => Self::StopRequested,
            "STOPPED" => Self::Stopped,
            "ROLLBACK_REQUESTED" => Self::RollbackRequested,
            "ROLLBACK_IN_PROGRESS" => Self::RollbackInProgress,
            "ROLLBACK_SUCCESSFUL" => Self::RollbackSuccessful,
            "ROLLBACK_FAILED" => Self::RollbackFailed,
            "SUCCESSFUL" => Self::Successful,
            other => Self::Unknown(other.to_owned()),
        }
    }
}

/// A service revision: what a deployment brings, with the digests ECS resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its ARN.
    pub arn: ServiceRevisionArn,
    /// Its task definition.
    pub task_definition: TaskDefinitionArn,
    /// The image of each container.
    pub images: Vec<ContainerImage>,
}

/// The image of a container, as written and as resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerImage {
    /// The container.
    pub container: ContainerName,
    /// As the task definition names it.
    pub image: String,
    /// As ECS resolved it, where it tells.
    pub digest: Option<Digest>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its ARN.
    pub arn: TaskArn,
    /// What it runs.
    pub task_definition: TaskDefinitionArn,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, … `STOPPED`.
    pub last_status: String,
    /// What its health checks say, where it has any and they have said something.
    pub healthy: Option<bool>,
    /// When it came to run.
    pub started_at: Option<Timestamp>,
    /// ECS's class of reasons for which it stopped, such as `EssentialContainerExited`.
    pub stop_code: Option<String>,
    /// Why it stopped, in ECS's words.
    pub stopped_reason: Option<String>,
    /// When it stopped, or began to.
    pub stopped_at: Option<Timestamp>,
    /// Its containers.
    pub containers: Vec<TaskContainer>,
}

impl Task {
    /// Is it up?
    pub fn is_running(&self) -> bool {
        self.last_status == "RUNNING"
    }

    /// Has it come to its end?
    pub fn is_stopped(&self) -> bool {
        self.last_status == "STOPPED"
    }

    /// Did it stop by itself or because it was not well? Not when it was scaled in or replaced, when a person stopped it,
    /// or when AWS took its capacity away.
    pub fn crashed(&self) -> bool {
        let reason = self.stopped_reason.as_deref().unwrap_or_default();
        match self.stop_code.as_deref() {
            Some("EssentialContainerExited" | "TaskFailedToStart") => true,
            Some("UserInitiated" | "SpotInterruption" | "TerminationNotice" | "InfrastructureHealth") => {
                false
            }
            // The scheduler stops what is not needed and what fails its health checks under one code.
            Some("ServiceSchedulerInitiated") => reason.contains("health check"),
            Some(_) | None => !reason.is_empty() && !reason.starts_with("Scaling activity"),
        }
    }

    /// Why it stopped, with what its containers say. `None` when nothing is told.
    pub fn why_stopped(&self) -> Option<String> {
        let mut parts: Vec<String> = self.stopped_reason.iter().cloned().collect();
        for container in &self.containers {
            let code = container.exit_code.map(|code| format!("exit code {code}"));
            let told = [code, container.reason.clone()].into_iter().flatten().collect::<Vec<_>>().join(", ");
            if !told.is_empty() && (container.exit_code != Some(0) || container.reason.is_some()) {
                parts.push(format!("container {}: {told}", container.name));
            }
        }
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// A container of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskContainer {
    /// Its name.
    pub name: ContainerName,
    /// Its image as the task definition names it.
    pub image: String,
    /// The digest that runs: of the index or of one of its children.
    pub digest: Option<Digest>,
    /// How it ended.
    pub exit_code: Option<i32>,
    /// What ECS says about it.
    pub reason: Option<String>,
}
