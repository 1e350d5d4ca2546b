//! Two services side by side.

use super::Says::*;
use super::both;

#[tokio::test]
async fn t21_one_service_that_fails_decides_the_wave_at_once() {
    both(&[
        (0, "web", Ours("IN_PROGRESS")),
        (0, "sidekiq", Ours("IN_PROGRESS")),
        (21, "sidekiq", Ours("ROLLBACK_IN_PROGRESS")),
    ])
    .bad_at(25, &["sidekiq: its deployment is ROLLBACK_IN_PROGRESS"])
    .await;
}

#[tokio::test]
async fn t21_a_service_that_fails_after_the_other_was_good_decides_the_wave() {
    both(&[
        (0, "web", Ours("IN_PROGRESS")),
        (0, "sidekiq", Ours("IN_PROGRESS")),
        (20, "web", Runs("2 ours")),
        (30, "web", Ours("SUCCESSFUL")),
        (241, "sidekiq", Ours("STOPPED")),
    ])
    .bad_at(245, &["sidekiq: its deployment is STOPPED"])
    .await;
}

#[tokio::test]
async fn t14_a_service_replaced_after_it_was_good_takes_the_wave_with_it() {
    both(&[
        (0, "web", Ours("IN_PROGRESS")),
        (0, "sidekiq", Ours("IN_PROGRESS")),
        (20, "web", Runs("2 ours")),
        (30, "web", Ours("SUCCESSFUL")),
        (200, "web", Theirs("IN_PROGRESS")),
        (250, "sidekiq", Runs("2 ours")),
        (260, "sidekiq", Ours("SUCCESSFUL")),
    ])
    .bad_at(200, &["web: another deployment replaced Gantry's"])
    .await;
}

#[tokio::test]
async fn both_reasons_are_told_when_both_are_bad() {
    both(&[
        (0, "web", Ours("IN_PROGRESS")),
        (0, "sidekiq", Ours("IN_PROGRESS")),
        (21, "web", Ours("STOPPED")),
        (22, "sidekiq", Ours("ROLLBACK_SUCCESSFUL")),
    ])
    .bad_at(25, &["web: its deployment is STOPPED\nsidekiq: its deployment is ROLLBACK_SUCCESSFUL"])
    .await;
}

#[tokio::test]
async fn t17_the_deadline_is_the_waves_and_names_who_is_late() {
    both(&[
        (0, "web", Ours("IN_PROGRESS")),
        (0, "sidekiq", Ours("IN_PROGRESS")),
        (20, "web", Runs("2 ours")),
        (30, "web", Ours("SUCCESSFUL")),
    ])
    .bad_at(600, &["sidekiq: not done in time"])
    .await;
}
