//! Tasks on their own: migrations, checks, acceptance tests.

use serde_json::{Value, json};

use super::stage::{CLUSTER, Stage};

fn request(change: Value) -> Value {
    let mut input = json!({
        "cluster": CLUSTER, "taskDefinition": "web", "launchType": "FARGATE", "startedBy": "gantry",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        "overrides": {"containerOverrides": [{"name": "app", "command": ["rails", "db:migrate"]}]},
        "tags": [{"key": "release", "value": "r-1"}],
    });
    for (name, value) in change.as_object().unwrap() {
        input[name] = value.clone();
    }
    input
}

fn first(stage: &Stage, arn: &Value) -> Value {
    let input = json!({"cluster": CLUSTER, "tasks": [arn], "include": ["TAGS"]});
    stage.ask("DescribeTasks", input)["tasks"][0].take()
}

#[test]
fn a_command_runs_and_exits_as_the_image_says() {
    for (behaviour, code) in [(vec![], 0), (vec![("run-task.exit-code", "3")], 3)] {
        let mut stage = Stage::new();
        stage.push("1", &behaviour);
        let arn = stage.ask("RunTask", request(json!({})))["tasks"][0]["taskArn"].take();
        let timeline =
            [(0, "PROVISIONING"), (5, "PENDING"), (15, "RUNNING"), (25, "DEPROVISIONING"), (30, "STOPPED")];
        for (second, status) in timeline {
            assert_eq!(first(stage.at(second), &arn)["lastStatus"], status, "at second {second}");
        }
        let task = first(&stage, &arn);
        assert_eq!(task["containers"][0]["exitCode"], code);
        assert_eq!(task["stopCode"], "EssentialContainerExited");
        assert_eq!(task["overrides"]["containerOverrides"][0]["command"], json!(["rails", "db:migrate"]));
        assert_eq!(task["tags"], json!([{"key": "release", "value": "r-1"}]));
        assert_eq!(task["startedBy"], "gantry");
    }
}

#[test]
fn a_sidecar_does_not_end_the_task() {
    let mut stage = Stage::new();
    stage.push("1", &[("run-task.exit-after-seconds", "100")]);
    let app = json!({"name": "app", "image": super::stage::image("1")});
    let sidecar =
        json!({"name": "router", "image": "public.ecr.aws/aws-observability/aws-for-fluent-bit:stable"});
    stage.ask(
        "RegisterTaskDefinition",
        json!({
            "family": "job", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "512",
            "memory": "1024", "containerDefinitions": [app, sidecar],
        }),
    );
    let arn = stage.ask("RunTask", request(json!({"taskDefinition": "job"})))["tasks"][0]["taskArn"].take();
    assert_eq!(first(stage.at(110), &arn)["lastStatus"], "RUNNING");
    let task = first(stage.at(120), &arn);
    assert_eq!([&task["containers"][0]["exitCode"], &task["containers"][1]["exitCode"]], [0, 143]);
}

#[test]
fn a_client_token_starts_a_task_once() {
    let mut stage = Stage::new();
    let token = json!({"clientToken": "release-1-migration"});
    let one = stage.ask("RunTask", request(token.clone()));
    let again = stage.at(3).ask("RunTask", request(token));
    assert_eq!(one["tasks"][0]["taskArn"], again["tasks"][0]["taskArn"]);
    let other = request(json!({"clientToken": "release-1-migration", "startedBy": "someone"}));
    assert_eq!(stage.refused("RunTask", other).code, "ConflictException");
    let list = stage.ask("ListTasks", json!({"cluster": CLUSTER, "startedBy": "gantry"}));
    assert_eq!(list["taskArns"].as_array().unwrap().len(), 1);
}

#[test]
fn a_task_can_be_stopped_with_a_reason() {
    let mut stage = Stage::new();
    let arn = stage.ask("RunTask", request(json!({})))["tasks"][0]["taskArn"].take();
    stage.at(20).ask("StopTask", json!({"cluster": CLUSTER, "task": arn, "reason": "release was cancelled"}));
    let task = first(stage.at(31), &arn);
    assert_eq!((&task["lastStatus"], &task["stopCode"]), (&json!("STOPPED"), &json!("UserInitiated")));
    assert_eq!(task["stoppedReason"], "release was cancelled");
    assert_eq!(task["containers"][0]["exitCode"], 143);
}

#[test]
fn a_stopped_task_can_be_described_for_an_hour() {
    let mut stage = Stage::new();
    let arn = stage.ask("RunTask", request(json!({})))["tasks"][0]["taskArn"].take();
    assert_eq!(first(stage.at(3600), &arn)["lastStatus"], "STOPPED");
    let answer = stage.at(3631).ask("DescribeTasks", json!({"cluster": CLUSTER, "tasks": [arn]}));
    assert_eq!(answer["failures"], json!([{"arn": arn, "reason": "MISSING"}]));
}

#[test]
fn what_aws_would_not_run_is_refused_in_its_words() {
    let stage = Stage::new();
    stage.ask(
        "RegisterTaskDefinition",
        json!({
            "family": "old", "containerDefinitions": [{"name": "app", "image": "nginx"}],
        }),
    );
    let cases = [
        (json!({"cluster": "nowhere"}), "ClusterNotFoundException: Cluster not found."),
        (json!({"taskDefinition": "web:9"}), "ClientException: TaskDefinition not found."),
        (
            json!({"launchType": "EC2"}),
            "InvalidParameterException: No Container Instances were found in your cluster.",
        ),
        (
            json!({"taskDefinition": "old"}),
            "InvalidParameterException: Task definition does not support launch_type FARGATE.",
        ),
        (json!({"count": 11}), "InvalidParameterException: Count must be between 1 and 10."),
        (
            json!({"overrides": {"containerOverrides": [{"name": "web"}]}}),
            "InvalidParameterException: Override for container named web is not a container in the TaskDefinition.",
        ),
    ];
    for (change, wanted) in cases {
        assert_eq!(stage.refused("RunTask", request(change)).to_string(), wanted);
    }
    let mut bare = request(json!({}));
    bare.as_object_mut().unwrap().remove("networkConfiguration");
    assert_eq!(
        stage.refused("RunTask", bare).message,
        "Network Configuration must be provided when networkMode 'awsvpc' is specified."
    );
    stage.ask("DeregisterTaskDefinition", json!({"taskDefinition": "web:1"}));
    let inactive = stage.refused("RunTask", request(json!({"taskDefinition": "web:1"})));
    assert_eq!(inactive.to_string(), "InvalidParameterException: TaskDefinition is inactive");
}
