//! ECS gives a deployment up, or never does.

use super::Says::*;
use super::web;

const TURNED: &str = "Service deployment rolled back because the circuit breaker threshold was exceeded.";

#[tokio::test]
async fn t14_a_circuit_breaker_with_rollback_is_bad_as_soon_as_it_turns() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (20, Runs("1 ours, 2 old")),
        (25, Crash(1)),
        (41, Ours("ROLLBACK_IN_PROGRESS")),
        (41, Why(TURNED)),
        (41, GoesBack(TURNED)),
        (41, Failed(3)),
        (41, Event("(service web) rolling back to deployment ecs-svc/1.")),
        (56, Ours("ROLLBACK_SUCCESSFUL")),
    ])
    .bad_at(
        45,
        &[
            "its deployment is ROLLBACK_IN_PROGRESS",
            TURNED,
            "3 tasks failed",
            "Essential container in task exited",
            "exit code 1",
        ],
    )
    .await;
}

#[tokio::test]
async fn t14_a_circuit_breaker_without_rollback_is_bad_when_it_stops() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (41, Ours("STOPPED")),
        (41, Why("Service deployment stopped because the circuit breaker threshold was exceeded.")),
    ])
    .bad_at(45, &["its deployment is STOPPED", "circuit breaker threshold"])
    .await;
}

#[tokio::test]
async fn t14_a_service_that_is_stable_after_a_rollback_is_our_failure() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (2, Ours("ROLLBACK_SUCCESSFUL")),
        (2, GoesBack(TURNED)),
        (2, Event("(service web) has reached a steady state.")),
    ])
    .bad_at(5, &["its deployment is ROLLBACK_SUCCESSFUL", TURNED])
    .await;
}

#[tokio::test]
async fn t14_a_rollback_of_ecs_that_fails_is_bad() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (2, Ours("ROLLBACK_FAILED")),
        (2, Why("No rollback candidate was found to run the rollback.")),
    ])
    .bad_at(5, &["its deployment is ROLLBACK_FAILED", "No rollback candidate"])
    .await;
}

#[tokio::test]
async fn t14_an_alarm_that_rolls_back_is_named() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (61, Ours("ROLLBACK_IN_PROGRESS")),
        (61, Why("Service deployment rolled back because of an alarm in the ALARM state.")),
        (61, Alarm("web-5xx")),
    ])
    .bad_at(65, &["Alarms that went off: web-5xx"])
    .await;
}

#[tokio::test]
async fn t14_an_alarm_that_only_stops_is_bad_too() {
    web(&[(0, Ours("IN_PROGRESS")), (61, Ours("STOPPED")), (61, Alarm("web-5xx"))])
        .bad_at(65, &["its deployment is STOPPED", "Alarms that went off: web-5xx"])
        .await;
}

#[tokio::test]
async fn t17_no_capacity_is_bad_at_the_deadline_in_ecs_own_words() {
    let words = "(service web) was unable to place a task. Reason: Capacity is unavailable at this time. Please try \
                 again later or in a different availability zone.";
    web(&[(0, Ours("IN_PROGRESS")), (30, Event(words)), (330, Event(words))])
        .bad_at(600, &["not done in time, still IN_PROGRESS", words])
        .await;
}

#[tokio::test]
async fn t17_an_image_that_cannot_be_pulled_is_bad_at_the_deadline_when_no_breaker_is_on() {
    let reason =
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref";
    web(&[
        (0, Ours("IN_PROGRESS")),
        (20, Stops("ours", "TaskFailedToStart", reason)),
        (50, Stops("ours", "TaskFailedToStart", reason)),
        (
            50,
            Stops(
                "ours",
                "ServiceSchedulerInitiated",
                "Scaling activity initiated by (deployment ecs-svc/1)",
            ),
        ),
    ])
    .bad_at(600, &["not done in time", reason])
    .await;
}

#[tokio::test]
async fn t17_tasks_that_never_become_healthy_are_bad_when_the_breaker_turns() {
    let reason = "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-west-2:1:targetgroup/web/1)";
    web(&[
        (0, Ours("IN_PROGRESS")),
        (106, Stops("ours", "ServiceSchedulerInitiated", reason)),
        (221, Ours("ROLLBACK_IN_PROGRESS")),
        (221, Failed(3)),
    ])
    .bad_at(225, &["ROLLBACK_IN_PROGRESS", reason])
    .await;
}

#[tokio::test]
async fn t17_a_deployment_without_a_breaker_that_fails_for_ever_is_bad_at_the_deadline() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (20, Runs("1 ours, 2 old")),
        (21, Crash(1)),
        (40, Runs("1 ours, 2 old")),
        (41, Crash(1)),
        (590, Failed(28)),
    ])
    .bad_at(600, &["not done in time", "28 tasks failed", "exit code 1"])
    .await;
}

#[tokio::test]
async fn t17_a_deployment_that_never_begins_is_bad_at_the_deadline() {
    web(&[(0, Ours("PENDING"))]).bad_at(600, &["not done in time, still PENDING"]).await;
}

#[tokio::test]
async fn t14_a_status_that_aws_invents_later_is_waited_for_and_never_a_success() {
    web(&[(0, Ours("IN_PROGRESS")), (30, Runs("2 ours")), (40, Ours("SUCCESSFUL_ENOUGH"))])
        .bad_at(600, &["still SUCCESSFUL_ENOUGH"])
        .await;
}
