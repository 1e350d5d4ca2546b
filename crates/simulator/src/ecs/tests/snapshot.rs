//! What a page and its listeners see.

use serde_json::json;

use super::stage::{CLUSTER, Stage};
use crate::aws::JsonService;
use crate::ecs::ServiceSeed;

#[test]
fn a_snapshot_shows_old_and_new_tasks_with_their_versions() {
    let mut stage = Stage::with_web();
    stage.push("2", &[]);
    let second = stage.register("web", "2", json!({}));
    stage.update("web", &second);
    stage.at(28);
    let snapshot = stage.ecs.snapshot();
    let service = &snapshot.clusters[0].services[0];
    assert_eq!((service.name.as_str(), service.desired, service.steady), ("web", 2, false));
    assert_eq!(service.task_definition, "web:2");
    assert_eq!(service.deployment.as_ref().unwrap().status, "IN_PROGRESS");
    let rollouts: Vec<_> =
        service.rollouts.iter().map(|rollout| (rollout.status.as_str(), rollout.state.as_str())).collect();
    assert_eq!(rollouts, [("PRIMARY", "IN_PROGRESS"), ("ACTIVE", "COMPLETED")]);
    let tasks: Vec<_> =
        service.tasks.iter().map(|task| (task.version.as_deref(), task.new, task.status.as_str())).collect();
    assert_eq!(
        tasks,
        [
            (Some("1"), false, "DEACTIVATING"),
            (Some("1"), false, "DEACTIVATING"),
            (Some("2"), true, "RUNNING"),
            (Some("2"), true, "RUNNING"),
        ]
    );
}

#[test]
fn listeners_hear_of_changes_and_of_nothing_else() {
    let mut stage = Stage::with_web();
    let mut changes = stage.ecs.subscribe();
    changes.mark_unchanged();
    stage.at(100);
    stage.service("web");
    assert!(!changes.has_changed().unwrap(), "looking is no change");
    let first = stage.service("web")["taskDefinition"].as_str().unwrap().to_owned();
    stage.ask(
        "UpdateService",
        json!({"cluster": CLUSTER, "service": "web", "taskDefinition": first, "forceNewDeployment": true}),
    );
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    stage.at(101);
    assert!(changes.has_changed().unwrap(), "time alone changes the world too");
}

#[tokio::test]
async fn a_started_world_moves_without_being_called() {
    let mut stage = Stage::on(1000.0, jiff::SignedDuration::ZERO);
    stage.ecs.create_service(ServiceSeed::new(CLUSTER, "web", "web", 1)).unwrap();
    let handle = stage.ecs.start();
    let input = json!({"cluster": CLUSTER, "service": "web", "forceNewDeployment": true});
    stage.ecs.call("UpdateService", &input).unwrap();
    while stage.next_event().await.detail["eventName"] != "SERVICE_DEPLOYMENT_COMPLETED" {}
    handle.abort();
}
