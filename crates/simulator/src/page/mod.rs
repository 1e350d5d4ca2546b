//! The live page: a release's road, the ECS services changing over, and the Slack channel, behind one URL.
//!
//! The browser gets one JSON document, whole, whenever something changed (Server-Sent Events, at most five a second); the
//! page is a function of it. `sources` says what is in it. Static files are part of the binary; nothing is fetched from
//! elsewhere. `guard` keeps other machines and other web pages out. `controls` is what people do to the world there.

mod controls;
mod feed;
mod guard;
mod sources;

use std::sync::Arc;

use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::Deserialize;
use serde_json::{Value, json};

pub use self::controls::{Asked, Controls, Wanted};
pub use self::guard::TOKEN_HEADER;
pub use self::sources::{Sources, Views};
use crate::outbound::Answer;
use crate::slack::PeopleError;

const HTML: &str = include_str!("assets/page.html");

/// Name, content type and contents of what the page loads.
const ASSETS: [(&str, &str, &str); 12] = [
    ("page.css", "text/css; charset=utf-8", include_str!("assets/page.css")),
    ("slack.css", "text/css; charset=utf-8", include_str!("assets/slack.css")),
    ("page.js", SCRIPT, include_str!("assets/page.js")),
    ("controls.js", SCRIPT, include_str!("assets/controls.js")),
    ("dom.js", SCRIPT, include_str!("assets/dom.js")),
    ("ecs.js", SCRIPT, include_str!("assets/ecs.js")),
    ("mrkdwn.js", SCRIPT, include_str!("assets/mrkdwn.js")),
    ("post.js", SCRIPT, include_str!("assets/post.js")),
    ("road.js", SCRIPT, include_str!("assets/road.js")),
    ("slack.js", SCRIPT, include_str!("assets/slack.js")),
    ("time.js", SCRIPT, include_str!("assets/time.js")),
    ("vendors.js", SCRIPT, include_str!("assets/vendors.js")),
];
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The page may run its own files and talk to its own server, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Clone)]
struct Page {
    sources: Arc<Sources>,
    token: Arc<str>,
}

/// `/page` and everything under it. Fails only when the system has no randomness for the page's token.
pub fn router(sources: Sources) -> Result<Router, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    let token: Arc<str> = hex::encode(random).into();
    let page = Page { sources: Arc::new(sources), token: token.clone() };
    Ok(Router::new()
        .route("/page", get(html))
        .route("/page/assets/{name}", get(asset))
        .route("/page/snapshot", get(snapshot))
        .route("/page/events", get(events))
        .route("/page/slack/click", post(click))
        .route("/page/slack/modal", post(modal))
        .route("/page/world", post(controls::world))
        .route("/page/vendors/{vendor}", post(controls::vendor))
        .layer(middleware::from_fn_with_state(token, guard::check))
        .layer(middleware::map_response(safe_headers))
        .with_state(page))
}

async fn html(Shared(page): Shared<Page>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], HTML.replace("{{token}}", &page.token))
}

async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, _, _)| *known == name) {
        Some((_, kind, contents)) => ([(header::CONTENT_TYPE, *kind)], *contents).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn snapshot(Shared(page): Shared<Page>) -> Json<Value> {
    Json(page.sources.snapshot())
}

async fn events(Shared(page): Shared<Page>) -> impl IntoResponse {
    feed::stream(page.sources)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Click {
    user: String,
    ts: String,
    action_id: String,
    confirmed: bool,
}

async fn click(Shared(page): Shared<Page>, Json(click): Json<Click>) -> Response {
    let slack = &page.sources.slack;
    told(slack.click(&click.user, &click.ts, &click.action_id, click.confirmed).await.map(Some))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Submission {
    user: String,
    view_id: String,
    /// By action id; absent when the person closes the modal instead.
    values: Option<std::collections::BTreeMap<String, String>>,
}

async fn modal(Shared(page): Shared<Page>, Json(submission): Json<Submission>) -> Response {
    let slack = &page.sources.slack;
    let Submission { user, view_id, values } = submission;
    told(match values {
        Some(values) => slack.submit_modal(&user, &view_id, &values).await.map(Some),
        None => slack.close_modal(&user, &view_id).await,
    })
}

/// What became of a click: Gantry's status, or why it was never sent.
fn told(outcome: Result<Option<Answer>, PeopleError>) -> Response {
    match outcome {
        Ok(answer) => {
            let took =
                answer.as_ref().map(|answer| u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX));
            Json(json!({"status": answer.map(|answer| answer.status), "tookMs": took})).into_response()
        }
        Err(error) => {
            let status = match error {
                PeopleError::Send(_) => StatusCode::BAD_GATEWAY,
                _ => StatusCode::CONFLICT,
            };
            (status, Json(json!({"error": error.to_string()}))).into_response()
        }
    }
}

async fn safe_headers(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
