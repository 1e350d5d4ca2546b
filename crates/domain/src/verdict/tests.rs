//! Timelines of deployments, and what each must be judged.

use super::words::{LONGEST, TOLD};
use super::*;
use crate::ecs::{ContainerImage, TaskContainer};
use crate::names::{ServiceDeploymentArn, ServiceRevisionArn, TaskArn};

pub(super) const OURS: &str = "arn:aws:ecs:us-west-2:111122223333:task-definition/web:13";
pub(super) const OLD: &str = "arn:aws:ecs:us-west-2:111122223333:task-definition/web:12";
const REGISTRY: &str = "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop";
const SOAK: Soak = Soak { lasts: Duration::from_secs(15), crash_limit: 2 };
const WAVE: Duration = Duration::from_secs(600);

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_262_400 + second).unwrap()
}

fn app() -> ContainerName {
    ContainerName::new("app").unwrap()
}

fn digest(digit: char) -> Digest {
    Digest::new(format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

fn definition(arn: &str) -> TaskDefinitionArn {
    TaskDefinitionArn::new(arn).unwrap()
}

fn deployment_arn(id: &str) -> ServiceDeploymentArn {
    ServiceDeploymentArn::new(format!("arn:aws:ecs:us-west-2:111122223333:service-deployment/c/web/{id}"))
        .unwrap()
}

fn revision_arn(id: &str) -> ServiceRevisionArn {
    ServiceRevisionArn::new(format!("arn:aws:ecs:us-west-2:111122223333:service-revision/c/web/{id}"))
        .unwrap()
}

pub(super) fn own(status: DeploymentStatus) -> Deployment {
    let finished_at = status.is_over().then(|| at(60));
    Deployment {
        arn: deployment_arn("ours"),
        status,
        status_reason: None,
        target: Some(revision_arn("ours")),
        created_at: Some(at(1)),
        finished_at,
        rollback_reason: None,
        failed_tasks: 0,
        alarms: Vec::new(),
    }
}

fn revision(digit: char) -> Revision {
    let image = format!("{REGISTRY}@{}", digest(digit));
    let images = vec![ContainerImage { container: app(), image, digest: Some(digest(digit)) }];
    Revision { arn: revision_arn("ours"), task_definition: definition(OURS), images }
}

pub(super) fn task(id: char, arn: &str, status: &str, digit: char) -> Task {
    Task {
        arn: TaskArn::new(format!("arn:aws:ecs:us-west-2:111122223333:task/c/{id}")).unwrap(),
        task_definition: definition(arn),
        last_status: status.to_owned(),
        healthy: None,
        started_at: None,
        stop_code: None,
        stopped_reason: None,
        stopped_at: None,
        containers: vec![TaskContainer {
            name: app(),
            image: format!("{REGISTRY}@{}", digest(digit)),
            digest: Some(digest(digit)),
            exit_code: None,
            reason: None,
        }],
    }
}

/// Two tasks wanted and running, our deployment in that status.
pub(super) fn seen(status: DeploymentStatus) -> DeploymentObservation {
    DeploymentObservation {
        service: ServiceName::new("web").unwrap(),
        wanted: Wanted { task_definition: definition(OURS), digests: BTreeMap::from([(app(), digest('b'))]) },
        asked_at: at(0),
        own: Some(own(status)),
        revision: Some(revision('b')),
        newer: None,
        status: "ACTIVE".to_owned(),
        controller: Controller::Ecs,
        current: Some(definition(OURS)),
        desired_count: 2,
        tasks: vec![task('1', OURS, "RUNNING", 'b'), task('2', OURS, "RUNNING", 'b')],
        stopped: Vec::new(),
        events: Vec::new(),
        standing: None,
    }
}

fn newer(second: i64) -> DeploymentSummary {
    DeploymentSummary {
        arn: deployment_arn("theirs"),
        status: DeploymentStatus::InProgress,
        target: Some(revision_arn("theirs")),
        created_at: Some(at(second)),
    }
}

pub(super) fn judged(seen: &DeploymentObservation, second: i64) -> Verdict {
    judge(seen, at(second), deadline(at(0), WAVE), SOAK)
}

#[track_caller]
pub(super) fn assert_bad(seen: &DeploymentObservation, second: i64, words: &str) {
    match judged(seen, second) {
        Verdict::Bad(reason) => assert!(reason.contains(words), "{reason:?} does not say {words:?}"),
        other => panic!("{other:?} at {second} s, expected bad: {words}"),
    }
}

#[test]
fn t14_a_deployment_that_went_through_and_runs_our_digest_is_good_once_it_has_soaked() {
    let seen = seen(DeploymentStatus::Successful);
    assert_eq!(judged(&seen, 61), Verdict::Pending);
    assert_eq!(judged(&seen, 74), Verdict::Pending);
    assert_eq!(judged(&seen, 75), Verdict::Good);
}

#[test]
fn t14_a_deployment_under_way_is_pending_until_the_deadline() {
    for status in [DeploymentStatus::Pending, DeploymentStatus::InProgress] {
        assert_eq!(judged(&seen(status.clone()), 599), Verdict::Pending);
        assert_bad(&seen(status), 600, "not done in time");
    }
}

#[test]
fn t14_a_status_that_aws_invents_later_is_never_a_success() {
    let seen = seen(DeploymentStatus::Unknown("SUCCESSFUL_ENOUGH".to_owned()));
    assert_eq!(judged(&seen, 100), Verdict::Pending);
    assert_bad(&seen, 600, "SUCCESSFUL_ENOUGH");
}

#[test]
fn t14_every_kind_of_rollback_and_stop_is_bad_at_once() {
    for status in [
        DeploymentStatus::StopRequested,
        DeploymentStatus::Stopped,
        DeploymentStatus::RollbackRequested,
        DeploymentStatus::RollbackInProgress,
        DeploymentStatus::RollbackSuccessful,
        DeploymentStatus::RollbackFailed,
    ] {
        assert_bad(&seen(status.clone()), 2, status.as_str());
    }
}

#[test]
fn t14_a_rollback_that_succeeded_is_our_failure_though_the_service_is_stable() {
    let mut seen = seen(DeploymentStatus::RollbackSuccessful);
    seen.tasks = vec![task('1', OLD, "RUNNING", 'a'), task('2', OLD, "RUNNING", 'a')];
    seen.own.as_mut().unwrap().rollback_reason = Some("tasks failed to start".to_owned());
    assert_bad(&seen, 100, "tasks failed to start");
}

#[test]
fn t14_a_deployment_of_somebody_else_after_ours_is_bad_even_when_ours_had_succeeded() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.newer = Some(newer(70));
    assert_bad(&seen, 100, "another deployment replaced Gantry's");
}

#[test]
fn t14_success_with_another_digest_in_the_revision_is_bad() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.revision = Some(revision('c'));
    assert_bad(&seen, 100, "container app runs");
}

