//! Service deployments with their failures and rollbacks, and service revisions.

use serde_json::{Value, json};

use super::{Stamp, epoch, revision_summary, without_nulls};
use crate::ecs::breaker::Breaker;
use crate::ecs::model::{DeploymentStatus, Service, ServiceDeployment, Trigger, World};

/// A service deployment in full.
pub(crate) fn deployment(world: &World, service: &Service, deployment: &ServiceDeployment) -> Value {
    let place = &world.place;
    let (cluster, name) = (service.cluster.as_str(), service.name.as_str());
    let sources: Vec<Value> =
        deployment.sources.iter().map(|source| revision_summary(world, service, *source)).collect();
    let rollback = deployment.rollback.as_ref().map(|rollback| {
        let rollout = rollback.rollout.and_then(|rollout| service.rollouts.get(rollout));
        let revision = rollout.and_then(|rollout| service.revisions.get(rollout.revision));
        without_nulls(json!({
            "reason": rollback.reason,
            "startedAt": Stamp::Epoch.value(rollback.started_at),
            "serviceRevisionArn": revision.map(|revision| place.revision(cluster, name, &revision.id)),
        }))
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
        "alarms": alarms(deployment),
    }))
}

fn breaker(service: &Service, deployment: &ServiceDeployment) -> Value {
    let breaker = Breaker::of(&deployment.configuration);
    let tripped = deployment.trigger == Some(Trigger::Breaker);
    let status = monitor(breaker.enabled, tripped, deployment.status);
    // Percentages are of the desired count as it is now, until it is decided.
    let threshold =
        if status == "MONITORING" { breaker.threshold(service.desired) } else { deployment.threshold };
    json!({"status": status, "failureCount": deployment.failures, "threshold": threshold})
}

fn alarms(deployment: &ServiceDeployment) -> Value {
    let triggered: Vec<&str> = match &deployment.trigger {
        Some(Trigger::Alarm(name)) => vec![name],
        _ => Vec::new(),
    };
    let configured = deployment.configuration["alarms"]["alarmNames"].as_array().cloned();
    json!({
        "status": monitor(!deployment.alarms.is_empty(), !triggered.is_empty(), deployment.status),
        "alarmNames": configured.unwrap_or_default(),
        "triggeredAlarmNames": triggered,
    })
}

/// Where a mechanism stands that watches over a deployment.
fn monitor(enabled: bool, triggered: bool, status: DeploymentStatus) -> &'static str {
    match status {
        _ if !enabled => "DISABLED",
        _ if triggered => "TRIGGERED",
        DeploymentStatus::Pending | DeploymentStatus::InProgress => "MONITORING",
        _ => "MONITORING_COMPLETE",
    }
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
