//! Deployments that go well, soon or late, and what looks like it.

use super::Says::*;
use super::{both, web};

#[tokio::test]
async fn t14_a_plain_success_is_good_when_it_has_held() {
    web(&[(0, Ours("PENDING")), (5, Ours("IN_PROGRESS")), (30, Runs("2 ours")), (40, Ours("SUCCESSFUL"))])
        .good_at(100)
        .await;
}

#[tokio::test]
async fn t14_a_success_just_before_the_deadline_still_soaks() {
    web(&[(0, Ours("IN_PROGRESS")), (580, Runs("2 ours")), (590, Ours("SUCCESSFUL"))]).good_at(650).await;
}

#[tokio::test]
async fn t17_a_success_after_the_deadline_comes_too_late() {
    web(&[(0, Ours("IN_PROGRESS")), (590, Runs("2 ours")), (601, Ours("SUCCESSFUL"))])
        .bad_at(600, &["web: not done in time, still IN_PROGRESS"])
        .await;
}

#[tokio::test]
async fn t14_a_deployment_declared_successful_early_is_good_when_all_tasks_have_held() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("1 ours, 1 old")),
        (40, Ours("SUCCESSFUL")),
        (102, Runs("2 ours")),
    ])
    .good_at(165)
    .await;
}

#[tokio::test]
async fn t14_a_deployment_declared_successful_early_whose_tasks_never_come_is_bad() {
    web(&[(0, Ours("IN_PROGRESS")), (30, Runs("1 ours, 1 old")), (40, Ours("SUCCESSFUL"))])
        .bad_at(600, &["only 1 of 2 tasks run it"])
        .await;
}

#[tokio::test]
async fn t14_old_tasks_that_drain_after_an_early_success_do_no_harm() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("2 ours, 2 old")),
        (40, Ours("SUCCESSFUL")),
        (300, Runs("2 ours")),
    ])
    .good_at(100)
    .await;
}

#[tokio::test]
async fn t14_completed_with_tasks_of_the_old_digest_only_is_bad() {
    web(&[(0, Ours("IN_PROGRESS")), (40, Ours("SUCCESSFUL"))])
        .bad_at(600, &["only 0 of 2 tasks run it"])
        .await;
}

#[tokio::test]
async fn t14_a_task_of_ours_that_runs_another_digest_is_bad_at_once() {
    web(&[(0, Ours("IN_PROGRESS")), (30, Runs("1 ours, 1 ours-other")), (40, Ours("SUCCESSFUL"))])
        .bad_at(40, &["container app of", &"a".repeat(64), "not sha256:bbbb"])
        .await;
}

#[tokio::test]
async fn t14_a_target_revision_with_another_digest_is_bad_at_once() {
    let image = "{image}@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    web(&[
        (0, Ours("IN_PROGRESS")),
        (0, Brings(image, Some('b'))),
        (30, Runs("2 ours")),
        (40, Ours("SUCCESSFUL")),
    ])
    .bad_at(40, &["container app runs", "@sha256:aaaa", "not sha256:bbbb"])
    .await;
}

#[tokio::test]
async fn t14_a_tag_that_ecs_resolved_to_another_digest_is_bad_at_once() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (0, Brings("{image}:latest", Some('a'))),
        (30, Runs("2 ours")),
        (40, Ours("SUCCESSFUL")),
    ])
    .bad_at(40, &[":latest (sha256:aaaa", "not sha256:bbbb"])
    .await;
}

#[tokio::test]
async fn t14_a_child_of_our_index_that_runs_under_our_reference_is_ours() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (0, Brings("{image}@{ours}", Some('c'))),
        (30, Runs("2 ours-child")),
        (40, Ours("SUCCESSFUL")),
    ])
    .good_at(100)
    .await;
}

#[tokio::test]
async fn t14_a_success_whose_images_ecs_does_not_tell_yet_waits() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("1 ours, 1 ours-untold")),
        (40, Ours("SUCCESSFUL")),
        (120, Runs("2 ours")),
    ])
    .good_at(180)
    .await;
}

#[tokio::test]
async fn t14_tasks_that_are_not_up_at_the_success_are_waited_for() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("1 ours, 1 ours-pending")),
        (40, Ours("SUCCESSFUL")),
        (61, Runs("2 ours")),
    ])
    .good_at(125)
    .await;
}

#[tokio::test]
async fn t14_a_success_without_an_end_soaks_from_when_its_tasks_ran() {
    web(&[(0, Ours("IN_PROGRESS")), (30, Runs("2 ours")), (40, Ours("SUCCESSFUL")), (40, NeverFinished)])
        .good_at(90)
        .await;
}

#[tokio::test]
async fn t14_a_service_of_more_tasks_than_ecs_lists_is_proved_by_those_it_lists() {
    web(&[
        (-100, Wants(150)),
        (-100, Runs("150 old")),
        (0, Ours("IN_PROGRESS")),
        (200, Runs("150 ours")),
        (210, Ours("SUCCESSFUL")),
    ])
    .good_at(270)
    .await;
}

#[tokio::test]
async fn t14_a_daemon_wants_what_its_instances_are() {
    web(&[
        (-100, Wants(3)),
        (-100, Runs("3 old")),
        (0, Ours("IN_PROGRESS")),
        (20, Runs("1 ours, 2 old")),
        (40, Wants(4)),
        (60, Runs("4 ours")),
        (65, Ours("SUCCESSFUL")),
    ])
    .good_at(125)
    .await;
}

#[tokio::test]
async fn t14_a_wave_is_good_when_its_slowest_service_is() {
    both(&[
        (0, "web", Ours("IN_PROGRESS")),
        (1, "sidekiq", Ours("IN_PROGRESS")),
        (30, "web", Runs("2 ours")),
        (40, "web", Ours("SUCCESSFUL")),
        (290, "sidekiq", Runs("2 ours")),
        (300, "sidekiq", Ours("SUCCESSFUL")),
    ])
    .good_at(360)
    .await;
}
