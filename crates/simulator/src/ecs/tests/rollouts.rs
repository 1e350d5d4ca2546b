//! Services that roll out, are replaced on the way, and turn back.

use serde_json::{Value, json};

use super::stage::{CLUSTER, Stage, digest};
use crate::ecs::ServiceSeed;

#[test]
fn a_rollout_starts_new_tasks_before_it_stops_old_ones() {
    let mut stage = Stage::with_web();
    stage.push("2", &[]);
    let second = stage.register("web", "2", json!({}));
    stage.update("web", &second);
    let timeline: [(i64, &[&str]); 8] = [
        (0, &["1 RUNNING x2"]),
        (1, &["1 RUNNING x2", "2 PROVISIONING x2"]),
        (6, &["1 RUNNING x2", "2 PENDING x2"]),
        (16, &["1 RUNNING x2", "2 RUNNING x2"]),
        (26, &["1 DEACTIVATING x2", "2 RUNNING x2"]),
        (31, &["1 STOPPING x2", "2 RUNNING x2"]),
        (36, &["1 DEPROVISIONING x2", "2 RUNNING x2"]),
        (41, &["1 STOPPED x2", "2 RUNNING x2"]),
    ];
    for (second, wanted) in timeline {
        assert_eq!(stage.at(second).tasks("web"), wanted, "at second {second}");
    }
}

#[test]
fn a_deployment_is_pending_then_in_progress_then_successful() {
    let mut stage = Stage::with_web();
    stage.push("2", &[]);
    let second = stage.register("web", "2", json!({}));
    let before = stage.service("web")["currentServiceDeployment"].take();
    let answer = stage.update("web", &second);
    assert_eq!(answer["currentServiceDeployment"], before, "the answer still names the deployment before");
    assert_eq!(stage.statuses(), ["PENDING", "SUCCESSFUL"]);
    assert_ne!(stage.at(1).service("web")["currentServiceDeployment"], before);
    let deployment = stage.deployment("web");
    assert_eq!(deployment["status"], "IN_PROGRESS");
    assert_eq!(deployment["sourceServiceRevisions"][0]["runningTaskCount"], 2);
    assert_eq!(deployment["targetServiceRevision"]["requestedTaskCount"], 2);
    assert_eq!(deployment["deploymentCircuitBreaker"]["status"], "MONITORING");
    let legacy = stage.service("web")["deployments"].take();
    assert_eq!(legacy[0]["status"], "PRIMARY");
    assert_eq!(legacy[0]["rolloutState"], "IN_PROGRESS");
    assert_eq!(legacy[1]["status"], "ACTIVE");
    assert_eq!(stage.at(40).deployment("web")["status"], "IN_PROGRESS");
    let deployment = stage.at(41).deployment("web");
    assert_eq!(deployment["status"], "SUCCESSFUL");
    assert_eq!(deployment["targetServiceRevision"]["runningTaskCount"], 2);
    let service = stage.service("web");
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(service["taskDefinition"], json!(second));
    let arn = &deployment["targetServiceRevision"]["arn"];
    let revision = stage.ask("DescribeServiceRevisions", json!({"serviceRevisionArns": [arn]}));
    assert_eq!(revision["serviceRevisions"][0]["containerImages"][0]["imageDigest"], json!(digest("2")));
}

#[test]
fn a_singleton_stops_before_its_successor_starts() {
    let mut stage = Stage::with(ServiceSeed::new(CLUSTER, "clockwork", "web", 1).singleton());
    stage.push("2", &[("start-seconds", "0")]);
    let second = stage.register("web", "2", json!({}));
    stage.update("clockwork", &second);
    let mut never_two = Vec::new();
    for second in 0..120 {
        let running = |tasks: &[String]| tasks.iter().filter(|task| task.contains("RUNNING")).count();
        never_two.push(running(&stage.at(second).tasks("clockwork")));
    }
    assert_eq!(never_two.iter().max(), Some(&1));
    assert_eq!(stage.tasks("clockwork"), ["1 STOPPED x1", "2 RUNNING x1"]);
    assert_eq!(stage.deployment("clockwork")["status"], "SUCCESSFUL");
}

