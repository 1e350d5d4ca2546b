//! What every simulated AWS service agrees on: how a call is authorized, answered and refused, and where events go.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::front::Caller;

/// One question for IAM: may the caller do this to that?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthCheck {
    /// The IAM action, for example `ecs:UpdateService`.
    pub action: String,
    /// The ARN the action is about, or `*` for actions without resource types.
    pub resource: String,
    /// Condition keys AWS would fill for this call, for example `ecs:cluster`.
    pub context: BTreeMap<String, String>,
}

/// A refusal as the AWS JSON protocol words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// HTTP status.
    pub status: u16,
    /// The error's `__type`, for example `ClusterNotFoundException`.
    pub code: String,
    /// The sentence a person reads.
    pub message: String,
}

impl AwsError {
    /// A client error (HTTP 400) with AWS's code and message.
    pub fn client(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.into(), message: message.into() }
    }

    /// The refusal of a call that exceeds its quota.
    pub fn throttled() -> Self {
        Self::client("ThrottlingException", "Rate exceeded")
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for AwsError {}

/// A service that answers the AWS JSON protocol behind the front door.
///
/// The front door verifies the signature, finds the caller's role, asks IAM each of `authorization`'s questions
/// and only then calls.
pub trait JsonService: Send + Sync {
    /// The prefix of `X-Amz-Target`, for example `AmazonEC2ContainerServiceV20141113`.
    fn target_prefix(&self) -> &'static str;

    /// What IAM must allow before `operation` may run with this input.
    fn authorization(&self, operation: &str, input: &Value) -> Vec<AuthCheck>;

    /// Carries the operation out.
    fn call(&self, operation: &str, input: &Value) -> Result<Value, AwsError>;

    /// The same, for the few operations whose answer depends on who calls.
    fn call_as(&self, _caller: &Caller, operation: &str, input: &Value) -> Result<Value, AwsError> {
        self.call(operation, input)
    }

    /// Whether the operation's answer opens something, so that no journal may keep it.
    fn answers_secret(&self, _operation: &str) -> bool {
        false
    }
}

/// An event as AWS services put it on the default event bus.
#[derive(Debug, Clone, PartialEq)]
pub struct BusEvent {
    /// For example `aws.ecr`.
    pub source: String,
    /// For example `ECR Image Action`.
    pub detail_type: String,
    /// ARNs; empty for ECR.
    pub resources: Vec<String>,
    /// The detail as AWS shapes it.
    pub detail: Value,
}
