use gantry_domain::hold::{HoldEnds, Passage};
use gantry_domain::notice::{Came, Notice};
use gantry_domain::record::RolloutOutcome;

use super::{RecordRollback, RecordRollbackInput};
use crate::acquire_lock::{AcquireLock, AcquireLockInput};
use crate::plan_rollback::{PlanRollback, PlanRollbackInput};
use crate::ports::store::{Holds as _, Locks as _, Recorded, Resumer, Verified as _};
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
    road.store.free(&stage, &road.release.execution).await.unwrap();
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