#[test]
fn a_task_that_nothing_checks_counts_after_forty_seconds() {
    let mut stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 1));
    stage.push("2", &[]);
    let second = stage.register("web", "2", json!({}));
    stage.update("web", &second);
    assert_eq!(stage.at(55).tasks("web"), ["1 RUNNING x1", "2 RUNNING x1"]);
    assert_eq!(stage.at(56).tasks("web"), ["1 STOPPING x1", "2 RUNNING x1"]);
}

#[test]
fn a_newer_deployment_stops_the_one_under_way() {
    let mut stage = Stage::with_web();
    stage.push("2", &[("never-healthy", "true")]);
    stage.push("3", &[]);
    let second = stage.register("web", "2", json!({}));
    let third = stage.register("web", "3", json!({}));
    stage.update("web", &second);
    stage.at(20).update("web", &third);
    assert_eq!(stage.statuses(), ["PENDING", "STOPPED", "SUCCESSFUL"]);
    assert_eq!(stage.at(120).tasks("web"), ["1 STOPPED x2", "2 STOPPED x2", "3 RUNNING x2"]);
    assert_eq!(stage.statuses(), ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]);
}

#[test]
fn health_checks_that_fail_replace_the_task() {
    let check =
        json!({"healthCheck": {"command": ["CMD", "true"], "interval": 10, "retries": 2, "startPeriod": 20}});
    let mut stage = Stage::with_web();
    stage.push("2", &[("never-healthy", "true")]);
    let second = stage.register("web", "2", check);
    stage.update("web", &second);
    assert_eq!(stage.at(55).tasks("web"), ["1 RUNNING x2", "2 RUNNING x2"]);
    assert_eq!(
        stage.at(56).tasks("web"),
        ["1 RUNNING x2", "2 DEACTIVATING x2"],
        "20 s and twice 10 s after RUNNING"
    );
    let list =
        stage.ask("ListTasks", json!({"cluster": CLUSTER, "family": "web", "desiredStatus": "STOPPED"}));
    let tasks = stage.ask("DescribeTasks", json!({"cluster": CLUSTER, "tasks": list["taskArns"]}));
    assert_eq!(tasks["tasks"][0]["healthStatus"], "UNHEALTHY");
    assert_eq!(tasks["tasks"][0]["stoppedReason"], "Task failed container health checks");
}

#[test]
fn a_deployment_can_be_turned_back_to_the_revision_before() {
    let mut stage = Stage::with_web();
    stage.push("2", &[("never-healthy", "true")]);
    let second = stage.register("web", "2", json!({}));
    let first = stage.service("web")["taskDefinition"].take();
    stage.update("web", &second);
    let arn = stage.at(20).deployment("web")["serviceDeploymentArn"].take();
    stage.ask("StopServiceDeployment", json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"}));
    assert_eq!(stage.deployment("web")["status"], "ROLLBACK_REQUESTED");
    let again = stage.refused("StopServiceDeployment", json!({"serviceDeploymentArn": arn}));
    assert_eq!(again.code, "ConflictException");
    assert_eq!(stage.at(21).deployment("web")["status"], "ROLLBACK_IN_PROGRESS");
    let deployment = stage.at(120).deployment("web");
    assert_eq!(deployment["status"], "ROLLBACK_SUCCESSFUL");
    assert!(deployment["rollback"]["serviceRevisionArn"].is_string());
    assert_eq!(stage.service("web")["taskDefinition"], first);
    assert_eq!(stage.tasks("web"), ["1 RUNNING x2", "2 STOPPED x2"]);
}

#[test]
fn the_same_definition_again_starts_nothing_unless_forced() {
    let mut stage = Stage::with_web();
    let first = stage.service("web")["taskDefinition"].as_str().unwrap().to_owned();
    stage.update("web", &first);
    stage.ask("UpdateService", json!({"cluster": CLUSTER, "service": "web", "desiredCount": 3}));
    assert_eq!(stage.statuses(), ["SUCCESSFUL"]);
    assert_eq!(stage.at(60).service("web")["runningCount"], 3);
    stage.ask("UpdateService", json!({"cluster": CLUSTER, "service": "web", "forceNewDeployment": true}));
    assert_eq!(stage.statuses(), ["PENDING", "SUCCESSFUL"]);
    let revised = json!({"awsvpcConfiguration": {"subnets": ["subnet-9"]}});
    stage
        .at(200)
        .ask("UpdateService", json!({"cluster": CLUSTER, "service": "web", "networkConfiguration": revised}));
    assert_eq!(stage.statuses(), ["PENDING", "SUCCESSFUL", "SUCCESSFUL"]);
}

#[test]
fn a_service_without_tasks_is_done_at_once() {
    let mut stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 0));
    let second = stage.register("web", "1", json!({}));
    stage.update("web", &second);
    assert_eq!(stage.at(1).deployment("web")["status"], "SUCCESSFUL");
}

