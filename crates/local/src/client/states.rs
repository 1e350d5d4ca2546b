//! Step Functions: executions are started, listed, read and stopped.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Client, ClientError, STATES, unexpected};

/// One execution of a state machine as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// The input, parsed.
    pub input: Value,
    /// The output, parsed; null while there is none.
    pub output: Value,
    /// Error name of a failed execution.
    pub error: Option<String>,
    /// Cause of a failed execution.
    pub cause: Option<String>,
    /// When it began, in real time.
    pub started_at: Timestamp,
    /// When it ended, in real time.
    pub ended_at: Option<Timestamp>,
}

impl Execution {
    /// Whether it still runs.
    pub fn is_running(&self) -> bool {
        self.status == "RUNNING"
    }
}

/// One event of an execution's history.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEvent {
    /// Position, from 1.
    pub id: u64,
    /// For example `TaskStateEntered`.
    pub kind: String,
    /// The state, for events that enter or leave one.
    pub state: Option<String>,
    /// Real time.
    pub at: Timestamp,
    /// The event as Step Functions shows it.
    pub raw: Value,
}

impl HistoryEvent {
    fn of(raw: Value) -> Self {
        let details = raw.get("stateEnteredEventDetails").or_else(|| raw.get("stateExitedEventDetails"));
        Self {
            id: raw["id"].as_u64().unwrap_or_default(),
            kind: text(&raw, "type").unwrap_or_default(),
            state: details.and_then(|details| text(details, "name")),
            at: time(&raw["timestamp"]).unwrap_or_default(),
            raw,
        }
    }
}

impl Client {
    /// Starts an execution and returns its ARN. `input` is passed on as it is, also when it is not JSON.
    pub async fn start_execution(
        &self,
        machine: &str,
        name: Option<&str>,
        input: &str,
    ) -> Result<String, ClientError> {
        let mut body = json!({ "stateMachineArn": machine, "input": input });
        if let Some(name) = name {
            body["name"] = json!(name);
        }
        let answer = self.json(STATES, "StartExecution", &body).await?;
        text(&answer, "executionArn").ok_or_else(|| unexpected("StartExecution", "no executionArn"))
    }

    /// ARNs of a machine's executions, newest first.
    pub async fn executions(&self, machine: &str) -> Result<Vec<String>, ClientError> {
        Ok(self.execution_statuses(machine).await?.into_iter().map(|(arn, _)| arn).collect())
    }

    /// ARN and status of a machine's executions, newest first.
    pub async fn execution_statuses(&self, machine: &str) -> Result<Vec<(String, String)>, ClientError> {
        let mut found = Vec::new();
        let mut body = json!({ "stateMachineArn": machine, "maxResults": 100 });
        loop {
            let answer = self.json(STATES, "ListExecutions", &body).await?;
            let page = answer["executions"].as_array().cloned().unwrap_or_default();
            let listed =
                |execution: &Value| Some((text(execution, "executionArn")?, text(execution, "status")?));
            found.extend(page.iter().filter_map(listed));
            match text(&answer, "nextToken") {
                Some(token) => body["nextToken"] = json!(token),
                None => return Ok(found),
            }
        }
    }

    /// The execution as it stands.
    pub async fn execution(&self, arn: &str) -> Result<Execution, ClientError> {
        let answer = self.json(STATES, "DescribeExecution", &json!({ "executionArn": arn })).await?;
        let parsed = |name: &str| {
            text(&answer, name).and_then(|raw| serde_json::from_str(&raw).ok()).unwrap_or(Value::Null)
        };
        Ok(Execution {
            arn: arn.to_owned(),
            name: text(&answer, "name").unwrap_or_default(),
            status: text(&answer, "status").ok_or_else(|| unexpected("DescribeExecution", "no status"))?,
            input: parsed("input"),
            output: parsed("output"),
            error: text(&answer, "error"),
            cause: text(&answer, "cause"),
            started_at: time(&answer["startDate"]).unwrap_or_default(),
            ended_at: time(&answer["stopDate"]),
        })
    }

    /// The execution's history from its beginning.
    pub async fn history(&self, arn: &str) -> Result<Vec<HistoryEvent>, ClientError> {
        self.history_after(arn, 0).await
    }

    /// The events of an execution's history after the one with this id, oldest first.
    pub async fn history_after(&self, arn: &str, known: u64) -> Result<Vec<HistoryEvent>, ClientError> {
        let page_size = if known == 0 { 1000 } else { 50 };
        let mut found = Vec::new();
        let mut body = json!({ "executionArn": arn, "maxResults": page_size, "reverseOrder": true });
        loop {
            let answer = self.json(STATES, "GetExecutionHistory", &body).await?;
            let page = answer["events"].as_array().cloned().unwrap_or_default();
            let listed = page.len();
            let fresh: Vec<HistoryEvent> =
                page.into_iter().map(HistoryEvent::of).filter(|event| event.id > known).collect();
            let complete = fresh.len() < listed;
            found.extend(fresh);
            match text(&answer, "nextToken") {
                Some(token) if !complete => body["nextToken"] = json!(token),
                _ => break,
            }
        }
        found.reverse();
        Ok(found)
    }

    /// Stops an execution, as the console's button does.
    pub async fn stop_execution(&self, arn: &str) -> Result<(), ClientError> {
        self.json(STATES, "StopExecution", &json!({ "executionArn": arn, "cause": "stopped by a person" }))
            .await
            .map(drop)
    }

    /// Lets a state that waits for a token go on. `false`: it does not wait any more.
    pub async fn send_task_success(&self, token: &str, output: &Value) -> Result<bool, ClientError> {
        let body = json!({ "taskToken": token, "output": output.to_string() });
        self.answer_token("SendTaskSuccess", &body).await
    }

    /// Lets a state that waits for a token fail. `false`: it does not wait any more.
    pub async fn send_task_failure(&self, token: &str, error: &str) -> Result<bool, ClientError> {
        let body = json!({ "taskToken": token, "error": error, "cause": "as asked" });
        self.answer_token("SendTaskFailure", &body).await
    }

    async fn answer_token(&self, operation: &str, body: &Value) -> Result<bool, ClientError> {
        match self.json(STATES, operation, body).await {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(error.code(), Some("TaskDoesNotExist" | "TaskTimedOut" | "InvalidToken")) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

/// Step Functions tells times in seconds with a fraction.
fn time(value: &Value) -> Option<Timestamp> {
    let since = SignedDuration::try_from_secs_f64(value.as_f64()?).ok()?;
    Timestamp::UNIX_EPOCH.checked_add(since).ok()
}
