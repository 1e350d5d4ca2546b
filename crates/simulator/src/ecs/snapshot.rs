//! The world as a page shows it: clusters, services, deployments, and tasks old and new with what they run.

use serde::Serialize;

use super::model::{Owner, RolloutState, RolloutStatus, Service, Task, World};

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// World time, RFC 3339.
    pub at: String,
    /// Grows with every change.
    pub version: u64,
    /// All clusters, by name.
    pub clusters: Vec<ClusterView>,
}

/// A cluster and what runs in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterView {
    /// Its name.
    pub name: String,
    /// Its services, by name.
    pub services: Vec<ServiceView>,
    /// Tasks that no service owns, oldest first.
    pub tasks: Vec<TaskView>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceView {
    /// Its name.
    pub name: String,
    /// How many tasks it should have.
    pub desired: usize,
    /// How many are RUNNING.
    pub running: usize,
    /// Whether it is steady.
    pub steady: bool,
    /// `family:revision` of the primary deployment.
    pub task_definition: String,
    /// Its deployments that still have tasks, the primary one first.
    pub rollouts: Vec<RolloutView>,
    /// Its newest service deployment.
    pub deployment: Option<DeploymentView>,
    /// Its tasks, oldest first; stopped ones stay for an hour.
    pub tasks: Vec<TaskView>,
    /// The newest lines of its event log.
    pub events: Vec<String>,
}

/// What `DescribeServices` calls a deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RolloutView {
    /// `ecs-svc/…`.
    pub id: String,
    /// PRIMARY or ACTIVE.
    pub status: String,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`.
    pub state: String,
    /// `family:revision`.
    pub task_definition: String,
    /// Tasks that failed in a row.
    pub failed_tasks: usize,
}

/// A service deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentView {
    /// Its ARN.
    pub arn: String,
    /// Its status in AWS's word.
    pub status: String,
    /// Why, if AWS says.
    pub reason: Option<String>,
}

/// A task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskView {
    /// Its id.
    pub id: String,
    /// Its last status in AWS's word.
    pub status: String,
    /// RUNNING or STOPPED.
    pub desired: String,
    /// Whether it counts as healthy.
    pub healthy: bool,
    /// Whether it belongs to its service's primary deployment.
    pub new: bool,
    /// Who started it: `ecs-svc/…`, or what `RunTask` said.
    pub started_by: Option<String>,
    /// What its first container was told to run instead of its own command, as a line.
    pub command: Option<String>,
    /// `family:revision`.
    pub task_definition: String,
    /// The image's version label.
    pub version: Option<String>,
    /// The image's revision label: the commit.
    pub revision: Option<String>,
    /// Digest of the main container's image.
    pub digest: Option<String>,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// Why it stopped.
    pub stopped_reason: Option<String>,
    /// Exit code of its main container.
    pub exit_code: Option<i64>,
}

impl World {
    /// The world now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let cluster = |name: &String| ClusterView {
            name: name.clone(),
            services: self
                .services
                .values()
                .filter(|service| service.cluster == *name)
                .map(|service| self.service_view(service))
                .collect(),
            tasks: self
                .tasks
                .values()
                .filter(|task| task.cluster == *name && task.service().is_none())
                .map(|task| task_view(task, true))
                .collect(),
        };
        Snapshot {
            at: self.now.to_string(),
            version: self.changes,
            clusters: self.clusters.keys().map(cluster).collect(),
        }
    }

    fn service_view(&self, service: &Service) -> ServiceView {
        let primary = service.primary();
        let of_service = |task: &&Task| {
            task.cluster == service.cluster
                && matches!(&task.owner, Owner::Service { name, .. } if *name == service.name)
        };
        let tasks: Vec<TaskView> = self
            .tasks
            .values()
            .filter(of_service)
            .map(|task| task_view(task, primary.is_some_and(|primary| task.of_rollout(service, primary))))
            .collect();
        let deployment = service.deployments.last().map(|deployment| DeploymentView {
            arn: self.place.deployment(&service.cluster, &service.name, &deployment.id),
            status: deployment.status.word().into(),
            reason: deployment.reason.clone(),
        });
        ServiceView {
            name: service.name.clone(),
            desired: service.desired,
            running: tasks.iter().filter(|task| task.status == "RUNNING").count(),
            steady: service.steady,
            task_definition: service
                .definition()
                .map(|key| format!("{}:{}", key.family, key.revision))
                .unwrap_or_default(),
            rollouts: rollout_views(service),
            deployment,
            tasks,
            events: service.events.iter().take(10).map(|event| event.message.clone()).collect(),
        }
    }
}

fn rollout_views(service: &Service) -> Vec<RolloutView> {
    let shown =
        |wanted: RolloutStatus| service.rollouts.iter().rev().filter(move |rollout| rollout.status == wanted);
    let both = shown(RolloutStatus::Primary).chain(shown(RolloutStatus::Active));
    both.map(|rollout| {
        let key = service.revisions.get(rollout.revision).map(|revision| &revision.definition);
        RolloutView {
            id: rollout.id.clone(),
            status: if rollout.status == RolloutStatus::Primary { "PRIMARY" } else { "ACTIVE" }.into(),
            state: match rollout.state {
                RolloutState::InProgress => "IN_PROGRESS",
                RolloutState::Completed => "COMPLETED",
                RolloutState::Failed => "FAILED",
            }
            .into(),
            task_definition: key.map(|key| format!("{}:{}", key.family, key.revision)).unwrap_or_default(),
            failed_tasks: rollout.failed_tasks,
        }
    })
    .collect()
}

fn command(task: &Task) -> Option<String> {
    let words = task.overrides["containerOverrides"][0]["command"].as_array()?;
    Some(words.iter().filter_map(serde_json::Value::as_str).collect::<Vec<_>>().join(" "))
}

fn task_view(task: &Task, new: bool) -> TaskView {
    let life = task.life.as_ref();
    let main = task.containers.iter().find(|container| container.spec.essential);
    TaskView {
        id: task.id.clone(),
        status: task.status.word().into(),
        desired: if task.wanted() { "RUNNING" } else { "STOPPED" }.into(),
        healthy: task.counted && task.wanted(),
        new,
        started_by: match &task.owner {
            Owner::Service { rollout_id, .. } => Some(rollout_id.clone()),
            Owner::Caller { started_by, .. } => started_by.clone(),
        },
        command: command(task),
        task_definition: format!("{}:{}", task.definition.family, task.definition.revision),
        version: life.and_then(|life| life.version.clone()),
        revision: life.and_then(|life| life.revision.clone()),
        digest: life.and_then(|life| life.digest.clone()),
        created_at: task.times.created.to_string(),
        stopped_reason: task.stop.as_ref().map(|stop| stop.reason.clone()),
        exit_code: main.and_then(|container| container.exit_code),
    }
}
