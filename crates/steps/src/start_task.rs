//! State `StartTask`: starts a backup, a migration or a check in the stage's cluster, once.

use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, StageName, TaskArn};
use gantry_domain::plan::{PlanStep, PlanTerms, PlannedTask};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ports::store::{Locks, Plans};
use crate::ports::{Clock, DeployStage, ObserveStage, StageScope, TaskRequest, TaskStart};
use crate::rollout::{Derivation, Fence, RolloutError, StepAddress};

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartTaskInput {
    /// The rollout machine's execution.
    pub execution: ExecutionArn,
    /// The release machine's execution, which has the lock.
    pub release_execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
    /// The plan.
    pub plan_hash: PlanHash,
    /// The plan's step, a task.
    pub step: usize,
    /// How often the state was tried before: then the task may run already.
    pub attempt: u32,
}

/// What the state gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartTaskOutput {
    /// The task.
    pub task_arn: TaskArn,
    /// When it was started, in world time.
    pub started_at: Timestamp,
}

/// Why a task was not started.
pub type StartTaskError = RolloutError;

/// Starts a task.
pub struct StartTask<'a> {
    /// The plan.
    pub plans: &'a dyn Plans,
    /// Who may write to the stage; where the task is noted.
    pub locks: &'a dyn Locks,
    /// Reads back what was done before.
    pub observe: &'a dyn ObserveStage,
    /// Changes the stage.
    pub deploy: &'a dyn DeployStage,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl StartTask<'_> {
    /// Starts the task, or finds it: the same request has the same token, and ECS answers with the same task.
    pub async fn run(&self, input: StartTaskInput) -> Result<StartTaskOutput, RolloutError> {
        let address = StepAddress {
            release: &input.release,
            stage: &input.stage,
            plan: &input.plan_hash,
            step: input.step,
        };
        let (plan, task) = address.load(self.plans, "a task", planned_task).await?;
        let fence = Fence {
            locks: self.locks,
            stage: &input.stage,
            owner: &input.release_execution,
            rollout: &input.execution,
            may_turn_back: input.attempt == 0,
        };
        fence.enter(&input.plan_hash, plan.terms.kind).await?;

        let derivation = Derivation {
            observe: self.observe,
            deploy: self.deploy,
            terms: &plan.terms,
            plan: &input.plan_hash,
        };
        let (task_definition, body) = derivation.of_task(&task).await?;
        let scope = StageScope::observing_plan(&plan.terms);
        let services = self.observe.services(&scope, std::slice::from_ref(&task.service)).await?;
        let service = services.into_iter().find(|service| service.name == task.service);
        let mut placement = service.ok_or_else(|| RolloutError::ServiceGone(task.service.clone()))?.placement;
        if !body.is_awsvpc() {
            placement.network = None;
        }
        let request = TaskRequest {
            task_definition,
            placement,
            container: task.container.clone(),
            command: task.command.clone(),
            client_token: client_token(&plan.terms, &task),
            started_by: input.release.to_string(),
        };
        fence.check().await?;
        let scope = StageScope::deploying_plan(&plan.terms);
        let task_arn = match self.deploy.run_task(&scope, &request).await? {
            TaskStart::Started(arn) => arn,
            TaskStart::Failed(reason) => return Err(RolloutError::NotPlaced { task: task.name, reason }),
        };
        fence.held(self.locks.record_task(&input.stage, &input.release, &task_arn).await?)?;
        Ok(StartTaskOutput { task_arn, started_at: self.clock.now() })
    }
}

fn planned_task(step: &PlanStep) -> Option<PlannedTask> {
    match step {
        PlanStep::Task(task) => Some(task.clone()),
        PlanStep::Wave { .. } | PlanStep::Checks { .. } => None,
    }
}

/// One token for a task of a release in a stage, whatever the plan: a migration never runs twice (ECS takes 64
/// characters).
fn client_token(terms: &PlanTerms, task: &PlannedTask) -> String {
    let component = task.component.as_ref().map(AsRef::as_ref).unwrap_or_default();
    let parts = [terms.release.as_str(), terms.stage.as_str(), component, task.name.as_str()];
    hex::encode(Sha256::digest(format!("{}/{:?}", parts.join("/"), task.purpose)))
}

#[cfg(test)]
mod tests;
