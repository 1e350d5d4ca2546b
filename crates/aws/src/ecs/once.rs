//! Calls that the SDK does not make again when nobody knows whether they took effect: whoever asked reads back first
//! (T22). What AWS refused, such as a throttled call, it does repeat.

use aws_sdk_ecs::config::interceptors::InterceptorContext;
use aws_sdk_ecs::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_ecs::config::{Builder, Config};

/// Sets a call up so that it is made once unless it was refused.
pub(super) fn once() -> Builder {
    Config::builder().retry_classifier(ReadBackFirst)
}

#[derive(Debug)]
struct ReadBackFirst;

impl ClassifyRetry for ReadBackFirst {
    fn classify_retry(&self, call: &InterceptorContext) -> RetryAction {
        let failed = call.output_or_error().and_then(Result::err);
        let is_unanswered = failed.is_some_and(|error| !error.is_operation_error());
        let is_their_fault = call.response().is_some_and(|response| response.status().is_server_error());
        if failed.is_some() && (is_unanswered || is_their_fault) {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "read back first"
    }
}
