//! Tasks with their containers.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Stamp, without_nulls};
use crate::ecs::model::{Container, Owner, Task, TaskStatus, World};

/// A task as `DescribeTasks` and task events show it.
pub(crate) fn task(world: &World, task: &Task, stamp: Stamp) -> Value {
    let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| stamp.value(at));
    let place = &world.place;
    let definition = world.definition(&task.definition);
    let size = |name: &str| definition.and_then(|definition| definition.body.get(name)).cloned();
    let (group, started_by) = match &task.owner {
        Owner::Service { name, rollout_id, .. } => (format!("service:{name}"), Some(rollout_id.clone())),
        Owner::Caller { group, started_by } => (group.clone(), started_by.clone()),
    };
    without_nulls(json!({
        "attachments": [attachment(task)],
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}],
        "availabilityZone": format!("{}a", place.region),
        "clusterArn": place.cluster(&task.cluster),
        "connectivity": (task.status >= TaskStatus::Running).then_some("CONNECTED"),
        "connectivityAt": time(task.times.pull_started),
        "containers": task.containers.iter().map(|one| container(world, task, one)).collect::<Vec<_>>(),
        "cpu": size("cpu"),
        "createdAt": stamp.value(task.times.created),
        "desiredStatus": if task.wanted() { "RUNNING" } else { "STOPPED" },
        "enableExecuteCommand": false,
        "executionStoppedAt": time(task.times.execution_stopped),
        "group": group,
        "healthStatus": task.health.word(),
        "lastStatus": task.status.word(),
        "launchType": task.launch_type,
        "memory": size("memory"),
        "overrides": task.overrides,
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "pullStartedAt": time(task.times.pull_started),
        "pullStoppedAt": time(task.times.pull_stopped),
        "startedAt": time(task.times.started),
        "startedBy": started_by,
        "stopCode": task.stop.as_ref().map(|stop| stop.code.word()),
        "stoppedAt": time(task.times.stopped),
        "stoppedReason": task.stop.as_ref().map(|stop| stop.reason.as_str()),
        "stoppingAt": time(task.times.stopping),
        "tags": [],
        "taskArn": place.task(&task.cluster, &task.id),
        "taskDefinitionArn": place.definition(&task.definition.family, task.definition.revision),
        "version": task.version,
    }))
}

fn attachment(task: &Task) -> Value {
    let subnet = task.network["awsvpcConfiguration"]["subnets"][0].as_str().unwrap_or_default();
    let status = match task.status {
        TaskStatus::Provisioning => "PRECREATED",
        TaskStatus::Deprovisioning => "DETACHING",
        TaskStatus::Stopped => "DELETED",
        _ => "ATTACHED",
    };
    json!({
        "id": task.id,
        "type": "ElasticNetworkInterface",
        "status": status,
        "details": [{"name": "subnetId", "value": subnet}],
    })
}

fn container(world: &World, task: &Task, one: &Container) -> Value {
    let status = match task.status {
        TaskStatus::Provisioning | TaskStatus::Pending => "PENDING",
        TaskStatus::Running | TaskStatus::Deactivating | TaskStatus::Stopping => "RUNNING",
        TaskStatus::Deprovisioning | TaskStatus::Stopped => "STOPPED",
    };
    let health = if one.spec.check.is_some() { task.health.word() } else { "UNKNOWN" };
    without_nulls(json!({
        "containerArn": world.place.container(&task.cluster, &task.id, &one.spec.name),
        "taskArn": world.place.task(&task.cluster, &task.id),
        "name": one.spec.name,
        "image": one.spec.image,
        "imageDigest": one.digest,
        "lastStatus": status,
        "exitCode": one.exit_code,
        "reason": one.reason,
        "networkBindings": [],
        "networkInterfaces": [],
        "healthStatus": health,
        "cpu": "0",
    }))
}
