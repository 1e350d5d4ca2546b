use gantry_domain::ErrorName;
use gantry_domain::names::PlanHash;
use gantry_domain::plan::{PlanKind, PlanStep};
use gantry_domain::record::RolloutOutcome;
use gantry_domain::release::Undoing;
use gantry_domain::verified::VerifiedEntry;

use super::{PlanRollback, PlanRollbackError, PlanRollbackInput, PlanRollbackOutput};
use crate::StepError as _;
use crate::ports::store::{NewNotice, Plans as _, Verified as _};
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
    rows_of(road, release, &[("web", of)], (minute, rolled_back)).await;
}

/// Rows of services of the backend with their digests, verified by a release at that minute.
async fn rows_of(
    road: &Road<'_>,
    release: char,
    services: &[(&str, char)],
    (minute, rolled_back): (u8, bool),
) {
    let release = given::release(&road.pipeline, release, "2026-11-20T12:00:00Z");
    road.store.given_release(&release);
    let row = |(service, of): &(&str, char)| VerifiedEntry {
        stage: road.name(),
        component: component("backend"),
        service: service.parse().unwrap(),
        release: release.id.clone(),
        commit: Some(release.commit.clone()),
        digest: digest(*of),
        task_definition: given::task_definition(service, 1),
        at: format!("2026-11-20T12:{minute:02}:00Z").parse().unwrap(),
        rolled_back,
    };
    let rows: Vec<VerifiedEntry> = services.iter().map(row).collect();
    let notice = gantry_domain::notice::Notice::StageVerified {
        stage: road.name(),
        deployed: vec![],
        unchanged: vec![],
        passed: vec![],
    };
    road.store
        .record(&release.id, &rows, &NewNotice::new(crate::ports::Clock::now(road.clock), notice))
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

/// Step Functions does not promise to stop a rollout that took longer than its release waits for it.
#[tokio::test]
async fn t09_a_rollout_that_its_release_has_left_writes_nothing_more() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    let back = plans(&road, &wave.0, None).await.unwrap();
    let written = road.stage.written();

    let late = road.start_deployments().run(road.wave_input(&wave)).await.unwrap_err();
    assert_eq!(late.name(), ErrorName::LockLost);
    let task = road.plan_of(&wave.0).await.terms.steps.iter().position(road::is_task).unwrap();
    let task = (wave.0.clone(), task);
    let late = road.start_task().run(road.task_input(&task)).await.unwrap_err();
    assert_eq!(late.name(), ErrorName::LockLost);
    assert_eq!(road.stage.written(), written);

    let mut input = road.wave_input(&(back.plan_hash.unwrap(), 0));
    input.execution = given::execution("rollback");
    road.start_deployments().run(input).await.unwrap();
    assert_eq!(road.stage.written().len(), written.len() + 1, "what puts back does write");
}

#[tokio::test]
async fn only_a_plan_of_this_release_and_stage_is_undone() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    let plan = road.plan_of(&wave.0).await;
    let mut others = [plan.clone(), plan];
    others[0].terms.release = given::release_id("exchange-cccccccccccc-1");
    others[1].terms.stage = given::stage("production");
    for other in others {
        let hash = road.store.put(&other).await.unwrap();
        let error = plans(&road, &hash, None).await.unwrap_err();
        assert!(matches!(error, PlanRollbackError::NoPlan(_)), "{error:?}");
        assert_eq!(error.name(), ErrorName::Inconsistent);
    }
}

/// The release is a person's wish to go back.
async fn wish(road: &mut Road<'_>, stage: &str, to: Option<char>) {
    let to = to.map(|to| given::release(&road.pipeline, to, "2026-11-20T12:00:00Z").id);
    road.release.undoes =
        Some(Undoing { stage: given::stage(stage), components: vec![component("backend")], to });
    road.store.given_release(&road.release);
}

/// A row of every service of the backend, with a digest of its own.
async fn backend_verified(road: &Road<'_>, release: char, digits: [char; 4], minute: u8) {
    let services: Vec<_> =
        ["web", "sidekiq", "clockwork", "kafka-consumer"].into_iter().zip(digits).collect();
    rows_of(road, release, &services, (minute, false)).await;
}

async fn digests(road: &Road<'_>, output: &PlanRollbackOutput) -> Vec<gantry_domain::names::Digest> {
    let plan = road.plan_of(output.plan_hash.as_ref().unwrap()).await;
    plan.terms.services.iter().map(|planned| planned.digest.clone()).collect()
}

#[tokio::test]
async fn a_person_goes_back_to_the_rows_of_the_release_that_was_named() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    backend_verified(&road, 'c', ['1', '2', '3', '4'], 1).await;
    backend_verified(&road, 'd', ['5', '6', '7', '8'], 2).await;
    wish(&mut road, "preproduction", Some('c')).await;
    let output = plans(&road, &wave.0, None).await.unwrap();
    assert_eq!(digests(&road, &output).await, ['1', '2', '3', '4'].map(digest));
}

#[tokio::test]
async fn a_person_who_names_no_release_goes_back_to_the_baseline() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    backend_verified(&road, 'd', ['5', '6', '7', '8'], 2).await;
    wish(&mut road, "preproduction", None).await;
    let output = plans(&road, &wave.0, None).await.unwrap();
    assert_eq!(digests(&road, &output).await, ['a'; 4].map(digest));
}

#[tokio::test]
async fn a_wish_for_another_stage_undoes_nothing_here() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    backend_verified(&road, 'c', ['1', '2', '3', '4'], 1).await;
    wish(&mut road, "production", Some('c')).await;
    // The failed plan's first wave alone, and to its newest row: the wish is not about this stage.
    backend_verified(&road, 'd', ['5', '6', '7', '8'], 2).await;
    let output = plans(&road, &wave.0, failed_at(u32::try_from(wave.1).unwrap())).await.unwrap();
    assert_eq!(digests(&road, &output).await, [digest('5')]);
}

#[tokio::test]
async fn t08_services_that_a_rollout_never_came_to_are_left_as_they_are() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    // Nobody verified what runs there; the release would have replaced it.
    let wave = road.planned(road::is_wave).await;
    backend_verified(&road, 'c', ['c', 'c', 'c', 'c'], 1).await;
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    let output = plans_of(&road, None, None).await.unwrap();
    let plan = road.plan_of(&hash_of(&output)).await;
    let services: Vec<&str> = plan.terms.services.iter().map(|planned| planned.service.as_str()).collect();
    assert_eq!(services, ["web"], "and not the other three of the backend");
}

#[tokio::test]
async fn t21_what_puts_a_stage_back_does_not_turn_back() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    road.is_to_turn_back().await;
    let output = plans_of(&road, None, None).await.unwrap();
    let back = road.start_deployments().run(road.wave_input(&(hash_of(&output), 0))).await.unwrap();
    assert_eq!(back.services[0].task_definition, given::task_definition("web", 1));
}
