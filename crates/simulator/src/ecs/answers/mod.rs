//! Resources as ECS's answers show them.

mod deployments;
mod services;
mod tasks;

use jiff::{Timestamp, Unit};
use serde_json::{Value, json};

pub(crate) use self::deployments::{deployment, deployment_brief, revision};
pub(crate) use self::services::{default_settings, service};
pub(crate) use self::tasks::task;
use super::model::{RolloutStatus, Service, Tags, Task, TaskDefinition, TaskStatus, World};

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
