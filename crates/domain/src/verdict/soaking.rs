//! A success that soaks, to the second.

use super::tests::{OURS, assert_bad, at, judged, own, seen, task};
use super::*;

/// A success at 60 whose tasks came to run at 30; it soaks for 15 seconds.
fn success() -> DeploymentObservation {
    let mut seen = seen(DeploymentStatus::Successful);
    for task in &mut seen.tasks {
        task.started_at = Some(at(30));
    }
    seen
}

fn crash(second: i64) -> Task {
    let mut crashed = task('9', OURS, "STOPPED", 'b');
    crashed.stop_code = Some("EssentialContainerExited".to_owned());
    crashed.stopped_reason = Some("Essential container in task exited".to_owned());
    crashed.stopped_at = Some(at(second));
    crashed
}

#[test]
fn t16_a_crash_at_the_moment_of_the_success_counts_and_one_before_does_not() {
    let mut seen = success();
    seen.stopped = vec![crash(59), crash(59), crash(59)];
    assert_eq!(judged(&seen, 75), Verdict::Good);
    seen.stopped = vec![crash(60), crash(61)];
    assert_bad(&seen, 62, "2 of its tasks stopped after ECS called it a success");
}

#[test]
fn t16_one_crash_makes_the_soak_begin_anew() {
    let mut seen = success();
    seen.stopped = vec![crash(70)];
    assert_eq!(judged(&seen, 84), Verdict::Pending);
    assert_eq!(judged(&seen, 85), Verdict::Good);
}

#[test]
fn t16_only_crashes_of_our_own_definition_count() {
    let mut seen = success();
    let old = |second| Task { task_definition: definition_of_old(), ..crash(second) };
    let mut scaled_in = crash(70);
    scaled_in.stop_code = Some("ServiceSchedulerInitiated".to_owned());
    scaled_in.stopped_reason = Some("Scaling activity initiated by (deployment ecs-svc/1)".to_owned());
    seen.stopped = vec![old(70), old(71), scaled_in.clone(), scaled_in];
    assert_eq!(judged(&seen, 75), Verdict::Good);
}

fn definition_of_old() -> TaskDefinitionArn {
    task('0', super::tests::OLD, "STOPPED", 'a').task_definition
}

#[test]
fn t16_a_soak_that_begins_anew_again_and_again_ends_one_soak_after_it_could_have() {
    let mut seen = success();
    // The deadline is at 600: the end of it all is at 615.
    seen.stopped = vec![crash(610)];
    assert_eq!(judged(&seen, 614), Verdict::Pending);
    assert_eq!(judged(&seen, 615), Verdict::Good);
    // A success just before the deadline may soak, and soak once more.
    seen.own.as_mut().unwrap().finished_at = Some(at(595));
    seen.stopped = vec![crash(620)];
    assert_eq!(judged(&seen, 624), Verdict::Pending);
    assert_eq!(judged(&seen, 625), Verdict::Good);
}

#[test]
fn t14_a_success_soaks_from_when_enough_of_its_tasks_ran() {
    let mut seen = success();
    let mut third = task('3', OURS, "RUNNING", 'b');
    third.started_at = Some(at(80));
    seen.tasks.push(third);
    assert_eq!(judged(&seen, 75), Verdict::Good, "two are enough");
    seen.desired_count = 3;
    assert_eq!(judged(&seen, 94), Verdict::Pending);
    assert_eq!(judged(&seen, 95), Verdict::Good);
}

#[test]
fn t14_what_becomes_of_the_service_comes_before_what_becomes_of_its_deployment() {
    for status in ["DRAINING", "INACTIVE"] {
        let lost = DeploymentObservation { status: status.to_owned(), ..success() };
        assert_bad(&lost, 75, &format!("the service is {status}"));
    }
    let controller = Controller::Other("CODE_DEPLOY".to_owned());
    assert_bad(&DeploymentObservation { controller, ..success() }, 75, "carried out by CODE_DEPLOY now");
}

