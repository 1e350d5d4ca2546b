//! Step Functions: executions that run until a test ends them, tokens that can be answered once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use gantry_domain::ErrorName;
use gantry_domain::names::ExecutionArn;
use serde_json::Value;

use super::Faults;
use crate::ports::{
    Answered, ExecutionState, Executions, PortError, StartRelease, Started, StopExecutions, TaskToken,
    TaskTokens,
};

/// Executions by name and by ARN. Those nobody spoke of are running.
#[derive(Default)]
pub(crate) struct FakeExecutions {
    states: Mutex<BTreeMap<ExecutionArn, ExecutionState>>,
    started: Mutex<BTreeMap<String, Value>>,
    stopped: Mutex<Vec<ExecutionArn>>,
    pub(crate) faults: Faults,
}

impl FakeExecutions {
    pub(crate) fn end(&self, execution: &ExecutionArn, state: ExecutionState) {
        self.states.lock().unwrap().insert(execution.clone(), state);
    }

    pub(crate) fn started(&self) -> BTreeMap<String, Value> {
        self.started.lock().unwrap().clone()
    }

    /// Those that were stopped by a step, in order.
    pub(crate) fn stopped(&self) -> Vec<ExecutionArn> {
        self.stopped.lock().unwrap().clone()
    }
}

#[async_trait]
impl Executions for FakeExecutions {
    async fn state(&self, execution: &ExecutionArn) -> Result<ExecutionState, PortError> {
        self.faults.before("state").await?;
        Ok(self.states.lock().unwrap().get(execution).copied().unwrap_or(ExecutionState::Running))
    }
}

#[async_trait]
impl StopExecutions for FakeExecutions {
    async fn stop(&self, execution: &ExecutionArn, _: &str) -> Result<(), PortError> {
        self.faults.before("stop").await?;
        self.end(execution, ExecutionState::Aborted);
        self.stopped.lock().unwrap().push(execution.clone());
        self.faults.after("stop")
    }
}

#[async_trait]
impl StartRelease for FakeExecutions {
    async fn start(&self, name: &str, input: &Value) -> Result<Started, PortError> {
        self.faults.before("start").await?;
        let before = {
            let mut started = self.started.lock().unwrap();
            if started.contains_key(name) {
                true
            } else {
                started.insert(name.to_owned(), input.clone());
                false
            }
        };
        self.faults.after("start")?;
        Ok(if before { Started::Before } else { Started::Now })
    }
}

/// Tokens: each waits until it is answered or closed.
#[derive(Default)]
pub(crate) struct FakeTokens {
    closed: Mutex<BTreeSet<String>>,
    succeeded: Mutex<Vec<(String, Value)>>,
    failed: Mutex<Vec<(String, ErrorName, String)>>,
    pub(crate) faults: Faults,
}

impl FakeTokens {
    /// The state timed out, or its execution was stopped.
    pub(crate) fn close(&self, token: &str) {
        self.closed.lock().unwrap().insert(token.to_owned());
    }

    /// The tokens that were told to go on, in order.
    pub(crate) fn succeeded(&self) -> Vec<String> {
        self.succeeded.lock().unwrap().iter().map(|(token, _)| token.clone()).collect()
    }

    pub(crate) fn failed(&self) -> Vec<(String, ErrorName, String)> {
        self.failed.lock().unwrap().clone()
    }

    fn use_up(&self, token: &TaskToken) -> bool {
        self.closed.lock().unwrap().insert(token.expose().to_owned())
    }
}

#[async_trait]
impl TaskTokens for FakeTokens {
    async fn succeed(&self, token: &TaskToken, output: &Value) -> Result<Answered, PortError> {
        self.faults.before("succeed").await?;
        let open = self.use_up(token);
        if open {
            self.succeeded.lock().unwrap().push((token.expose().to_owned(), output.clone()));
        }
        self.faults.after("succeed")?;
        Ok(if open { Answered::Delivered } else { Answered::Closed })
    }

    async fn fail(&self, token: &TaskToken, error: ErrorName, cause: &str) -> Result<Answered, PortError> {
        self.faults.before("fail").await?;
        let open = self.use_up(token);
        if open {
            self.failed.lock().unwrap().push((token.expose().to_owned(), error, cause.to_owned()));
        }
        self.faults.after("fail")?;
        Ok(if open { Answered::Delivered } else { Answered::Closed })
    }
}
