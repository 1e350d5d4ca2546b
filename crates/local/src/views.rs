//! What the live page shows of releases and services, in the shape it asks for (see `gantry_simulator::page::Views`).

use std::sync::{Arc, OnceLock};

use gantry_domain::Scale;
use gantry_domain::pipeline::Pipeline;
use gantry_simulator::ecs::{ClusterView, Ecs, ServiceView, TaskView};
use gantry_simulator::page::Views;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::executions::Sight;
use crate::road::roads;

/// Releases and services of one world.
pub struct WorldViews {
    ecs: Arc<Ecs>,
    pipeline: Pipeline,
    scale: Scale,
    sight: OnceLock<watch::Receiver<Sight>>,
    changed: watch::Sender<u64>,
}

impl WorldViews {
    /// Views of a world whose stack is not deployed yet.
    pub fn new(ecs: Arc<Ecs>, pipeline: Pipeline, scale: Scale) -> Arc<Self> {
        let views =
            Arc::new(Self { ecs, pipeline, scale, sight: OnceLock::new(), changed: watch::Sender::new(0) });
        views.follow(views.ecs.subscribe());
        views
    }

    /// From now on there are releases to show.
    pub fn watch_executions(&self, sight: watch::Receiver<Sight>) {
        self.follow(sight.clone());
        // A second call would change nothing: the world has one stack.
        let _ = self.sight.set(sight);
    }

    /// Counts every change of one of the sources as a change of the whole.
    fn follow<T: Send + Sync + 'static>(&self, mut source: watch::Receiver<T>) {
        let changed = self.changed.clone();
        tokio::spawn(async move {
            while source.changed().await.is_ok() {
                changed.send_modify(|number| *number += 1);
            }
        });
    }

    fn cluster(&self, cluster: &ClusterView) -> Value {
        let stage = self.pipeline.stages.iter().find(|stage| stage.cluster.as_str() == cluster.name);
        let services: Vec<Value> = cluster.services.iter().map(|service| self.service(service)).collect();
        let tasks: Vec<Value> = cluster.tasks.iter().map(one_off).collect();
        json!({ "name": cluster.name, "stage": stage.map(|stage| &stage.name), "services": services, "tasks": tasks })
    }

    fn service(&self, service: &ServiceView) -> Value {
        let of_service = |name: &gantry_domain::names::ServiceName| name.as_str() == service.name;
        let component =
            self.pipeline.components.iter().find(|component| component.services().any(of_service));
        let deployments: Vec<Value> =
            service.rollouts.iter().map(|rollout| deployment(service, &rollout.id)).collect();
        let tasks: Vec<Value> = service.tasks.iter().map(task).collect();
        json!({
            "name": service.name, "component": component.map(|component| &component.name), "desired": service.desired,
            "deployments": deployments, "tasks": tasks,
        })
    }
}

impl Views for WorldViews {
    fn snapshot(&self) -> Value {
        let releases = self.sight.get().map(|sight| roads(&sight.borrow(), self.scale)).unwrap_or_default();
        let clusters: Vec<Value> =
            self.ecs.snapshot().clusters.iter().map(|cluster| self.cluster(cluster)).collect();
        json!({ "releases": releases, "ecs": { "clusters": clusters } })
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}

fn deployment(service: &ServiceView, id: &str) -> Value {
    let own = |task: &&TaskView| task.started_by.as_deref() == Some(id);
    let running = service.tasks.iter().filter(own).filter(|task| task.status == "RUNNING").count();
    let rollout = service.rollouts.iter().find(|rollout| rollout.id == id);
    let version = service.tasks.iter().rev().filter(own).find_map(|task| task.revision.as_deref()).map(short);
    json!({
        "id": id, "version": version, "running": running, "desired": service.desired,
        "status": rollout.map(|rollout| &rollout.status), "rolloutState": rollout.map(|rollout| &rollout.state),
        "reason": service.events.first(),
    })
}

fn task(task: &TaskView) -> Value {
    let scaled_in = |reason: &String| reason.starts_with("Scaling activity");
    let crashed =
        task.status == "STOPPED" && task.stopped_reason.as_ref().is_some_and(|reason| !scaled_in(reason));
    json!({
        "id": task.id, "deployment": task.started_by, "version": task.revision.as_deref().map(short),
        "status": task.status, "health": if task.healthy { "HEALTHY" } else { "UNKNOWN" },
        "crashed": crashed,
    })
}

/// A task apart from services: what it runs.
fn one_off(task: &TaskView) -> Value {
    let family = task.task_definition.split(':').next().unwrap_or_default();
    json!({
        "id": task.id, "label": task.command.as_deref().unwrap_or(family), "version": task.revision.as_deref().map(short), "status": task.status,
        "exitCode": task.exit_code,
    })
}

fn short(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}