#[test]
fn t14_a_tag_that_ecs_resolved_to_another_digest_is_bad_and_to_ours_is_good() {
    let mut seen = seen(DeploymentStatus::Successful);
    for (digit, good) in [('b', true), ('c', false)] {
        let images = vec![ContainerImage {
            container: app(),
            image: format!("{REGISTRY}:latest"),
            digest: Some(digest(digit)),
        }];
        seen.revision = Some(Revision { images, ..revision('b') });
        assert_eq!(judged(&seen, 100) == Verdict::Good, good, "{digit}");
    }
}

#[test]
fn t14_success_that_brought_another_task_definition_is_bad() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.revision = Some(Revision { task_definition: definition(OLD), ..revision('b') });
    assert_bad(&seen, 100, "its deployment brought");
}

#[test]
fn t14_running_tasks_of_the_old_revision_do_not_count() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.tasks = vec![task('1', OURS, "RUNNING", 'b'), task('2', OLD, "RUNNING", 'a')];
    assert_eq!(judged(&seen, 100), Verdict::Pending);
    assert_bad(&seen, 600, "only 1 of 2 tasks run it");
}

#[test]
fn t14_tasks_that_are_not_up_yet_do_not_count() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.tasks = vec![task('1', OURS, "RUNNING", 'b'), task('2', OURS, "PENDING", 'b')];
    assert_eq!(judged(&seen, 100), Verdict::Pending);
}

