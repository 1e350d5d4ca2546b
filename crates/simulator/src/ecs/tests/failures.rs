//! Tasks that fail, each in its own way, with AWS's words for it. The circuit breaker is off: nothing ends the trouble.

use serde_json::{Value, json};

use super::stage::{CLUSTER, Stage, image};

const GROUP: &str = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/web/1";

/// A world whose `web` is never turned back.
fn patient() -> Stage {
    let stage = Stage::with_web();
    stage.configure(json!({"deploymentCircuitBreaker": {"enable": false, "rollback": false}}));
    stage
}

/// How the first task of a version that behaves so ended.
fn ended(behaviour: &[(&str, &str)], by_second: i64) -> (Stage, Value) {
    let mut stage = patient();
    stage.deploy("2", behaviour);
    stage.at(by_second);
    let first = stage.stopped().remove(0);
    (stage, first)
}

#[test]
fn a_task_that_exits_says_so_with_its_code() {
    for (after, running_until) in [("0", 16), ("60", 76)] {
        let behaviour = [("exit-code", "3"), ("exit-after-seconds", after)];
        let mut stage = patient();
        stage.deploy("2", &behaviour);
        if running_until > 16 {
            assert!(stage.at(running_until - 1).tasks("web").contains(&"2 RUNNING x2".to_owned()));
        }
        stage.at(running_until);
        let task = stage.stopped().remove(usize::from(running_until > 16) * 2);
        assert_eq!(task["stopCode"], "EssentialContainerExited");
        assert_eq!(task["stoppedReason"], "Essential container in task exited");
        assert_eq!(task["containers"][0]["exitCode"], 3);
        assert!(task["containers"][0].get("reason").is_none());
    }
}

#[test]
fn a_container_killed_for_its_memory_says_so_with_exit_code_137() {
    let (_, task) = ended(&[("out-of-memory-after-seconds", "4")], 20);
    assert_eq!(task["stopCode"], "EssentialContainerExited");
    assert_eq!(task["containers"][0]["exitCode"], 137);
    let reason = "OutOfMemoryError: Container killed due to memory usage";
    assert_eq!(task["containers"][0]["reason"], reason);
}

#[test]
fn a_task_that_the_load_balancer_never_takes_is_replaced_after_the_grace_period() {
    // RUNNING at 16, 30 s of grace, two failed rounds.
    let (stage, task) = ended(&[("never-healthy", "true")], 106);
    assert_eq!(task["stopCode"], "ServiceSchedulerInitiated");
    assert_eq!(
        task["stoppedReason"],
        json!(format!("Task failed ELB health checks in (target-group {GROUP})"))
    );
    assert_eq!(task["healthStatus"], "UNKNOWN", "no container has a health check");
    let id = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap();
    assert_eq!(
        stage.lines(&format!("(task {id})"))[1..],
        [
            format!(
                "(service web) (task {id}) (port 3000) is unhealthy in (target-group {GROUP}) due to \
                 (reason Health checks failed with these codes: [503])."
            ),
            format!("(service web) has stopped 1 running tasks: (task {id})."),
        ]
    );
}

#[test]
fn the_load_balancer_s_own_trouble_is_told_even_if_the_container_s_check_passes() {
    let check = json!({"healthCheck": {"command": ["CMD", "true"], "interval": 10, "retries": 2}});
    for (label, wanted) in [
        ("502,504", "(reason Health checks failed with these codes: [502,504])"),
        ("timeout", "(reason Request timed out)"),
    ] {
        let mut stage = patient();
        stage.push("2", &[("balancer-fails", label)]);
        let second = stage.register("web", "2", check.clone());
        stage.update("web", &second);
        assert_eq!(stage.at(105).tasks("web"), ["1 RUNNING x2", "2 RUNNING x2"]);
        assert_eq!(stage.at(106).stopped().len(), 2);
        assert_eq!(stage.lines(wanted).len(), 2, "{:?}", stage.lines(""));
    }
}

#[test]
fn a_task_may_become_healthy_and_lose_it_again() {
    let mut stage = patient();
    stage.deploy("2", &[("unhealthy-after-seconds", "60")]);
    assert_eq!(stage.at(60).statuses()[0], "SUCCESSFUL");
    assert_eq!(stage.at(75).tasks("web"), ["1 STOPPED x2", "2 RUNNING x2"]);
    assert_eq!(stage.at(76).tasks("web"), ["1 STOPPED x2", "2 DEACTIVATING x2", "2 PROVISIONING x2"]);
    let reason = format!("Task failed ELB health checks in (target-group {GROUP})");
    assert_eq!(stage.stopped()[2]["stoppedReason"], json!(reason));
    // The replacement flaps in the same way: RUNNING at 91, healthy at 101, lost at 151.
    assert_eq!(stage.at(110).service("web")["runningCount"], 2);
    assert!(stage.at(151).tasks("web").contains(&"2 DEACTIVATING x2".to_owned()));
    assert_eq!(stage.statuses()[0], "SUCCESSFUL", "nobody looks any more");
}

