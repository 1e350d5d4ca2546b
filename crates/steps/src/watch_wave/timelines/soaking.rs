//! What happens after ECS has called it a success.

use super::Says::*;
use super::web;

/// Up at 30, a success at 40.
fn after(soak: &[(i64, super::Says)]) -> super::Timeline {
    let begin = [(0, Ours("IN_PROGRESS")), (30, Runs("2 ours")), (40, Ours("SUCCESSFUL"))];
    web(&begin.into_iter().chain(soak.iter().copied()).collect::<Vec<_>>())
}

const ELB: &str = "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-west-2:1:targetgroup/web/1)";

#[tokio::test]
async fn t16_a_crash_loop_after_the_first_healthy_task_is_bad_at_the_second_crash() {
    after(&[(61, Crash(1)), (75, Runs("2 ours")), (91, Crash(1)), (105, Runs("2 ours"))])
        .bad_at(95, &["web: 2 of its tasks stopped after ECS called it a success", "exit code 1"])
        .await;
}

#[tokio::test]
async fn t16_tasks_that_all_exit_after_a_minute_are_bad() {
    after(&[(90, Crash(2)), (105, Runs("2 ours"))])
        .bad_at(90, &["2 of its tasks stopped", "Essential container in task exited"])
        .await;
}

#[tokio::test]
async fn t16_the_only_task_of_a_service_must_not_crash_once() {
    web(&[
        (-100, Wants(1)),
        (-100, Runs("1 old")),
        (0, Ours("IN_PROGRESS")),
        (30, Runs("1 ours")),
        (40, Ours("SUCCESSFUL")),
        (90, Crash(1)),
        (105, Runs("1 ours")),
    ])
    .bad_at(90, &["1 of its tasks stopped after"])
    .await;
}

#[tokio::test]
async fn t16_one_task_out_of_memory_is_forgiven_when_its_replacement_holds() {
    after(&[(61, OutOfMemory), (75, Runs("2 ours"))]).good_at(135).await;
}

#[tokio::test]
async fn t16_two_tasks_out_of_memory_are_bad_and_say_so() {
    after(&[(61, OutOfMemory), (75, Runs("2 ours")), (121, OutOfMemory)])
        .bad_at(125, &["OutOfMemoryError: Container killed due to memory usage", "exit code 137"])
        .await;
}

#[tokio::test]
async fn t16_a_task_that_crashed_and_is_not_replaced_is_bad_at_the_deadline() {
    after(&[(61, Crash(1))]).bad_at(600, &["only 1 of 2 tasks run it", "exit code 1"]).await;
}

#[tokio::test]
async fn t16_crashes_before_the_success_are_the_breakers_business() {
    web(&[
        (0, Ours("IN_PROGRESS")),
        (15, Runs("2 ours")),
        (20, Crash(2)),
        (40, Runs("2 ours")),
        (50, Ours("SUCCESSFUL")),
    ])
    .good_at(110)
    .await;
}

#[tokio::test]
async fn t16_tasks_of_an_older_deployment_that_stop_badly_do_not_count() {
    let exited = ("EssentialContainerExited", "Essential container in task exited");
    after(&[
        (45, Stops("old", exited.0, exited.1)),
        (46, Stops("old", exited.0, exited.1)),
        (47, Stops("old", exited.0, exited.1)),
    ])
    .good_at(100)
    .await;
}

#[tokio::test]
async fn t16_earlier_tasks_of_the_same_task_definition_do_not_count() {
    let exited = ("EssentialContainerExited", "Essential container in task exited");
    after(&[(-900, Stops("ours", exited.0, exited.1)), (-800, Stops("ours", exited.0, exited.1))])
        .rolling_back()
        .good_at(100)
        .await;
}

#[tokio::test]
async fn t16_tasks_that_a_person_or_aws_stopped_have_not_crashed() {
    for (code, reason) in [
        ("UserInitiated", "Task stopped by user"),
        ("SpotInterruption", "Your Spot Task was interrupted."),
        (
            "TerminationNotice",
            "ECS is performing maintenance on the underlying infrastructure hosting the task",
        ),
        ("InfrastructureHealth", "Host failed"),
    ] {
        after(&[
            (61, Stops("ours", code, reason)),
            (61, Stops("ours", code, reason)),
            (61, Runs("")),
            (75, Runs("2 ours")),
        ])
        .good_at(135)
        .await;
    }
}