#[test]
fn t14_a_running_task_of_ours_with_another_digest_is_bad() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.tasks[1].containers[0].image = format!("{REGISTRY}@{}", digest('c'));
    assert_bad(&seen, 100, "runs");
}

#[test]
fn t14_the_digest_of_an_indexs_child_is_ours_when_the_reference_is() {
    let mut seen = seen(DeploymentStatus::Successful);
    for task in &mut seen.tasks {
        task.containers[0].digest = Some(digest('d'));
    }
    assert_eq!(judged(&seen, 100), Verdict::Good);
}

#[test]
fn t14_success_whose_revision_cannot_be_read_waits_and_then_fails() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.revision = None;
    assert_eq!(judged(&seen, 100), Verdict::Pending);
    assert_bad(&seen, 600, "does not tell what its deployment brought");
}

#[test]
fn t14_sidecars_may_run_what_they_like() {
    let mut seen = seen(DeploymentStatus::Successful);
    let sidecar = ContainerName::new("log").unwrap();
    let image = ContainerImage { container: sidecar, image: "public.ecr.aws/log:1".to_owned(), digest: None };
    seen.revision.as_mut().unwrap().images.push(image);
    assert_eq!(judged(&seen, 100), Verdict::Good);
}

#[test]
fn t15_a_service_scaled_to_nothing_meanwhile_proves_nothing() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.desired_count = 0;
    seen.tasks.clear();
    assert_bad(&seen, 100, "wants 0 tasks");
}

#[test]
fn t14_more_tasks_than_wanted_are_fine() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.desired_count = 1;
    assert_eq!(judged(&seen, 100), Verdict::Good);
}

#[test]
fn a_deployment_not_seen_yet_is_pending_until_the_deadline() {
    let mut seen = seen(DeploymentStatus::Pending);
    seen.own = None;
    assert_eq!(judged(&seen, 599), Verdict::Pending);
    assert_bad(&seen, 600, "never showed the deployment");
}

#[test]
fn t09_a_foreign_deployment_where_ours_should_be_is_bad_after_a_minute() {
    let mut seen = seen(DeploymentStatus::Pending);
    seen.own = None;
    seen.newer = Some(newer(2));
    assert_eq!(judged(&seen, 59), Verdict::Pending);
    assert_bad(&seen, 60, "took the place of Gantry's");
}

#[test]
fn t17_a_stuck_deployment_tells_why_in_ecs_own_words_and_not_too_much() {
    let mut seen = seen(DeploymentStatus::InProgress);
    let mut stopped = task('3', OURS, "STOPPED", 'b');
    stopped.stopped_reason = Some("CannotPullContainerError: not found".to_owned());
    seen.stopped = vec![stopped.clone(), stopped];
    let event = ServiceEvent { at: at(30), message: "(service web) was unable to place a task.".to_owned() };
    let steady =
        |second| ServiceEvent { at: at(second), message: format!("(service web) started 1 tasks: {second}") };
    seen.events = (31..39).rev().map(steady).chain([event.clone(), event]).collect();
    seen.own.as_mut().unwrap().failed_tasks = 4;
    let Verdict::Bad(reason) = judged(&seen, 600) else { panic!("not bad") };
    for words in
        ["web: not done in time", "4 tasks failed", "CannotPullContainerError", "unable to place a task"]
    {
        assert!(reason.contains(words), "{reason}");
    }
    assert_eq!(reason.matches("CannotPullContainerError").count(), 1);
    assert_eq!(reason.matches("unable to place").count(), 1, "complaints come first, and once");
    assert_eq!(reason.matches("event: ").count(), TOLD);
    assert!(reason.contains("started 1 tasks: 38"), "then the newest: {reason}");
    seen.events[0].message = "x".repeat(9000);
    assert!(judged(&seen, 600).reason().unwrap().chars().count() <= LONGEST);
}

#[test]
fn a_success_that_soaks_past_the_deadline_is_not_made_bad_by_it() {
    let mut seen = seen(DeploymentStatus::Successful);
    seen.own.as_mut().unwrap().finished_at = Some(at(595));
    assert_eq!(judged(&seen, 605), Verdict::Pending);
    assert_eq!(judged(&seen, 610), Verdict::Good);
}

