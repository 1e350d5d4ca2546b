//! A stage is put back: what counts is what runs, because ECS may have gone back by itself.

use super::Says::*;
use super::web;

#[tokio::test]
async fn t20_a_rollback_that_gantry_deploys_is_judged_like_any_deployment() {
    web(&[(0, Ours("IN_PROGRESS")), (30, Runs("2 ours")), (40, Ours("SUCCESSFUL"))])
        .rolling_back()
        .good_at(100)
        .await;
}

#[tokio::test]
async fn t20_a_service_that_ecs_has_put_back_is_good_at_once() {
    web(&[(-60, Theirs("ROLLBACK_SUCCESSFUL")), (-60, IsToRun("ours")), (-60, Runs("2 ours"))])
        .rolling_back()
        .good_at(0)
        .await;
}

#[tokio::test]
async fn t20_a_service_that_ecs_is_putting_back_is_good_when_it_is_back() {
    web(&[
        (-5, Theirs("ROLLBACK_IN_PROGRESS")),
        (-5, IsToRun("ours")),
        (41, Theirs("ROLLBACK_SUCCESSFUL")),
        (41, IsToRun("ours")),
        (41, Runs("2 ours")),
    ])
    .rolling_back()
    .good_at(45)
    .await;
}

#[tokio::test]
async fn t20_a_service_that_ecs_does_not_get_back_in_time_is_bad() {
    web(&[(-5, Theirs("ROLLBACK_IN_PROGRESS")), (-5, IsToRun("ours"))])
        .rolling_back()
        .bad_at(600, &["it did not come back in time"])
        .await;
}

#[tokio::test]
async fn t20_a_service_that_stands_at_what_is_wanted_but_failed_is_not_back() {
    web(&[(-60, IsToRun("ours")), (-60, Runs("2 ours")), (-60, Rollout(Some("FAILED")))])
        .rolling_back()
        .bad_at(600, &["it did not come back in time"])
        .await;
}

#[tokio::test]
async fn t20_a_service_that_never_left_and_tells_no_rollout_state_is_good() {
    web(&[(-60, IsToRun("ours")), (-60, Runs("2 ours")), (-60, Rollout(None))])
        .rolling_back()
        .good_at(0)
        .await;
}

#[tokio::test]
async fn t20_a_service_that_stands_at_what_is_wanted_with_too_few_tasks_waits() {
    web(&[(-60, IsToRun("ours")), (-60, Runs("1 ours")), (31, Runs("2 ours"))])
        .rolling_back()
        .good_at(35)
        .await;
}

#[tokio::test]
async fn t20_somebody_elses_deployment_over_the_rollback_is_bad() {
    web(&[(0, Ours("IN_PROGRESS")), (21, Theirs("IN_PROGRESS"))])
        .rolling_back()
        .bad_at(25, &["another deployment replaced Gantry's"])
        .await;
}

#[tokio::test]
async fn t15_a_rollback_of_a_service_that_wants_nothing_proves_nothing() {
    web(&[(-60, IsToRun("ours")), (-60, Wants(0)), (-60, Runs(""))])
        .rolling_back()
        .bad_at(0, &["it wants 0 tasks"])
        .await;
}
