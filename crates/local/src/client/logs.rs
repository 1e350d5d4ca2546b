//! CloudWatch Logs: what functions printed.

use serde_json::json;

use super::{Client, ClientError, LOGS};

impl Client {
    /// Everything a log group holds, oldest first; empty when nothing was ever logged.
    pub async fn log_lines(&self, group: &str) -> Result<Vec<String>, ClientError> {
        let answer = match self.json(LOGS, "FilterLogEvents", &json!({ "logGroupName": group })).await {
            Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(Vec::new()),
            outcome => outcome?,
        };
        let events = answer["events"].as_array().cloned().unwrap_or_default();
        Ok(events.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned).collect())
    }

    /// What a function printed so far, without Lambda's own START, END and REPORT lines.
    pub async fn function_log(&self, function: &str) -> Result<Vec<String>, ClientError> {
        let own = ["START RequestId", "END RequestId", "REPORT RequestId"];
        let lines = self.log_lines(&format!("/aws/lambda/{function}")).await?;
        Ok(lines.into_iter().filter(|line| !own.iter().any(|start| line.starts_with(start))).collect())
    }
}
