//! State `StartDeployments`: gives the services of one wave their new task definition. Running it twice is running it
//! once: what has been registered or asked for before is found again.

use std::collections::BTreeSet;

use gantry_domain::ecs::Service;
use gantry_domain::names::{
    ExecutionArn, PlanHash, ReleaseId, ServiceName, ServiceRevisionArn, StageName, TaskDefinitionArn,
};
use gantry_domain::plan::{Change, Plan, PlanStep, PlannedService};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::store::{Locks, Plans};
use crate::ports::{Clock, DeployStage, ObserveStage, PortError, StageScope};
use crate::rollout::{Derivation, Fence, RolloutError, StepAddress};

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartDeploymentsInput {
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
    /// The plan's step, a wave.
    pub step: usize,
}

/// What the state gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartDeploymentsOutput {
    /// When the wave began, in world time.
    pub started_at: Timestamp,
    /// What was asked for.
    pub services: Vec<StartedService>,
}

/// A service and the task definition it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartedService {
    /// The service.
    pub service: ServiceName,
    /// Its new task definition: our deployment is the one that brings it.
    pub task_definition: TaskDefinitionArn,
}

/// Why a wave was not started.
pub type StartDeploymentsError = RolloutError;

/// Starts a wave.
pub struct StartDeployments<'a> {
    /// The plan.
    pub plans: &'a dyn Plans,
    /// Who may write to the stage.
    pub locks: &'a dyn Locks,
    /// Reads back what was done before.
    pub observe: &'a dyn ObserveStage,
    /// Changes the stage.
    pub deploy: &'a dyn DeployStage,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl StartDeployments<'_> {
    /// Registers everything, then updates everything: a base that is refused stops the wave before anything changed.
    pub async fn run(&self, input: StartDeploymentsInput) -> Result<StartDeploymentsOutput, RolloutError> {
        let address = StepAddress {
            release: &input.release,
            stage: &input.stage,
            plan: &input.plan_hash,
            step: input.step,
        };
        let (plan, names) = address.load(self.plans, "a wave", wave_services).await?;
        let wave = planned(&plan, &names)?;
        let fence = Fence {
            locks: self.locks,
            stage: &input.stage,
            owner: &input.release_execution,
            rollout: &input.execution,
            may_turn_back: plan.terms.kind.is_release(),
        };
        fence.enter(&input.plan_hash, plan.terms.kind).await?;

        let derivation = Derivation {
            observe: self.observe,
            deploy: self.deploy,
            terms: &plan.terms,
            plan: &input.plan_hash,
        };
        let mut services = Vec::new();
        for planned in wave {
            let task_definition = derivation.of_service(planned).await?;
            services.push(StartedService { service: planned.service.clone(), task_definition });
        }
        self.update(&plan, &fence, &names, &services).await?;
        Ok(StartDeploymentsOutput { started_at: self.clock.now(), services })
    }

    async fn update(
        &self,
        plan: &Plan,
        fence: &Fence<'_>,
        names: &[ServiceName],
        wave: &[StartedService],
    ) -> Result<(), RolloutError> {
        let seen = self.observe.services(&StageScope::observing_plan(&plan.terms), names).await?;
        for started in wave {
            let service = seen.iter().find(|service| service.name == started.service);
            let service = service.ok_or_else(|| RolloutError::ServiceGone(started.service.clone()))?;
            if self.was_asked_before(plan, service, &started.task_definition).await? {
                continue;
            }
            fence.check().await?;
            let scope = StageScope::deploying_plan(&plan.terms);
            self.deploy.update_service(&scope, &started.service, &started.task_definition).await?;
        }
        Ok(())
    }

    /// Was the update made by an earlier run whose answer was lost? The service shows it until ECS rolls back; after
    /// that, only the list of deployments does.
    async fn was_asked_before(
        &self,
        plan: &Plan,
        service: &Service,
        wanted: &TaskDefinitionArn,
    ) -> Result<bool, PortError> {
        if service.task_definition.as_ref() == Some(wanted) {
            return Ok(true);
        }
        let scope = StageScope::observing_plan(&plan.terms);
        let known: BTreeSet<_> = plan
            .observations
            .iter()
            .filter(|observation| observation.service == service.name)
            .flat_map(|observation| &observation.known_deployments)
            .collect();
        let targets: Vec<ServiceRevisionArn> = self
            .observe
            .deployments_of(&scope, &service.name)
            .await?
            .into_iter()
            .filter(|deployment| !known.contains(&deployment.arn))
            .filter_map(|deployment| deployment.target)
            .collect();
        if targets.is_empty() {
            return Ok(false);
        }
        let revisions = self.observe.revisions(&scope, &targets).await?;
        Ok(revisions.iter().any(|revision| revision.task_definition == *wanted))
    }
}

fn wave_services(step: &PlanStep) -> Option<Vec<ServiceName>> {
    match step {
        PlanStep::Wave { services, .. } => Some(services.clone()),
        PlanStep::Task(_) | PlanStep::Checks { .. } => None,
    }
}

fn planned<'a>(plan: &'a Plan, names: &[ServiceName]) -> Result<Vec<&'a PlannedService>, RolloutError> {
    names
        .iter()
        .map(|name| {
            let planned = plan.terms.service(name).filter(|planned| planned.change == Change::Deploy);
            planned.ok_or_else(|| RolloutError::Unplanned(name.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests;
