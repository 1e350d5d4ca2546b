//! Step Functions: starting releases, looking at executions, answering states that wait.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::SdkError;
use aws_sdk_sfn::operation::send_task_failure::SendTaskFailureError;
use aws_sdk_sfn::operation::send_task_success::SendTaskSuccessError;
use aws_sdk_sfn::types::ExecutionStatus;
use gantry_domain::ErrorName;
use gantry_domain::names::ExecutionArn;
use gantry_steps::ports::{
    Answered, ExecutionState, Executions, PortError, StartRelease, Started, StopExecutions, TaskToken,
    TaskTokens,
};
use serde_json::Value;

use crate::error::classify;

/// A cause longer than this is refused by Step Functions.
const LONGEST_CAUSE: usize = 32_000;

/// Starts executions of the release machine.
#[derive(Debug, Clone)]
pub struct SfnStart {
    client: Client,
    machine: String,
}

impl SfnStart {
    /// For the machine of that ARN.
    pub fn new(config: &SdkConfig, machine: impl Into<String>) -> Self {
        Self { client: Client::new(config), machine: machine.into() }
    }
}

/// Looks at executions, and stops them where the role lets it.
#[derive(Debug, Clone)]
pub struct SfnExecutions(Client);

impl SfnExecutions {
    /// In the configuration's region.
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }
}

/// Answers states that wait for a token.
#[derive(Debug, Clone)]
pub struct SfnTaskTokens(Client);

impl SfnTaskTokens {
    /// In the configuration's region.
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }
}

#[async_trait]
impl StartRelease for SfnStart {
    async fn start(&self, name: &str, input: &Value) -> Result<Started, PortError> {
        let request = self
            .client
            .start_execution()
            .state_machine_arn(&self.machine)
            .name(name)
            .input(input.to_string());
        match request.send().await {
            Ok(_) => Ok(Started::Now),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_already_exists()) => {
                Ok(Started::Before)
            }
            Err(error) => Err(classify(format!("states:StartExecution {name}"), error)),
        }
    }
}

#[async_trait]
impl Executions for SfnExecutions {
    async fn state(&self, execution: &ExecutionArn) -> Result<ExecutionState, PortError> {
        let answer = match self.0.describe_execution().execution_arn(execution.as_str()).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_does_not_exist()) => {
                return Ok(ExecutionState::Gone);
            }
            Err(error) => return Err(classify(format!("states:DescribeExecution {execution}"), error)),
        };
        Ok(match answer.status {
            ExecutionStatus::Succeeded => ExecutionState::Succeeded,
            ExecutionStatus::Failed => ExecutionState::Failed,
            ExecutionStatus::TimedOut => ExecutionState::TimedOut,
            ExecutionStatus::Aborted => ExecutionState::Aborted,
            // Whatever a later AWS invents: an execution is over only when it says so.
            _ => ExecutionState::Running,
        })
    }
}

#[async_trait]
impl StopExecutions for SfnExecutions {
    async fn stop(&self, execution: &ExecutionArn, cause: &str) -> Result<(), PortError> {
        let request = self.0.stop_execution().execution_arn(execution.as_str()).cause(cause);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_does_not_exist()) => Ok(()),
            Err(error) => Err(classify(format!("states:StopExecution {execution}"), error)),
        }
    }
}

#[async_trait]
impl TaskTokens for SfnTaskTokens {
    async fn succeed(&self, token: &TaskToken, output: &Value) -> Result<Answered, PortError> {
        let request = self.0.send_task_success().task_token(token.expose()).output(output.to_string());
        let error = match request.send().await {
            Ok(_) => return Ok(Answered::Delivered),
            Err(error) => error,
        };
        if is_closed_for_success(&error) {
            return Ok(Answered::Closed);
        }
        Err(classify("states:SendTaskSuccess", error))
    }

    async fn fail(&self, token: &TaskToken, error: ErrorName, cause: &str) -> Result<Answered, PortError> {
        let cause: String = cause.chars().take(LONGEST_CAUSE / 4).collect();
        let request =
            self.0.send_task_failure().task_token(token.expose()).error(error.as_str()).cause(cause);
        let error = match request.send().await {
            Ok(_) => return Ok(Answered::Delivered),
            Err(error) => error,
        };
        if is_closed_for_failure(&error) {
            return Ok(Answered::Closed);
        }
        Err(classify("states:SendTaskFailure", error))
    }
}

/// Timed out, answered before, or unknown: three words of AWS, and one of the local world, for "nobody waits".
fn is_closed_for_success<R>(error: &SdkError<SendTaskSuccessError, R>) -> bool {
    error
        .as_service_error()
        .is_some_and(|e| e.is_task_timed_out() || e.is_invalid_token() || e.is_task_does_not_exist())
}

fn is_closed_for_failure<R>(error: &SdkError<SendTaskFailureError, R>) -> bool {
    error
        .as_service_error()
        .is_some_and(|e| e.is_task_timed_out() || e.is_invalid_token() || e.is_task_does_not_exist())
}

#[cfg(test)]
mod tests;
