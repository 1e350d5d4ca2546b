//! Makes a plan from configuration, release and what was observed. Everything that stands in the way is said at once.

mod tasks;

use std::collections::BTreeMap;

use super::{
    Change, Plan, PlanKind, PlanStep, PlanTerms, PlannedService, PlannedTask, Refusal, ServiceObservation,
    TaskPurpose,
};
use crate::ecs::{ContainerImage, Controller, DeploymentSummary, Service};
use crate::names::{ComponentName, ContainerName, Digest, RepositoryName, ServiceName, StepName};
use crate::pipeline::{Check, CheckKind, Component, Pipeline, Stage};
use crate::release::{Release, ReleasedComponent};
use crate::task_definition::{TaskDefinition, image_by_digest};
use jiff::Timestamp;

pub use tasks::task_family;

/// What a stage looked like.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedStage {
    /// When, in world time.
    pub at: Timestamp,
    /// Was it looked at under its lock? Before that a deployment under way may be that of the release that has the
    /// lock: people are asked all the same, and the plan is made again once that release is done.
    pub under_lock: bool,
    /// The services that are there.
    pub services: Vec<ObservedService>,
}

/// What a service looked like.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedService {
    /// The service.
    pub service: Service,
    /// The task definition it is to run.
    pub running: Option<TaskDefinition>,
    /// What a new task definition is made from.
    pub base: Option<TaskDefinition>,
    /// The images that really run, of all revisions that have tasks.
    pub images: Vec<ContainerImage>,
    /// Its service deployments, newest first.
    pub deployments: Vec<DeploymentSummary>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Services are not such that they can be deployed. Nothing was changed.
    #[error("the stage cannot be deployed to: {}", sentences(.0))]
    Unsupported(Vec<Refusal>),
    /// The release holds nothing for a component: it was claimed with another configuration.
    #[error("the release holds no image for component {0}; start it again with the present configuration")]
    Incomplete(ComponentName),
}

