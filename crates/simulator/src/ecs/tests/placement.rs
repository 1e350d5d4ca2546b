//! No capacity: tasks that are never placed.

use serde_json::{Value, json};

use super::stage::{CLUSTER, Stage};
use crate::ecs::Shortage;

const CAPACITY: &str = "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. \
                        Please try again later or in a different availability zone.";

fn failures(stage: &mut Stage) -> Vec<Value> {
    let events = stage.events().into_iter();
    let failures = events.filter(|event| event.detail["eventName"] == "SERVICE_TASK_PLACEMENT_FAILURE");
    failures.map(|event| json!([event.detail["eventType"], event.detail["reason"]])).collect()
}

#[test]
fn a_cluster_without_capacity_places_nothing_until_it_has_some() {
    let mut stage = Stage::with_web();
    stage.configure(json!({"deploymentCircuitBreaker": {"enable": false, "rollback": false}}));
    stage.ecs.run_short(CLUSTER, Some(Shortage::Fargate));
    stage.deploy("2", &[]);
    assert_eq!(stage.at(90).tasks("web"), ["1 RUNNING x2"], "not even a task that fails");
    // Attempts at 1, 31 and 61; the third makes it official.
    assert_eq!(failures(&mut stage), vec![json!(["ERROR", "RESOURCE:FARGATE"]); 3]);
    assert_eq!(stage.lines("was unable to place"), [CAPACITY], "AWS does not repeat itself");
    assert_eq!(stage.lines("unable to consistently").len(), 1);
    assert_eq!(stage.service("web")["deployments"][0]["failedTasks"], 3);
    stage.ecs.run_short(CLUSTER, None);
    assert_eq!(stage.at(91).tasks("web"), ["1 RUNNING x2", "2 PROVISIONING x2"]);
    assert_eq!(stage.at(200).statuses()[0], "SUCCESSFUL");
}

#[test]
fn a_shortage_of_container_instances_has_other_words() {
    for (label, reason, words) in [
        ("memory", "RESOURCE:MEMORY", "has insufficient memory available."),
        ("cpu", "RESOURCE:CPU", "has insufficient CPU units available."),
        ("network-interface", "RESOURCE:ENI", "has insufficient network interfaces available."),
    ] {
        let mut stage = Stage::with_web();
        stage.deploy("2", &[("no-capacity", label)]);
        stage.at(1);
        assert_eq!(failures(&mut stage), [json!(["ERROR", reason])]);
        let line = stage.lines("was unable to place a task because no container instance met all").remove(0);
        assert!(line.ends_with(words), "{line}");
    }
}

#[test]
fn the_breaker_trips_when_nothing_can_be_placed() {
    let mut stage = Stage::with_web();
    stage.deploy("2", &[("no-capacity", "fargate")]);
    assert_eq!(stage.at(60).deployment("web")["status"], "IN_PROGRESS");
    let deployment = stage.at(61).deployment("web");
    assert_eq!(deployment["status"], "ROLLBACK_SUCCESSFUL", "the old tasks were never touched");
    assert_eq!(deployment["deploymentCircuitBreaker"]["failureCount"], 3);
}

#[test]
fn a_singleton_that_finds_no_place_is_put_back() {
    let seed = crate::ecs::ServiceSeed::new(CLUSTER, "web", "web", 1).singleton();
    let mut stage = Stage::with(seed);
    stage.deploy("2", &[("no-capacity", "fargate")]);
    assert_eq!(stage.at(30).tasks("web"), ["1 STOPPED x1"], "down while it is tried");
    assert_eq!(stage.at(200).tasks("web"), ["1 RUNNING x1", "1 STOPPED x1"]);
    assert_eq!(stage.deployment("web")["status"], "ROLLBACK_SUCCESSFUL");
}

#[test]
fn run_task_answers_with_failures_and_may_be_asked_again_with_its_token() {
    let stage = Stage::new();
    let input = json!({
        "cluster": CLUSTER, "taskDefinition": "web", "launchType": "FARGATE", "clientToken": "migration-1",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
    });
    for (shortage, reason) in [
        (
            Shortage::Fargate,
            "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        ),
        (Shortage::Memory, "RESOURCE:MEMORY"),
    ] {
        stage.ecs.run_short(CLUSTER, Some(shortage));
        let answer = stage.ask("RunTask", input.clone());
        assert_eq!(answer, json!({"tasks": [], "failures": [{"reason": reason}]}));
    }
    stage.ecs.run_short(CLUSTER, None);
    assert_eq!(stage.ask("RunTask", input)["tasks"].as_array().unwrap().len(), 1);
}
