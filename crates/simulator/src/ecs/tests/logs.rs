//! What containers print, where their definition says.

use serde_json::{Value, json};

use super::stage::{CLUSTER, Stage};
use crate::aws::JsonService;

fn logging() -> Value {
    json!({"logConfiguration": {"logDriver": "awslogs", "options": {
        "awslogs-group": "/ecs/web", "awslogs-region": "us-west-2", "awslogs-stream-prefix": "web",
    }}})
}

fn streams(stage: &Stage) -> Vec<String> {
    match stage.ecs.logs().call("DescribeLogStreams", &json!({"logGroupName": "/ecs/web"})) {
        Ok(answer) => {
            let streams = answer["logStreams"].as_array().unwrap().iter();
            streams.map(|stream| stream["logStreamName"].as_str().unwrap().to_owned()).collect()
        }
        Err(error) => vec![error.code],
    }
}

fn messages(stage: &Stage, task: &Value) -> Vec<(i64, String)> {
    let id = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap();
    let input = json!({"logGroupName": "/ecs/web", "logStreamName": format!("web/app/{id}")});
    let events = stage.ecs.logs().call("GetLogEvents", &input).unwrap()["events"].take();
    let events = events.as_array().unwrap().iter();
    events
        .map(|event| (event["timestamp"].as_i64().unwrap(), event["message"].as_str().unwrap().to_owned()))
        .collect()
}

fn milliseconds(seconds: &Value) -> i64 {
    (seconds.as_f64().unwrap() * 1000.0).round() as i64
}

#[test]
fn a_container_that_ends_prints_its_last_lines_just_before() {
    let mut stage = Stage::with_web();
    stage.push("2", &[("exit-code", "1"), ("log", "Booting Puma\nPG::ConnectionBad: no route to host")]);
    let second = stage.register("web", "2", logging());
    stage.update("web", &second);
    assert_eq!(
        stage
            .at(15)
            .ecs
            .logs()
            .call("DescribeLogStreams", &json!({"logGroupName": "/ecs/web"}))
            .unwrap_err()
            .code,
        "ResourceNotFoundException"
    );
    assert_eq!(streams(stage.at(16)).len(), 2, "a stream per task, named after it, from RUNNING on");
    let task = stage.at(21).stopped().remove(0);
    let at = milliseconds(&task["executionStoppedAt"]);
    let lines = [(at, "Booting Puma".to_owned()), (at, "PG::ConnectionBad: no route to host".to_owned())];
    assert_eq!(messages(&stage, &task), lines);
}

#[test]
fn a_container_that_stays_prints_once_it_runs() {
    let mut stage = Stage::with_web();
    stage.push("2", &[("never-healthy", "true"), ("log", "waiting for the database")]);
    let second = stage.register("web", "2", logging());
    stage.update("web", &second);
    let task = stage.at(106).stopped().remove(0);
    let started = milliseconds(&task["startedAt"]);
    assert_eq!(messages(&stage, &task), [(started, "waiting for the database".to_owned())]);
}

#[test]
fn a_task_that_never_ran_and_one_without_awslogs_leave_nothing() {
    let mut stage = Stage::with_web();
    stage.push("2", &[("cannot-start", "command"), ("log", "never said")]);
    let second = stage.register("web", "2", logging());
    stage.update("web", &second);
    assert_eq!(streams(stage.at(60)), ["ResourceNotFoundException"]);
    stage.deploy("3", &[("exit-code", "1"), ("log", "said to nobody")]);
    assert_eq!(streams(stage.at(120)), ["ResourceNotFoundException"]);
}

#[test]
fn a_command_of_run_task_prints_too() {
    let mut stage = Stage::new();
    stage.push(
        "1",
        &[("run-task.exit-code", "1"), ("log", "== 20261105 AddIndex: migrating\nPG::DuplicateTable")],
    );
    stage.register("job", "1", logging());
    let arn = stage.ask(
        "RunTask",
        json!({
            "cluster": CLUSTER, "taskDefinition": "job", "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        }),
    )["tasks"][0]["taskArn"]
        .take();
    stage.at(40);
    let task = json!({"taskArn": arn});
    assert_eq!(messages(&stage, &task).last().unwrap().1, "PG::DuplicateTable");
}
