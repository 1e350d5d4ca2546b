//! Services, and what `DescribeServices` calls their deployments.

use serde_json::{Map, Value, json};

use super::{Stamp, counts, revision_summary, tags, without_nulls};
use crate::ecs::model::{RolloutState, RolloutStatus, Service, World};

/// A service with its deployments and newest events.
pub(crate) fn service(world: &World, service: &Service, with_tags: bool) -> Value {
    let place = &world.place;
    let all: Vec<(usize, usize)> =
        (0..service.rollouts.len()).map(|index| counts(world, service, index)).collect();
    let definition = service.definition();
    let current = service.deployments.get(service.current);
    let mut members = service.settings.clone();
    let fixed = json!({
        "serviceArn": place.service(&service.cluster, &service.name),
        "serviceName": service.name,
        "clusterArn": place.cluster(&service.cluster),
        "status": if service.active { "ACTIVE" } else { "INACTIVE" },
        "desiredCount": service.desired,
        "runningCount": all.iter().map(|(running, _)| running).sum::<usize>(),
        "pendingCount": all.iter().map(|(_, pending)| pending).sum::<usize>(),
        "taskDefinition": definition.map(|key| place.definition(&key.family, key.revision)),
        "deployments": rollouts(world, service),
        "events": service.events.iter().map(|event| json!({
            "id": event.id, "createdAt": Stamp::Epoch.value(event.at), "message": event.message,
        })).collect::<Vec<_>>(),
        "createdAt": Stamp::Epoch.value(service.created_at),
        "currentServiceDeployment":
            current.map(|deployment| place.deployment(&service.cluster, &service.name, &deployment.id)),
        "currentServiceRevisions": current_revisions(world, service),
        "tags": with_tags.then(|| tags(&service.tags)),
    });
    if let Value::Object(fixed) = without_nulls(fixed) {
        members.extend(fixed);
    }
    for lasting in
        ["serviceConnectConfiguration", "volumeConfigurations", "vpcLatticeConfigurations", "monitoring"]
    {
        members.remove(lasting);
    }
    Value::Object(members)
}

fn current_revisions(world: &World, service: &Service) -> Vec<Value> {
    let rollouts =
        service.rollouts.iter().enumerate().filter(|(_, rollout)| rollout.status != RolloutStatus::Inactive);
    rollouts.map(|(_, rollout)| revision_summary(world, service, rollout.revision)).collect()
}

/// What `DescribeServices` calls deployments: the primary one, then those still being replaced.
fn rollouts(world: &World, service: &Service) -> Vec<Value> {
    let shown = |status: RolloutStatus| {
        service.rollouts.iter().enumerate().rev().filter(move |(_, rollout)| rollout.status == status)
    };
    let both = shown(RolloutStatus::Primary).chain(shown(RolloutStatus::Active));
    both.filter_map(|(index, rollout)| {
        let revision = service.revisions.get(rollout.revision)?;
        let (running, pending) = counts(world, service, index);
        let primary = rollout.status == RolloutStatus::Primary;
        let wanted = world.tasks.values().filter(|task| task.wanted() && task.of_rollout(service, index)).count();
        Some(without_nulls(json!({
            "id": rollout.id,
            "status": if primary { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": world.place.definition(&revision.definition.family, revision.definition.revision),
            "desiredCount": if primary { service.desired } else { wanted },
            "pendingCount": pending,
            "runningCount": running,
            "failedTasks": rollout.failed_tasks,
            "createdAt": Stamp::Epoch.value(rollout.created_at),
            "updatedAt": Stamp::Epoch.value(rollout.updated_at),
            "launchType": revision.settings.get("launchType"),
            "platformVersion": revision.settings.get("platformVersion"),
            "platformFamily": revision.settings.get("platformFamily"),
            "networkConfiguration": revision.settings.get("networkConfiguration"),
            "rolloutState": match rollout.state {
                RolloutState::InProgress => "IN_PROGRESS",
                RolloutState::Completed => "COMPLETED",
                RolloutState::Failed => "FAILED",
            },
            "rolloutStateReason": rollout.reason,
        })))
    })
    .collect()
}

/// The default settings of a service, under whatever it was created with.
pub(crate) fn default_settings() -> Map<String, Value> {
    let settings = json!({
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": false, "rollback": false},
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "strategy": "ROLLING",
            "bakeTimeInMinutes": 0,
        },
        "loadBalancers": [],
        "serviceRegistries": [],
        "placementConstraints": [],
        "placementStrategy": [],
        "enableECSManagedTags": true,
        "propagateTags": "SERVICE",
        "enableExecuteCommand": false,
        "availabilityZoneRebalancing": "DISABLED",
    });
    match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    }
}
