//! Executions of the release machine, and the states of them that wait for an answer.

use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::ErrorName;
use gantry_domain::names::ExecutionArn;
use gantry_domain::verdict::deadline;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;

use super::PortError;

/// Names a waiting state to Step Functions, and lets whoever holds it answer. Never printed, never serialized.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct TaskToken(SecretString);

impl TaskToken {
    /// A token as it came.
    pub fn new(token: impl Into<String>) -> Self {
        Self(SecretString::from(token.into()))
    }

    /// The token itself, for the table and for Step Functions only.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// Started by this call.
    Now,
    /// An execution of that name exists: somebody was faster, which is as good.
    Before,
}

/// How an execution is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutionState {
    /// It goes on.
    Running,
    /// It ended by itself.
    Succeeded,
    /// It died of an error.
    Failed,
    /// It took too long.
    TimedOut,
    /// A person stopped it.
    Aborted,
    /// Step Functions does not know it (any more).
    Gone,
}

/// So long after it was seen at work, an execution that is not known may only not be known yet.
const UNSEEN: Duration = Duration::from_secs(5 * 60);

impl ExecutionState {
    /// Can it still do something?
    pub fn is_running(self) -> bool {
        self == Self::Running
    }

    /// How it ended, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Running => "Its execution goes on.",
            Self::Succeeded => "Its execution ended without recording an end.",
            Self::Failed => "Its execution died of an error it could not handle.",
            Self::TimedOut => "Its execution took longer than it may.",
            Self::Aborted => "Its execution was stopped by a person.",
            Self::Gone => "Its execution is not known to Step Functions any more.",
        }
    }

    /// Can an execution that was seen at work at that time still do something? Step Functions describes executions as of
    /// a moment ago.
    pub fn may_go_on(self, seen: Timestamp, now: Timestamp) -> bool {
        self.is_running() || (self == Self::Gone && now < deadline(seen, UNSEEN))
    }
}

/// What became of an answer to a waiting state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    /// The state has it.
    Delivered,
    /// The state does not wait (any more): answered before, timed out, stopped, or never was.
    Closed,
}

/// Starts releases.
#[async_trait]
pub trait StartRelease: Send + Sync {
    /// Starts the release machine under a name that makes the start happen once.
    async fn start(&self, name: &str, input: &Value) -> Result<Started, PortError>;
}

/// Looks at executions.
#[async_trait]
pub trait Executions: Send + Sync {
    /// How the execution is doing.
    async fn state(&self, execution: &ExecutionArn) -> Result<ExecutionState, PortError>;
}

/// Stops executions. Few functions may, and only rollouts.
#[async_trait]
pub trait StopExecutions: Send + Sync {
    /// Stops a running execution: no state of it begins any more. What a function of it does just now goes on.
    async fn stop(&self, execution: &ExecutionArn, cause: &str) -> Result<(), PortError>;
}

/// Answers waiting states. Few functions may (T7).
#[async_trait]
pub trait TaskTokens: Send + Sync {
    /// Lets the state go on. What is sent is not believed by what follows: it reads the rows.
    async fn succeed(&self, token: &TaskToken, output: &Value) -> Result<Answered, PortError>;

    /// Lets the state fail.
    async fn fail(&self, token: &TaskToken, error: ErrorName, cause: &str) -> Result<Answered, PortError>;
}
