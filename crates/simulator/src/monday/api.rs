//! Monday's GraphQL API on the wire: the token, the version, keys of repeated mutations, the budget, the errors in a 200.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::board::Refusal;
use super::graphql::{self, Field, Operation};
use super::{Called, MondayBoard, MondayConfig, Remembered, State};
use crate::faults::Fault;

/// Root fields that are played.
const SCHEMA: [Field; 3] = [
    Field {
        name: "items_page_by_column_values",
        is_mutation: false,
        arguments: &[
            ("board_id", "ID!"),
            ("limit", "Int!"),
            ("columns", "[ItemsPageByColumnValuesQuery!]"),
            ("cursor", "String"),
        ],
        selection: &["cursor", "items", "items.id", "items.name"],
    },
    Field {
        name: "create_item",
        is_mutation: true,
        arguments: &[
            ("board_id", "ID!"),
            ("group_id", "String"),
            ("item_name", "String!"),
            ("column_values", "JSON"),
            ("create_labels_if_missing", "Boolean"),
        ],
        selection: &["id", "name"],
    },
    Field {
        name: "change_multiple_column_values",
        is_mutation: true,
        arguments: &[
            ("board_id", "ID!"),
            ("item_id", "ID"),
            ("column_values", "JSON!"),
            ("create_labels_if_missing", "Boolean"),
        ],
        selection: &["id", "name"],
    },
];
/// What a mutation costs, more or less.
const WRITE: u64 = 10_000;
/// What a look costs.
const READ: u64 = 1_000;
/// How long an answer is remembered under its key.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(30);
/// Long enough for a second mutation to be seen beside the first one.
const WORK: Duration = Duration::from_millis(3);

/// `POST /monday/v2`: set it as the API's address.
pub fn router(board: MondayBoard) -> Router {
    Router::new().route("/monday/v2", post(answer)).with_state(board)
}

async fn answer(Shared(board): Shared<MondayBoard>, headers: HeaderMap, body: Bytes) -> Response {
    let read = request(&body);
    let field = read.as_ref().map(|operation| operation.field.clone()).unwrap_or_default();
    let version = text(&headers, "api-version").unwrap_or("current").to_owned();
    let fault = board.change(|state| {
        state.versions.insert(version);
        state.faults.strike(&field)
    });
    let (answer, replayed) = match fault.as_ref().and_then(Fault::answer) {
        Some(broken) => (broken, false),
        None => carry_out(&board, &headers, read).await,
    };
    let answer =
        if fault == Some(Fault::AnswerLost) { StatusCode::GATEWAY_TIMEOUT.into_response() } else { answer };
    let error = answer.extensions().get::<ErrorCode>().map(|code| code.0.clone());
    let status = answer.status().as_u16();
    let error = error.or_else(|| (status != 200).then(|| format!("HTTP status {status}")));
    board.change(|state| state.calls.push(Called { field, status, error, replayed }));
    answer
}

/// Goes along with an answer, for the record.
#[derive(Debug, Clone)]
struct ErrorCode(String);

fn request(body: &Bytes) -> Result<Operation, String> {
    let request: Value = serde_json::from_slice(body).map_err(|error| format!("Invalid JSON: {error}"))?;
    let query = request["query"].as_str().ok_or("No query string was present")?;
    let none = Map::new();
    let variables = request["variables"].as_object().unwrap_or(&none);
    graphql::read(query, variables, &SCHEMA)
}

