use super::*;
use crate::run_checks::{RunChecks, RunChecksInput};
use crate::start_deployments::{StartDeployments, StartDeploymentsInput};
use crate::start_task::{StartTask, StartTaskInput};
use crate::testing::{Road, given, road};
use crate::watch_task::{WatchTask, WatchTaskInput};
use crate::watch_wave::{WatchWave, WatchWaveInput};

/// The functions' runtime may move a step between threads. Compiling is the test.
#[expect(dead_code, reason = "never called")]
mod spawnable {
    use super::*;

    fn start_deployments<'a>(step: &'a StartDeployments<'a>, input: StartDeploymentsInput) -> impl Send + 'a {
        step.run(input)
    }

    fn start_task<'a>(step: &'a StartTask<'a>, input: StartTaskInput) -> impl Send + 'a {
        step.run(input)
    }

    fn watch_wave<'a>(step: &'a WatchWave<'a>, input: WatchWaveInput) -> impl Send + 'a {
        step.run(input)
    }

    fn watch_task<'a>(step: &'a WatchTask<'a>, input: WatchTaskInput) -> impl Send + 'a {
        step.run(input)
    }

    fn run_checks<'a>(step: &'a RunChecks<'a>, input: RunChecksInput) -> impl Send + 'a {
        step.run(input)
    }

    fn plan_stage<'a>(
        step: &'a crate::plan_stage::PlanStage<'a>,
        input: crate::plan_stage::PlanStageInput,
    ) -> impl Send + 'a {
        step.run(input)
    }
}

#[test]
fn errors_say_what_the_state_machine_is_to_do() {
    let lost = RolloutError::LockLost("production".parse().unwrap());
    assert_eq!(lost.name(), ErrorName::LockLost);
    let full =
        RolloutError::NotPlaced { task: "migrate".parse().unwrap(), reason: "RESOURCE:MEMORY".to_owned() };
    assert!(full.name().is_retryable());
    assert!(!RolloutError::ServiceGone("web".parse().unwrap()).name().is_retryable());
}

#[tokio::test]
async fn t09_just_before_a_write_the_lock_must_name_owner_and_rollout_still() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let (rollout, stage, owner) = (road.rollout(), road.name(), road.release.execution.clone());
    let later = given::execution("rollback");
    let fence =
        |rollout| Fence { locks: &road.store, stage: &stage, owner: &owner, rollout, may_turn_back: true };
    assert!(fence(&rollout).check().await.is_err(), "nothing is noted yet");
    fence(&rollout).enter(&given::plan_hash('1'), PlanKind::Release).await.unwrap();
    fence(&rollout).check().await.unwrap();
    assert!(fence(&later).check().await.is_err());
    // The way back has begun: what brought the release writes no more.
    fence(&later).enter(&given::plan_hash('2'), PlanKind::Rollback).await.unwrap();
    fence(&later).check().await.unwrap();
    assert!(fence(&rollout).check().await.is_err());
    road.store.keep(&stage, &owner, "look at web").await.unwrap();
    assert!(fence(&later).check().await.is_err());
}
