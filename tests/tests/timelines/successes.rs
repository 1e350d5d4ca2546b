//! Deployments that go well.

use serde_json::json;

use crate::world::{CLUSTER, World};

#[tokio::test]
async fn t14_a_rolling_deployment_is_good_a_minute_after_ecs_says_so() {
    World::of_web().await.deploys(&[]).await.is_good_at(105);
}

#[tokio::test]
async fn t14_a_singleton_that_is_stopped_before_it_starts_is_good() {
    World::of_a_singleton().await.deploys(&[]).await.is_good_at(125);
}

#[tokio::test]
async fn t14_tasks_that_take_their_time_are_waited_for() {
    World::of_web().await.deploys(&[("start-seconds", "300")]).await.is_good_at(400);
}

#[tokio::test]
async fn t17_tasks_that_take_too_long_are_bad_at_the_deadline() {
    World::of_web().await.deploys(&[("start-seconds", "900")]).await.is_bad_at(600, &["still IN_PROGRESS"]);
}

#[tokio::test]
async fn t14_a_deployment_declared_successful_early_soaks_with_its_last_task() {
    let world = World::of_web().await;
    let early = json!({"enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED"});
    world.configure(json!({"minimumHealthyPercent": 50, "earlySuccessCriteria": early}));
    let slow = [("start-seconds", "120"), ("only-tasks", "after:1")];
    world.deploys(&slow).await.is_good_at(195);
}

#[tokio::test]
async fn a_service_scaled_up_while_it_deploys_is_proved_by_all_it_wants() {
    let world = World::of_web().await;
    world.at(20, |ecs| ecs.somebody_scales(CLUSTER, "web", 4).unwrap());
    world.deploys(&[]).await.is_good_at(120);
}

#[tokio::test]
async fn a_service_scaled_down_in_the_soak_has_not_crashed() {
    let world = World::of_web().await;
    world.at(80, |ecs| ecs.somebody_scales(CLUSTER, "web", 1).unwrap());
    world.deploys(&[]).await.is_good_at(105);
}
