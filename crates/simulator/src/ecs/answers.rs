//! Resources as ECS's answers show them.

use jiff::{Timestamp, Unit};
use serde_json::{Map, Value, json};

use super::model::{
    DeploymentStatus, Owner, RolloutState, RolloutStatus, Service, ServiceDeployment, Tags, Task,
    TaskDefinition, TaskStatus, World,
};

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// Seconds since 1970 with milliseconds, as the JSON protocol has it.
    Epoch,
    /// RFC 3339, as events have it.
    Iso,
}

impl Stamp {
    /// The moment as JSON.
    pub(crate) fn value(self, at: Timestamp) -> Value {
        match self {
            Self::Epoch => {
                let milliseconds = at.as_millisecond();
                // Exact for any date of interest: 2^53 milliseconds are 285,000 years.
                #[expect(clippy::cast_precision_loss, reason = "milliseconds of a date fit")]
                let seconds = milliseconds as f64 / 1000.0;
                json!(seconds)
            }
            Self::Iso => json!(at.round(Unit::Millisecond).unwrap_or(at).to_string()),
        }
    }
}

/// Members that have a value; AWS leaves the others out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}

fn epoch(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Stamp::Epoch.value(at))
}

/// Tags as a list of pairs.
pub(crate) fn tags(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}

/// An entry of a describe call's `failures`.
pub(crate) fn missing(arn: &str) -> Value {
    json!({"arn": arn, "reason": "MISSING"})
}

/// A cluster with its counts.
pub(crate) fn cluster(world: &World, name: &str, with_tags: bool) -> Value {
    let of_cluster = |task: &&Task| task.cluster == name;
    let running =
        world.tasks.values().filter(of_cluster).filter(|task| task.status == TaskStatus::Running).count();
    let pending =
        world.tasks.values().filter(of_cluster).filter(|task| task.status < TaskStatus::Running).count();
    let services =
        world.services.values().filter(|service| service.cluster == name && service.active).count();
    let own = world.clusters.get(name).map(|cluster| tags(&cluster.tags));
    json!({
        "clusterArn": world.place.cluster(name),
        "clusterName": name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": services,
        "statistics": [],
        "tags": own.filter(|_| with_tags).unwrap_or_else(|| json!([])),
        "settings": [],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [],
    })
}

/// Running and pending tasks of a rollout.
fn counts(world: &World, service: &Service, rollout: usize) -> (usize, usize) {
    let tasks = || world.tasks.values().filter(|task| task.of_rollout(service, rollout));
    let running = tasks().filter(|task| task.status == TaskStatus::Running).count();
    let pending = tasks().filter(|task| task.status < TaskStatus::Running).count();
    (running, pending)
}

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

/// A revision with the tasks that run it now.
fn revision_summary(world: &World, service: &Service, revision: usize) -> Value {
    let Some(known) = service.revisions.get(revision) else { return Value::Null };
    let rollouts = service.rollouts.iter().enumerate().filter(|(_, rollout)| rollout.revision == revision);
    let mut sums = (0, 0, 0);
    for (index, rollout) in rollouts {
        let (running, pending) = counts(world, service, index);
        let requested = match rollout.status {
            RolloutStatus::Primary => service.desired,
            _ => world.tasks.values().filter(|task| task.wanted() && task.of_rollout(service, index)).count(),
        };
        sums = (sums.0 + requested, sums.1 + running, sums.2 + pending);
    }
    json!({
        "arn": world.place.revision(&service.cluster, &service.name, &known.id),
        "requestedTaskCount": sums.0,
        "runningTaskCount": sums.1,
        "pendingTaskCount": sums.2,
    })
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

/// A registered definition; its tags stand beside it in answers.
pub(crate) fn definition(world: &World, definition: &TaskDefinition) -> Value {
    let mut members = definition.body.clone();
    let own = without_nulls(json!({
        "taskDefinitionArn": world.place.definition(&definition.family, definition.revision),
        "family": definition.family,
        "revision": definition.revision,
        "status": if definition.deregistered_at.is_none() { "ACTIVE" } else { "INACTIVE" },
        "registeredAt": Stamp::Epoch.value(definition.registered_at),
        "deregisteredAt": epoch(definition.deregistered_at),
        "registeredBy": format!("arn:aws:sts::{}:assumed-role/terraform/session", world.place.account),
    }));
    if let Value::Object(own) = own {
        members.extend(own);
    }
    Value::Object(members)
}

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

fn container(world: &World, task: &Task, one: &super::model::Container) -> Value {
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
