use std::time::Duration;

use gantry_domain::End;
use gantry_domain::approval::Outcome;

use super::SweepOutput;
use crate::decide::Decide;
use crate::ports::store::Locks as _;
use crate::ports::{ExecutionState, PortError};
use crate::testing::given::person;
use crate::testing::{Fault, LeftBehind};

#[tokio::test]
async fn t27_a_question_lapses_in_world_time_and_the_release_hears_of_it() {
    let world = LeftBehind::new();
    let approval = world.asked(&world.claimed('a').await).await;
    world.clock.set("2026-11-21T15:59:59Z".parse().unwrap());
    world.sweep().await;
    assert_eq!(world.outcome(&approval).await, None);
    world.clock.pass(Duration::from_secs(1));
    world.sweep().await;
    assert_eq!(world.outcome(&approval).await, Some(Outcome::Expired));
    assert_eq!(world.tokens.succeeded(), ["approval"]);
    world.sweep().await;
    assert_eq!(world.tokens.succeeded(), ["approval"], "once");
}

#[tokio::test]
async fn t05_a_recorded_decision_whose_answer_was_lost_is_sent_again() {
    let world = LeftBehind::new();
    let approval = world.asked(&world.claimed('a').await).await;
    world.tokens.faults.plan("succeed", Fault::Refused);
    let decide = Decide { approvals: &world.store, tokens: &world.tokens, clock: &world.clock };
    let choice = gantry_domain::approval::Choice::Approve;
    decide.click(&approval.id, &person("U0LEAD"), choice).await.unwrap();
    assert_eq!(world.tokens.succeeded(), Vec::<String>::new());
    world.sweep().await;
    assert_eq!(world.tokens.succeeded(), ["approval"]);
    assert_eq!(world.outcome(&approval).await, Some(Outcome::Approved));
    assert_eq!(world.sweep().await.approvals, 0);
}

#[tokio::test]
async fn t08_nothing_is_taken_from_an_execution_that_goes_on() {
    let world = LeftBehind::new();
    let (one, two) = (world.claimed('a').await, world.claimed('b').await);
    world.locked(&one).await;
    world.queued(&two).await;
    let approval = world.asked(&one).await;
    let output = world.sweep().await;
    assert_eq!(output, SweepOutput { approvals: 1, releases: 2, locks: 1, undelivered: 2 });
    assert_eq!(world.lock().await.unwrap().owner, one.execution);
    assert_eq!(world.outcome(&approval).await, None);
    assert_eq!((world.end_of(&one).await, world.end_of(&two).await), (None, None));
}

#[tokio::test]
async fn t08_an_execution_that_step_functions_does_not_know_yet_is_not_over() {
    let world = LeftBehind::new();
    let (one, two) = (world.claimed('a').await, world.claimed('b').await);
    world.locked(&one).await;
    world.queued(&two).await;
    let approval = world.asked(&one).await;
    for release in [&one, &two] {
        world.executions.end(&release.execution, ExecutionState::Gone);
    }
    world.clock.set("2026-11-21T12:00:30Z".parse().unwrap());
    world.sweep().await;
    assert_eq!((world.end_of(&one).await, world.end_of(&two).await), (None, None));
    assert_eq!(world.lock().await.unwrap().owner, one.execution);
    assert_eq!(world.store.waiters(&world.production).await.unwrap().len(), 1);
    assert_eq!(world.outcome(&approval).await, None);
    world.clock.set("2026-11-21T12:10:00Z".parse().unwrap());
    world.sweep().await;
    assert_eq!(world.end_of(&one).await, Some(End::FailedClean), "what stays unknown is over");
}

#[tokio::test]
async fn an_owner_who_was_never_told_is_told() {
    let world = LeftBehind::new();
    world.locked(&world.claimed('a').await).await;
    world.sweep().await;
    world.sweep().await;
    assert_eq!(world.tokens.succeeded(), ["lock"]);
}

#[tokio::test]
async fn t43_undelivered_notices_are_delivered_and_one_failure_keeps_nothing_else_back() {
    let world = LeftBehind::new();
    let one = world.claimed('a').await;
    world.asked(&one).await;
    world.clock.set("2026-11-21T17:00:00Z".parse().unwrap());
    world.store.faults.plan("waiters", Fault::Refused);
    let error = world.try_sweep().await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable { .. }), "the failure is seen");
    assert_eq!(world.tokens.succeeded(), ["approval"]);
    assert_eq!(world.deliver.delivered(), [one.id]);
}
