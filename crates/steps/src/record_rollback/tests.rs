use std::collections::BTreeMap;

use gantry_domain::hold::{HoldEnds, Passage};
use gantry_domain::notice::{Came, Notice};
use gantry_domain::record::RolloutOutcome;

use gantry_domain::ErrorName;
use gantry_domain::names::Digest;
use gantry_domain::plan::{PlanKind, PlannedService};
use gantry_domain::release::{Release, Undoing};
use gantry_domain::verified::VerifiedEntry;

use super::{RecordRollback, RecordRollbackInput, commit_of, goes_to, reason};
use crate::StepError as _;
use crate::acquire_lock::{AcquireLock, AcquireLockInput};
use crate::plan_rollback::{PlanRollback, PlanRollbackInput};
use crate::ports::store::{Holds as _, Locks as _, NewNotice, Plans as _, Recorded, Resumer, Verified as _};
use crate::ports::{Clock as _, DeployStage as _, StageScope};
use crate::release_lock::{ReleaseLock, ReleaseLockInput};
use crate::resume::resume;
use crate::testing::given::{self, component, digest, person, token};
use crate::testing::{FakeTokens, Fault, Road, TAKES, road};

fn outcome() -> Option<RolloutOutcome> {
    Some(RolloutOutcome {
        outcome: "failed".to_owned(),
        wrote: true,
        failed_step: Some(2),
        reason: Some("web: 3 tasks failed".to_owned()),
        error: None,
    })
}

/// Web was deployed, failed, and was put back.
async fn put_back(road: &Road<'_>) -> RecordRollbackInput {
    let wave = road.planned(road::is_wave).await;
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    let Road { pipeline, store, stage, clock, release, .. } = road;
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
        execution: release.execution.clone(),
        release: release.id.clone(),
        stage: road.name(),
        plan_hash: Some(wave.0.clone()),
        outcome: outcome(),
    };
    let back = step.run(input).await.unwrap();
    road.start_deployments().run(road.wave_input(&(back.plan_hash.clone().unwrap(), 0))).await.unwrap();
    clock.pass(TAKES);
    RecordRollbackInput {
        execution: release.execution.clone(),
        release: release.id.clone(),
        stage: road.name(),
        plan_hash: back.plan_hash.unwrap(),
        failed_plan: Some(wave.0),
        error: None,
        cause: None,
        outcome: outcome(),
    }
}

fn step<'a>(road: &'a Road<'a>) -> RecordRollback<'a> {
    let Road { pipeline, store, stage, clock, .. } = road;
    RecordRollback {
        pipeline,
        releases: store,
        plans: store,
        verified: store,
        holds: store,
        observe: stage,
        clock: *clock,
    }
}

#[tokio::test]
async fn people_are_told_what_every_service_runs_and_why_and_what_failed_is_never_carried() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    step(&road).run(input).await.unwrap();
    let told = road.store.notices(&road.release.id);
    let Some(Notice::RolledBack { services, reason, until, .. }) = told.last() else { panic!("{told:?}") };
    assert_eq!(reason, "web: 3 tasks failed");
    assert_eq!(*until, HoldEnds::NewerCommit);
    assert_eq!(services.len(), 6);
    assert_eq!((services[0].came, services[0].digest.clone()), (Came::PutBack, Some(digest('a'))));
    assert!(services[1..].iter().all(|service| service.came == Came::Untouched));
    let rows = road.store.history(&road.name(), &component("backend"), 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].digest.clone(), rows[0].rolled_back), (digest('b'), true));
}

