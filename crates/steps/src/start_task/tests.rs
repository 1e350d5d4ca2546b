use gantry_domain::ErrorName;

use super::*;
use crate::StepError as _;
use crate::testing::{Fault, Road, given, road};

#[tokio::test]
async fn a_task_runs_the_new_image_where_its_service_runs_and_is_noted() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let task = road.planned(road::is_task).await;
    let output = road.start_task().run(road.task_input(&task)).await.unwrap();
    assert_eq!(road.stage.written(), ["register web:2", "run bin/backup as web"]);
    let request = road.stage.requests().remove(0);
    assert_eq!(request.placement.network.unwrap().subnets, ["subnet-1"]);
    assert_eq!(request.container.as_str(), "app");
    assert_eq!(request.client_token.len(), 64, "ECS takes no longer one");
    let image = road.stage.definition(&request.task_definition);
    assert!(image.body.image(&request.container).unwrap().ends_with(given::digest('b').as_str()));
    let lock = road.store.read(&road.name()).await.unwrap().unwrap().lock;
    assert_eq!((lock.rollout, lock.tasks), (Some(road.rollout()), vec![output.task_arn]));
}

#[tokio::test]
async fn t22_a_migration_never_runs_twice() {
    for call in ["register_task_definition", "run_task"] {
        for fault in [Fault::AnswerLost, Fault::Refused] {
            let clock = road::clock();
            let road = Road::new(&clock).await;
            let task = road.planned(road::is_task).await;
            road.stage.faults.plan(call, fault);
            road.start_task().run(road.task_input(&task)).await.unwrap_err();
            let first = road.start_task().run(road.task_input(&task)).await.unwrap();
            let again = road.start_task().run(road.task_input(&task)).await.unwrap();
            assert_eq!(first.task_arn, again.task_arn);
            assert_eq!(road.stage.written(), ["register web:2", "run bin/backup as web"], "{call} {fault:?}");
        }
    }
}

#[tokio::test]
async fn t22_a_task_whose_note_was_lost_is_noted_by_the_next_run() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let task = road.planned(road::is_task).await;
    road.store.faults.plan("record_task", Fault::Refused);
    road.start_task().run(road.task_input(&task)).await.unwrap_err();
    let output = road.start_task().run(road.task_input(&task)).await.unwrap();
    let lock = road.store.read(&road.name()).await.unwrap().unwrap().lock;
    assert_eq!(lock.tasks, [output.task_arn]);
    assert_eq!(road.stage.requests().len(), 1);
}

#[tokio::test]
async fn backup_and_migration_are_two_tasks_of_one_task_definition() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let (hash, backup) = road.planned(road::is_task).await;
    road.start_task().run(road.task_input(&(hash.clone(), backup))).await.unwrap();
    road.start_task().run(road.task_input(&(hash, backup + 1))).await.unwrap();
    assert_eq!(
        road.stage.written(),
        ["register web:2", "run bin/backup as web", "run bin/rails db:migrate as web"]
    );
}

#[tokio::test]
async fn t09_without_the_lock_no_task_starts() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let task = road.planned(road::is_task).await;
    road.lose_the_lock().await;
    let error = road.start_task().run(road.task_input(&task)).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::LockLost);
    assert_eq!(road.stage.written(), Vec::<String>::new());
}

#[tokio::test]
async fn a_task_that_finds_no_room_may_find_it_later() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let task = road.planned(road::is_task).await;
    road.stage.has_no_room(Some("RESOURCE:MEMORY"));
    let error = road.start_task().run(road.task_input(&task)).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Unavailable);
    assert!(error.to_string().contains("RESOURCE:MEMORY"), "{error}");
    road.stage.has_no_room(None);
    assert!(road.start_task().run(road.task_input(&task)).await.is_ok());
}

#[tokio::test]
async fn a_denied_task_is_an_error_of_permission() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let task = road.planned(road::is_task).await;
    road.stage.deny("run_task");
    let error = road.start_task().run(road.task_input(&task)).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::AccessDenied);
}

#[tokio::test]
async fn t22_a_task_that_may_run_already_is_noted_although_the_release_is_to_turn_back() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let task = road.planned(road::is_task).await;
    road.is_to_turn_back().await;
    let first = road.task_input(&task);
    let error = road.start_task().run(first.clone()).await.unwrap_err();
    assert!(error.to_string().contains("asked for preproduction to be put back"), "{error}");
    assert_eq!(road.stage.written(), Vec::<String>::new());
    // Before this attempt another one may have come as far as starting it: it has to be waited for.
    let started = road.start_task().run(StartTaskInput { attempt: 1, ..first }).await.unwrap();
    let lock = road.store.read(&road.name()).await.unwrap().unwrap().lock;
    assert_eq!(lock.tasks, [started.task_arn]);
}