fn sentences(refusals: &[Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Makes the plan of a release for a stage.
pub fn build(
    pipeline: &Pipeline,
    stage: &Stage,
    release: &Release,
    observed: &ObservedStage,
) -> Result<Plan, PlanError> {
    let mut builder = Builder {
        pipeline,
        stage,
        release,
        registry: stage.registry(),
        under_lock: observed.under_lock,
        observed: observed.services.iter().map(|seen| (&seen.service.name, seen)).collect(),
        refusals: Vec::new(),
        services: Vec::new(),
        observations: Vec::new(),
    };
    for component in &pipeline.components {
        builder.plan_services(component)?;
    }
    let steps = builder.plan_steps()?;
    if !builder.refusals.is_empty() {
        return Err(PlanError::Unsupported(builder.refusals));
    }
    let terms = PlanTerms {
        kind: PlanKind::Release,
        release: release.id.clone(),
        stage: stage.name.clone(),
        config: pipeline.hash.clone(),
        region: stage.region.clone(),
        cluster: stage.cluster.clone(),
        registry: builder.registry,
        deploy_role: stage.deploy_role.clone(),
        observe_role: stage.observe_role.clone(),
        wave_timeout: stage.wave_timeout,
        soak: stage.soak,
        private_hosts: stage.private_hosts.clone(),
        services: builder.services,
        steps,
    };
    Ok(Plan { terms, observed_at: observed.at, observations: builder.observations })
}

struct Builder<'a> {
    pipeline: &'a Pipeline,
    stage: &'a Stage,
    release: &'a Release,
    registry: String,
    under_lock: bool,
    observed: BTreeMap<&'a ServiceName, &'a ObservedService>,
    refusals: Vec<Refusal>,
    services: Vec<PlannedService>,
    observations: Vec<ServiceObservation>,
}

impl<'a> Builder<'a> {
    fn released(&self, component: &ComponentName) -> Result<&'a ReleasedComponent, PlanError> {
        self.release.components.get(component).ok_or_else(|| PlanError::Incomplete(component.clone()))
    }

    fn plan_services(&mut self, component: &Component) -> Result<(), PlanError> {
        let released = self.released(&component.name)?;
        for name in component.services() {
            if let Some((planned, observation)) = self.plan_service(component, released, name) {
                self.services.push(planned);
                self.observations.push(observation);
            }
        }
        Ok(())
    }

    /// `None`: refused, with the reasons noted.
    fn plan_service(
        &mut self,
        component: &Component,
        released: &ReleasedComponent,
        name: &ServiceName,
    ) -> Option<(PlannedService, ServiceObservation)> {
        let before = self.refusals.len();
        let Some(seen) = self.observed.get(name).copied() else {
            self.refusals
                .push(Refusal::Missing { service: name.clone(), cluster: self.stage.cluster.clone() });
            return None;
        };
        self.refusals.extend(unready(seen));
        if self.under_lock {
            self.refusals.extend(busy(seen));
        }
        let (Some(running), Some(base)) = (&seen.running, &seen.base) else {
            if before == self.refusals.len() {
                self.refusals.push(Refusal::NoTaskDefinition { service: name.clone() });
            }
            return None;
        };
        let containers = self.containers(component, &released.repository, base);
        if containers.is_empty() {
            self.refusals.push(Refusal::NoContainer {
                service: name.clone(),
                repository: released.repository.clone(),
                named: component.containers.clone(),
                images: base.body.images().into_iter().map(|(_, image)| image.to_owned()).collect(),
            });
            return None;
        }
        let change = self.change(seen, running, &containers, released);
        if change == Change::Deploy {
            self.refuse_unknown(name, base);
        }
        let planned = PlannedService {
            component: component.name.clone(),
            service: name.clone(),
            change,
            running: running.arn.clone(),
            running_digest: running_digest(seen, &containers),
            base: base.arn.clone(),
            containers,
            repository: released.repository.clone(),
            digest: released.digest.clone(),
        };
        let observation = ServiceObservation {
            service: name.clone(),
            desired_count: seen.service.desired_count,
            known_deployments: seen.deployments.iter().map(|deployment| deployment.arn.clone()).collect(),
            running_commit: None,
        };
        (before == self.refusals.len()).then_some((planned, observation))
    }

    /// The containers whose image is replaced: those that are named and there, or those that use the repository.
    fn containers(
        &self,
        component: &Component,
        repository: &RepositoryName,
        base: &TaskDefinition,
    ) -> Vec<ContainerName> {
        if component.containers.is_empty() {
            return base.body.containers_using(&self.registry, repository);
        }
        let there = |name: &&ContainerName| base.body.image(name).is_some();
        component.containers.iter().filter(there).cloned().collect()
    }

    /// A service stays as it is when its tasks run the digest and nothing else, and its task definition names it. Where the
    /// release brings nothing new, a reference by tag will do: restarting what nobody touched would surprise.
    fn change(
        &self,
        seen: &ObservedService,
        running: &TaskDefinition,
        containers: &[ContainerName],
        released: &ReleasedComponent,
    ) -> Change {
        let wanted = image_by_digest(&self.registry, &released.repository, &released.digest);
        let named = containers.iter().all(|container| running.body.image(container) == Some(wanted.as_str()));
        let runs = containers.iter().all(|container| {
            let mut images = seen.images.iter().filter(|image| image.container == *container).peekable();
            images.peek().is_some() && images.all(|image| digest_of(image).as_ref() == Some(&released.digest))
        });
        let settled =
            seen.service.rollout_state.as_deref() != Some("FAILED") && seen.service.running_count > 0;
        if (named || !released.source.is_new()) && runs && settled {
            Change::NoChange
        } else {
            Change::Deploy
        }
    }

    fn refuse_unknown(&mut self, service: &ServiceName, base: &TaskDefinition) {
        if !base.unknown.is_empty() {
            let refusal = Refusal::UnknownFields {
                service: service.clone(),
                task_definition: base.arn.clone(),
                fields: base.unknown.clone(),
            };
            if !self.refusals.contains(&refusal) {
                self.refusals.push(refusal);
            }
        }
    }

    fn plan_steps(&mut self) -> Result<Vec<PlanStep>, PlanError> {
        let pipeline = self.pipeline;
        let mut steps = Vec::new();
        for component in &pipeline.components {
            let deploys: Vec<ServiceName> = self
                .services
                .iter()
                .filter(|planned| planned.component == component.name && planned.change == Change::Deploy)
                .map(|planned| planned.service.clone())
                .collect();
            let name = Some(&component.name);
            if deploys.is_empty() {
                // What is new may run already, left by a release that never passed: it still has to pass.
                if self.released(&component.name)?.source.is_new() {
                    self.plan_checks(name, &mut steps)?;
                }
                continue;
            }
            for (spec, purpose) in
                [(&component.backup, TaskPurpose::Backup), (&component.migration, TaskPurpose::Migration)]
            {
                if let Some(spec) = spec {
                    steps.extend(self.plan_task(spec, purpose, name)?.map(PlanStep::Task));
                }
            }
            for wave in &component.waves {
                let services: Vec<_> =
                    wave.iter().filter(|service| deploys.contains(service)).cloned().collect();
                if !services.is_empty() {
                    steps.push(PlanStep::Wave { component: component.name.clone(), services });
                }
            }
            self.plan_checks(name, &mut steps)?;
        }
        self.plan_checks(None, &mut steps)?;
        Ok(steps)
    }

    /// HTTP checks first, in one step: they are quick and say more about what is wrong.
    fn plan_checks(
        &mut self,
        after: Option<&ComponentName>,
        steps: &mut Vec<PlanStep>,
    ) -> Result<(), PlanError> {
        let stage = self.stage;
        let mut http: Vec<Check> = Vec::new();
        let mut tasks = Vec::new();
        for check in stage.checks.iter().filter(|check| check.after.as_ref() == after) {
            match &check.kind {
                CheckKind::Http(_) => http.push(check.clone()),
                CheckKind::Task(spec) => {
                    let planned = self.plan_task(spec, TaskPurpose::Check, after)?;
                    tasks.extend(
                        planned.map(|task| PlanStep::Task(PlannedTask { name: check.name.clone(), ..task })),
                    );
                }
            }
        }
        if !http.is_empty() {
            steps.push(PlanStep::Checks { after: after.cloned(), checks: http });
        }
        steps.extend(tasks);
        Ok(())
    }
}

