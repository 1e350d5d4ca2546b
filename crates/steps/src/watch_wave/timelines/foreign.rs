//! Others deploy, scale, delete or reconfigure what is being deployed.

use super::Says::*;
use super::web;

#[tokio::test]
async fn t14_somebody_elses_deployment_before_ours_is_not_taken_for_ours_nor_against_it() {
    web(&[
        (-20, Theirs("IN_PROGRESS")),
        (-1, Ours("PENDING")),
        (-1, Theirs("STOPPED")),
        (5, Ours("IN_PROGRESS")),
        (30, Runs("2 ours")),
        (40, Ours("SUCCESSFUL")),
    ])
    .good_at(100)
    .await;
}

#[tokio::test]
async fn t14_of_two_deployments_of_the_same_moment_the_one_that_goes_on_came_last() {
    web(&[(0, Theirs("STOPPED")), (0, Ours("IN_PROGRESS")), (30, Runs("2 ours")), (40, Ours("SUCCESSFUL"))])
        .good_at(100)
        .await;
}

#[tokio::test]
async fn t14_somebody_elses_deployment_over_ours_is_bad_at_once() {
    web(&[(0, Ours("IN_PROGRESS")), (21, Theirs("PENDING")), (21, Ours("STOP_REQUESTED"))])
        .bad_at(25, &["web: another deployment replaced Gantry's", "/theirs, PENDING"])
        .await;
}

#[tokio::test]
async fn t14_somebody_elses_deployment_that_has_succeeded_meanwhile_is_bad() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (21, Theirs("SUCCESSFUL")),
        (21, Ours("STOPPED")),
        (21, Runs("2 theirs")),
    ])
    .bad_at(25, &["another deployment replaced Gantry's", "/theirs, SUCCESSFUL"])
    .await;
}

#[tokio::test]
async fn t14_somebody_elses_deployment_in_the_soak_is_bad_at_once() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("2 ours")),
        (40, Ours("SUCCESSFUL")),
        (91, Theirs("IN_PROGRESS")),
    ])
    .bad_at(95, &["another deployment replaced Gantry's", "/theirs, IN_PROGRESS"])
    .await;
}

#[tokio::test]
async fn t14_somebody_who_deploys_our_own_definition_again_in_the_soak_is_somebody_else() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("2 ours")),
        (40, Ours("SUCCESSFUL")),
        (52, Again("IN_PROGRESS")),
    ])
    .bad_at(55, &["another deployment replaced Gantry's", "/again, IN_PROGRESS"])
    .await;
}

#[tokio::test]
async fn t14_of_two_deployments_of_our_definition_the_older_is_ours() {
    web(&[(0, Ours("IN_PROGRESS")), (2, Again("IN_PROGRESS")), (2, Ours("STOPPED"))])
        .bad_at(5, &["another deployment replaced Gantry's", "/again"])
        .await;
}

#[tokio::test]
async fn t14_a_deployment_that_is_never_ours_is_bad_after_a_minute() {
    web(&[(3, Theirs("IN_PROGRESS")), (40, Theirs("SUCCESSFUL")), (40, Runs("2 theirs"))])
        .bad_at(60, &["another deployment took the place of Gantry's", "/theirs, SUCCESSFUL"])
        .await;
}

#[tokio::test]
async fn t14_a_deployment_that_ecs_never_shows_is_bad_at_the_deadline() {
    web(&[]).bad_at(600, &["web: ECS never showed the deployment that was asked for"]).await;
}

#[tokio::test]
async fn t14_a_service_that_runs_the_digest_already_but_shows_no_deployment_of_ours_is_no_success() {
    web(&[(-50, IsToRun("ours")), (-50, Runs("2 ours"))])
        .bad_at(600, &["ECS never showed the deployment that was asked for"])
        .await;
}

#[tokio::test]
async fn t14_a_deployment_stopped_by_hand_is_bad_at_once() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (61, Ours("ROLLBACK_REQUESTED")),
        (61, Why("Service deployment was stopped by StopServiceDeployment.")),
    ])
    .bad_at(65, &["ROLLBACK_REQUESTED", "StopServiceDeployment"])
    .await;
}

#[tokio::test]
async fn t14_a_service_that_is_deleted_while_it_deploys_is_bad_at_once() {
    web(&[(0, Ours("IN_PROGRESS")), (31, Status("DRAINING")), (31, Wants(0))])
        .bad_at(35, &["web: the service is DRAINING"])
        .await;
}

#[tokio::test]
async fn t14_a_service_that_is_gone_is_bad_at_once() {
    web(&[(0, Ours("IN_PROGRESS")), (31, Status("INACTIVE")), (31, Runs(""))])
        .bad_at(35, &["web: the service is INACTIVE"])
        .await;
}

#[tokio::test]
async fn t14_a_service_deleted_in_the_soak_is_bad_at_once() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (30, Runs("2 ours")),
        (40, Ours("SUCCESSFUL")),
        (71, Status("DRAINING")),
    ])
    .bad_at(75, &["the service is DRAINING"])
    .await;
}

#[tokio::test]
async fn t14_a_service_that_ecs_does_not_know_any_more_is_bad_at_the_third_look() {
    web(&[(0, Ours("IN_PROGRESS")), (15, Missing("services", 9999))])
        .bad_at(25, &["web: the service is not there any more"])
        .await;
}

#[tokio::test]
async fn t14_a_service_whose_deployments_pass_to_another_controller_is_bad_at_once() {
    web(&[(0, Ours("IN_PROGRESS")), (31, Controller("CODE_DEPLOY"))])
        .bad_at(35, &["its deployments are carried out by CODE_DEPLOY now"])
        .await;
}

#[tokio::test]
async fn t14_an_earlier_deployment_of_the_same_task_definition_is_not_ours() {
    // The version comes back to where it ran before: what succeeded then says nothing about now.
    web(&[
        (-600, Again("SUCCESSFUL")),
        (0, Ours("IN_PROGRESS")),
        (30, Runs("2 ours")),
        (40, Ours("ROLLBACK_SUCCESSFUL")),
    ])
    .knowing("again")
    .bad_at(40, &["web"])
    .await;
}
