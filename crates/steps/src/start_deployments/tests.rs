use gantry_domain::ErrorName;
use gantry_domain::task_definition::image_by_digest;

use super::*;
use crate::StepError as _;
use crate::testing::{Fate, Fault, REGISTRY, Road, TAKES, given, road};

#[tokio::test]
async fn t42_a_wave_gets_a_task_definition_in_which_only_the_image_differs() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    let output = road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    assert_eq!(road.stage.written(), ["register web:2", "update web to web:2"]);

    let plan = road.plan_of(&wave.0).await;
    let new = road.stage.definition(&output.services[0].task_definition);
    let base = road.stage.definition(&plan.terms.services[0].base);
    let image = image_by_digest(REGISTRY, &plan.terms.services[0].repository, &given::digest('b'));
    let mut expected = base.body.as_json().clone();
    expected["containerDefinitions"][0]["image"] = image.into();
    assert_eq!(new.body.as_json(), &expected);
    let keys: Vec<&str> = new.tags.keys().map(String::as_str).collect();
    assert_eq!(keys, ["gantry:content", "gantry:plan", "gantry:release", "team"]);
    assert_eq!(new.tags["gantry:release"], road.release.id.as_str());
}

#[tokio::test]
async fn all_of_a_wave_is_registered_before_anything_is_updated() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    road.pipeline.components[0].waves = vec![vec!["web".parse().unwrap(), "sidekiq".parse().unwrap()]];
    let wave = road.planned(road::is_wave).await;
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    let order =
        ["register web:2", "register sidekiq:2", "update web to web:2", "update sidekiq to sidekiq:2"];
    assert_eq!(road.stage.written(), order);
}

#[tokio::test]
async fn t22_a_step_run_twice_has_the_effect_of_once() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    let once = road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    for _ in 0..2 {
        clock.pass(TAKES);
        let again = road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
        assert_eq!(again.services, once.services);
    }
    assert_eq!(road.stage.written().len(), 2, "{:?}", road.stage.written());
}

#[tokio::test]
async fn t22_a_write_whose_answer_was_lost_is_found_again() {
    for call in ["register_task_definition", "update_service"] {
        for fault in [Fault::AnswerLost, Fault::Refused] {
            let clock = road::clock();
            let road = Road::new(&clock).await;
            let wave = road.planned(road::is_wave).await;
            road.stage.faults.plan(call, fault);
            let error = road.start_deployments().run(road.wave_input(&wave)).await.unwrap_err();
            assert_eq!(error.name(), ErrorName::Unavailable, "{call}: the state machine tries again");
            road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
            assert_eq!(road.stage.written(), ["register web:2", "update web to web:2"], "{call} {fault:?}");
        }
    }
}

#[tokio::test]
async fn t22_an_update_that_ecs_rolled_back_meanwhile_is_not_made_again() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.stage.fate("web", Fate::RollsBack("tasks failed to start"));
    road.stage.faults.plan("update_service", Fault::AnswerLost);
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap_err();
    clock.pass(TAKES);
    road.start_deployments().run(road.wave_input(&wave)).await.unwrap();
    assert_eq!(road.stage.written(), ["register web:2", "update web to web:2"]);
}

#[tokio::test]
async fn t09_without_the_lock_nothing_is_written() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.lose_the_lock().await;
    let error = road.start_deployments().run(road.wave_input(&wave)).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::LockLost);
    assert_eq!(road.stage.written(), Vec::<String>::new());
    let lock = road.store.read(&road.name()).await.unwrap().unwrap().lock;
    assert_eq!(lock.rollout, None, "the other owner's row is left alone");
}

#[tokio::test]
async fn t09_a_lock_that_is_kept_for_a_person_stops_its_owner_too() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.store.keep(&road.name(), &road.release.execution, "look at web").await.unwrap();
    let error = road.start_deployments().run(road.wave_input(&wave)).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::LockLost);
    assert_eq!(road.stage.written(), Vec::<String>::new());
}

#[tokio::test]
async fn t21_a_release_turns_back_before_its_next_wave_when_a_person_wants_the_stage_put_back() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.is_to_turn_back().await;
    let error = road.start_deployments().run(road.wave_input(&wave)).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::LockLost);
    let words = error.to_string();
    assert!(
        words.starts_with("a person asked for preproduction to be put back (exchange-rollback-"),
        "{words}"
    );
    assert_eq!(road.stage.written(), Vec::<String>::new());
}

#[tokio::test]
async fn the_rollout_is_noted_before_anything_is_written() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.stage.deny("register_task_definition");
    let error = road.start_deployments().run(road.wave_input(&wave)).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::AccessDenied);
    let lock = road.store.read(&road.name()).await.unwrap().unwrap().lock;
    assert_eq!(lock.rollout, Some(road.rollout()));
}

#[tokio::test]
async fn t42_a_base_that_has_gained_unknown_fields_since_is_refused() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    road.stage.change_definition("web", |web| web.unknown = vec!["sandbox".to_owned()]);
    let error = road.start_deployments().run(road.wave_input(&wave)).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::UnsupportedService);
    assert_eq!(road.stage.written(), Vec::<String>::new());
}

#[tokio::test]
async fn a_step_that_is_no_wave_of_this_release_and_stage_is_a_contradiction() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let wave = road.planned(road::is_wave).await;
    let input = road.wave_input(&wave);
    for input in [
        StartDeploymentsInput { step: 0, ..input.clone() },
        StartDeploymentsInput { step: 99, ..input.clone() },
        StartDeploymentsInput { plan_hash: given::plan_hash('9'), ..input.clone() },
        StartDeploymentsInput { stage: given::stage("production"), ..input.clone() },
        StartDeploymentsInput { release: given::release_id("exchange-000000000000-1"), ..input.clone() },
    ] {
        let error = road.start_deployments().run(input).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::Inconsistent, "{error}");
    }
    assert_eq!(road.stage.written(), Vec::<String>::new());
}
