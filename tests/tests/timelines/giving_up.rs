//! ECS gives a deployment up, or never does.

use gantry_simulator::ecs::Shortage;
use serde_json::json;

use crate::world::{CLUSTER, World};

const CRASHES: &[(&str, &str)] = &[("exit-code", "3"), ("exit-after-seconds", "5")];

#[tokio::test]
async fn t14_a_circuit_breaker_with_rollback_is_bad_when_it_turns() {
    let words =
        ["its deployment is ROLLBACK_IN_PROGRESS", "circuit breaker threshold was exceeded", "exit code 3"];
    World::of_web().await.deploys(CRASHES).await.is_bad_at(45, &words);
}

#[tokio::test]
async fn t14_a_circuit_breaker_without_rollback_is_bad_when_it_stops() {
    let world = World::of_web().await;
    world.configure(json!({"deploymentCircuitBreaker": {"enable": true, "rollback": false}}));
    world.deploys(CRASHES).await.is_bad_at(45, &["its deployment is STOPPED", "exit code 3"]);
}

#[tokio::test]
async fn t17_without_a_breaker_crashes_for_ever_are_bad_at_the_deadline() {
    let world = World::of_web().await;
    world.configure(json!({"deploymentCircuitBreaker": {"enable": false, "rollback": false}}));
    world.deploys(CRASHES).await.is_bad_at(600, &["not done in time", "tasks stopped", "exit code 3"]);
}

#[tokio::test]
async fn t16_crashes_between_health_and_the_breakers_next_count_are_bad_at_the_second() {
    // Healthy soon after 16, so ECS calls it a success and stops counting; gone at 41.
    let labels = [("exit-after-seconds", "25"), ("exit-code", "1")];
    let words = ["2 of its tasks stopped after ECS called it a success", "exit code 1"];
    World::of_web().await.deploys(&labels).await.is_bad_at(45, &words);
}

#[tokio::test]
async fn t17_tasks_that_never_become_healthy_are_bad_when_the_breaker_turns() {
    let judged = World::of_web().await.deploys(&[("never-healthy", "true")]).await;
    judged.is_bad_at(225, &["ROLLBACK_IN_PROGRESS", "failed ELB health checks"]);
}

#[tokio::test]
async fn t17_an_image_that_cannot_be_pulled_is_bad_in_ecs_own_words() {
    let judged = World::of_web().await.deploys(&[("cannot-start", "not-found")]).await;
    judged.is_bad_at(25, &["CannotPullContainerError"]);
}

#[tokio::test]
async fn t17_no_capacity_is_bad_in_ecs_own_words() {
    let world = World::of_web().await;
    world.ecs.run_short(CLUSTER, Some(Shortage::Fargate));
    world.deploys(&[]).await.is_bad_at(65, &["Capacity is unavailable at this time"]);
}

#[tokio::test]
async fn t14_an_alarm_that_rolls_back_is_named() {
    let world = World::of_web().await;
    world.configure(json!({"alarms": {"enable": true, "rollback": true, "alarmNames": ["web-5xx"]}}));
    world.at(21, |ecs| ecs.alarm("web-5xx", true));
    world
        .deploys(&[])
        .await
        .is_bad_at(25, &["its deployment is ROLLBACK_IN_PROGRESS", "Alarms that went off: web-5xx"]);
}
