//! Service deployments with their failures and rollbacks, and service revisions.

use serde_json::{Value, json};

use super::{Stamp, epoch, revision_summary, without_nulls};
use crate::ecs::model::{DeploymentStatus, Service, ServiceDeployment, World};

/// A service deployment in full.
pub(crate) fn deployment(world: &World, service: &Service, deployment: &ServiceDeployment) -> Value {
    let place = &world.place;
    let (cluster, name) = (service.cluster.as_str(), service.name.as_str());
    let sources: Vec<Value> =
        deployment.sources.iter().map(|source| revision_summary(world, service, *source)).collect();
    let rollback = deployment.rollback.as_ref().map(|rollback| {
        let rollout = service.rollouts.get(rollback.rollout);
        let revision = rollout.and_then(|rollout| service.revisions.get(rollout.revision));
        json!({
            "reason": rollback.reason,
            "startedAt": Stamp::Epoch.value(rollback.started_at),
            "serviceRevisionArn": revision.map(|revision| place.revision(cluster, name, &revision.id)),
        })
    });
    without_nulls(json!({
        "serviceDeploymentArn": place.deployment(cluster, name, &deployment.id),
        "serviceArn": place.service(cluster, name),
        "clusterArn": place.cluster(cluster),
        "createdAt": Stamp::Epoch.value(deployment.created_at),
        "startedAt": epoch(deployment.started_at),
        "finishedAt": epoch(deployment.finished_at),
        "stoppedAt": epoch(deployment.stopped_at),
        "updatedAt": Stamp::Epoch.value(deployment.updated_at),
        "sourceServiceRevisions": sources,
        "targetServiceRevision": revision_summary(world, service, deployment.target),
        "status": deployment.status.word(),
        "statusReason": deployment.reason,
        "deploymentConfiguration": deployment.configuration,
        "rollback": rollback,
        "deploymentCircuitBreaker": breaker(service, deployment),
        "alarms": {"status": "DISABLED", "alarmNames": [], "triggeredAlarmNames": []},
    }))
}

fn breaker(service: &Service, deployment: &ServiceDeployment) -> Value {
    let failures = service.rollouts.get(deployment.rollout).map_or(0, |rollout| rollout.failed_tasks);
    let enabled = deployment.configuration["deploymentCircuitBreaker"]["enable"] == Value::Bool(true);
    let status = match (enabled, deployment.status) {
        (false, _) => "DISABLED",
        (true, DeploymentStatus::Pending | DeploymentStatus::InProgress) => "MONITORING",
        (true, _) => "MONITORING_COMPLETE",
    };
    json!({"status": status, "failureCount": failures, "threshold": deployment.threshold})
}

/// A service deployment as lists show it.
pub(crate) fn deployment_brief(world: &World, service: &Service, deployment: &ServiceDeployment) -> Value {
    let place = &world.place;
    let target = service.revisions.get(deployment.target);
    without_nulls(json!({
        "serviceDeploymentArn": place.deployment(&service.cluster, &service.name, &deployment.id),
        "serviceArn": place.service(&service.cluster, &service.name),
        "clusterArn": place.cluster(&service.cluster),
        "createdAt": Stamp::Epoch.value(deployment.created_at),
        "startedAt": epoch(deployment.started_at),
        "finishedAt": epoch(deployment.finished_at),
        "targetServiceRevisionArn":
            target.map(|revision| place.revision(&service.cluster, &service.name, &revision.id)),
        "status": deployment.status.word(),
        "statusReason": deployment.reason,
    }))
}

/// A service revision with the images it holds tasks to.
pub(crate) fn revision(world: &World, service: &Service, index: usize) -> Option<Value> {
    let revision = service.revisions.get(index)?;
    let place = &world.place;
    let containers =
        world.definition(&revision.definition).map(|definition| definition.containers.as_slice());
    let images: Vec<Value> = containers
        .unwrap_or_default()
        .iter()
        .map(|container| {
            without_nulls(json!({
                "containerName": container.name,
                "image": container.image,
                "imageDigest": revision.digests.get(&container.name),
            }))
        })
        .collect();
    let setting = |name: &str| revision.settings.get(name);
    Some(without_nulls(json!({
        "serviceRevisionArn": place.revision(&service.cluster, &service.name, &revision.id),
        "serviceArn": place.service(&service.cluster, &service.name),
        "clusterArn": place.cluster(&service.cluster),
        "taskDefinition": place.definition(&revision.definition.family, revision.definition.revision),
        "launchType": setting("launchType"),
        "platformVersion": setting("platformVersion"),
        "platformFamily": setting("platformFamily"),
        "loadBalancers": setting("loadBalancers"),
        "serviceRegistries": setting("serviceRegistries"),
        "networkConfiguration": setting("networkConfiguration"),
        "containerImages": images,
        "guardDutyEnabled": false,
        "createdAt": Stamp::Epoch.value(revision.created_at),
    })))
}