#[test]
fn an_image_that_cannot_be_pulled_or_started_is_told_in_aws_s_words() {
    let image = image("2");
    let cases = [
        (
            "not-found",
            format!("CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {image}: {image}: not found"),
        ),
        ("denied", "CannotPullContainerError: pull image manifest has been retried 1 time(s)".into()),
        ("platform", "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'".into()),
        ("unreachable", "CannotPullContainerError: The task cannot pull".into()),
        ("secrets", "ResourceInitializationError: unable to pull secrets or registry auth".into()),
        ("command", "CannotStartContainerError: failed to create task".into()),
    ];
    for (label, wanted) in cases {
        let (stage, task) = ended(&[("cannot-start", label)], 20);
        assert_eq!(task["stopCode"], "TaskFailedToStart", "{label}");
        let reason = task["stoppedReason"].as_str().unwrap();
        assert!(reason.starts_with(&wanted), "{label}: {reason}");
        assert_eq!(task["containers"][0]["reason"], reason);
        assert!(task.get("startedAt").is_none() && task["containers"][0].get("exitCode").is_none());
        let line = format!("(service web) was unable to place a task. Reason: {reason}.");
        assert_eq!(stage.lines("was unable to place"), [line], "said once, though two tasks failed");
    }
}

#[test]
fn an_image_that_is_not_there_never_finishes_a_deployment() {
    let mut stage = patient();
    let second = stage.register("web", "2", json!({}));
    stage.update("web", &second);
    stage.at(600);
    let service = stage.service("web");
    assert_eq!(service["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert!(service["deployments"][0]["failedTasks"].as_u64().unwrap() > 3);
    assert_eq!(service["runningCount"], 2, "the old tasks go on");
    assert!(stage.stopped()[0]["stoppedReason"].as_str().unwrap().ends_with(": not found"));
    let events = stage.events();
    let impaired = events.iter().filter(|event| event.detail["eventName"] == "SERVICE_TASK_START_IMPAIRED");
    assert_eq!(impaired.count(), 1);
    assert!(events.iter().all(|event| event.detail["eventName"] != "SERVICE_DEPLOYMENT_FAILED"));
}

#[test]
fn tasks_that_never_run_are_tried_less_and_less_often() {
    let mut stage = patient();
    stage.configure(json!({"maximumPercent": 150}));
    stage.deploy("2", &[("cannot-start", "not-found")]);
    let mut attempts = Vec::new();
    for second in 0..2000 {
        let so_far = stage.at(second).lines("has started 1 tasks").len();
        if so_far > attempts.len() {
            attempts.push(second);
        }
    }
    // One at a time, each known to have failed 10 s later: two at once, then pauses of 30, 60, 120, 240, 480, 960 s.
    assert_eq!(attempts, [1, 11, 21, 61, 131, 261, 511, 1001, 1971]);
    let line = "(service web) is unable to consistently start tasks successfully.";
    assert_eq!(stage.lines("unable to consistently"), [line]);
    // "If you update your service to use a new task definition, your service returns to normal immediately."
    stage.deploy("3", &[]);
    assert_eq!(stage.at(2100).tasks("web").last().unwrap(), "3 RUNNING x2");
}

#[test]
fn tasks_that_ran_are_replaced_without_a_pause() {
    let mut stage = patient();
    stage.deploy("2", &[("exit-code", "1"), ("exit-after-seconds", "5")]);
    stage.at(200);
    assert!(stage.stopped().len() > 12, "{}", stage.stopped().len());
    assert!(stage.lines("unable to consistently").is_empty());
}

#[test]
fn a_crash_is_counted_until_a_task_was_healthy_once() {
    for (after, counted) in [("5", true), ("60", false)] {
        let mut stage = patient();
        stage.deploy("2", &[("exit-code", "1"), ("exit-after-seconds", after)]);
        let service = stage.at(400).service("web");
        let failed = service["deployments"][0]["failedTasks"].as_u64().unwrap();
        assert_eq!(failed > 0, counted, "exits after {after}: {failed}");
        assert!(service["pendingCount"].as_u64().unwrap() + service["runningCount"].as_u64().unwrap() >= 2);
    }
}

#[test]
fn labels_can_spare_later_tasks_of_a_deployment() {
    let mut stage = patient();
    stage.deploy("2", &[("exit-code", "1"), ("only-tasks", "first:2")]);
    assert_eq!(stage.at(100).tasks("web"), ["1 STOPPED x2", "2 RUNNING x2", "2 STOPPED x2"]);
    assert_eq!(stage.statuses()[0], "SUCCESSFUL");
}

#[test]
fn a_place_can_be_made_bad_for_images_that_are_good() {
    let mut stage = patient();
    stage.ecs.impose(CLUSTER, "web", &[("cannot-start", "secrets")]);
    stage.deploy("2", &[]);
    assert!(stage.at(11).stopped()[0]["stoppedReason"].as_str().unwrap().starts_with("ResourceInit"));
    stage.ecs.impose(CLUSTER, "web", &[]);
    assert_eq!(stage.at(200).statuses()[0], "SUCCESSFUL");
}

#[test]
fn a_migration_can_fail_once_and_work_the_next_time() {
    let mut stage = Stage::new();
    stage.push("1", &[("run-task.exit-code", "4"), ("only-tasks", "first:1")]);
    let run = |stage: &Stage| {
        let input = json!({
            "cluster": CLUSTER, "taskDefinition": "web", "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        });
        stage.ask("RunTask", input)["tasks"][0]["taskArn"].take()
    };
    let codes = |stage: &Stage, arn: &Value| {
        let answer = stage.ask("DescribeTasks", json!({"cluster": CLUSTER, "tasks": [arn]}));
        answer["tasks"][0]["containers"][0]["exitCode"].clone()
    };
    let first = run(&stage);
    assert_eq!(codes(stage.at(30), &first), 4);
    let second = run(&stage);
    assert_eq!(codes(stage.at(60), &second), 0);
}
