//! One-off tasks in a plan: backups, migrations and checks, each on the task definition of a service.

use super::{Builder, PlanError};
use crate::names::{ComponentName, ContainerName, RepositoryName};
use crate::pipeline::{TaskImage, TaskSpec};
use crate::plan::{PlannedTask, Refusal, TaskPurpose};
use crate::task_definition::TaskDefinition;

impl Builder<'_> {
    /// `None`: refused, with the reasons noted.
    pub(super) fn plan_task(
        &mut self,
        spec: &TaskSpec,
        purpose: TaskPurpose,
        component: Option<&ComponentName>,
    ) -> Result<Option<PlannedTask>, PlanError> {
        let Some(base) = self.observed.get(&spec.service).and_then(|seen| seen.base.as_ref()) else {
            // The service itself is refused already, if it belongs to a component; a task's never goes unsaid.
            self.refusals
                .push(Refusal::TaskService { task: spec.name.clone(), service: spec.service.clone() });
            return Ok(None);
        };
        let (repository, digest) = match &spec.image {
            TaskImage::Component(name) => {
                let released = self.released(name)?;
                (released.repository.clone(), released.digest.clone())
            }
            TaskImage::Fixed { repository, digest } => (repository.clone(), digest.clone()),
        };
        let Some((container, containers)) = self.task_containers(spec, &repository, base)? else {
            self.refusals.push(no_task_container(spec, base));
            return Ok(None);
        };
        self.refuse_unknown(&spec.service, base);
        Ok(Some(PlannedTask {
            name: spec.name.clone(),
            purpose,
            component: component.cloned(),
            service: spec.service.clone(),
            base: base.arn.clone(),
            containers,
            container,
            repository,
            digest,
            command: spec.command.clone(),
            timeout: spec.timeout,
            breaking: spec.breaking,
        }))
    }

    /// The container that gets the command, and those whose image is replaced: all of the component's when the image is
    /// the component's own, else only the one that runs the command.
    fn task_containers(
        &self,
        spec: &TaskSpec,
        repository: &RepositoryName,
        base: &TaskDefinition,
    ) -> Result<Option<(ContainerName, Vec<ContainerName>)>, PlanError> {
        let owner =
            self.pipeline.components.iter().find(|one| one.services().any(|name| *name == spec.service));
        let (own, is_own) = match owner {
            Some(owner) => {
                let released = self.released(&owner.name)?;
                (self.containers(owner, &released.repository, base), released.repository == *repository)
            }
            None => (Vec::new(), false),
        };
        let Some(container) = spec.container.clone().or_else(|| own.first().cloned()) else {
            return Ok(None);
        };
        if base.body.image(&container).is_none() {
            return Ok(None);
        }
        let containers = if is_own && own.contains(&container) { own } else { vec![container.clone()] };
        Ok(Some((container, containers)))
    }
}

fn no_task_container(spec: &TaskSpec, base: &TaskDefinition) -> Refusal {
    Refusal::TaskContainer {
        task: spec.name.clone(),
        container: spec.container.clone(),
        task_definition: base.arn.clone(),
        there: base.body.images().into_iter().map(|(name, _)| name).collect(),
    }
}

/// Where the family of a task's own task definition is not the service's: its image is not one that the service may
/// run, and a family's newest revision may be somebody's base.
pub fn task_family(base: &TaskDefinition, task: &PlannedTask, registry: &str) -> String {
    let own = base.body.containers_using(registry, &task.repository);
    let family = base.body.family();
    if own.is_empty() { format!("{family}-{}", task.name) } else { family.to_owned() }
}
