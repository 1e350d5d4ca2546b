//! Calls that tell GitHub something: one request, and its failure by what can be done about it.
//!
//! GitHub refuses in many ways: 403 or 429 for its limits (the primary one, with the time it ends, and secondary ones), 404
//! for what a token may not see, 422 for a request that will never do.

use std::time::Duration;

use gantry_steps::ports::{Secrets, VendorError};
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::outgoing;

/// The version whose answers are read here.
const API_VERSION: &str = "2022-11-28";
/// A page of a hundred statuses or deployments.
const ANSWER_LIMIT: usize = 2 * 1024 * 1024;
/// What GitHub asks for where it names no time.
const MINUTE: Duration = Duration::from_secs(60);
/// So much of a refusal's message is repeated.
const MESSAGE: usize = 200;

/// The REST API with a token.
pub(super) struct Rest<'a> {
    pub(super) http: &'a Client,
    pub(super) api: &'a str,
    /// The ARN of the token's secret.
    pub(super) token: &'a str,
    pub(super) secrets: &'a dyn Secrets,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("HTTP status {0}")]
    Status(StatusCode),
    #[error("the answer is not what GitHub documents")]
    Unreadable(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Refusal {
    message: Option<String>,
    #[serde(default)]
    errors: Vec<Value>,
}

impl Rest<'_> {
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        call: &'static str,
        path: &str,
    ) -> Result<T, VendorError> {
        self.send(call, Method::GET, path, None).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        call: &'static str,
        path: &str,
        body: &Value,
    ) -> Result<T, VendorError> {
        self.send(call, Method::POST, path, Some(body)).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        call: &'static str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, VendorError> {
        let unavailable = |source| VendorError::Unavailable { call, source };
        let token = self.secrets.read(self.token).await.map_err(|error| unavailable(error.into()))?;
        let expected = if method == Method::GET { StatusCode::OK } else { StatusCode::CREATED };
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.api))
            .bearer_auth(token.expose_secret().trim())
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", API_VERSION);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| unavailable(error.without_url().into()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let asked = outgoing::retry_after(&response);
        let bytes =
            outgoing::body(response, ANSWER_LIMIT).await.map_err(|error| unavailable(error.into()))?;
        if status != expected {
            return Err(refused(call, status, &headers, asked, &bytes));
        }
        crate::json::read(&bytes).map_err(|error| unavailable(Trouble::Unreadable(error).into()))
    }
}

/// Sorts a refusal by what can be done about it.
fn refused(
    call: &'static str,
    status: StatusCode,
    headers: &HeaderMap,
    asked: Option<Duration>,
    body: &[u8],
) -> VendorError {
    let words = words(body);
    let code = format!("HTTP status {}{words}", status.as_u16());
    let exhausted = headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    let limited = exhausted || asked.is_some() || words.to_lowercase().contains("rate limit");
    match status {
        StatusCode::TOO_MANY_REQUESTS => throttled(call, headers, asked),
        StatusCode::FORBIDDEN if limited => throttled(call, headers, asked),
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            VendorError::Unavailable { call, source: Trouble::Status(status).into() }
        }
        // 404 is what GitHub says of what a token may not see; a repository that moved is a redirection.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            VendorError::NotSetUp { call, code }
        }
        status if status.is_redirection() => VendorError::NotSetUp { call, code },
        _ => VendorError::Refused { call, code },
    }
}

/// As GitHub documents it: `retry-after`, else the time at which the limit ends, else a minute.
fn throttled(call: &'static str, headers: &HeaderMap, asked: Option<Duration>) -> VendorError {
    let exhausted = headers.get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    let reset = headers.get("x-ratelimit-reset").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let until_reset = reset.filter(|_| exhausted).map(|reset: i64| {
        // In GitHub's time, which is real time. A limit ends within the hour.
        let left = reset.saturating_sub(Timestamp::now().as_second()).clamp(1, 3600);
        Duration::from_secs(left.unsigned_abs())
    });
    VendorError::Throttled { call, retry_after: Some(asked.or(until_reset).unwrap_or(MINUTE)) }
}

/// What GitHub says about a refusal, in one line.
fn words(body: &[u8]) -> String {
    let Ok(refusal) = crate::json::read::<Refusal>(body) else { return String::new() };
    let errors =
        refusal.errors.iter().filter_map(|error| error.as_str().or_else(|| error["message"].as_str()));
    let all: Vec<&str> = refusal.message.as_deref().into_iter().chain(errors).collect();
    if all.is_empty() { String::new() } else { format!(": {}", crate::text::line(&all.join(": "), MESSAGE)) }
}
