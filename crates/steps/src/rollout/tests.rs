use super::*;
use crate::run_checks::{RunChecks, RunChecksInput};
use crate::start_deployments::{StartDeployments, StartDeploymentsInput};
use crate::start_task::{StartTask, StartTaskInput};
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
