use std::collections::BTreeSet;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::*;
use crate::http::HttpRequest;
use crate::testing::{Outside, SECRET};

const NOW: i64 = 1_795_262_400;

/// The door itself, wired as its function wires it.
async fn knock(outside: &Outside, route: Route, request: &HttpRequest) -> HttpAnswer {
    match route {
        Route::SlackInteractions => SlackDoor::wire(&outside.wiring).unwrap().answer(request, NOW).await,
        Route::GitHubWebhook => GitHubDoor::wire(&outside.wiring).unwrap().answer(request).await,
    }
}

fn mac(secret: &str, parts: &[&str]) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part.as_bytes()));
    hex::encode(mac.finalize().into_bytes())
}

/// A request signed with that secret.
fn signed(route: Route, secret: &str, body: &str) -> HttpRequest {
    signed_at(route, secret, body, NOW)
}

fn signed_at(route: Route, secret: &str, body: &str, at: i64) -> HttpRequest {
    let at = at.to_string();
    match route {
        Route::SlackInteractions => {
            let signature = format!("v0={}", mac(secret, &["v0:", &at, ":", body]));
            let headers = [("X-Slack-Request-Timestamp", &*at), ("X-Slack-Signature", &*signature)];
            HttpRequest::new(&headers, body, false)
        }
        Route::GitHubWebhook => {
            let signature = format!("sha256={}", mac(secret, &[body]));
            let headers = [
                ("x-hub-signature-256", &*signature),
                ("x-github-event", "push"),
                ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ];
            HttpRequest::new(&headers, body, false)
        }
    }
}

fn words(answer: &HttpAnswer) -> &str {
    answer.body.as_ref().and_then(|body| body["error"].as_str()).unwrap_or_default()
}

fn click(user: &str) -> String {
    let payload = json!({
        "type": "block_actions", "api_app_id": "A0GANTRY", "team": {"id": "T0EXCHANGE"},
        "user": {"id": user, "team_id": "T0EXCHANGE"}, "channel": {"id": "C0RELEASES"}, "trigger_id": "1.2.3",
        "actions": [{"action_id": "approve", "value": "0123456789abcdef0123456789abcdef"}],
    });
    form(&payload.to_string())
}

fn form(payload: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", payload).finish()
}

fn push(repository: &str) -> String {
    json!({
        "ref": "refs/heads/main", "before": "1".repeat(40), "after": "4".repeat(40), "forced": false,
        "repository": {"full_name": repository}, "commits": [], "head_commit": null,
    })
    .to_string()
}

fn genuine(route: Route) -> String {
    match route {
        Route::SlackInteractions => click("U0LEAD"),
        Route::GitHubWebhook => push("exchange/exchange"),
    }
}

#[test]
fn t04_the_templates_routes_are_the_ones_tested_here() {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/api.yaml");
    let template = std::fs::read_to_string(template).unwrap();
    let keys = template.lines().filter_map(|line| line.trim().strip_prefix("RouteKey: "));
    let deployed: BTreeSet<&str> = keys.collect();
    assert_eq!(deployed, Route::ALL.map(Route::key).into());
}

#[tokio::test]
async fn t02_no_route_lets_an_unproved_request_touch_anything() {
    for route in Route::ALL {
        let outside = Outside::new().await;
        let body = genuine(route);
        let forged = [
            HttpRequest::new(&[], body.clone(), false),
            HttpRequest::new(&[], "", false),
            signed(route, "", &body),
            signed(route, "another secret", &body),
            HttpRequest::new(
                &[("x-slack-signature", "v0=00"), ("x-hub-signature-256", "sha256=00")],
                body.clone(),
                false,
            ),
        ];
        for request in &forged {
            let answer = knock(&outside, route, request).await;
            assert_eq!(answer.status, 401, "{route:?} {request:?}: {answer:?}");
            assert!(!words(&answer).is_empty(), "{answer:?}");
        }
        // A good signature over something else.
        for other in ["x", "payload=%7B%7D", "{}"] {
            let good = signed(route, SECRET, &body);
            let swapped = good.with_body(other);
            assert_eq!(knock(&outside, route, &swapped).await.status, 401, "{route:?}");
        }
        assert_eq!(outside.asked().await, [""; 0], "{route:?}");
    }
}

#[tokio::test]
async fn t32_a_stale_request_of_slack_touches_nothing() {
    let outside = Outside::new().await;
    for age in [-301, 301, 86_400] {
        let request = signed_at(Route::SlackInteractions, SECRET, &click("U0LEAD"), NOW - age);
        let answer = knock(&outside, Route::SlackInteractions, &request).await;
        assert_eq!(answer.status, 401);
        assert!(words(&answer).contains("X-Slack-Request-Timestamp"), "{answer:?}");
    }
    assert_eq!(outside.asked().await, [""; 0]);
}