/// Why a service cannot be deployed to, whatever it is to run.
fn unready(seen: &ObservedService) -> Vec<Refusal> {
    let service = &seen.service;
    let name = service.name.clone();
    let mut refusals = Vec::new();
    if service.status != "ACTIVE" {
        refusals.push(Refusal::Inactive { service: name, status: service.status.clone() });
        return refusals;
    }
    if let Controller::Other(controller) = &service.controller {
        refusals.push(Refusal::Controller { service: name, controller: controller.clone() });
        return refusals;
    }
    if service.desired_count == 0 {
        refusals.push(Refusal::NoTasksWanted { service: name });
    }
    refusals
}

/// A deployment of somebody else's that is under way, if the service can be deployed to otherwise.
fn busy(seen: &ObservedService) -> Option<Refusal> {
    let Service { name, status, controller, rollout_state, .. } = &seen.service;
    if status != "ACTIVE" || matches!(controller, Controller::Other(_)) {
        return None;
    }
    let under_way = seen.deployments.iter().find(|deployment| !deployment.status.is_over());
    let status = match under_way {
        Some(deployment) => deployment.status.as_str(),
        None if rollout_state.as_deref() == Some("IN_PROGRESS") => "IN_PROGRESS",
        None => return None,
    };
    let deployment = under_way.map(|deployment| deployment.arn.clone());
    Some(Refusal::Busy { service: name.clone(), deployment, status: status.to_owned() })
}

/// The digest a container runs: the one its image is pinned to, else the one ECS resolved.
pub(super) fn digest_of(image: &ContainerImage) -> Option<Digest> {
    let pinned = image.image.rsplit_once('@').and_then(|(_, digest)| Digest::new(digest).ok());
    pinned.or_else(|| image.digest.clone())
}

/// The one digest that the replaced containers run. `None` when ECS does not tell, or tells of several.
pub(super) fn running_digest(seen: &ObservedService, containers: &[ContainerName]) -> Option<Digest> {
    let mut digests = seen.images.iter().filter(|image| containers.contains(&image.container)).map(digest_of);
    let first = digests.next()??;
    digests.all(|digest| digest.as_ref() == Some(&first)).then_some(first)
}

/// Names of a step, for people.
impl PlanStep {
    /// What it does, in a few words.
    pub fn label(&self) -> String {
        match self {
            Self::Task(task) => match (&task.component, task.purpose) {
                (Some(component), TaskPurpose::Backup) => format!("{component}: backup {}", task.name),
                (Some(component), TaskPurpose::Migration) => format!("{component}: migration {}", task.name),
                (Some(component), TaskPurpose::Check) => format!("{component}: check {}", task.name),
                (None, _) => format!("check {}", task.name),
            },
            Self::Wave { component, services } => format!("{component}: {}", joined(services)),
            Self::Checks { after, checks } => {
                let names: Vec<&StepName> = checks.iter().map(|check| &check.name).collect();
                match after {
                    Some(component) => format!("{component}: check {}", joined(&names)),
                    None => format!("check {}", joined(&names)),
                }
            }
        }
    }
}

pub(super) fn joined<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
