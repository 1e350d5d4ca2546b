use gantry_domain::task_definition::TaskDefinitionBody;
use gantry_domain::verdict::VerdictWord;
use serde_json::json;

use super::*;
use crate::testing::{Fate, Fault, Road, road};
use crate::watch_task::WatchTaskInput;
use crate::watch_wave::{WatchWaveInput, WatchWaveOutput};

/// A wave whose service `web` ECS rolls back, watched to its end.
async fn rolled_back(road: &Road<'_>) -> (WatchWaveInput, WatchWaveOutput) {
    road.stage.fate("web", Fate::RollsBack("The circuit breaker threshold was exceeded."));
    let wave = road.planned(road::is_wave).await;
    let input = road.wave_input(&wave);
    let started = road.start_deployments().run(input.clone()).await.unwrap();
    let input = WatchWaveInput {
        execution: input.execution,
        release_execution: input.release_execution,
        release: input.release,
        stage: input.stage,
        plan_hash: input.plan_hash,
        step: input.step,
        started_at: started.started_at,
        services: started.services,
    };
    loop {
        let output = road.watch_wave().run(input.clone()).await.unwrap();
        if output.verdict != VerdictWord::Pending {
            return (input, output);
        }
    }
}

/// What was saved, and that it was saved once.
fn saved(road: &Road<'_>) -> Vec<Failure> {
    let notices = road.store.notices(&road.release.id).into_iter();
    let mut saved = notices.filter_map(|notice| match notice {
        Notice::StepFailed { failures, .. } => Some(failures),
        _ => None,
    });
    let failures = saved.next().unwrap_or_default();
    assert!(saved.next().is_none(), "saved twice");
    failures
}

fn unread_of(road: &Road<'_>) -> String {
    saved(road)[0].log.clone().unwrap().unread.unwrap()
}

#[tokio::test]
async fn t17_a_failed_wave_is_saved_with_reasons_exit_codes_and_the_end_of_its_log() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.logs.print(&["Booting Puma", "PG::ConnectionBad: no route to host with hush-hush"]);
    let (input, output) = rolled_back(&road).await;
    let failures = saved(&road);
    assert_eq!(output.reason.unwrap(), in_short(&failures));
    let [failure] = failures.as_slice() else { panic!("{failures:?}") };
    assert_eq!(failure.subject, "web");
    assert_eq!(failure.tasks[0].containers[0].exit_code, Some(1));
    assert_eq!(failure.events[0].message, "(service web) rolled back.");
    let log = failure.log.clone().unwrap();
    assert_eq!(log.lines, ["Booting Puma", "PG::ConnectionBad: no route to host with ***"]);
    let [stream] = road.logs.asked().try_into().unwrap();
    assert_eq!(stream.group, "/ecs/web");
    assert!(stream.stream.starts_with("app/app/web-"), "{}", stream.stream);
    // The answer was lost, and the state runs again.
    let again = road.watch_wave().run(input).await.unwrap();
    assert_eq!(again.reason.unwrap(), in_short(&saved(&road)));
}

#[tokio::test]
async fn t17_a_log_that_cannot_be_read_changes_nothing_but_a_clause() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.logs.print(&["Booting Puma"]);
    let (_, with_log) = rolled_back(&road).await;
    let mut clauses = Vec::new();
    for hinder in [
        |road: &Road<'_>| road.logs.deny(),
        |road: &Road<'_>| road.logs.faults.plan("tail", Fault::Refused),
        |_: &Road<'_>| {},
        |road: &Road<'_>| road.logs.print(&[" ", ""]),
    ] {
        let clock = road::clock();
        let road = Road::new(&clock).await;
        hinder(&road);
        let (_, without) = rolled_back(&road).await;
        assert_eq!(without, with_log);
        clauses.push(unread_of(&road));
    }
    assert_eq!(
        clauses,
        [
            "Gantry may not read its log group",
            "AWS did not show its log group in time",
            "there is no such log stream",
            "it printed nothing"
        ]
    );
}

#[tokio::test]
async fn t37_without_the_task_definition_no_line_is_shown() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.logs.print(&["hush-hush"]);
    road.stage.fate("web", Fate::RollsBack("no"));
    let wave = road.planned(road::is_wave).await;
    let started = road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    road.stage.deny("task_definition");
    let input = WatchWaveInput {
        execution: road.rollout(),
        release_execution: road.release.execution.clone(),
        release: road.release.id.clone(),
        stage: road.name(),
        plan_hash: wave.0,
        step: wave.1,
        started_at: started.started_at,
        services: started.services,
    };
    while road.watch_wave().run(input.clone()).await.unwrap().verdict == VerdictWord::Pending {}
    assert_eq!(unread_of(&road), "Gantry may not read its task definition");
    assert_eq!(road.logs.asked(), []);
}

#[tokio::test]
async fn t37_what_stands_in_names_is_no_secret() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.stage.change_definition("web", |definition| {
        let mut body = definition.body.as_json().clone();
        let values =
            ["preproduction", "us-west-2", "hush-hush"].map(|value| json!({"name": "X", "value": value}));
        body["containerDefinitions"][0]["environment"] = json!(values);
        definition.body = TaskDefinitionBody::new(body);
    });
    road.logs.print(&["hush-hush in us-west-2 for preproduction"]);
    rolled_back(&road).await;
    assert_eq!(saved(&road)[0].log.clone().unwrap().lines, ["*** in us-west-2 for preproduction"]);
}

#[tokio::test]
async fn a_failure_that_cannot_be_saved_is_still_told_in_short() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.store.faults.plan("append", Fault::Refused);
    let (_, output) = rolled_back(&road).await;
    assert_eq!(output.verdict, VerdictWord::Bad);
    assert!(output.reason.unwrap().contains("circuit breaker"));
    assert_eq!(saved(&road), []);
}

#[tokio::test]
async fn a_failed_task_is_saved_with_the_end_of_its_log() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.stage.tasks_exit_with(3);
    road.logs.print(&["pg_dump: error: server closed the connection"]);
    let task = road.planned(road::is_task).await;
    let input = road.task_input(&task);
    let started = road.start_task().run(input.clone()).await.unwrap();
    let input = WatchTaskInput {
        execution: input.execution,
        release_execution: input.release_execution,
        release: input.release,
        stage: input.stage,
        plan_hash: input.plan_hash,
        step: input.step,
        task_arn: started.task_arn,
        started_at: started.started_at,
    };
    assert_eq!(road.watch_task().run(input).await.unwrap().verdict, VerdictWord::Bad);
    let failures = saved(&road);
    assert_eq!(failures[0].subject, "backup");
    assert_eq!(failures[0].log.clone().unwrap().lines, ["pg_dump: error: server closed the connection"]);
}