#[tokio::test]
async fn t29_no_route_looks_into_a_body_that_is_too_long() {
    for route in Route::ALL {
        let outside = Outside::new().await;
        let body = "a".repeat(6 * 1024 * 1024 + 1);
        for is_base64 in [false, true] {
            let long = body.repeat(if is_base64 { 2 } else { 1 });
            let answer = knock(&outside, route, &HttpRequest::new(&[], long, is_base64)).await;
            assert_eq!(answer.status, 413, "{route:?}");
        }
        // Not even the secret was read.
        assert_eq!(outside.server.received_requests().await.unwrap().len(), 0);
        let odd = HttpRequest::new(&[], "not base64!", true);
        assert_eq!(knock(&outside, route, &odd).await.status, 400);
    }
}

#[tokio::test]
async fn t30_a_genuine_request_that_makes_no_sense_is_refused_by_field_and_the_next_one_is_dealt_with() {
    for route in Route::ALL {
        let outside = Outside::new().await;
        let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
        let odd = match route {
            Route::SlackInteractions => {
                vec![
                    String::new(),
                    "payload=".into(),
                    form("null"),
                    form("[]"),
                    form(&deep),
                    form(r#"{"type":"block_actions"}"#),
                ]
            }
            Route::GitHubWebhook => {
                vec![String::new(), "null".into(), "[]".into(), deep, r#"{"ref": 7}"#.into()]
            }
        };
        for body in odd {
            let answer = knock(&outside, route, &signed(route, SECRET, &body)).await;
            assert_eq!(answer.status, 400, "{route:?}: {answer:?}");
            assert!(!words(&answer).is_empty());
        }
        assert_eq!(outside.asked().await, [""; 0]);
    }
    let outside = Outside::new().await;
    let missing = signed(Route::SlackInteractions, SECRET, &form(r#"{"type":"block_actions","user":{}}"#));
    let answer = knock(&outside, Route::SlackInteractions, &missing).await;
    assert_eq!(words(&answer), "field `payload.actions` is missing");
}

#[tokio::test]
async fn t03_somebody_elses_click_is_refused_and_asks_nobody() {
    let outside = Outside::new().await;
    let request = signed(Route::SlackInteractions, SECRET, &click("U0NOBODY"));
    assert_eq!(knock(&outside, Route::SlackInteractions, &request).await.status, 403);
    assert_eq!(outside.asked().await, [""; 0]);
}

#[tokio::test]
async fn t40_another_repositorys_push_is_received_and_changes_nothing() {
    let outside = Outside::new().await;
    let request = signed(Route::GitHubWebhook, SECRET, &push("mallory/exchange"));
    let answer = knock(&outside, Route::GitHubWebhook, &request).await;
    assert_eq!(answer.status, 200);
    let result = answer.body.unwrap()["result"].as_str().unwrap().to_owned();
    assert_eq!(result, "ignored: repository mallory/exchange is not this pipeline's");
    assert_eq!(outside.asked().await, [""; 0]);
}

#[tokio::test]
async fn a_genuine_request_reaches_the_tables() {
    let outside = Outside::new().await;
    outside.aws("DynamoDB_20120810.GetItem", json!({})).await;
    let request = signed(Route::SlackInteractions, SECRET, &click("U0LEAD"));
    // No such approval: the person cannot be told (no address), and that is no error.
    assert_eq!(knock(&outside, Route::SlackInteractions, &request).await, HttpAnswer::received());
    assert_eq!(outside.asked().await, ["DynamoDB_20120810.GetItem"]);
}

#[tokio::test]
async fn t37_what_breaks_here_is_nobodys_business_there() {
    for route in Route::ALL {
        let outside = Outside::new().await;
        let answer = knock(&outside, route, &signed(route, SECRET, &genuine(route))).await;
        assert_eq!(answer.status, 500, "{route:?}");
        let shown = Value::from(answer.body).to_string();
        for secret in [SECRET, "dynamodb", "releases", "approvals", "arn:"] {
            assert!(!shown.to_lowercase().contains(secret), "{shown}");
        }
    }
}

#[tokio::test]
async fn deliveries_without_their_headers_are_refused_by_name() {
    let outside = Outside::new().await;
    let body = push("exchange/exchange");
    let signature = format!("sha256={}", mac(SECRET, &[&body]));
    for (headers, wanted) in [
        (vec![("x-github-delivery", "1-2")], "header X-GitHub-Event is missing"),
        (vec![("x-github-event", "push")], "header X-GitHub-Delivery is missing"),
        (
            vec![("x-github-event", "push"), ("x-github-delivery", "a#b")],
            "header X-GitHub-Delivery is not a GUID",
        ),
    ] {
        let headers: Vec<_> = headers.into_iter().chain([("x-hub-signature-256", &*signature)]).collect();
        let request = HttpRequest::new(&headers, body.clone(), false);
        let answer = knock(&outside, Route::GitHubWebhook, &request).await;
        assert_eq!((answer.status, words(&answer)), (400, wanted));
    }
}
