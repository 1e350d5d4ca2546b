//! Others deploy, stop and scale what is being deployed.

use crate::world::{CLUSTER, World};

#[tokio::test]
async fn t14_somebody_elses_deployment_over_ours_is_bad() {
    let world = World::of_web().await;
    world.at(21, |ecs| ecs.somebody_deploys(CLUSTER, "web", "web:1").unwrap());
    world.deploys(&[]).await.is_bad_at(25, &["web: another deployment replaced Gantry's"]);
}

#[tokio::test]
async fn t14_somebody_elses_deployment_in_the_soak_is_bad() {
    let world = World::of_web().await;
    world.at(81, |ecs| ecs.somebody_deploys(CLUSTER, "web", "web:1").unwrap());
    world.deploys(&[]).await.is_bad_at(85, &["web: another deployment replaced Gantry's"]);
}

#[tokio::test]
async fn t14_somebody_who_deploys_our_own_definition_once_more_is_somebody_else() {
    let world = World::of_web().await;
    world.at(81, |ecs| ecs.somebody_deploys(CLUSTER, "web", "web:2").unwrap());
    world.deploys(&[]).await.is_bad_at(85, &["web: another deployment replaced Gantry's"]);
}

#[tokio::test]
async fn t14_a_deployment_stopped_by_hand_is_bad() {
    let world = World::of_web().await;
    world.at(21, |ecs| ecs.somebody_stops(CLUSTER, "web").unwrap());
    world.deploys(&[]).await.is_bad_at(25, &["web: its deployment is ROLLBACK_", "StopServiceDeployment"]);
}

#[tokio::test]
async fn t15_a_service_scaled_to_nothing_while_it_deploys_proves_nothing() {
    let world = World::of_web().await;
    world.at(21, |ecs| ecs.somebody_scales(CLUSTER, "web", 0).unwrap());
    world.deploys(&[]).await.is_bad_at(40, &["it wants 0 tasks"]);
}

#[tokio::test]
async fn t15_a_service_scaled_to_nothing_in_the_soak_proves_nothing() {
    let world = World::of_web().await;
    world.at(81, |ecs| ecs.somebody_scales(CLUSTER, "web", 0).unwrap());
    world.deploys(&[]).await.is_bad_at(85, &["it wants 0 tasks"]);
}
