//! The plan that puts a stage back: services that a failed plan changed, or those that a person names, in reverse order
//! of waves. It has waves and nothing else: no migration, no backup, no approval, no checks.

use std::collections::BTreeMap;

use super::build::{ObservedService, ObservedStage, PlanError, digest_of};
use super::{
    Change, Plan, PlanKind, PlanStep, PlanTerms, PlannedService, Refusal, ServiceObservation, TaskPurpose,
};
use crate::ecs::Controller;
use crate::names::{
    ComponentName, ContainerName, Digest, ReleaseId, ServiceName, StepName, TaskDefinitionArn,
};
use crate::pipeline::{Component, Pipeline, Stage};
use crate::task_definition::{TaskDefinition, image_by_digest};
use crate::verified::Target;

/// Services of one component that were deployed side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedWave {
    /// The component.
    pub component: ComponentName,
    /// Its services in this wave.
    pub services: Vec<ServiceName>,
}

/// What is put back, and what each service goes back to.
#[derive(Debug, Clone, Copy)]
pub struct Rollback<'a> {
    /// The configuration.
    pub pipeline: &'a Pipeline,
    /// The stage.
    pub stage: &'a Stage,
    /// The release that is undone, or that a person asked to undo another with.
    pub release: &'a ReleaseId,
    /// What was changed, in the order it was deployed.
    pub changed: &'a [ChangedWave],
    /// What to go back to. A service without a target stands in the way.
    pub targets: &'a BTreeMap<ServiceName, Target>,
    /// The targets' task definitions, as far as they can be read.
    pub definitions: &'a BTreeMap<TaskDefinitionArn, TaskDefinition>,
}

/// The waves that a plan had begun when it failed at a step. `None`: nobody knows how far it came, so all of them.
pub fn begun_waves(terms: &PlanTerms, failed_step: Option<u32>) -> Vec<ChangedWave> {
    begun(terms, failed_step)
        .filter_map(|step| match step {
            PlanStep::Wave { component, services } => {
                Some(ChangedWave { component: component.clone(), services: services.clone() })
            }
            PlanStep::Task(_) | PlanStep::Checks { .. } => None,
        })
        .collect()
}

/// The waves without the services that a plan never came to.
///
/// Those still run what they ran when it was made, and no deployment has begun since. What nobody verified may run there, and is not this release's to replace.
pub fn reached(failed: &Plan, observed: &ObservedStage, begun: Vec<ChangedWave>) -> Vec<ChangedWave> {
    let untouched = |name: &ServiceName| {
        let seen = observed.services.iter().find(|seen| seen.service.name == *name);
        let known = failed.observations.iter().find(|known| known.service == *name);
        let (Some(seen), Some(planned), Some(known)) = (seen, failed.terms.service(name), known) else {
            return false;
        };
        seen.service.task_definition.as_ref() == Some(&planned.running)
            && seen.deployments.iter().all(|deployment| known.known_deployments.contains(&deployment.arn))
    };
    begun
        .into_iter()
        .map(|wave| {
            let services = wave.services.into_iter().filter(|name| !untouched(name)).collect();
            ChangedWave { services, ..wave }
        })
        .collect()
}

/// The first migration declared breaking that a plan had begun when it failed: the old version cannot run any more.
pub fn broke(terms: &PlanTerms, failed_step: Option<u32>) -> Option<&StepName> {
    begun(terms, failed_step).find_map(|step| match step {
        PlanStep::Task(task) if task.purpose == TaskPurpose::Migration && task.breaking => Some(&task.name),
        PlanStep::Task(_) | PlanStep::Wave { .. } | PlanStep::Checks { .. } => None,
    })
}

fn begun(terms: &PlanTerms, failed_step: Option<u32>) -> impl Iterator<Item = &PlanStep> {
    let count = failed_step.and_then(|step| usize::try_from(step).ok()).map_or(usize::MAX, |step| step + 1);
    terms.steps.iter().take(count)
}

/// All waves of components, in the order they are deployed.
pub fn waves_of(pipeline: &Pipeline, components: &[ComponentName]) -> Vec<ChangedWave> {
    let wanted = pipeline.components.iter().filter(|component| components.contains(&component.name));
    wanted
        .flat_map(|component| {
            component
                .waves
                .iter()
                .map(|wave| ChangedWave { component: component.name.clone(), services: wave.clone() })
        })
        .collect()
}

