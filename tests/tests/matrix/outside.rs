//! The real Step Functions as one world sees it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gantry_domain::names::ExecutionArn;
use gantry_local::client::{Client, ClientError};
use gantry_steps::ports::{ExecutionState, Started};
use gantry_steps::testing::WorldOutside;
use serde_json::{Value, json};

use crate::theatre::Scenes;

/// The real Step Functions' side of a world.
#[derive(Clone)]
pub(crate) struct Outside {
    client: Client,
    machine: String,
    scenes: Scenes,
    /// The execution whose world it is.
    case: String,
    /// How executions ended, where that cannot be had of MiniStack.
    said: Arc<Mutex<HashMap<String, ExecutionState>>>,
    started: Arc<Mutex<Vec<String>>>,
}

impl Outside {
    pub(crate) fn new(client: Client, machine: String, scenes: Scenes, case: String) -> Self {
        Self { client, machine, scenes, case, said: Arc::default(), started: Arc::default() }
    }

    /// From now on Step Functions says that this execution ended so.
    pub(crate) fn says_of(&self, execution: &ExecutionArn, state: ExecutionState) {
        self.said.lock().unwrap().insert(execution.to_string(), state);
    }

    /// Every execution that was started from within the world.
    pub(crate) fn started(&self) -> Vec<String> {
        self.started.lock().unwrap().clone()
    }
}

#[async_trait]
impl WorldOutside for Outside {
    async fn state(&self, execution: &ExecutionArn) -> ExecutionState {
        let said = self.said.lock().unwrap().get(execution.as_str()).copied();
        if let Some(state) = said {
            return state;
        }
        match self.client.execution(execution.as_str()).await.map(|execution| execution.status) {
            Ok(status) if status == "RUNNING" => ExecutionState::Running,
            Ok(status) if status == "SUCCEEDED" => ExecutionState::Succeeded,
            Ok(status) if status == "FAILED" => ExecutionState::Failed,
            Ok(_) => ExecutionState::Aborted,
            Err(_) => ExecutionState::Gone,
        }
    }

    async fn start(&self, name: &str, input: &Value) -> Started {
        let scene = self.scenes.lock().unwrap().get(&self.case).cloned();
        self.scenes.lock().unwrap().insert(name.to_owned(), scene.unwrap());
        let started = self.client.start_execution(&self.machine, Some(name), &input.to_string()).await;
        let exists = |error: &ClientError| error.code() == Some("ExecutionAlreadyExists");
        if started.as_ref().is_err_and(exists) {
            return Started::Before;
        }
        self.started.lock().unwrap().push(started.unwrap());
        Started::Now
    }

    async fn stop(&self, execution: &ExecutionArn) {
        // It may have ended by itself in this moment.
        let _ = self.client.stop_execution(execution.as_str()).await;
    }

    async fn succeed(&self, token: &str) -> bool {
        self.client.send_task_success(token, &json!({})).await.unwrap()
    }

    async fn fail(&self, token: &str, error: &str) -> bool {
        self.client.send_task_failure(token, error).await.unwrap()
    }
}
