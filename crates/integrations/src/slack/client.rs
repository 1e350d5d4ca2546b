//! Slack's Web API, as far as Gantry calls it.
//!
//! Errors are told apart by what can be done about them. The token is read when it is needed and is in no error and no
//! log.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::names::SlackId;
use gantry_steps::ports::{Chat, ChatError, Message, MessageAt, ReasonQuestion, Secrets, Whisper};
use reqwest::{Client, RequestBuilder, StatusCode};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::messages::{Rendered, render};
use super::modal::ask_reason;
use super::whisper::words;
use crate::outgoing;

/// Slack's answers are a few kilobytes; `chat.postMessage` repeats the message.
const ANSWER_LIMIT: usize = 512 * 1024;
/// A request to slow down for no longer than this is waited out…
const SHORT_PAUSE: Duration = Duration::from_secs(3);
/// …so often.
const PATIENCE: usize = 3;

/// Where Slack is, and where in it Gantry talks.
#[derive(Debug, Clone)]
pub struct SlackSettings {
    /// The Web API without a slash at its end, for example `https://slack.com/api`.
    pub api: String,
    /// Where `response_url`s must point to, for example `https://hooks.slack.com`.
    pub hooks: String,
    /// The ARN of the bot token's secret.
    pub token: String,
    /// The channel.
    pub channel: SlackId,
}

/// The Web API for one channel.
pub struct SlackClient {
    http: Client,
    settings: SlackSettings,
    hooks: Url,
    secrets: Arc<dyn Secrets>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No TLS, or the like.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
    /// The address of the hooks host.
    #[error("{0:?} is not an address that Slack's response URLs could start with")]
    Hooks(String),
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
    channel: Option<Value>,
    ts: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("HTTP status {0}")]
    Status(StatusCode),
    #[error("Slack answered {0:?}")]
    Code(String),
    #[error("the answer is not what Slack documents")]
    Unreadable(#[source] serde_json::Error),
    #[error("the answer names no message")]
    NoMessage,
}

impl SlackClient {
    /// Talks to Slack as the settings say.
    pub fn new(settings: SlackSettings, secrets: Arc<dyn Secrets>) -> Result<Self, SetupError> {
        let hooks = Url::parse(&settings.hooks).ok().filter(|url| url.has_host());
        let hooks = hooks.ok_or_else(|| SetupError::Hooks(settings.hooks.clone()))?;
        Ok(Self { http: outgoing::client().map_err(SetupError::Http)?, settings, hooks, secrets })
    }

    async fn call(&self, method: &'static str, body: &impl Serialize) -> Result<Answer, ChatError> {
        let token = self.secrets.read(&self.settings.token).await;
        let token = token.map_err(|source| ChatError::Unavailable { call: method, source: source.into() })?;
        let address = format!("{}/{method}", self.settings.api);
        let request = self.http.post(address).bearer_auth(token.expose_secret().trim()).json(body);
        let bytes = send(method, request).await?;
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|error| ChatError::Unavailable {
            call: method,
            source: Trouble::Unreadable(error).into(),
        })?;
        if answer.ok { Ok(answer) } else { Err(refusal(method, answer.error.unwrap_or_default())) }
    }

    /// Waits out a short request to slow down, once or twice: a channel takes about one message a second, and that is
    /// no failure worth a record. Vendors count real time, so this does too.
    async fn call_patiently(&self, method: &'static str, body: &impl Serialize) -> Result<Answer, ChatError> {
        for _ in 0..PATIENCE {
            match self.call(method, body).await {
                Err(ChatError::Throttled { retry_after: Some(pause), .. }) if pause <= SHORT_PAUSE => {
                    tokio::time::sleep(pause).await;
                }
                answered => return answered,
            }
        }
        self.call(method, body).await
    }
}

