use gantry_domain::ErrorName;
use gantry_domain::names::PlanHash;
use gantry_domain::plan::{PlanKind, PlanStep};
use gantry_domain::record::RolloutOutcome;
use gantry_domain::verified::VerifiedEntry;

use super::{PlanRollback, PlanRollbackError, PlanRollbackInput, PlanRollbackOutput};
use crate::StepError as _;
use crate::ports::store::{NewNotice, Verified as _};
use crate::testing::given::{self, component, digest};
use crate::testing::{Fate, Road, TAKES, road};

fn failed_at(step: u32) -> Option<RolloutOutcome> {
    Some(RolloutOutcome {
        outcome: "failed".to_owned(),
        wrote: true,
        failed_step: Some(step),
        reason: Some("web: it failed".to_owned()),
        error: None,
    })
}

async fn plans(
    road: &Road<'_>,
    hash: &PlanHash,
    outcome: Option<RolloutOutcome>,
) -> Result<PlanRollbackOutput, PlanRollbackError> {
    plans_of(road, Some(hash), outcome).await
}

async fn plans_of(
    road: &Road<'_>,
    hash: Option<&PlanHash>,
    outcome: Option<RolloutOutcome>,
) -> Result<PlanRollbackOutput, PlanRollbackError> {
    let Road { pipeline, store, stage, clock, .. } = road;
    let step = PlanRollback {
        pipeline,
        releases: store,
        plans: store,
        locks: store,
        verified: store,
        observe: stage,
        clock: *clock,
    };
    let input = PlanRollbackInput {
        execution: road.release.execution.clone(),
        release: road.release.id.clone(),
        stage: road.name(),
        plan_hash: hash.cloned(),
        outcome,
    };
    step.run(input).await
}

fn hash_of(output: &PlanRollbackOutput) -> PlanHash {
    output.plan_hash.clone().unwrap()
}

/// A row of web, verified by a release at that minute.
async fn verified(road: &Road<'_>, release: char, of: char, minute: u8, rolled_back: bool) {
    let release = given::release(&road.pipeline, release, "2026-11-20T12:00:00Z");
    road.store.given_release(&release);
    let row = VerifiedEntry {
        stage: road.name(),
        component: component("backend"),
        service: "web".parse().unwrap(),
        release: release.id.clone(),
        commit: Some(release.commit.clone()),
        digest: digest(of),
        task_definition: given::task_definition("web", 1),
        at: format!("2026-11-20T12:{minute:02}:00Z").parse().unwrap(),
        rolled_back,
    };
    let notice = gantry_domain::notice::Notice::StageVerified {
        stage: road.name(),
        deployed: vec![],
        unchanged: vec![],
        passed: vec![],
    };
    road.store
        .record(&release.id, &[row], &NewNotice::new(crate::ports::Clock::now(road.clock), notice))
        .await
        .unwrap();
}

#[tokio::test]
async fn t19_without_anything_verified_the_baseline_is_the_target_and_is_named_by_digest() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    let output = plans(&road, &wave.0, failed_at(u32::try_from(wave.1).unwrap())).await.unwrap();
    let labels: Vec<&str> = output.steps.iter().map(|step| step.label.as_str()).collect();
    assert_eq!(labels, ["backend: web"]);
    let plan = road.plan_of(&hash_of(&output)).await;
    assert_eq!(plan.terms.kind, PlanKind::Rollback);
    assert_eq!(plan.terms.services[0].digest, digest('a'));

    // What is named by digest already is used as it is.
    let back = road.start_deployments().run(road.wave_input(&(hash_of(&output), 0))).await.unwrap();
    assert_eq!(back.services[0].task_definition, given::task_definition("web", 1));
    assert_eq!(road.stage.written(), ["register web:2", "update web to web:2", "update web to web:1"]);
}

#[tokio::test]
async fn t19_rows_of_what_failed_and_of_what_was_rolled_back_are_never_the_target() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    verified(&road, 'c', 'c', 1, false).await;
    verified(&road, 'd', 'd', 2, true).await;
    verified(&road, 'b', 'b', 3, false).await;
    let output = plans(&road, &wave.0, failed_at(u32::try_from(wave.1).unwrap())).await.unwrap();
    assert_eq!(road.plan_of(&hash_of(&output)).await.terms.services[0].digest, digest('c'));
}

#[tokio::test]
async fn what_ecs_took_back_by_itself_is_left_alone() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.stage.fate("web", Fate::RollsBack("tasks failed to start"));
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    clock.pass(TAKES);
    let output = plans(&road, &wave.0, failed_at(u32::try_from(wave.1).unwrap())).await.unwrap();
    assert_eq!(output.step_count, 0, "{:?}", output.steps);
}

#[tokio::test]
async fn a_breaking_migration_that_had_begun_is_irreversible() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    road.pipeline.components[0].migration.as_mut().unwrap().breaking = true;
    let wave = road.planned(road::is_wave).await;
    let plan = road.plan_of(&wave.0).await;
    let migration =
        plan.terms.steps.iter().position(|step| matches!(step, PlanStep::Task(task) if task.breaking));
    let migration = u32::try_from(migration.unwrap()).unwrap();
    let error = plans(&road, &wave.0, failed_at(migration)).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Irreversible);
    assert!(error.to_string().contains("declared breaking"), "{error}");
    assert!(plans(&road, &wave.0, failed_at(migration - 1)).await.is_ok());
}

#[tokio::test]
async fn t08_the_lock_tells_what_a_release_that_died_was_carrying_out() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    let output = plans_of(&road, None, None).await.unwrap();
    assert_eq!(output.failed_plan, Some(wave.0));
    assert_eq!(road.plan_of(&hash_of(&output)).await.terms.services[0].digest, digest('a'));
}

#[tokio::test]
async fn t08_a_task_of_the_rollout_that_died_is_waited_for_and_never_stopped() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let task = road.planned(road::is_task).await;
    let started = road.start_task().run(road.task_input(&task)).await.unwrap();
    let output = plans_of(&road, None, None).await.unwrap();
    assert_eq!(output.waits_for, Some(started.task_arn.to_string()));
    assert_eq!((output.plan_hash, output.failed_plan), (None, Some(task.0)));
    clock.pass(TAKES);
    let output = plans_of(&road, None, None).await.unwrap();
    assert_eq!(output.waits_for, None);
    assert!(output.plan_hash.is_some());
}

#[tokio::test]
async fn t17_a_task_that_never_ends_is_left_to_a_person() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let task = road.planned(road::is_task).await;
    road.stage.tasks_never_end();
    road.start_task().run(road.task_input(&task)).await.unwrap();
    let longest = road.plan_of(&task.0).await.terms.longest();
    assert!(longest > std::time::Duration::from_secs(30 * 60), "{longest:?}");
    clock.pass(longest);
    let error = plans_of(&road, None, None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Irreversible);
    assert!(error.to_string().contains("still runs"), "{error}");
}

#[tokio::test]
async fn t09_without_the_lock_nothing_is_planned() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.lose_the_lock().await;
    let error = plans(&road, &wave.0, None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::LockLost);
}

#[tokio::test]
async fn t20_a_rollback_is_never_rolled_back() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    let back = plans(&road, &wave.0, None).await.unwrap();
    let error = plans(&road, &hash_of(&back), None).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Inconsistent);
}
