//! Monday's ways to say no, by what can be done about them.
//!
//! Most come with status 200: as `errors`, which hold objects or plain texts, or in the older shape with `error_code` beside
//! or instead of them. A part of the data may come along; what was asked for did not happen all the same.

use std::time::Duration;

use gantry_steps::ports::VendorError;
use reqwest::StatusCode;
use serde_json::Value;

use crate::text;

/// So much of a message is repeated.
const MESSAGE: usize = 200;
/// How long a daily budget is waited for at a time: it comes back at midnight UTC.
const HOUR: Duration = Duration::from_secs(3600);
/// Budgets of complexity and of calls are counted by the minute.
const MINUTE: Duration = Duration::from_secs(60);
/// Nothing a vendor asks for is waited for longer.
const DAY: u64 = 24 * 3600;

/// One error, whatever its shape.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    code: String,
    message: String,
    status: Option<u64>,
    retry_after: Option<Duration>,
}

/// The refusal in an answer, if it is one. `body`: the answer's JSON, if it is JSON.
pub(super) fn of(
    call: &'static str,
    status: StatusCode,
    asked: Option<Duration>,
    body: Option<&Value>,
) -> Option<VendorError> {
    let told = body.map(errors).unwrap_or_default();
    // The gravest decides: what needs a person or will never do must not be taken for a pause.
    let told = told.into_iter().map(|told| judged(call, told, asked)).max_by_key(gravity);
    if status == StatusCode::OK {
        return told;
    }
    let code = format!("HTTP status {}", status.as_u16());
    Some(match status {
        // 409: the same mutation is being carried out; 423: the board is busy with another one.
        StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT | StatusCode::LOCKED => {
            let told = told.and_then(|told| match told {
                VendorError::Throttled { retry_after, .. } => retry_after,
                _ => None,
            });
            VendorError::Throttled { call, retry_after: Some(asked.or(told).unwrap_or(MINUTE)) }
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => {
            VendorError::NotSetUp { call, code }
        }
        status if status.is_redirection() => VendorError::NotSetUp { call, code },
        status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
            VendorError::Unavailable { call, source: code.into() }
        }
        _ => told.unwrap_or(VendorError::Refused { call, code }),
    })
}

fn gravity(error: &VendorError) -> u8 {
    match error {
        VendorError::Throttled { .. } => 0,
        VendorError::Unavailable { .. } => 1,
        VendorError::NotSetUp { .. } => 2,
        VendorError::Refused { .. } => 3,
    }
}

/// Everything in an answer that says no.
fn errors(body: &Value) -> Vec<Told> {
    let mut told: Vec<Told> = body["errors"].as_array().into_iter().flatten().map(one).collect();
    // The older shape says what its plain texts do not.
    if let Some(code) = body["error_code"].as_str() {
        let message = body["error_message"].as_str().unwrap_or_default();
        let retry_after = seconds(&body["error_data"]["retry_in_seconds"]);
        told = vec![Told {
            code: code.to_owned(),
            message: message.to_owned(),
            status: body["status_code"].as_u64(),
            retry_after,
        }];
    } else if let Some(message) = body["error_message"].as_str()
        && told.is_empty()
    {
        told.push(Told { message: message.to_owned(), ..Told::default() });
    }
    told
}

fn one(error: &Value) -> Told {
    if let Some(message) = error.as_str() {
        return Told { message: message.to_owned(), ..Told::default() };
    }
    let more = &error["extensions"];
    let retry = [&more["retry_in_seconds"], &more["error_data"]["retry_in_seconds"]];
    Told {
        code: more["code"].as_str().unwrap_or_default().to_owned(),
        message: error["message"].as_str().unwrap_or_default().to_owned(),
        status: more["status_code"].as_u64(),
        retry_after: retry.into_iter().find_map(seconds),
    }
}

fn seconds(value: &Value) -> Option<Duration> {
    value.as_u64().map(|seconds| Duration::from_secs(seconds.min(DAY)))
}

/// Sorts Monday's codes by what can be done. An unknown one is judged by its status, else taken for a refusal.
fn judged(call: &'static str, told: Told, asked: Option<Duration>) -> VendorError {
    let Told { code, message, status, retry_after } = told;
    let throttled = |otherwise| VendorError::Throttled {
        call,
        retry_after: Some(retry_after.or(asked).unwrap_or(otherwise)),
    };
    let words = match (code.is_empty(), text::line(&message, MESSAGE)) {
        (false, message) if message.is_empty() => code.clone(),
        (false, message) => format!("{code}: {message}"),
        (true, message) => message,
    };
    match (code.as_str(), message.to_lowercase().as_str()) {
        ("DAILY_LIMIT_EXCEEDED", _) => throttled(HOUR),
        (
            "COMPLEXITY_BUDGET_EXHAUSTED"
            | "ComplexityException"
            | "RATE_LIMIT_EXCEEDED"
            | "RateLimitExceeded"
            | "FIELD_LIMIT_EXCEEDED"
            | "FIELD_MINUTE_RATE_LIMIT_EXCEEDED"
            | "CONCURRENCY_LIMIT_EXCEEDED"
            | "maxConcurrencyExceeded"
            | "IP_RATE_LIMIT_EXCEEDED"
            | "API_TEMPORARILY_BLOCKED",
            _,
        ) => throttled(MINUTE),
        // The token, the board, its columns or its labels: a person changes something, then it works.
        (
            "UserUnauthorizedException"
            | "USER_UNAUTHORIZED"
            | "USER_ACCESS_DENIED"
            | "UNAUTHORIZED"
            | "NOT_AUTHENTICATED"
            | "missingRequiredPermissions"
            | "InvalidBoardIdException"
            | "ResourceNotFoundException"
            | "InvalidColumnIdException"
            | "ColumnValueException"
            | "InvalidColumnTypeException"
            | "InvalidVersionException"
            | "ItemsLimitationException",
            _,
        ) => VendorError::NotSetUp { call, code: words },
        ("INTERNAL_SERVER_ERROR" | "InternalServerError", _) => {
            VendorError::Unavailable { call, source: words.into() }
        }
        ("", message) if message.contains("complexity budget") || message.contains("rate limit") => {
            throttled(MINUTE)
        }
        ("", message) if message.contains("not authenticated") => VendorError::NotSetUp { call, code: words },
        _ => match status {
            Some(429 | 409 | 423) => throttled(MINUTE),
            Some(401 | 403 | 404) => VendorError::NotSetUp { call, code: words },
            Some(500..) => VendorError::Unavailable { call, source: words.into() },
            _ => VendorError::Refused { call, code: words },
        },
    }
}

#[cfg(test)]
mod tests;
