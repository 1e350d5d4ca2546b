//! What a failed call of the SDK means to a step: five kinds, whatever the service.

use std::error::Error;

use aws_sdk_ecs::config::http::HttpResponse;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use gantry_steps::ports::PortError;

/// An error that a service answered, in its own words. No request is repeated in it, so it holds no secret of ours.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}{}", request.as_deref().map(|id| format!(" (request {id})")).unwrap_or_default())]
pub(crate) struct ServiceFault {
    code: String,
    message: String,
    request: Option<String>,
}

/// The service answered, and asks to slow down. DynamoDB does so, too, when a transaction holds the row just now: its
/// SDK tries the one again that is our own, not the one of somebody else.
const THROTTLED: [&str; 10] = [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "ProvisionedThroughputExceededException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// The service answered, and does not let us.
const DENIED: [&str; 10] = [
    "AccessDeniedException",
    "AccessDenied",
    "UnauthorizedOperation",
    "NotAuthorized",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
];

/// The service answered that it cannot at present.
const UNAVAILABLE: [&str; 6] = [
    "ServerException",
    "InternalServerError",
    "InternalFailure",
    "InternalError",
    "ServiceUnavailable",
    "RequestTimeout",
];

/// Classifies a failed call.
pub(crate) fn classify<E>(call: impl Into<String>, error: SdkError<E, HttpResponse>) -> PortError
where
    E: Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let call = call.into();
    match &error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let request = service.raw().headers().get("x-amzn-requestid").map(str::to_owned);
            let fault = fault(service.err(), status, request);
            of_fault(call, status, fault)
        }
        SdkError::ResponseError(response) if response.raw().status().is_success() => {
            PortError::Malformed { call, source: error.into() }
        }
        SdkError::ConstructionFailure(_) => PortError::Rejected { call, source: error.into() },
        // Timeouts, connections that fail, answers that break off: the call may have had its effect.
        _ => PortError::Unavailable { call, source: error.into() },
    }
}

fn fault(error: &impl ProvideErrorMetadata, status: u16, request: Option<String>) -> ServiceFault {
    let code = error.code().map_or_else(|| format!("HTTP status {status}"), str::to_owned);
    ServiceFault { code, message: error.message().unwrap_or("no message").to_owned(), request }
}

fn of_fault(call: String, status: u16, fault: ServiceFault) -> PortError {
    let code = fault.code.as_str();
    let throttled = THROTTLED.contains(&code) || status == 429;
    let denied = DENIED.contains(&code) || status == 403;
    let unavailable = UNAVAILABLE.contains(&code) || status >= 500;
    let source = fault.into();
    match (throttled, denied, unavailable) {
        (true, _, _) => PortError::Throttled { call, source },
        (_, true, _) => PortError::Denied { call, source },
        (_, _, true) => PortError::Unavailable { call, source },
        (false, false, false) => PortError::Rejected { call, source },
    }
}

/// An answer that is not what the service's model promises.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Something is not there.
    #[error("the answer has no {0}")]
    Missing(&'static str),
    /// Something is not what it should be.
    #[error("the answer's {field} is not readable")]
    Invalid {
        /// What.
        field: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl Unreadable {
    /// As a port's error.
    pub(crate) fn of(self, call: impl Into<String>) -> PortError {
        PortError::Malformed { call: call.into(), source: self.into() }
    }

    /// An invalid field.
    pub(crate) fn invalid(field: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Invalid { field, source: source.into() }
    }
}