async fn carry_out(
    board: &MondayBoard,
    headers: &HeaderMap,
    read: Result<Operation, String>,
) -> (Response, bool) {
    if text(headers, header::AUTHORIZATION.as_str()) != Some(&board.config().token) {
        return (
            (StatusCode::UNAUTHORIZED, axum::Json(json!({"errors": ["Not Authenticated"]}))).into_response(),
            false,
        );
    }
    let operation = match read {
        Ok(operation) => operation,
        Err(message) => {
            let refusal = Refusal::new("GRAPHQL_VALIDATION_FAILED", 200, message);
            return (refused(&refusal, None), false);
        }
    };
    if let Err(seconds) = board.change(|state| spend(state, board.config(), operation.is_mutation)) {
        let refusal = Refusal::new("COMPLEXITY_BUDGET_EXHAUSTED", 429, "Complexity budget exhausted");
        return (refused(&refusal, Some(seconds)), false);
    }
    let key = text(headers, "idempotency-key").filter(|_| operation.is_mutation).map(str::to_owned);
    let Some(key) = key else { return (shown(run(board, &operation).await), false) };
    let now = Timestamp::now();
    let known = board.change(|state| {
        let known = state.answers.get(&key).cloned();
        let is_old =
            matches!(&known, Some(Remembered::Answered(at, _)) if now.duration_since(*at) > REMEMBERED);
        if known.is_none() || is_old {
            state.answers.insert(key.clone(), Remembered::Running);
        }
        known.filter(|_| !is_old)
    });
    match known {
        Some(Remembered::Answered(_, body)) => {
            let mut response = shown(body);
            response.headers_mut().insert("idempotency-replayed", header::HeaderValue::from_static("true"));
            (response, true)
        }
        Some(Remembered::Running) => {
            ((StatusCode::CONFLICT, [(header::RETRY_AFTER, "1")]).into_response(), false)
        }
        None => {
            let body = run(board, &operation).await;
            let remembered = Remembered::Answered(Timestamp::now(), body.clone());
            board.change(|state| state.answers.insert(key, remembered));
            (shown(body), false)
        }
    }
}

/// Carries out what can be, and says it in Monday's way.
async fn run(board: &MondayBoard, operation: &Operation) -> Value {
    if operation.is_mutation {
        board.change(|state| {
            state.at_once += 1;
            state.most_at_once = state.most_at_once.max(state.at_once);
        });
        tokio::time::sleep(WORK).await;
    }
    let (config, now) = (board.config(), board.world_now());
    let outcome = board.change(|state| {
        state.at_once -= usize::from(operation.is_mutation);
        let arguments = &operation.arguments;
        match operation.field.as_str() {
            "create_item" => state.items.create(config, &now, arguments).map(|id| json!({"id": id})),
            "change_multiple_column_values" => {
                state.items.change(config, &now, arguments).map(|id| json!({"id": id}))
            }
            _ => state.items.find(config, arguments).map(|ids| {
                let items: Vec<Value> = ids.into_iter().map(|id| json!({"id": id})).collect();
                json!({"cursor": null, "items": items})
            }),
        }
    });
    match outcome {
        Ok(value) => {
            json!({"data": {&operation.field: value}, "extensions": {"request_id": "5f1d-local"}})
        }
        Err(refusal) => errors(&refusal, None),
    }
}

fn errors(refusal: &Refusal, retry_in_seconds: Option<u64>) -> Value {
    let Refusal { code, message, status } = refusal;
    let mut extensions = json!({"code": code, "status_code": status, "error_data": {}});
    if let Some(seconds) = retry_in_seconds {
        extensions["retry_in_seconds"] = json!(seconds);
    }
    json!({
        "data": {},
        "errors": [{"message": message, "locations": [{"line": 2, "column": 3}], "extensions": extensions}],
        "extensions": {"request_id": "5f1d-local"},
    })
}

fn refused(refusal: &Refusal, retry_in_seconds: Option<u64>) -> Response {
    let mut response = shown(errors(refusal, retry_in_seconds));
    if let Some(value) = retry_in_seconds.and_then(|seconds| seconds.to_string().parse().ok()) {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// An answer with status 200, whatever it says.
fn shown(body: Value) -> Response {
    let code = body.pointer("/errors/0/extensions/code").and_then(Value::as_str).map(str::to_owned);
    let mut response = axum::Json(body).into_response();
    if let Some(code) = code {
        response.extensions_mut().insert(ErrorCode(code));
    }
    response
}

/// Takes the cost from the minute's budget, or says how many seconds the minute still has.
fn spend(state: &mut State, config: &MondayConfig, is_mutation: bool) -> Result<(), u64> {
    let now = Timestamp::now();
    let (since, spent) = state.spent.entry(is_mutation).or_default();
    let passed = since.map_or(SignedDuration::MAX, |since| now.duration_since(since));
    if passed >= SignedDuration::from_mins(1) {
        (*since, *spent) = (Some(now), 0);
    }
    let cost = if is_mutation { WRITE } else { READ };
    if *spent + cost > config.budget {
        return Err(60_u64.saturating_sub(passed.as_secs().unsigned_abs()).clamp(1, 60));
    }
    *spent += cost;
    Ok(())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