#[test]
fn a_wave_is_good_when_all_are_and_bad_as_soon_as_one_is() {
    let bad = || Verdict::Bad("web: no".to_owned());
    assert_eq!(judge_wave([Verdict::Good, Verdict::Good]), Verdict::Good);
    assert_eq!(judge_wave([Verdict::Good, Verdict::Pending]), Verdict::Pending);
    assert_eq!(judge_wave([Verdict::Pending, bad()]), bad());
    assert_eq!(judge_wave([bad(), bad()]), Verdict::Bad("web: no\nweb: no".to_owned()));
}

#[test]
fn a_task_is_good_only_with_exit_code_zero_of_its_own_container() {
    let mut stopped = task('1', OURS, "STOPPED", 'b');
    let judged = |task: Option<&Task>, second| judge_task("migrate", task, &app(), at(second), at(600));
    stopped.containers[0].exit_code = Some(0);
    assert_eq!(judged(Some(&stopped), 10), Verdict::Good);
    assert_eq!(judged(Some(&stopped), 700), Verdict::Good, "it was done, however late we look");

    stopped.containers[0].exit_code = Some(3);
    stopped.stopped_reason = Some("Essential container in task exited".to_owned());
    let verdict = judged(Some(&stopped), 10);
    let reason = verdict.reason().unwrap();
    assert!(reason.contains("exit code 3") && reason.contains("Essential container"), "{reason}");

    stopped.containers[0].exit_code = None;
    assert!(judged(Some(&stopped), 10).reason().unwrap().contains("Essential container"));
    stopped.containers[0].name = ContainerName::new("other").unwrap();
    stopped.containers[0].exit_code = Some(0);
    assert_eq!(judged(Some(&stopped), 10).word(), VerdictWord::Bad);
}

#[test]
fn a_task_is_waited_for_until_its_time_is_over_and_not_stopped() {
    let running = task('1', OURS, "RUNNING", 'b');
    let judged = |task: Option<&Task>, second| judge_task("migrate", task, &app(), at(second), at(600));
    assert_eq!(judged(Some(&running), 599), Verdict::Pending);
    assert!(judged(Some(&running), 600).reason().unwrap().contains("goes on"));
    assert_eq!(judged(None, 599), Verdict::Pending);
    assert!(judged(None, 600).reason().unwrap().contains("does not know"));
}

/// A rollback of a service that nobody but ECS itself deployed to.
fn standing(task_definition: &str, settled: bool) -> DeploymentObservation {
    let standing = Standing { task_definition: Some(definition(task_definition)), settled };
    DeploymentObservation {
        own: None,
        revision: None,
        standing: Some(standing),
        ..seen(DeploymentStatus::Successful)
    }
}

#[test]
fn t14_a_rollback_counts_what_runs_whoever_brought_it() {
    let judged = |seen: &DeploymentObservation, second| judge(seen, at(second), at(600), SOAK);
    assert_eq!(judged(&standing(OURS, true), 5), Verdict::Good);
    assert_eq!(judged(&standing(OURS, false), 5), Verdict::Pending, "ECS is still at it");
    assert!(judged(&standing(OURS, false), 600).reason().unwrap().contains("did not come back in time"));
    assert_eq!(judged(&standing(OLD, true), 5), Verdict::Pending, "it stands elsewhere: ours must appear");
    let too_few = DeploymentObservation { desired_count: 3, ..standing(OURS, true) };
    assert_eq!(judged(&too_few, 5), Verdict::Pending);
    assert!(judged(&too_few, 600).reason().unwrap().contains("only 2 of 3 tasks run it"));
    let mut other = standing(OURS, true);
    other.tasks = vec![task('a', OURS, "RUNNING", 'e'), task('b', OURS, "RUNNING", 'e')];
    assert_eq!(judged(&other, 5).word(), VerdictWord::Bad, "another digest under the same task definition");
}

#[test]
fn t14_a_release_is_never_good_because_of_what_stands_there() {
    let release = DeploymentObservation { standing: None, ..standing(OURS, true) };
    assert_eq!(judge(&release, at(5), at(600), SOAK), Verdict::Pending);
}
