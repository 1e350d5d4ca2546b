use std::time::Duration;

use super::*;
use crate::testing::{Fate, Fault, Road, TAKES, road};

/// Plans, starts the first wave, and what it is to be watched with.
async fn started(road: &Road<'_>) -> WatchWaveInput {
    let wave = road.planned(road::is_wave).await;
    let input = road.wave_input(&wave);
    let output = road.start_deployments().run(input.clone()).await.unwrap();
    WatchWaveInput {
        execution: input.execution,
        release_execution: input.release_execution,
        release: input.release,
        stage: input.stage,
        plan_hash: input.plan_hash,
        step: input.step,
        started_at: output.started_at,
        services: output.services,
    }
}

async fn watch_once(road: &Road<'_>, input: &WatchWaveInput) -> WatchWaveOutput {
    let step = WatchWave { plans: &road.store, observe: &road.stage, clock: road.clock };
    step.run(input.clone()).await.unwrap()
}

/// Watches as the state machine does; how often, and the last answer.
async fn watch_all(road: &Road<'_>, input: &WatchWaveInput) -> (u32, WatchWaveOutput) {
    for call in 1..100 {
        let output = watch_once(road, input).await;
        if output.verdict != VerdictWord::Pending {
            return (call, output);
        }
    }
    panic!("never decided");
}

#[tokio::test]
async fn a_wave_that_goes_through_is_good() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = started(&road).await;
    let (calls, output) = watch_all(&road, &input).await;
    assert_eq!(output, WatchWaveOutput { verdict: VerdictWord::Good, reason: None });
    assert_eq!(calls, 3, "40 s and 60 s of soaking are three looks of 45 s");
}

#[tokio::test]
async fn one_call_returns_within_its_time() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.stage.fate("web", Fate::Hangs);
    let input = started(&road).await;
    let before = clock.now();
    assert_eq!(watch_once(&road, &input).await.verdict, VerdictWord::Pending);
    let took = clock.now().duration_since(before).as_secs();
    assert!((40..=50).contains(&took), "{took} s");
}

#[tokio::test]
async fn t14_a_deployment_that_ecs_rolled_back_is_bad_with_its_reasons() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.stage.fate("web", Fate::RollsBack("tasks failed to start"));
    let input = started(&road).await;
    let (_, output) = watch_all(&road, &input).await;
    assert_eq!(output.verdict, VerdictWord::Bad);
    let reason = output.reason.unwrap();
    for words in
        ["web", "ROLLBACK_SUCCESSFUL", "tasks failed to start", "Essential container", "rolled back."]
    {
        assert!(reason.contains(words), "{reason}");
    }
}

#[tokio::test]
async fn t14_somebody_elses_deployment_over_ours_is_bad() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = started(&road).await;
    clock.pass(Duration::from_secs(10));
    road.stage.somebody_deploys("web");
    let (_, output) = watch_all(&road, &input).await;
    assert!(output.reason.unwrap().contains("another deployment replaced Gantry's"));
}

#[tokio::test]
async fn t14_a_deployment_of_somebody_else_between_plan_and_start_is_not_taken_for_ours() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.stage.somebody_deploys("web");
    clock.pass(TAKES);
    let started = road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
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
    road.stage.fate("web", Fate::RollsBack("ours failed"));
    let (_, output) = watch_all(&road, &input).await;
    assert!(output.reason.unwrap().contains("ours failed"));
}

#[tokio::test]
async fn t17_a_stuck_wave_is_bad_at_its_deadline_and_at_most_one_look_later() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.stage.fate("web", Fate::Hangs);
    let input = started(&road).await;
    let (_, output) = watch_all(&road, &input).await;
    assert!(output.reason.unwrap().contains("not done in time, still IN_PROGRESS"));
    let took = clock.now().duration_since(input.started_at).as_secs();
    assert!((1200..=1205).contains(&took), "{took} s");
}

#[tokio::test]
async fn t15_a_service_scaled_to_nothing_during_its_deployment_is_bad() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = started(&road).await;
    road.stage.change_service("web", |web| web.desired_count = 0);
    let (_, output) = watch_all(&road, &input).await;
    assert!(output.reason.unwrap().contains("wants 0 tasks"));
}

#[tokio::test]
async fn one_bad_service_decides_a_wave_at_once() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    road.pipeline.components[0].waves = vec![vec!["web".parse().unwrap(), "sidekiq".parse().unwrap()]];
    road.stage.fate("web", Fate::Hangs);
    road.stage.fate("sidekiq", Fate::RollsBack("no"));
    let input = started(&road).await;
    let (_, output) = watch_all(&road, &input).await;
    assert_eq!(output.verdict, VerdictWord::Bad);
    assert!(output.reason.unwrap().starts_with("sidekiq"));
    assert!(clock.now().duration_since(input.started_at).as_secs() <= 45);
}

#[tokio::test]
async fn watching_changes_nothing_and_an_outage_is_an_error_to_try_again() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = started(&road).await;
    let written = road.stage.written();
    for _ in 0..10 {
        road.stage.faults.plan("deployments_of", Fault::Refused);
    }
    let step = WatchWave { plans: &road.store, observe: &road.stage, clock: &clock };
    assert_eq!(step.run(input.clone()).await.unwrap_err().name(), ErrorName::Unavailable);
    watch_all(&road, &input).await;
    assert_eq!(road.stage.written(), written);
}

#[tokio::test]
async fn an_error_that_does_not_pass_is_told_at_once() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = started(&road).await;
    let before = clock.now();
    road.stage.deny("deployments_of");
    let step = WatchWave { plans: &road.store, observe: &road.stage, clock: &clock };
    assert_eq!(step.run(input).await.unwrap_err().name(), ErrorName::AccessDenied);
    assert_eq!(clock.now(), before);
}
