//! Deployments that ECS gives up by itself, with and without a way back.

use serde_json::{Value, json};

use super::stage::{CLUSTER, Stage};
use crate::ecs::ServiceSeed;

const CRASHES: &[(&str, &str)] = &[("exit-code", "1"), ("exit-after-seconds", "5")];

/// What the event bus heard of deployments, as `NAME reason`.
fn heard(stage: &mut Stage) -> Vec<String> {
    let events = stage.events().into_iter();
    let events = events.filter(|event| event.detail_type == "ECS Deployment State Change");
    let text = |detail: &Value, name: &str| detail[name].as_str().unwrap().to_owned();
    events.map(|event| text(&event.detail, "eventName") + " " + &text(&event.detail, "reason")).collect()
}

#[test]
fn a_breaker_with_rollback_goes_back_to_the_last_deployment_that_completed() {
    let mut stage = Stage::with_web();
    let before = stage.service("web");
    let (first, first_id) = (before["taskDefinition"].clone(), before["deployments"][0]["id"].clone());
    let revision = before["currentServiceRevisions"][0]["arn"].clone();
    stage.events();
    stage.deploy("2", CRASHES);
    // Two tasks crash at 21; the third failure comes at 41.
    let deployment = stage.at(40).deployment("web");
    assert_eq!(deployment["status"], "IN_PROGRESS");
    assert_eq!(
        deployment["deploymentCircuitBreaker"],
        json!({"status": "MONITORING", "failureCount": 2, "threshold": 3})
    );
    let deployment = stage.at(41).deployment("web");
    let reason = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
    assert_eq!(deployment["status"], "ROLLBACK_IN_PROGRESS");
    assert_eq!(deployment["statusReason"], reason);
    assert_eq!(deployment["rollback"]["reason"], reason);
    assert_eq!(deployment["rollback"]["serviceRevisionArn"], revision);
    assert_eq!(deployment["rollback"]["startedAt"], deployment["updatedAt"]);
    assert_eq!(
        deployment["deploymentCircuitBreaker"],
        json!({"status": "TRIGGERED", "failureCount": 3, "threshold": 3})
    );
    let service = stage.service("web");
    assert_eq!(service["taskDefinition"], first, "what DescribeServices shows is the old definition");
    assert_eq!(service["deployments"][0]["id"], first_id);
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(service["deployments"][1]["rolloutState"], "FAILED");
    assert_eq!(
        service["deployments"][1]["rolloutStateReason"],
        "ECS deployment circuit breaker: tasks failed to start."
    );
    // The other new task is stopped in order: deregistered, asked to stop, deprovisioned.
    assert_eq!(stage.at(55).deployment("web")["status"], "ROLLBACK_IN_PROGRESS");
    assert_eq!(stage.at(56).deployment("web")["status"], "ROLLBACK_SUCCESSFUL");
    assert!(stage.deployment("web")["finishedAt"].is_f64());
    let service = stage.service("web");
    assert_eq!((&service["runningCount"], service["deployments"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED", "stable, though nothing new runs");

    let (first_id, lines) = (first_id.as_str().unwrap(), stage.lines("deployment"));
    assert!(lines[0].ends_with("deployment failed: tasks failed to start."), "{lines:?}");
    assert_eq!(lines[1], format!("(service web) rolling back to deployment {first_id}."));
    let heard = heard(&mut stage);
    assert!(heard[0].starts_with("SERVICE_DEPLOYMENT_IN_PROGRESS ECS deployment ecs-svc/"), "{heard:?}");
    assert_eq!(
        heard[1..],
        [
            "SERVICE_DEPLOYMENT_FAILED ECS deployment circuit breaker: tasks failed to start.".to_owned(),
            format!(
                "SERVICE_DEPLOYMENT_IN_PROGRESS ECS deployment circuit breaker: rolling back to deploymentId {first_id}."
            ),
            format!("SERVICE_DEPLOYMENT_COMPLETED ECS deployment {first_id} completed."),
        ]
    );
}

#[test]
fn a_breaker_without_rollback_stops_and_starts_nothing_more() {
    let mut stage = Stage::with_web();
    stage.configure(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": false}}));
    let second = stage.deploy("2", CRASHES);
    let deployment = stage.at(41).deployment("web");
    assert_eq!(deployment["status"], "STOPPED");
    assert_eq!(deployment["stoppedAt"], deployment["finishedAt"]);
    assert!(deployment.get("rollback").is_none());
    let service = stage.at(1000).service("web");
    assert_eq!(service["taskDefinition"], json!(second), "it still wants the new one");
    assert_eq!(service["deployments"][0]["rolloutState"], "FAILED");
    assert_eq!(service["deployments"][1]["status"], "ACTIVE");
    assert_eq!(stage.tasks("web"), ["1 RUNNING x2", "2 STOPPED x4"]);
    assert_eq!(heard(&mut stage).len(), 2, "in progress, failed");
    // Scaling down still works, and so does the next deployment.
    stage.ecs.somebody_scales(CLUSTER, "web", 0).unwrap();
    assert_eq!(stage.at(1020).service("web")["runningCount"], 0);
    stage.ecs.somebody_scales(CLUSTER, "web", 2).unwrap();
    stage.deploy("3", &[]);
    assert_eq!(stage.at(1200).statuses()[0], "SUCCESSFUL");
}

#[test]
fn without_a_breaker_nothing_ever_fails() {
    let mut stage = Stage::with_web();
    stage.configure(json!({"deploymentCircuitBreaker": {"enable": false, "rollback": true}}));
    stage.deploy("2", CRASHES);
    let deployment = stage.at(3000).deployment("web");
    assert_eq!(deployment["status"], "IN_PROGRESS");
    assert_eq!(deployment["deploymentCircuitBreaker"]["status"], "DISABLED");
    assert!(deployment["deploymentCircuitBreaker"]["failureCount"].as_u64().unwrap() > 100);
    assert!(heard(&mut stage).iter().all(|event| !event.contains("FAILED")));
}

#[test]
fn health_checks_that_fail_trip_the_breaker_too() {
    let mut stage = Stage::with_web();
    stage.deploy("2", &[("never-healthy", "true")]);
    // RUNNING at 16, given up at 106, room again at 116, RUNNING at 131, given up at 221.
    assert_eq!(stage.at(220).deployment("web")["status"], "IN_PROGRESS");
    assert_eq!(stage.at(221).deployment("web")["status"], "ROLLBACK_IN_PROGRESS");
    assert_eq!(stage.at(300).deployment("web")["status"], "ROLLBACK_SUCCESSFUL");
}

#[test]
fn thresholds_are_counts_or_shares_of_the_desired_count() {
    let trips_after = |desired: usize, threshold: Value| {
        let mut stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", desired));
        stage.configure(json!({"deploymentCircuitBreaker": {
            "enable": true, "rollback": true, "thresholdConfiguration": threshold,
        }}));
        stage.deploy("2", CRASHES);
        let failures = |stage: &Stage| stage.deployment("web")["deploymentCircuitBreaker"].clone();
        let breaker = failures(stage.at(500));
        assert_eq!(breaker["status"], "TRIGGERED", "desired {desired}, {threshold}");
        assert_eq!(breaker["failureCount"], breaker["threshold"]);
        breaker["failureCount"].as_u64().unwrap()
    };
    assert_eq!(trips_after(9, json!({"type": "BOUNDED_PERCENT", "value": 50})), 5);
    assert_eq!(trips_after(2, json!({"type": "BOUNDED_PERCENT", "value": 50})), 3);
    assert_eq!(trips_after(2, json!({"type": "UNBOUNDED_PERCENT", "value": 50})), 1);
    assert_eq!(trips_after(2, json!({"type": "COUNT", "value": 7})), 7);
}

#[test]
fn one_healthy_task_sets_the_count_back_unless_configured_otherwise() {
    // Every second attempt crashes, the others become healthy, and then somebody stops them: it never gets far.
    let flapping = [("only-tasks", "every:2"), ("exit-code", "1"), ("exit-after-seconds", "5")];
    for (resets, tripped) in [(true, false), (false, true)] {
        let mut stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 2));
        stage.configure(json!({
            "maximumPercent": 150,
            "deploymentCircuitBreaker": {"enable": true, "rollback": true, "resetOnHealthyTask": resets},
        }));
        let check = json!({"healthCheck": {"command": ["CMD", "true"]}});
        stage.push("2", &flapping);
        let second = stage.register("web", "2", check);
        stage.update("web", &second);
        for second in 1..=600 {
            stage.at(second);
            let snapshot = stage.ecs.snapshot();
            let tasks = &snapshot.clusters[0].services[0].tasks;
            let healthy = tasks.iter().find(|task| task.healthy && task.task_definition == "web:2");
            if let Some(task) = healthy.filter(|_| stage.deployment("web")["status"] == "IN_PROGRESS") {
                stage.ask("StopTask", json!({"cluster": CLUSTER, "task": task.id}));
            }
        }
        let breaker = stage.deployment("web")["deploymentCircuitBreaker"].take();
        assert_eq!(breaker["status"] == "TRIGGERED", tripped, "resets {resets}: {breaker}");
    }
}

#[test]
fn two_bad_deployments_in_a_row_go_back_to_the_good_one() {
    let mut stage = Stage::with_web();
    let first = stage.service("web")["taskDefinition"].take();
    stage.deploy("2", CRASHES);
    stage.at(20).push("3", CRASHES);
    let third = stage.register("web", "3", json!({}));
    stage.update("web", &third);
    assert_eq!(stage.at(200).statuses(), ["ROLLBACK_SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
    assert_eq!(stage.service("web")["taskDefinition"], first);
    stage.deploy("4", CRASHES);
    assert_eq!(stage.at(400).statuses()[0], "ROLLBACK_SUCCESSFUL");
    assert_eq!(stage.service("web")["taskDefinition"], first);
}

#[test]
fn a_rollback_whose_own_tasks_fail_ends_failed() {
    let mut stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 1).singleton());
    stage.ecs.impose(CLUSTER, "web", &[("exit-code", "1")]);
    stage.deploy("2", &[]);
    stage.at(90);
    assert_eq!(stage.deployment("web")["status"], "ROLLBACK_IN_PROGRESS");
    let deployment = stage.at(300).deployment("web");
    assert_eq!(deployment["status"], "ROLLBACK_FAILED");
    assert_eq!(stage.service("web")["runningCount"], 0);
    assert_eq!(stage.service("web")["deployments"][0]["rolloutState"], "FAILED");
    let stopped = stage.stopped().len();
    assert_eq!(stage.at(1000).stopped().len(), stopped, "nothing is tried any more");
    // The only deployment that ever completed has failed since: there is nothing to go back to.
    stage.deploy("3", &[]);
    let deployment = stage.at(1200).deployment("web");
    assert_eq!(deployment["status"], "ROLLBACK_FAILED");
    assert_eq!(deployment["statusReason"], "No rollback candidate was found to run the rollback.");
    assert!(deployment["rollback"].get("serviceRevisionArn").is_none());
}

#[test]
fn settings_go_back_with_the_definition() {
    let mut stage = Stage::with_web();
    let network = stage.service("web")["networkConfiguration"].take();
    stage.push("2", CRASHES);
    let second = stage.register("web", "2", json!({}));
    stage.ask(
        "UpdateService",
        json!({
            "cluster": CLUSTER, "service": "web", "taskDefinition": second,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-9"]}},
        }),
    );
    assert_ne!(stage.service("web")["networkConfiguration"], network);
    assert_eq!(stage.at(100).statuses()[0], "ROLLBACK_SUCCESSFUL");
    assert_eq!(stage.service("web")["networkConfiguration"], network);
}
