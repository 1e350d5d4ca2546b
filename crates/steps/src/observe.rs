//! Looks at the services of a stage: what they are to run, what they really run, and what was deployed to them.

use futures::future::{try_join, try_join_all};
use gantry_domain::ecs::{ContainerImage, Service};
use gantry_domain::names::{Digest, ServiceName};
use gantry_domain::pipeline::{Pipeline, TaskDefinitionBase};
use gantry_domain::plan::ObservedService;
use gantry_domain::task_definition::TaskDefinition;

use crate::ports::{ObserveStage, PortError, StageScope, TaskState};

/// Looks at every service of a pipeline. Services that are not there are absent.
pub async fn observe_pipeline(
    stage: &dyn ObserveStage,
    scope: &StageScope,
    pipeline: &Pipeline,
) -> Result<Vec<ObservedService>, PortError> {
    let wanted: Vec<(&ServiceName, TaskDefinitionBase)> = pipeline
        .components
        .iter()
        .flat_map(|component| component.services().map(|service| (service, component.base)))
        .collect();
    let names: Vec<ServiceName> = wanted.iter().map(|(name, _)| (*name).clone()).collect();
    let services = stage.services(scope, &names).await?;
    try_join_all(services.into_iter().map(|service| {
        let base = wanted.iter().find(|(name, _)| **name == service.name).map(|(_, base)| *base);
        observe_service(stage, scope, service, base.unwrap_or(TaskDefinitionBase::Service))
    }))
    .await
}

async fn observe_service(
    stage: &dyn ObserveStage,
    scope: &StageScope,
    service: Service,
    base: TaskDefinitionBase,
) -> Result<ObservedService, PortError> {
    let definitions = task_definitions(stage, scope, &service, base);
    let deployments = stage.deployments_of(scope, &service.name);
    let images = running_images(stage, scope, &service);
    let ((running, base), (deployments, images)) =
        try_join(definitions, try_join(deployments, images)).await?;
    Ok(ObservedService { service, running, base, images, deployments })
}

async fn task_definitions(
    stage: &dyn ObserveStage,
    scope: &StageScope,
    service: &Service,
    base: TaskDefinitionBase,
) -> Result<(Option<TaskDefinition>, Option<TaskDefinition>), PortError> {
    let Some(arn) = &service.task_definition else {
        return Ok((None, None));
    };
    let running = stage.task_definition(scope, arn).await?;
    let base = match (base, &running) {
        (TaskDefinitionBase::Service, _) | (TaskDefinitionBase::FamilyLatest, None) => running.clone(),
        (TaskDefinitionBase::FamilyLatest, Some(running)) => {
            stage.latest_task_definition(scope, running.body.family()).await?
        }
    };
    Ok((running, base))
}

/// The images that a service really runs, of every revision that has tasks. Empty when ECS does not tell.
pub async fn running_images(
    stage: &dyn ObserveStage,
    scope: &StageScope,
    service: &Service,
) -> Result<Vec<ContainerImage>, PortError> {
    let mut images = Vec::new();
    if !service.revisions.is_empty() {
        let revisions = stage.revisions(scope, &service.revisions).await?;
        images.extend(revisions.into_iter().flat_map(|revision| revision.images));
    }
    // Services from before October 2024 have no revisions, and a digest is not always told with them.
    if images.is_empty() || images.iter().any(|image| image.digest.is_none() && !image.image.contains('@')) {
        let tasks = stage.tasks_of(scope, &service.name, TaskState::Running).await?;
        let seen: Vec<ContainerImage> = tasks
            .into_iter()
            .filter(|task| task.is_running())
            .flat_map(|task| task.containers)
            .map(|one| ContainerImage { container: one.name, image: one.image, digest: one.digest })
            .collect();
        if !seen.is_empty() {
            images = seen;
        }
    }
    let mut distinct: Vec<ContainerImage> = Vec::new();
    for image in images {
        if !distinct.contains(&image) {
            distinct.push(image);
        }
    }
    Ok(distinct)
}

/// The digest that an image is pinned to, else the one ECS resolved.
pub fn digest_of(image: &ContainerImage) -> Option<Digest> {
    let pinned = image.image.rsplit_once('@').and_then(|(_, digest)| Digest::new(digest).ok());
    pinned.or_else(|| image.digest.clone())
}
