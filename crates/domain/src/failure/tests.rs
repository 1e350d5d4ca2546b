//! Failures as ECS tells them, and what people read.

use jiff::Timestamp;

use super::*;
use crate::ecs::TaskContainer;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_262_400 + second).unwrap()
}

fn name(name: &str) -> ContainerName {
    ContainerName::new(name).unwrap()
}

fn container(of: &str, exit_code: Option<i32>, reason: Option<&str>) -> TaskContainer {
    TaskContainer {
        name: name(of),
        image: "web".to_owned(),
        digest: None,
        exit_code,
        reason: reason.map(str::to_owned),
    }
}

fn stopped(id: u32, code: &str, reason: &str, containers: Vec<TaskContainer>) -> Task {
    Task {
        arn: TaskArn::new(format!("arn:aws:ecs:us-west-2:111122223333:task/c/{id}")).unwrap(),
        task_definition: "arn:aws:ecs:us-west-2:111122223333:task-definition/web:2".parse().unwrap(),
        last_status: "STOPPED".to_owned(),
        healthy: None,
        started_at: None,
        stop_code: Some(code.to_owned()),
        stopped_reason: Some(reason.to_owned()),
        stopped_at: Some(at(i64::from(id))),
        containers,
    }
}

fn exited(id: u32) -> Task {
    let containers = vec![container("log", Some(143), None), container("app", Some(1), None)];
    stopped(id, "EssentialContainerExited", "Essential container in task exited", containers)
}

fn scaled_in(id: u32) -> Task {
    let reason = "Scaling activity initiated by (deployment ecs-svc/3673210741502782026)";
    stopped(id, "ServiceSchedulerInitiated", reason, vec![container("app", Some(143), None)])
}

fn failed(tasks: &[Task]) -> Failure {
    let app = name("app");
    Failure::new("web", "its deployment is ROLLBACK_IN_PROGRESS").with_tasks(tasks, &BTreeSet::from([&app]))
}

fn event(message: &str) -> ServiceEvent {
    ServiceEvent { at: at(0), message: message.to_owned() }
}

#[test]
fn tasks_that_failed_alike_are_one_line_and_those_that_were_scaled_in_are_none() {
    let failure = failed(&[exited(1), scaled_in(4), exited(3), exited(2)]);
    let why = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
    let failure = failure.because([why.to_owned(), why.to_owned()]);
    assert_eq!(
        failure.in_short(),
        "web: its deployment is ROLLBACK_IN_PROGRESS. Service deployment rolled back because the circuit breaker \
         threshold was exceeded.\n3 tasks stopped (EssentialContainerExited): Essential container in task exited; \
         container app: exit code 1; container log: exit code 143"
    );
    let (task, container) = failure.speaker().unwrap();
    assert!(task.as_str().ends_with("/3"), "the newest of them: {task}");
    assert_eq!(container.as_str(), "app", "the one that failed by itself");
}

#[test]
fn a_task_that_never_ran_has_no_log_and_says_its_reason_once() {
    let reason = "CannotPullContainerError: not found";
    let never = stopped(1, "TaskFailedToStart", reason, vec![container("app", None, Some(reason))]);
    let failure = failed(&[never]);
    assert_eq!(failure.speaker(), None);
    assert_eq!(failure.tasks[0].in_words(), format!("1 task stopped (TaskFailedToStart): {reason}"));
}

#[test]
fn a_task_whose_containers_say_nothing_is_heard_all_the_same() {
    let unhealthy = stopped(
        1,
        "ServiceSchedulerInitiated",
        "Task failed container health checks",
        vec![container("log", Some(0), None), container("app", Some(0), None)],
    );
    assert_eq!(failed(&[unhealthy]).speaker().unwrap().1.as_str(), "app");
}

#[test]
fn routine_is_not_told_and_the_same_is_told_once() {
    let failure = Failure::new("web", "no").with_events(&[
        event("(service web) has started 1 tasks: (task 65f4)."),
        event("(service web) (task 65f4) failed container health checks."),
        event("(service web) has stopped 1 running tasks: (task 65f4)."),
        event("(service web) (task 8377) failed container health checks."),
        event("(service web) registered 1 targets in (target-group a)"),
        event("(service web) was unable to place a task. Reason: Capacity is unavailable at this time."),
        event("(service web) has reached a steady state."),
    ]);
    let told: Vec<String> = failure.events.iter().map(Told::in_words).collect();
    assert_eq!(
        told,
        [
            "(service web) (task 65f4) failed container health checks. (2 times)",
            "(service web) was unable to place a task. Reason: Capacity is unavailable at this time.",
        ]
    );
    assert!(failure.in_short().ends_with("(2 times)"), "no task stopped: {}", failure.in_short());
}

#[test]
fn a_flood_is_cut() {
    let tasks: Vec<Task> = (0..100).map(|id| stopped(id, "x", &"y".repeat(id as usize), vec![])).collect();
    let events: Vec<ServiceEvent> =
        (0..100).map(|n| event(&format!("event {n} {}", "z".repeat(900)))).collect();
    let failure = failed(&tasks).with_events(&events).redacted(&mut Redactor::new([]));
    assert_eq!((failure.tasks.len(), failure.events.len()), (KEPT, KEPT));
    assert!(failure.events.iter().all(|told| told.message.chars().count() <= WORDS));
    assert!(in_short(&vec![failure; 50]).chars().count() <= SHORT);
}

#[test]
fn t37_reasons_hold_no_secret() {
    let secret = "s3cret-value";
    let mut task = exited(1);
    task.stopped_reason = Some(format!("exec {secret}"));
    task.containers[1].reason = Some(format!("arg {secret}"));
    let failure = failed(&[task]).because([secret.to_owned()]).with_events(&[event(secret)]);
    let failure = failure.redacted(&mut Redactor::new([secret.to_owned()]));
    let saved = serde_json::to_string(&failure).unwrap();
    assert!(!saved.contains(secret) && saved.matches("***").count() == 4, "{saved}");
}
