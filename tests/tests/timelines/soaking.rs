//! What happens after ECS has called it a success.

use crate::world::World;

#[tokio::test]
async fn t16_tasks_that_exit_after_a_minute_are_bad() {
    let judged = World::of_web().await.deploys(&[("exit-after-seconds", "60"), ("exit-code", "1")]).await;
    judged.is_bad_at(80, &["of its tasks stopped after ECS called it a success", "exit code 1"]);
}

#[tokio::test]
async fn t16_the_only_task_of_a_service_that_exits_after_a_minute_is_bad() {
    let judged = World::of_a_singleton().await.deploys(&[("exit-after-seconds", "60")]).await;
    judged.is_bad_at(85, &["1 of its tasks stopped after", "exit code 1"]);
}

#[tokio::test]
async fn t16_one_task_out_of_memory_is_forgiven_when_its_replacement_holds() {
    let judged = World::of_web()
        .await
        .deploys(&[("out-of-memory-after-seconds", "60"), ("only-tasks", "first:1")])
        .await;
    judged.is_good_at(155);
}

#[tokio::test]
async fn t18_targets_that_fall_sick_after_the_cut_over_are_bad() {
    let judged = World::of_web().await.deploys(&[("unhealthy-after-seconds", "60")]).await;
    judged.is_bad_at(80, &["of its tasks stopped after", "failed ELB health checks"]);
}

#[tokio::test]
async fn t18_a_target_that_falls_sick_once_is_forgiven_when_its_replacement_holds() {
    let judged =
        World::of_web().await.deploys(&[("unhealthy-after-seconds", "60"), ("only-tasks", "first:1")]).await;
    judged.is_good_at(155);
}