#[tokio::test]
async fn a_lost_answer_leaves_one_hold_and_one_notice() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    road.store.faults.plan("put_back", Fault::AnswerLost);
    step(&road).run(input.clone()).await.unwrap_err();
    let hold = road.store.hold(&road.name()).await.unwrap().unwrap();
    step(&road).run(input).await.unwrap();
    assert_eq!(road.store.hold(&road.name()).await.unwrap().unwrap().id, hold.id);
    let told = road.store.notices(&road.release.id);
    assert_eq!(told.iter().filter(|notice| matches!(notice, Notice::RolledBack { .. })).count(), 1);
    assert_eq!(road.store.history(&road.name(), &component("backend"), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_hold_keeps_the_same_commit_in_line_and_lets_a_newer_one_in() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    step(&road).run(input).await.unwrap();
    let stage = road.name();
    let lock = road.store.read(&stage).await.unwrap().unwrap().lock;
    road.store.free(&lock).await.unwrap();
    let tokens = FakeTokens::default();
    let comes = async |release: &gantry_domain::release::Release, name: &str| {
        road.store.given_release(release);
        let step = AcquireLock { locks: &road.store, releases: &road.store, tokens: &tokens, clock: &clock };
        let input = AcquireLockInput {
            execution: release.execution.clone(),
            release: release.id.clone(),
            stage: road.name(),
            token: token(name),
        };
        step.run(input).await.unwrap();
    };
    let mut again = given::release(&road.pipeline, 'b', "2026-11-21T13:00:00Z");
    again.id = given::release_id("exchange-bbbbbbbbbbbb-2");
    again.execution = given::execution("again");
    comes(&again, "again").await;
    assert!(tokens.succeeded().is_empty());
    assert!(road.store.read(&stage).await.unwrap().is_none(), "nobody has the lock of a stage that holds");
    let told = road.store.notices(&again.id);
    assert!(matches!(told.as_slice(), [Notice::Held { .. }]), "{told:?}");

    let newer = given::release(&road.pipeline, 'c', "2026-11-21T13:01:00Z");
    comes(&newer, "newer").await;
    assert_eq!(tokens.succeeded(), ["newer"]);
    assert!(road.store.hold(&stage).await.unwrap().is_none());
    assert_eq!(road.store.waiters(&stage).await.unwrap().len(), 1, "the other one waits behind it now");
}

#[tokio::test]
async fn a_hold_ends_once() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    step(&road).run(input).await.unwrap();
    let hold = road.store.hold(&road.name()).await.unwrap().unwrap();
    assert_eq!(hold.passage(&road.release), Passage::Waits);
    let by = Resumer::Person(person("U0LEAD"));
    assert_eq!(resume(&road.store, &clock, &hold, &by).await.unwrap(), Recorded::Now);
    assert_eq!(resume(&road.store, &clock, &hold, &by).await.unwrap(), Recorded::Before);
}

/// A row of web in pre-production.
fn row(road: &Road<'_>, release: char, of: char, revision: u32) -> VerifiedEntry {
    let release = given::release(&road.pipeline, release, "2026-11-20T12:00:00Z");
    VerifiedEntry {
        stage: road.name(),
        component: component("backend"),
        service: "web".parse().unwrap(),
        release: release.id,
        commit: Some(release.commit),
        digest: digest(of),
        task_definition: given::task_definition("web", revision),
        at: "2026-11-20T12:00:00Z".parse().unwrap(),
        rolled_back: false,
    }
}

#[tokio::test]
async fn t19_the_row_that_is_gone_back_to_is_of_that_service_and_definition_and_of_another_release() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    let plan = road.plan_of(&input.plan_hash).await;
    let web: &PlannedService = &plan.terms.services[0];
    let good = row(&road, 'c', 'a', 1);
    assert!(goes_to(&good, web, &road.release));
    let others = [
        VerifiedEntry { service: "sidekiq".parse().unwrap(), ..good.clone() },
        row(&road, 'b', 'a', 1),
        row(&road, 'c', 'd', 1),
        row(&road, 'c', 'a', 2),
    ];
    for other in others {
        assert!(!goes_to(&other, web, &road.release), "{other:?}");
    }
}

#[tokio::test]
async fn the_commit_that_runs_is_the_rows_or_else_the_one_that_was_seen_before() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    let mut failed = road.plan_of(&input.failed_plan.unwrap()).await;
    let web = "web".parse().unwrap();
    for (seen, digit) in failed.observations.iter_mut().zip(['1', '2', '3', '4', '5', '6']) {
        seen.running_commit = Some(given::commit(digit));
    }
    let of = |digest: &Digest, rows: &[VerifiedEntry]| commit_of(&web, digest, rows, Some(&failed));
    let rows = [row(&road, 'd', 'd', 1), row(&road, 'c', 'c', 1)];
    assert_eq!(of(&digest('c'), &rows), Some(given::commit('c')));
    let index = failed.observations.iter().position(|seen| seen.service == web).unwrap();
    assert_eq!(of(&digest('a'), &rows), failed.observations[index].running_commit, "what ran before");
    assert_eq!(of(&digest('e'), &rows), None, "nobody knows");
    assert_eq!(commit_of(&web, &digest('a'), &rows, None), None);
}

#[tokio::test]
async fn every_service_is_told_with_the_digest_that_it_runs_itself() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    let scope = StageScope::deploying_plan(&road.plan_of(&input.plan_hash).await.terms);
    let images = BTreeMap::from([("app".parse().unwrap(), format!("somewhere/else@{}", digest('e')))]);
    let body =
        road.stage.definition(&given::task_definition("sidekiq", 1)).body.with_images(&images).unwrap();
    let other = road.stage.register_task_definition(&scope, &body, &BTreeMap::new()).await.unwrap();
    road.stage.update_service(&scope, &"sidekiq".parse().unwrap(), &other).await.unwrap();
    clock.pass(TAKES);
    step(&road).run(input).await.unwrap();
    let told = road.store.notices(&road.release.id);
    let Some(Notice::RolledBack { services, .. }) = told.last() else { panic!("{told:?}") };
    let digests: Vec<_> = services[..2].iter().map(|service| service.digest.clone().unwrap()).collect();
    assert_eq!(digests, [digest('a'), digest('e')]);
}

