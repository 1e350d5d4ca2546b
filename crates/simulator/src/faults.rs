//! What goes wrong at a vendor, as a test or a demonstration says: the next call of an operation, or all until it is mended.

use std::collections::VecDeque;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// Something a vendor does wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// An HTTP status without a useful body. The call has no effect.
    Status(u16),
    /// This status and `Retry-After`, in seconds. The call has no effect.
    RetryAfter(u16, u64),
    /// This status and body, and these headers. The call has no effect.
    Answer(u16, Vec<(String, String)>, Value),
    /// The call takes effect, but its answer is an HTTP 504.
    AnswerLost,
}

impl Fault {
    /// The answer in its place. `None`: the call is carried out first.
    pub(crate) fn answer(&self) -> Option<Response> {
        match self {
            Self::Status(code) => Some(status(*code).into_response()),
            Self::RetryAfter(code, seconds) => {
                Some((status(*code), [(header::RETRY_AFTER, seconds.to_string())]).into_response())
            }
            Self::Answer(code, headers, body) => {
                let mut response = (status(*code), axum::Json(body.clone())).into_response();
                for (name, value) in headers {
                    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value))
                    {
                        response.headers_mut().insert(name, value);
                    }
                }
                Some(response)
            }
            Self::AnswerLost => None,
        }
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The faults that are planned.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next: VecDeque<(String, Fault)>,
    always: Option<Fault>,
    struck: usize,
}

impl Faults {
    /// Plans one for the next call of an operation; `*` is any.
    pub(crate) fn plan(&mut self, operation: String, fault: Fault) {
        self.next.push_back((operation, fault));
    }

    /// From now on every call goes wrong like this, or none does.
    pub(crate) fn always(&mut self, fault: Option<Fault>) {
        self.always = fault;
    }

    /// Whether every call goes wrong.
    pub(crate) fn are_always(&self) -> bool {
        self.always.is_some()
    }

    /// What becomes of a call.
    pub(crate) fn strike(&mut self, operation: &str) -> Option<Fault> {
        let planned = self.next.iter().position(|(of, _)| of == operation || of == "*");
        let fault = planned.and_then(|index| self.next.remove(index)).map(|(_, fault)| fault);
        let fault = fault.or_else(|| self.always.clone());
        self.struck += usize::from(fault.is_some());
        fault
    }

    /// How many calls went wrong.
    pub(crate) fn struck(&self) -> usize {
        self.struck
    }
}
