use super::*;
use crate::testing::{Road, TAKES, road};

async fn started(road: &Road<'_>) -> WatchTaskInput {
    let task = road.planned(road::is_task).await;
    let input = road.task_input(&task);
    let output = road.start_task().run(input.clone()).await.unwrap();
    WatchTaskInput {
        execution: input.execution,
        release_execution: input.release_execution,
        release: input.release,
        stage: input.stage,
        plan_hash: input.plan_hash,
        step: input.step,
        task_arn: output.task_arn,
        started_at: output.started_at,
    }
}

async fn watched(road: &Road<'_>, input: &WatchTaskInput) -> WatchTaskOutput {
    road.watch_task().run(input.clone()).await.unwrap()
}

#[tokio::test]
async fn a_task_that_exits_with_zero_is_good() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = started(&road).await;
    assert_eq!(watched(&road, &input).await, WatchTaskOutput { verdict: VerdictWord::Good, reason: None });
    assert!(clock.now().duration_since(input.started_at) >= jiff::SignedDuration::try_from(TAKES).unwrap());
}

#[tokio::test]
async fn a_task_that_exits_otherwise_is_bad_with_its_reason() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.stage.tasks_exit_with(3);
    let input = started(&road).await;
    let output = watched(&road, &input).await;
    assert_eq!(output.verdict, VerdictWord::Bad);
    let reason = output.reason.unwrap();
    assert_eq!(reason, "backup failed: Essential container in task exited; container app: exit code 3");
}

#[tokio::test]
async fn a_task_that_takes_longer_than_a_call_is_pending_and_one_that_nobody_knows_is_bad_in_the_end() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let unknown = "arn:aws:ecs:us-west-2:111122223333:task/c/none".parse().unwrap();
    let input = WatchTaskInput { task_arn: unknown, ..started(&road).await };
    assert_eq!(watched(&road, &input).await.verdict, VerdictWord::Pending);
    clock.pass(std::time::Duration::from_secs(900));
    assert_eq!(watched(&road, &input).await.verdict, VerdictWord::Bad);
}
