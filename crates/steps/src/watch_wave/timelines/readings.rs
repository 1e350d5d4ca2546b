//! Answers that are old, partial, refused or shaped as another AWS shapes them.

use super::Says::*;
use super::{ErrorName, VerdictWord, web};
use crate::StepError as _;

/// Up at 30, a success at 40, good at 100.
fn success(but: &[(i64, super::Says)]) -> super::Timeline {
    let begin = [(0, Ours("IN_PROGRESS")), (30, Runs("2 ours")), (40, Ours("SUCCESSFUL"))];
    web(&begin.into_iter().chain(but.iter().copied()).collect::<Vec<_>>())
}

#[tokio::test]
async fn t14_reads_that_do_not_know_our_deployment_yet_are_waited_for() {
    success(&[(0, Lags { as_of: -10, until: 30 })]).good_at(100).await;
}

#[tokio::test]
async fn t14_an_old_answer_after_a_new_one_only_delays() {
    success(&[(50, Lags { as_of: 20, until: 60 }), (95, Lags { as_of: 35, until: 103 })]).good_at(105).await;
}

#[tokio::test]
async fn t14_an_old_answer_that_shows_nothing_of_ours_does_not_make_it_bad() {
    success(&[(-30, Theirs("SUCCESSFUL")), (50, Lags { as_of: -10, until: 61 })]).good_at(100).await;
}

#[tokio::test]
async fn t14_a_list_that_has_lost_our_deployment_only_delays() {
    success(&[(90, Missing("deployments_of", 111))]).good_at(115).await;
}

#[tokio::test]
async fn t14_a_deployment_that_cannot_be_described_for_a_while_only_delays() {
    success(&[(50, Missing("deployments", 106))]).good_at(110).await;
}

#[tokio::test]
async fn t14_a_revision_that_cannot_be_described_for_a_while_only_delays() {
    success(&[(35, Missing("revisions", 106))]).good_at(110).await;
}

#[tokio::test]
async fn t14_a_revision_that_is_never_told_is_no_success() {
    success(&[(35, Missing("revisions", 9999))]).bad_at(600, &["ECS never showed the deployment"]).await;
}

#[tokio::test]
async fn t14_a_service_missing_from_one_answer_or_two_is_not_gone() {
    success(&[(10, Missing("services", 20)), (50, Missing("services", 60))]).good_at(100).await;
}

#[tokio::test]
async fn t14_somebody_elses_deployment_that_the_list_does_not_show_yet_keeps_ours_from_being_good() {
    success(&[(60, IsToRun("theirs")), (121, Theirs("IN_PROGRESS"))])
        .bad_at(125, &["another deployment replaced Gantry's"])
        .await;
}

#[tokio::test]
async fn t14_a_service_that_is_to_run_something_else_is_no_success_whatever_the_list_says() {
    success(&[(60, IsToRun("theirs"))])
        .bad_at(600, &["the service is to run", "task-definition/web:3"])
        .await;
}

#[tokio::test]
async fn t24_throttled_looks_only_delay() {
    success(&[
        (20, Throttled("*", 36)),
        (60, Throttled("services", 71)),
        (95, Throttled("deployments", 106)),
    ])
    .good_at(110)
    .await;
}

#[tokio::test]
async fn t24_minutes_of_throttling_end_nothing() {
    success(&[(20, Throttled("*", 301))]).good_at(305).await;
}

#[tokio::test]
async fn t24_a_call_fails_only_when_none_of_its_looks_was_answered() {
    let (second, said) = web(&[(0, Ours("IN_PROGRESS")), (40, Throttled("*", 60))]).first_call().await;
    assert_eq!((second, said.unwrap().verdict), (45, VerdictWord::Pending));
    let (second, said) = web(&[(0, Ours("IN_PROGRESS")), (0, Throttled("*", 60))]).first_call().await;
    assert_eq!((second, said.unwrap_err().name()), (45, ErrorName::Throttled));
}

#[tokio::test]
async fn t17_a_wave_that_cannot_be_looked_at_at_its_deadline_is_judged_at_the_next_look() {
    web(&[(0, Ours("IN_PROGRESS")), (560, Throttled("*", 651))])
        .bad_at(655, &["not done in time, still IN_PROGRESS"])
        .await;
}

#[tokio::test]
async fn a_bad_verdict_does_not_wait_for_the_tasks_that_would_explain_it() {
    web(&[(0, Ours("IN_PROGRESS")), (21, Ours("STOPPED")), (21, Down("stopped", 9999))])
        .bad_at(25, &["its deployment is STOPPED"])
        .await;
}

#[tokio::test]
async fn t16_a_success_is_not_good_while_its_stopped_tasks_cannot_be_read() {
    success(&[(60, Down("stopped", 121))]).good_at(125).await;
}

#[tokio::test]
async fn a_service_that_tells_no_rollout_state_is_judged_by_its_deployment() {
    success(&[(-100, Rollout(None)), (0, Rollout(None)), (40, Rollout(None))]).good_at(100).await;
}
