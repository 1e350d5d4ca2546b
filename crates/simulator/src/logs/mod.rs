//! Amazon CloudWatch Logs, as much of it as it takes to read what a container printed.
//!
//! `GetLogEvents`, `DescribeLogStreams` and `FilterLogEvents` are played; nobody writes over the wire. Lines can be read
//! the moment they are written, and are kept for as long as the world lasts.

mod operations;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use crate::aws::{AuthCheck, AwsError, JsonService};

type Groups = BTreeMap<String, BTreeMap<String, Lines>>;

/// The log groups of one account and region.
#[derive(Debug)]
pub struct Logs {
    account: String,
    region: String,
    groups: Mutex<Groups>,
}

/// A log stream in its group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// For example `/ecs/web`.
    pub group: String,
    /// For example `web/app/0123456789abcdef0123456789abcdef`.
    pub name: String,
}

/// What was written to a stream, oldest first.
#[derive(Debug)]
struct Lines {
    created_at: Timestamp,
    events: Vec<(Timestamp, String)>,
}

impl Logs {
    /// No groups yet.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account: account.into(), region: region.into(), groups: Mutex::default() }
    }

    /// Makes a stream, and its group, unless they are there.
    pub fn open(&self, stream: &Stream, at: Timestamp) {
        self.lock()
            .entry(stream.group.clone())
            .or_default()
            .entry(stream.name.clone())
            .or_insert_with(|| Lines { created_at: at, events: Vec::new() });
    }

    /// Appends a line.
    pub fn write(&self, stream: &Stream, at: Timestamp, line: &str) {
        self.open(stream, at);
        let mut groups = self.lock();
        let lines = groups.get_mut(&stream.group).and_then(|streams| streams.get_mut(&stream.name));
        if let Some(lines) = lines {
            lines.events.push((at, line.to_owned()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Groups> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ARN IAM is asked about: of a stream, or of a group as AWS writes it in refusals, with an empty stream.
    fn arn(&self, group: &str, stream: &str) -> String {
        format!("arn:aws:logs:{}:{}:log-group:{group}:log-stream:{stream}", self.region, self.account)
    }
}

impl JsonService for Logs {
    fn target_prefix(&self) -> &'static str {
        "Logs_20140328"
    }

    fn authorization(&self, operation: &str, input: &Value) -> Vec<AuthCheck> {
        let stream = match operation {
            "GetLogEvents" => input["logStreamName"].as_str().unwrap_or("*"),
            "DescribeLogStreams" | "FilterLogEvents" => "",
            _ => return Vec::new(),
        };
        let group = operations::group_of(input).unwrap_or("*");
        let (action, resource) = (format!("logs:{operation}"), self.arn(group, stream));
        vec![AuthCheck { action, resource, context: BTreeMap::new() }]
    }

    fn call(&self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let groups = self.lock();
        match operation {
            "GetLogEvents" => operations::get_log_events(&groups, input),
            "DescribeLogStreams" => {
                operations::describe_log_streams(&groups, input, |group, stream| self.arn(group, stream))
            }
            "FilterLogEvents" => operations::filter_log_events(&groups, input),
            other => Err(AwsError::client(
                "UnknownOperationException",
                format!("CloudWatch Logs {other} is not simulated"),
            )),
        }
    }
}