#[tokio::test]
async fn t19_rows_of_what_is_undone_are_marked_and_not_written_twice() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    let rows = [row(&road, 'b', 'b', 2)];
    let notice =
        Notice::StageVerified { stage: road.name(), deployed: vec![], unchanged: vec![], passed: vec![] };
    road.store.record(&road.release.id, &rows, &NewNotice::new(clock.now(), notice)).await.unwrap();
    step(&road).run(input).await.unwrap();
    let rows = road.store.history(&road.name(), &component("backend"), 10).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.digest.clone(), row.rolled_back)).collect();
    assert_eq!(told, [(digest('b'), true)]);
}

#[tokio::test]
async fn only_the_plan_of_this_rollback_is_recorded() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    let plan = road.plan_of(&input.plan_hash).await;
    let mut others = [plan.clone(), plan.clone(), plan];
    others[0].terms.kind = PlanKind::Release;
    others[1].terms.release = given::release_id("exchange-cccccccccccc-1");
    others[2].terms.stage = given::stage("production");
    for other in others {
        let plan_hash = road.store.put(&other).await.unwrap();
        let error = step(&road).run(RecordRollbackInput { plan_hash, ..input.clone() }).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::Inconsistent);
        assert!(error.to_string().starts_with("the plan of"), "{error}");
    }
    assert!(road.store.hold(&road.name()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_person_who_asked_is_the_reason() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    let undoes = Undoing { stage: road.name(), components: vec![], to: None };
    let asked = Release { undoes: Some(undoes), ..road.release.clone() };
    assert_eq!(reason(&input, &asked), "A person asked for it.");
}

#[tokio::test]
async fn a_lock_that_is_freed_under_a_hold_passes_over_who_must_wait_and_ends_the_hold_for_who_may_not() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    let tokens = FakeTokens::default();
    let waits = async |release: &Release, name: &str| {
        road.store.given_release(release);
        let step = AcquireLock { locks: &road.store, releases: &road.store, tokens: &tokens, clock: &clock };
        let input = AcquireLockInput {
            execution: release.execution.clone(),
            release: release.id.clone(),
            stage: road.name(),
            token: token(name),
        };
        step.run(input).await.unwrap();
        clock.pass(TAKES);
    };
    let mut again = given::release(&road.pipeline, 'b', "2026-11-21T13:00:00Z");
    again.id = given::release_id("exchange-bbbbbbbbbbbb-2");
    again.execution = given::execution("again");
    let newer = given::release(&road.pipeline, 'c', "2026-11-21T13:01:00Z");
    waits(&again, "again").await;
    waits(&newer, "newer").await;
    step(&road).run(input).await.unwrap();
    let free = ReleaseLock { locks: &road.store, releases: &road.store, tokens: &tokens, clock: &clock };
    let freed = ReleaseLockInput {
        execution: road.release.execution.clone(),
        release: road.release.id.clone(),
        stage: road.name(),
    };
    assert!(free.run(freed).await.unwrap().released);
    assert_eq!(tokens.succeeded(), ["newer"]);
    let stage = road.name();
    assert_eq!(road.store.read(&stage).await.unwrap().unwrap().lock.owner, newer.execution);
    assert!(road.store.hold(&stage).await.unwrap().is_none(), "a newer commit ends it");
    let queue = road.store.waiters(&stage).await.unwrap();
    assert_eq!(queue.iter().map(|stored| &stored.waiter.execution).collect::<Vec<_>>(), [&again.execution]);
}

#[tokio::test]
async fn t19_rows_of_other_services_and_releases_do_not_stand_for_what_failed() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = put_back(&road).await;
    let sidekiq = VerifiedEntry { service: "sidekiq".parse().unwrap(), ..row(&road, 'b', 'b', 2) };
    let rows = [row(&road, 'c', 'a', 1), sidekiq];
    let notice =
        Notice::StageVerified { stage: road.name(), deployed: vec![], unchanged: vec![], passed: vec![] };
    road.store.record(&road.release.id, &rows, &NewNotice::new(clock.now(), notice)).await.unwrap();
    step(&road).run(input).await.unwrap();
    let rows = road.store.history(&road.name(), &component("backend"), 10).await.unwrap();
    let failed: Vec<_> = rows.iter().filter(|row| row.rolled_back).collect();
    assert_eq!(failed.len(), 1, "{rows:?}");
    assert_eq!((failed[0].service.as_str(), &failed[0].digest), ("web", &digest('b')));
}
