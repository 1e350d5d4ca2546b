//! The watcher of executions: hears from Step Functions that an execution of the release machine ended badly, and does at
//! once what the sweeper would do within a minute.
//!
//! The event only says where to look: how the execution ended is asked. Most that fail have recorded their end, and are
//! left alone. Status events are best effort, so nothing depends on this alone (T8, T25).

use std::time::Duration;

use gantry_domain::names::ExecutionArn;
use serde::{Deserialize, Serialize};

use crate::aftermath::Aftermath;
use crate::ports::{ExecutionState, PortError};

/// Step Functions describes an execution as of a moment ago, and events are quick: so often it is asked again, and after
/// this pause.
const LOOKS: usize = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// The EventBridge event of a change of an execution's status. Fields not named here are let pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchExecutionsInput {
    /// What happened.
    pub detail: StatusChange,
}

/// A change of an execution's status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusChange {
    /// The execution.
    pub execution_arn: ExecutionArn,
    /// Its status then: `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
}

/// What became of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchExecutionsOutput {
    /// Step Functions says that the execution goes on: nothing is taken from it.
    GoesOn,
    /// The execution has ended, and what it left behind is in order.
    InOrder(ExecutionState),
}

/// The ports of this step.
pub struct WatchExecutions<'a> {
    /// What there is to put in order.
    pub aftermath: Aftermath<'a>,
}

impl WatchExecutions<'_> {
    /// Takes one event in. Any number of repetitions, in any order, end in the same.
    pub async fn run(&self, input: WatchExecutionsInput) -> Result<WatchExecutionsOutput, PortError> {
        let execution = input.detail.execution_arn;
        for _ in 0..LOOKS {
            let state = self.aftermath.executions.state(&execution).await?;
            if !state.is_running() {
                self.aftermath.of(&execution, state).await?;
                return Ok(WatchExecutionsOutput::InOrder(state));
            }
            self.aftermath.clock.sleep(PAUSE).await;
        }
        // Somebody may have started it again from where it failed. If not, the sweeper finds out.
        Ok(WatchExecutionsOutput::GoesOn)
    }
}

#[cfg(test)]
mod tests;