#[test]
fn t14_a_wrong_image_is_shown_as_it_is_written_or_as_it_was_resolved() {
    let mut seen = success();
    let other = format!("sha256:{}", "c".repeat(64));
    let resolved = other.parse().unwrap();
    let image = &mut seen.revision.as_mut().unwrap().images[0];
    image.image = "registry/shop:latest".to_owned();
    image.digest = Some(resolved);
    assert_bad(&seen, 75, &format!("container app runs registry/shop:latest ({other}), not sha256:b"));
    seen.revision.as_mut().unwrap().images[0].image = format!("registry/shop@{other}");
    assert_bad(&seen, 75, &format!("container app runs registry/shop@{other}, not sha256:b"));
}

#[test]
fn a_bad_verdict_tells_failed_tasks_and_alarms_only_where_there_are_any() {
    let mut seen = seen(DeploymentStatus::Stopped);
    assert_eq!(judged(&seen, 2).reason(), Some("web: its deployment is STOPPED"));
    let ours =
        Deployment { failed_tasks: 1, alarms: vec!["5xx".to_owned()], ..own(DeploymentStatus::Stopped) };
    seen.own = Some(ours);
    assert_eq!(
        judged(&seen, 2).reason(),
        Some("web: its deployment is STOPPED; 1 tasks failed; alarms: 5xx")
    );
}

#[test]
fn a_service_has_fewer_crashes_to_give_than_its_limit_when_it_is_small() {
    let soak = Soak { lasts: Duration::from_secs(60), crash_limit: 3 };
    let limits = [0, 1, 2, 3, 4, 100].map(|tasks| soak.limit_for(tasks));
    assert_eq!(limits, [1, 1, 2, 3, 3, 3]);
}

#[test]
fn only_a_soak_that_differs_is_written() {
    assert!(Soak::default().is_default());
    assert!(!Soak { crash_limit: 3, ..Soak::default() }.is_default());
}

#[test]
fn a_task_has_crashed_unless_it_was_scaled_in_or_stopped_by_a_person_or_by_aws() {
    let elb = "Task failed ELB health checks in (target-group arn:aws:…)";
    let scaled = "Scaling activity initiated by (deployment ecs-svc/1)";
    for (code, reason, crashed) in [
        (Some("EssentialContainerExited"), "Essential container in task exited", true),
        (Some("TaskFailedToStart"), "CannotPullContainerError: not found", true),
        (Some("ServiceSchedulerInitiated"), elb, true),
        (Some("ServiceSchedulerInitiated"), "Task failed container health checks", true),
        (Some("ServiceSchedulerInitiated"), scaled, false),
        (Some("UserInitiated"), "Task stopped by user", false),
        (Some("SpotInterruption"), "Your Spot Task was interrupted.", false),
        (Some("TerminationNotice"), "maintenance", false),
        (Some("InfrastructureHealth"), "host failed", false),
        (Some("WhatAwsInvents"), "anything", true),
        (Some("WhatAwsInvents"), scaled, false),
        (None, "Essential container in task exited", true),
        (None, scaled, false),
        (None, "", false),
    ] {
        let mut stopped = task('1', OURS, "STOPPED", 'b');
        stopped.stop_code = code.map(str::to_owned);
        stopped.stopped_reason = Some(reason.to_owned());
        assert_eq!(stopped.crashed(), crashed, "{code:?} {reason}");
    }
}

#[test]
fn a_container_that_ended_well_or_tells_nothing_is_no_reason() {
    let mut stopped = task('1', OURS, "STOPPED", 'b');
    assert_eq!(stopped.why_stopped(), None);
    stopped.containers[0].exit_code = Some(0);
    assert_eq!(stopped.why_stopped(), None);
    stopped.containers[0].reason = Some("OutOfMemoryError".to_owned());
    assert_eq!(stopped.why_stopped().as_deref(), Some("container app: exit code 0, OutOfMemoryError"));
    stopped.containers[0].exit_code = Some(3);
    stopped.containers[0].reason = None;
    assert_eq!(stopped.why_stopped().as_deref(), Some("container app: exit code 3"));
}