#[async_trait]
impl Chat for SlackClient {
    async fn post(&self, message: Message<'_>, thread: Option<&MessageAt>) -> Result<MessageAt, ChatError> {
        const CALL: &str = "chat.postMessage";
        let Rendered { text, blocks } = render(message);
        let mut body = json!({
            "channel": self.settings.channel, "text": text, "blocks": blocks,
            "unfurl_links": false, "unfurl_media": false,
        });
        if let Some(thread) = thread {
            body["thread_ts"] = json!(thread.ts);
        }
        let answer = self.call_patiently(CALL, &body).await?;
        let channel = answer.channel.as_ref().and_then(Value::as_str).and_then(|id| SlackId::new(id).ok());
        match (channel, answer.ts) {
            (Some(channel), Some(ts)) => Ok(MessageAt { channel, ts }),
            _ => Err(ChatError::Unavailable { call: CALL, source: Trouble::NoMessage.into() }),
        }
    }

    async fn update(&self, at: &MessageAt, message: Message<'_>) -> Result<bool, ChatError> {
        let Rendered { text, blocks } = render(message);
        let body = json!({"channel": at.channel, "ts": at.ts, "text": text, "blocks": blocks});
        match self.call_patiently("chat.update", &body).await {
            Ok(_) => Ok(true),
            Err(ChatError::Refused { code, .. })
                if ["message_not_found", "cant_update_message", "edit_window_closed"]
                    .contains(&code.as_str()) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn whisper(&self, address: &str, whisper: &Whisper) -> Result<(), ChatError> {
        const CALL: &str = "response_url";
        let address = Url::parse(address).ok().filter(|url| url.origin() == self.hooks.origin());
        let folder = self.hooks.path().trim_end_matches('/');
        let address =
            address.filter(|url| url.path().strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
        // The address came in a signed request; it still goes nowhere but to Slack (T36), and is not repeated.
        let address = address
            .ok_or_else(|| ChatError::Refused { call: CALL, code: "not an address of Slack's".into() })?;
        let body = json!({"response_type": "ephemeral", "replace_original": false, "text": words(whisper)});
        send(CALL, self.http.post(address).json(&body)).await.map(drop)
    }

    async fn ask_reason(&self, trigger: &str, question: &ReasonQuestion) -> Result<(), ChatError> {
        let body = json!({"trigger_id": trigger, "view": ask_reason(question)});
        self.call("views.open", &body).await.map(drop)
    }
}

async fn send(call: &'static str, request: RequestBuilder) -> Result<Vec<u8>, ChatError> {
    let unavailable =
        |source: Box<dyn std::error::Error + Send + Sync>| ChatError::Unavailable { call, source };
    // The address may hold a secret (a response URL is one).
    let response = request.send().await.map_err(|error| unavailable(error.without_url().into()))?;
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => {
            return Err(ChatError::Throttled { call, retry_after: outgoing::retry_after(&response) });
        }
        status if status.is_success() => {}
        status @ (StatusCode::NOT_FOUND
        | StatusCode::GONE
        | StatusCode::BAD_REQUEST
        | StatusCode::FORBIDDEN) => {
            return Err(ChatError::Refused { call, code: format!("HTTP status {}", status.as_u16()) });
        }
        status => return Err(unavailable(Trouble::Status(status).into())),
    }
    outgoing::body(response, ANSWER_LIMIT).await.map_err(|error| unavailable(error.into()))
}

/// Sorts Slack's error codes by what can be done. A code that is not known here is taken for a refusal of the request.
fn refusal(call: &'static str, code: String) -> ChatError {
    match code.as_str() {
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => {
            ChatError::Throttled { call, retry_after: None }
        }
        "internal_error"
        | "fatal_error"
        | "service_unavailable"
        | "request_timeout"
        | "team_added_to_org"
        | "" => ChatError::Unavailable { call, source: Trouble::Code(code).into() },
        "invalid_auth"
        | "not_authed"
        | "account_inactive"
        | "token_revoked"
        | "token_expired"
        | "no_permission"
        | "missing_scope"
        | "not_allowed_token_type"
        | "access_denied"
        | "ekm_access_denied"
        | "team_access_not_granted"
        | "two_factor_setup_required"
        | "accesslimited"
        | "not_in_channel"
        | "channel_not_found"
        | "is_archived"
        | "restricted_action"
        | "org_login_required" => ChatError::NotSetUp { call, code },
        _ => ChatError::Refused { call, code },
    }
}

#[cfg(test)]
mod tests;
