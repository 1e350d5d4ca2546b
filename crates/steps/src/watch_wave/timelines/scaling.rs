//! The number of wanted tasks changes, or is nothing.

use super::Says::*;
use super::web;

#[tokio::test]
async fn t15_a_service_that_wanted_nothing_before_proves_nothing() {
    web(&[(-100, Wants(0)), (-100, Runs("")), (0, Ours("IN_PROGRESS")), (3, Ours("SUCCESSFUL"))])
        .bad_at(5, &["web: it wants 0 tasks, so nothing is proved"])
        .await;
}

#[tokio::test]
async fn t15_a_service_scaled_to_nothing_while_it_deploys_proves_nothing() {
    web(&[(0, Ours("IN_PROGRESS")), (20, Wants(0)), (31, Runs("")), (31, Ours("SUCCESSFUL"))])
        .bad_at(35, &["it wants 0 tasks"])
        .await;
}

#[tokio::test]
async fn t15_a_service_scaled_to_nothing_in_the_soak_proves_nothing() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("2 ours")),
        (40, Ours("SUCCESSFUL")),
        (81, Wants(0)),
        (81, Runs("")),
    ])
    .bad_at(85, &["it wants 0 tasks"])
    .await;
}

#[tokio::test]
async fn t15_a_service_scaled_to_nothing_and_back_while_it_deploys_is_good() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (10, Wants(0)),
        (20, Wants(2)),
        (50, Runs("2 ours")),
        (60, Ours("SUCCESSFUL")),
    ])
    .good_at(120)
    .await;
}

#[tokio::test]
async fn a_service_scaled_up_while_it_deploys_is_proved_by_all_it_wants() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (20, Wants(4)),
        (30, Runs("2 ours, 2 old")),
        (40, Ours("SUCCESSFUL")),
        (75, Runs("4 ours")),
    ])
    .good_at(135)
    .await;
}

#[tokio::test]
async fn a_service_scaled_up_in_the_soak_soaks_with_its_new_tasks() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("2 ours")),
        (40, Ours("SUCCESSFUL")),
        (70, Wants(4)),
        (85, Runs("4 ours")),
    ])
    .good_at(145)
    .await;
}

#[tokio::test]
async fn a_service_that_scales_up_again_and_again_is_good_in_the_end() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (560, Runs("2 ours")),
        (570, Ours("SUCCESSFUL")),
        (600, Wants(3)),
        (600, Runs("3 ours")),
        (650, Wants(4)),
        (650, Runs("4 ours")),
        (685, Wants(5)),
        (685, Runs("5 ours")),
    ])
    .good_at(690)
    .await;
}

#[tokio::test]
async fn a_service_scaled_down_in_the_soak_has_not_crashed() {
    let scaled = "Scaling activity initiated by (deployment ecs-svc/2)";
    web(&[
        (0, Ours("IN_PROGRESS")),
        (-5, Wants(4)),
        (30, Runs("4 ours")),
        (40, Ours("SUCCESSFUL")),
        (60, Wants(1)),
        (60, Runs("1 ours")),
        (60, Stops("ours", "ServiceSchedulerInitiated", scaled)),
        (60, Stops("ours", "ServiceSchedulerInitiated", scaled)),
        (60, Stops("ours", "ServiceSchedulerInitiated", scaled)),
    ])
    .good_at(100)
    .await;
}

#[tokio::test]
async fn a_service_that_finds_no_room_to_scale_up_in_the_soak_is_bad_at_the_deadline() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("2 ours")),
        (40, Ours("SUCCESSFUL")),
        (70, Wants(3)),
        (71, Event("(service web) was unable to place a task.")),
    ])
    .bad_at(600, &["only 2 of 3 tasks run it", "unable to place a task"])
    .await;
}