#[test]
fn events_tell_the_rollout_in_aws_s_shapes() {
    let mut stage = Stage::with_web();
    stage.events();
    stage.push("2", &[]);
    let second = stage.register("web", "2", json!({}));
    stage.update("web", &second);
    stage.at(60);
    let events = stage.events();
    let named = |kind: &str| -> Vec<&Value> {
        let events = events.iter().filter(|event| event.detail_type == kind);
        events.map(|event| &event.detail["eventName"]).collect()
    };
    assert_eq!(
        named("ECS Deployment State Change"),
        ["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED"]
    );
    assert_eq!(named("ECS Service Action"), ["SERVICE_STEADY_STATE"]);
    let tasks: Vec<_> = events.iter().filter(|event| event.detail_type == "ECS Task State Change").collect();
    let arn = tasks[0].resources[0].clone();
    let story: Vec<(u64, &str)> = tasks
        .iter()
        .filter(|event| event.resources[0] == arn)
        .map(|event| {
            (event.detail["version"].as_u64().unwrap(), event.detail["lastStatus"].as_str().unwrap())
        })
        .collect();
    assert_eq!(story, [(1, "PROVISIONING"), (2, "PENDING"), (3, "RUNNING")]);
    assert!(tasks[0].detail["createdAt"].as_str().unwrap().ends_with('Z'));
    assert!(events.iter().all(|event| event.source == "aws.ecs"));
}

#[test]
fn a_tag_that_moves_during_a_rollout_changes_nothing() {
    let mut stage = Stage::with_web();
    stage.push("2", &[]);
    stage.push("3", &[]);
    let reference = stage.tag("latest", "2");
    let second = stage.register("web", "2", json!({"image": reference}));
    stage.update("web", &second);
    stage.tag("latest", "3");
    stage.at(60);
    let list = stage.ask("ListTasks", json!({"cluster": CLUSTER, "serviceName": "web"}));
    let tasks =
        stage.ask("DescribeTasks", json!({"cluster": CLUSTER, "tasks": list["taskArns"]}))["tasks"].take();
    for task in tasks.as_array().unwrap() {
        assert_eq!(task["containers"][0]["image"], json!(reference), "shown as it was written");
        assert_eq!(task["containers"][0]["imageDigest"], json!(digest("2")));
    }
}

#[test]
fn a_task_stopped_by_hand_is_replaced() {
    let mut stage = Stage::with_web();
    let list = stage.ask("ListTasks", json!({"cluster": CLUSTER, "serviceName": "web"}));
    stage.ask("StopTask", json!({"cluster": CLUSTER, "task": list["taskArns"][0]}));
    assert_eq!(stage.at(60).tasks("web"), ["1 RUNNING x2", "1 STOPPED x1"]);
    assert_eq!(stage.statuses(), ["SUCCESSFUL"], "a replacement is no deployment");
}

#[test]
fn failures_after_the_first_healthy_task_are_not_counted() {
    let mut stage = Stage::with_web();
    stage.push("2", &[]);
    let second = stage.register("web", "2", json!({}));
    stage.update("web", &second);
    stage.at(60).push("2", &[("exit-code", "1")]);
    let list = stage.ask("ListTasks", json!({"cluster": CLUSTER, "serviceName": "web"}));
    for task in list["taskArns"].as_array().unwrap() {
        stage.ask("StopTask", json!({"cluster": CLUSTER, "task": task}));
    }
    let service = stage.at(300).service("web");
    assert_eq!(service["deployments"][0]["failedTasks"], 0);
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED", "it was, and stays so");
    assert!(stage.tasks("web").iter().any(|task| task.starts_with("2 STOPPED")), "{:?}", stage.tasks("web"));
}
