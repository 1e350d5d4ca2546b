//! The front door's own refusals, in AWS's words.

use std::error::Error;

use super::authorizer::{AuthorizationError, Decision};
use super::signature::SignatureError;
use crate::aws::{AuthCheck, AwsError};

/// The two protocols name the same refusal differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// AWS JSON 1.1.
    Json,
    /// The query protocol.
    Query,
}

/// A request whose signature was not believed.
pub(super) fn signature(error: &SignatureError, protocol: Protocol) -> AwsError {
    let (json, query) = match error {
        SignatureError::Missing => ("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
        SignatureError::Incomplete(_) => ("IncompleteSignatureException", "IncompleteSignature"),
        SignatureError::UnknownKey => ("UnrecognizedClientException", "InvalidClientTokenId"),
        SignatureError::SessionExpired => ("ExpiredTokenException", "ExpiredToken"),
        SignatureError::Stale { .. } | SignatureError::Mismatch => {
            ("InvalidSignatureException", "SignatureDoesNotMatch")
        }
    };
    let code = if protocol == Protocol::Json { json } else { query };
    AwsError { status: 403, code: code.to_owned(), message: error.to_string() }
}

/// A call that IAM did not allow.
pub(super) fn access_denied(caller_arn: &str, check: &AuthCheck, decision: Decision) -> AwsError {
    let AuthCheck { action, resource, .. } = check;
    let reason = match decision {
        Decision::ExplicitlyDenied => "with an explicit deny in an identity-based policy".to_owned(),
        Decision::NotAllowed | Decision::Allowed => {
            format!("because no identity-based policy allows the {action} action")
        }
    };
    let message =
        format!("User: {caller_arn} is not authorized to perform: {action} on resource: {resource} {reason}");
    AwsError::client("AccessDeniedException", message)
}

/// IAM could not decide, so the call does not run; a server error, because it is the world that is broken.
pub(super) fn undecided(error: &AuthorizationError) -> AwsError {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    internal(&chain)
}

/// A failure of the simulator itself.
pub(super) fn internal(message: &str) -> AwsError {
    tracing::error!(message, "the front door failed");
    AwsError { status: 500, code: "InternalFailure".to_owned(), message: message.to_owned() }
}

/// A target or operation that is not played.
pub(super) fn unknown_operation(target: &str) -> AwsError {
    AwsError {
        status: 404,
        code: "UnknownOperationException".to_owned(),
        message: format!("the simulator does not play {target}"),
    }
}

/// What the journal says of a call whose connection broke before it ran; nobody gets it as an answer.
pub(super) fn lost_call() -> AwsError {
    AwsError {
        status: 503,
        code: "LostCall".to_owned(),
        message: "the connection broke before the call ran".to_owned(),
    }
}

/// A body beyond the cap.
pub(super) fn too_large() -> AwsError {
    AwsError {
        status: 413,
        code: "RequestEntityTooLargeException".to_owned(),
        message: "The request payload exceeds the maximum payload size.".to_owned(),
    }
}