#[tokio::test]
async fn t18_a_target_that_flaps_at_the_cut_over_is_forgiven_once() {
    after(&[
        (61, Stops("ours", "ServiceSchedulerInitiated", ELB)),
        (61, Runs("1 ours")),
        (76, Runs("2 ours")),
    ])
    .good_at(140)
    .await;
}

#[tokio::test]
async fn t18_targets_that_flap_at_the_cut_over_are_bad_at_the_second() {
    after(&[
        (61, Stops("ours", "ServiceSchedulerInitiated", ELB)),
        (61, Runs("1 ours")),
        (76, Runs("2 ours")),
        (111, Stops("ours", "ServiceSchedulerInitiated", ELB)),
        (111, Runs("1 ours")),
    ])
    .bad_at(115, &["2 of its tasks stopped", "failed ELB health checks"])
    .await;
}

#[tokio::test]
async fn t18_a_task_whose_own_health_check_fails_does_not_count_while_it_does() {
    after(&[(95, Runs("1 ours, 1 ours-unhealthy")), (131, Runs("2 ours"))]).good_at(135).await;
}

/// What becomes of one of the two tasks.
#[derive(Clone, Copy, PartialEq)]
enum Turn {
    Holds,
    FailsItsCheck,
    CrashesAndIsReplaced,
}

/// Every fifteen seconds from 45 on, one of these.
fn turns(sequence: usize) -> [Turn; 4] {
    let turn = |place: u32| {
        [Turn::Holds, Turn::FailsItsCheck, Turn::CrashesAndIsReplaced][sequence / 3_usize.pow(place) % 3]
    };
    [0, 1, 2, 3].map(turn)
}

/// Good when both have been there for a minute and are well; bad at the second crash; bad at the deadline.
fn expected(turns: &[Turn; 4]) -> (i64, bool) {
    for second in (40..600).step_by(5) {
        let past = (45..).step_by(15).zip(turns).take_while(|(at, _)| *at <= second);
        let crashes: Vec<i64> =
            past.clone().filter(|(_, turn)| **turn == Turn::CrashesAndIsReplaced).map(|(at, _)| at).collect();
        let is_well = past.last().is_none_or(|(_, turn)| *turn != Turn::FailsItsCheck);
        if crashes.len() == 2 {
            return (second, false);
        }
        if is_well && second >= crashes.last().unwrap_or(&40) + 60 {
            return (second, true);
        }
    }
    (600, false)
}

#[tokio::test]
async fn t18_every_sequence_of_health_in_the_soak_is_judged_rightly_and_in_time() {
    for sequence in 0..3_usize.pow(4) {
        let turns = turns(sequence);
        let mut lines = Vec::new();
        for (at, turn) in (45..).step_by(15).zip(turns) {
            match turn {
                Turn::Holds => lines.push((at, Runs("2 ours"))),
                Turn::FailsItsCheck => lines.push((at, Runs("1 ours, 1 ours-unhealthy"))),
                Turn::CrashesAndIsReplaced => lines.extend([(at, Crash(1)), (at, Runs("2 ours"))]),
            }
        }
        let (second, good) = expected(&turns);
        match good {
            true => after(&lines).good_at(second).await,
            false => after(&lines).bad_at(second, &[]).await,
        }
    }
}

#[tokio::test]
async fn t18_a_task_that_stays_unhealthy_is_bad_at_the_deadline() {
    after(&[(95, Runs("1 ours, 1 ours-unhealthy"))]).bad_at(600, &["only 1 of 2 tasks run it"]).await;
}

#[tokio::test]
async fn t16_crashes_at_the_pace_of_the_soak_end_at_the_limit() {
    after(&[(95, Crash(1)), (100, Runs("2 ours")), (155, Crash(1)), (160, Runs("2 ours"))])
        .bad_at(155, &["2 of its tasks stopped"])
        .await;
}