/// Makes the plan. Deployments under way are no obstacle: they may be what is to be undone.
pub fn rollback(wanted: &Rollback<'_>, observed: &ObservedStage) -> Result<Plan, PlanError> {
    let mut services = Vec::new();
    let mut observations = Vec::new();
    let mut refusals = Vec::new();
    for wave in wanted.changed {
        let component = wanted.pipeline.component(&wave.component);
        let component = component.ok_or_else(|| PlanError::Incomplete(wave.component.clone()))?;
        for name in &wave.services {
            let seen = observed.services.iter().find(|seen| seen.service.name == *name);
            match back(wanted, component, name, seen) {
                Ok((planned, observation)) => {
                    services.push(planned);
                    observations.push(observation);
                }
                Err(refusal) => refusals.push(refusal),
            }
        }
    }
    if !refusals.is_empty() {
        return Err(PlanError::Unsupported(refusals));
    }
    let stage = wanted.stage;
    let terms = PlanTerms {
        kind: PlanKind::Rollback,
        release: wanted.release.clone(),
        stage: stage.name.clone(),
        config: wanted.pipeline.hash.clone(),
        region: stage.region.clone(),
        cluster: stage.cluster.clone(),
        registry: stage.registry(),
        deploy_role: stage.deploy_role.clone(),
        observe_role: stage.observe_role.clone(),
        wave_timeout: stage.wave_timeout,
        soak: stage.soak,
        private_hosts: Vec::new(),
        steps: steps(wanted.changed, &services),
        services,
    };
    Ok(Plan { terms, observed_at: observed.at, observations })
}

/// Last deployed, first undone.
fn steps(changed: &[ChangedWave], services: &[PlannedService]) -> Vec<PlanStep> {
    let goes_back = |name: &ServiceName| {
        services.iter().any(|planned| planned.service == *name && planned.change == Change::Deploy)
    };
    changed
        .iter()
        .rev()
        .filter_map(|wave| {
            let services: Vec<ServiceName> =
                wave.services.iter().filter(|name| goes_back(name)).cloned().collect();
            (!services.is_empty()).then(|| PlanStep::Wave { component: wave.component.clone(), services })
        })
        .collect()
}

fn back(
    wanted: &Rollback<'_>,
    component: &Component,
    name: &ServiceName,
    seen: Option<&ObservedService>,
) -> Result<(PlannedService, ServiceObservation), Refusal> {
    let seen = seen
        .ok_or_else(|| Refusal::Missing { service: name.clone(), cluster: wanted.stage.cluster.clone() })?;
    if seen.service.status != "ACTIVE" {
        return Err(Refusal::Inactive { service: name.clone(), status: seen.service.status.clone() });
    }
    if let Controller::Other(controller) = &seen.service.controller {
        return Err(Refusal::Controller { service: name.clone(), controller: controller.clone() });
    }
    let running = seen.service.task_definition.as_ref();
    let running = running.ok_or_else(|| Refusal::NoTaskDefinition { service: name.clone() })?;
    let target = wanted.targets.get(name).ok_or_else(|| Refusal::NoTarget { service: name.clone() })?;
    let base = wanted.definitions.get(&target.task_definition).ok_or_else(|| Refusal::TargetGone {
        service: name.clone(),
        task_definition: target.task_definition.clone(),
    })?;
    let registry = wanted.stage.registry();
    let containers = if component.containers.is_empty() {
        base.body.containers_using(&registry, &component.repository)
    } else {
        let there = |name: &&ContainerName| base.body.image(name).is_some();
        component.containers.iter().filter(there).cloned().collect()
    };
    if containers.is_empty() {
        return Err(Refusal::NoContainer {
            service: name.clone(),
            repository: component.repository.clone(),
            named: component.containers.clone(),
            images: base.body.images().into_iter().map(|(_, image)| image.to_owned()).collect(),
        });
    }
    let image = image_by_digest(&registry, &component.repository, &target.digest);
    let as_it_is = containers.iter().all(|name| base.body.image(name) == Some(image.as_str()));
    if !as_it_is && !base.unknown.is_empty() {
        return Err(Refusal::UnknownFields {
            service: name.clone(),
            task_definition: base.arn.clone(),
            fields: base.unknown.clone(),
        });
    }
    let is_back =
        *running == target.task_definition && settled(seen) && runs(seen, &containers, &target.digest);
    let planned = PlannedService {
        component: component.name.clone(),
        service: name.clone(),
        change: if is_back { Change::NoChange } else { Change::Deploy },
        running: running.clone(),
        running_digest: super::build::running_digest(seen, &containers),
        base: base.arn.clone(),
        containers,
        repository: component.repository.clone(),
        digest: target.digest.clone(),
    };
    let observation = ServiceObservation {
        service: name.clone(),
        desired_count: seen.service.desired_count,
        known_deployments: seen.deployments.iter().map(|deployment| deployment.arn.clone()).collect(),
        running_commit: None,
    };
    Ok((planned, observation))
}

/// Nothing is under way, and something runs.
fn settled(seen: &ObservedService) -> bool {
    let over = seen.deployments.iter().all(|deployment| deployment.status.is_over());
    let word = seen.service.rollout_state.as_deref();
    over && seen.service.running_count > 0 && !matches!(word, Some("IN_PROGRESS" | "FAILED"))
}

/// The containers run that digest and no other.
fn runs(seen: &ObservedService, containers: &[ContainerName], digest: &Digest) -> bool {
    containers.iter().all(|container| {
        let mut images = seen.images.iter().filter(|image| image.container == *container).peekable();
        images.peek().is_some() && images.all(|image| digest_of(image).as_ref() == Some(digest))
    })
}

#[cfg(test)]
mod tests;
