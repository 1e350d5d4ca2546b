//! Lambda: functions are called as their triggers would call them, and looked at.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Client, ClientError, json_of, unexpected};

/// What a function answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The payload: the result, or `errorType` and `errorMessage`.
    pub payload: Value,
    /// Whether the function failed.
    pub failed: bool,
}

impl Client {
    /// Calls a function and waits for its answer.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Invocation, ClientError> {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let payload = self.rest("lambda", Method::POST, &path, event.to_string().into_bytes()).await?;
        let payload = json_of("Invoke", &payload)?;
        let failed = payload.get("errorType").is_some();
        Ok(Invocation { payload, failed })
    }

    /// A function's configuration as Lambda shows it: `FunctionArn`, `Role`, `Environment`, ….
    pub async fn function(&self, name: &str) -> Result<Value, ClientError> {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        let answer = self.rest("lambda", Method::GET, &path, Vec::new()).await?;
        json_of("GetFunctionConfiguration", &answer)
    }

    /// Every function's configuration.
    pub async fn functions(&self) -> Result<Vec<Value>, ClientError> {
        let mut found = Vec::new();
        let mut marker = String::new();
        loop {
            let path = format!("/2015-03-31/functions/?MaxItems=50{marker}");
            let answer = self.rest("lambda", Method::GET, &path, Vec::new()).await?;
            let answer = json_of("ListFunctions", &answer)?;
            let page =
                answer["Functions"].as_array().ok_or_else(|| unexpected("ListFunctions", "no Functions"))?;
            found.extend(page.iter().cloned());
            match answer["NextMarker"].as_str() {
                Some(next) if !next.is_empty() => marker = format!("&Marker={next}"),
                _ => return Ok(found),
            }
        }
    }

    /// Limits how many calls of a function may run at once.
    pub async fn reserve_concurrency(&self, function: &str, calls: u64) -> Result<(), ClientError> {
        let path = format!("/2017-10-31/functions/{function}/concurrency");
        let body = json!({ "ReservedConcurrentExecutions": calls });
        self.rest("lambda", Method::PUT, &path, body.to_string().into_bytes()).await.map(drop)
    }
}
