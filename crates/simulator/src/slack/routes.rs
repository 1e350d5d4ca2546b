//! The Web API and the response URLs on the wire: tokens, body formats, status codes.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde_json::{Map, Value, json};

use super::SlackWorkspace;
use super::web_api::{self, Fault, Refusal};

/// `/slack/api/{method}` and `/slack/response/{id}`.
pub fn router(workspace: SlackWorkspace) -> Router {
    Router::new()
        .route("/slack/api/{method}", any(api))
        .route("/slack/response/{id}", any(respond))
        .with_state(workspace)
}

async fn api(
    Shared(slack): Shared<SlackWorkspace>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = slack.state().fault(&method);
    let answer = match fault {
        Some(Fault::Status(status)) => Err(Refusal::Status(status)),
        Some(Fault::RateLimited(seconds)) => Err(Refusal::RateLimited(seconds)),
        Some(Fault::Error(code)) => Err(Refusal::code(&code)),
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Late(by)) => {
            let answer = carry_out(&slack, &method, &headers, &body);
            tokio::time::sleep(by).await;
            answer
        }
        Some(Fault::AnswerLost) => carry_out(&slack, &method, &headers, &body).and(Err(Refusal::Status(504))),
        None => carry_out(&slack, &method, &headers, &body),
    };
    if let Err(refusal) = &answer {
        tracing::debug!(method, ?refusal, "slack refused a call");
    }
    answer.map_or_else(refused, |mut value| {
        if json_without_charset(&headers) {
            value["warning"] = json!("missing_charset");
            value["response_metadata"] = json!({"warnings": ["missing_charset"]});
        }
        axum::Json(value).into_response()
    })
}

fn carry_out(
    slack: &SlackWorkspace,
    method: &str,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Value, Refusal> {
    let arguments = arguments(headers, body)?;
    authenticate(slack, headers, &arguments)?;
    slack.change(|state, now| web_api::call(state, slack.config(), now, method, &arguments))
}

fn authenticate(
    slack: &SlackWorkspace,
    headers: &HeaderMap,
    arguments: &Map<String, Value>,
) -> Result<(), Refusal> {
    let bearer = text_of(headers, header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let token = bearer.or_else(|| arguments.get("token").and_then(Value::as_str));
    match token {
        None => Err(Refusal::code("not_authed")),
        Some(token) if token == slack.config().bot_token => Ok(()),
        Some(_) => Err(Refusal::code("invalid_auth")),
    }
}

/// Reads a JSON or form body. A call without a body has no arguments.
fn arguments(headers: &HeaderMap, body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let kind = text_of(headers, header::CONTENT_TYPE).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "application/json" => match serde_json::from_slice(body) {
            Ok(Value::Object(arguments)) => Ok(arguments),
            Ok(_) => Err(Refusal::code("json_not_object")),
            Err(_) => Err(Refusal::code("invalid_json")),
        },
        "application/x-www-form-urlencoded" => {
            let pairs = url::form_urlencoded::parse(body);
            Ok(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
        }
        "" => Err(Refusal::code("missing_post_type")),
        _ => Err(Refusal::code("invalid_post_type")),
    }
}

async fn respond(
    Shared(slack): Shared<SlackWorkspace>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let outcome = arguments(&headers, &body).and_then(|arguments| {
        slack.change(|state, now| web_api::respond(state, slack.config(), now, &id, &arguments))
    });
    match outcome {
        Ok(()) => axum::Json(json!({"ok": true})).into_response(),
        // Unlike the Web API, a response URL says no with a status.
        Err(Refusal::Error { code, .. }) => {
            (StatusCode::NOT_FOUND, axum::Json(json!({"ok": false, "error": code}))).into_response()
        }
        Err(refusal) => refused(refusal),
    }
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Error { code, messages } if messages.is_empty() => {
            axum::Json(json!({"ok": false, "error": code})).into_response()
        }
        Refusal::Error { code, messages } => {
            let body = json!({"ok": false, "error": code, "response_metadata": {"messages": messages}});
            axum::Json(body).into_response()
        }
        Refusal::RateLimited(seconds) => {
            let body = axum::Json(json!({"ok": false, "error": "ratelimited"}));
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds.to_string())], body)
                .into_response()
        }
        Refusal::Status(status) => {
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
    }
}

fn json_without_charset(headers: &HeaderMap) -> bool {
    text_of(headers, header::CONTENT_TYPE)
        .is_some_and(|kind| kind.starts_with("application/json") && !kind.contains("charset"))
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
