//! A stage's ECS, as steps see it: looking and changing are two capabilities, with a role each.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gantry_domain::ecs::{Deployment, DeploymentSummary, Placement, Revision, Service, Task};
use gantry_domain::names::{
    ClusterName, ContainerName, Region, ReleaseId, RoleArn, ServiceDeploymentArn, ServiceName,
    ServiceRevisionArn, TaskArn, TaskDefinitionArn,
};
use gantry_domain::pipeline::Stage;
use gantry_domain::plan::PlanTerms;
use gantry_domain::task_definition::{TaskDefinition, TaskDefinitionBody};

use super::PortError;

/// Where a call goes and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StageScope {
    /// The role that is assumed.
    pub role: RoleArn,
    /// The stage's region.
    pub region: Region,
    /// The stage's cluster.
    pub cluster: ClusterName,
    /// The release it is done for: names the session, so that `CloudTrail` tells.
    pub release: ReleaseId,
}

impl StageScope {
    /// To look at a configured stage.
    pub fn observing(stage: &Stage, release: &ReleaseId) -> Self {
        Self {
            role: stage.observe_role.clone(),
            region: stage.region.clone(),
            cluster: stage.cluster.clone(),
            release: release.clone(),
        }
    }

    /// To look at the stage of a plan.
    pub fn observing_plan(terms: &PlanTerms) -> Self {
        Self { role: terms.observe_role.clone(), ..Self::deploying_plan(terms) }
    }

    /// To change the stage of a plan.
    pub fn deploying_plan(terms: &PlanTerms) -> Self {
        Self {
            role: terms.deploy_role.clone(),
            region: terms.region.clone(),
            cluster: terms.cluster.clone(),
            release: terms.release.clone(),
        }
    }
}

/// Which tasks of a service are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Those that are to run.
    Running,
    /// Those that stopped in the last hour or so: ECS forgets them.
    Stopped,
}

/// Looks at a stage. Answers may lag a little behind what was written.
#[async_trait]
pub trait ObserveStage: Send + Sync {
    /// The services of those names, in no order. Missing ones are absent.
    async fn services(&self, scope: &StageScope, names: &[ServiceName]) -> Result<Vec<Service>, PortError>;

    /// A revision of a task definition, with its tags. `None`: there is none.
    async fn task_definition(
        &self,
        scope: &StageScope,
        arn: &TaskDefinitionArn,
    ) -> Result<Option<TaskDefinition>, PortError>;

    /// The newest active revision of a family, with its tags.
    async fn latest_task_definition(
        &self,
        scope: &StageScope,
        family: &str,
    ) -> Result<Option<TaskDefinition>, PortError>;

    /// The newest active revisions of a family, newest first.
    async fn newest_task_definitions(
        &self,
        scope: &StageScope,
        family: &str,
        count: u8,
    ) -> Result<Vec<TaskDefinitionArn>, PortError>;

    /// The newest service deployments of a service, newest first, at most a hundred.
    async fn deployments_of(
        &self,
        scope: &StageScope,
        service: &ServiceName,
    ) -> Result<Vec<DeploymentSummary>, PortError>;

    /// Service deployments in full, in no order. Missing ones are absent.
    async fn deployments(
        &self,
        scope: &StageScope,
        arns: &[ServiceDeploymentArn],
    ) -> Result<Vec<Deployment>, PortError>;

    /// Service revisions, in no order. Missing ones are absent.
    async fn revisions(
        &self,
        scope: &StageScope,
        arns: &[ServiceRevisionArn],
    ) -> Result<Vec<Revision>, PortError>;

    /// Tasks of a service, at most a hundred.
    async fn tasks_of(
        &self,
        scope: &StageScope,
        service: &ServiceName,
        state: TaskState,
    ) -> Result<Vec<Task>, PortError>;

    /// One task. `None`: ECS does not know it (any more).
    async fn task(&self, scope: &StageScope, arn: &TaskArn) -> Result<Option<Task>, PortError>;
}

/// A one-off task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRequest {
    /// What it runs.
    pub task_definition: TaskDefinitionArn,
    /// Where it is placed.
    pub placement: Placement,
    /// The container that gets the command.
    pub container: ContainerName,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Makes the same request happen once: at most 64 characters.
    pub client_token: String,
    /// Shown as the task's starter.
    pub started_by: String,
}

/// What became of asking for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskStart {
    /// It was accepted, by this call or an earlier one with the same token.
    Started(TaskArn),
    /// ECS could not place it; nothing runs. In ECS's words.
    Failed(String),
}

/// Changes a stage. Each call is bounded in time, retries included.
#[async_trait]
pub trait DeployStage: Send + Sync {
    /// Registers a new revision of the body's family.
    async fn register_task_definition(
        &self,
        scope: &StageScope,
        body: &TaskDefinitionBody,
        tags: &BTreeMap<String, String>,
    ) -> Result<TaskDefinitionArn, PortError>;

    /// Gives a service another task definition and nothing else: no count, no forced deployment.
    async fn update_service(
        &self,
        scope: &StageScope,
        service: &ServiceName,
        task_definition: &TaskDefinitionArn,
    ) -> Result<(), PortError>;

    /// Starts a task.
    async fn run_task(&self, scope: &StageScope, request: &TaskRequest) -> Result<TaskStart, PortError>;
}
