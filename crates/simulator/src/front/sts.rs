//! STS: who am I, and may I be somebody else?
//!
//! Roles are assumed here and not in MiniStack, because only then do later calls to ECS and ECR show the role that makes
//! them. Two parties must agree: the caller's policies allow `sts:AssumeRole` on the role, and the role's trust policy
//! names the caller. (AWS asks only the trust policy within one account; asking both holds for other accounts too.)
//! Session policies, tags and MFA are refused by name, not ignored.

use std::collections::BTreeMap;
use std::time::Duration;

use url::form_urlencoded;

use super::answer::escaped;
use super::identity::{Caller, Identities, Session};
use super::{Gate, policy::Context, refusal};
use crate::aws::{AuthCheck, AwsError};

const PLAYED_PARAMETERS: [&str; 6] =
    ["Action", "Version", "RoleArn", "RoleSessionName", "DurationSeconds", "ExternalId"];
/// A role's own session may assume another role for an hour at most, whatever that role permits.
const CHAINED_SECONDS: u64 = 3600;

/// A query request: its parameters by name.
pub(super) type Parameters = BTreeMap<String, String>;

/// Reads a form body.
pub(super) fn parameters(body: &[u8]) -> Parameters {
    form_urlencoded::parse(body).into_owned().collect()
}

/// Carries an STS operation out and returns the XML of its result.
pub(super) async fn call(
    operation: &str,
    parameters: &Parameters,
    caller: &Caller,
    gate: &Gate,
) -> Result<String, AwsError> {
    match operation {
        "GetCallerIdentity" => Ok(caller_identity(caller)),
        "AssumeRole" => assume_role(parameters, caller, gate).await,
        _ => Err(AwsError::client(
            "InvalidAction",
            format!("Could not find operation {operation} for version 2011-06-15"),
        )),
    }
}

fn caller_identity(caller: &Caller) -> String {
    let user_id = match caller {
        Caller::Root { account } => account.clone(),
        Caller::Role(session) => format!("AROASIMULATED:{}", session.name),
    };
    format!(
        "<UserId>{}</UserId><Account>{}</Account><Arn>{}</Arn>",
        escaped(&user_id),
        escaped(caller.account()),
        escaped(&caller.arn())
    )
}

/// An `AssumeRole` request after validation.
struct Request {
    session: Session,
    duration_seconds: u64,
    external_id: Option<String>,
}

async fn assume_role(parameters: &Parameters, caller: &Caller, gate: &Gate) -> Result<String, AwsError> {
    let request = read_request(parameters, caller)?;
    let session = request.session;
    let denied = || {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            caller.arn(),
            session.role_arn
        );
        AwsError { status: 403, code: "AccessDenied".to_owned(), message }
    };
    let mut context = Context::from([("sts:RoleSessionName".to_owned(), session.name.clone())]);
    context.extend(request.external_id.map(|id| ("sts:ExternalId".to_owned(), id)));
    let check = AuthCheck {
        action: "sts:AssumeRole".to_owned(),
        resource: session.role_arn.clone(),
        context: context.clone(),
    };
    if !gate.allows(caller, &check).await? {
        return Err(denied());
    }
    let caller_role = match caller {
        Caller::Root { .. } => None,
        Caller::Role(session) => Some(session.role_arn.as_str()),
    };
    let trusted = gate.authorizer.trusts(&session.role_arn, caller_role, &context).await;
    let role = trusted.map_err(|error| refusal::undecided(&error))?.ok_or_else(denied)?;
    if request.duration_seconds > role.max_session_seconds {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    issue(&gate.identities, session, &role.role_id, request.duration_seconds)
}

fn read_request(parameters: &Parameters, caller: &Caller) -> Result<Request, AwsError> {
    if let Some(name) = parameters.keys().find(|name| !PLAYED_PARAMETERS.contains(&name.as_str())) {
        return Err(validation(&format!("the simulator does not play the parameter {name}")));
    }
    let required = |name: &str| {
        parameters.get(name).cloned().ok_or_else(|| {
            let field = name.chars().next().map(char::to_lowercase).into_iter().flatten().chain(name.chars().skip(1));
            let field: String = field.collect();
            validation(&format!(
                "1 validation error detected: Value null at '{field}' failed to satisfy constraint: Member must not be null"
            ))
        })
    };
    let role_arn = required("RoleArn")?;
    if !role_arn.starts_with("arn:aws:iam::") || !role_arn.contains(":role/") {
        return Err(validation(&format!("{role_arn} is invalid")));
    }
    let name = required("RoleSessionName")?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
    if !plain || !(2..=64).contains(&name.len()) {
        return Err(validation(&format!(
            "1 validation error detected: Value '{name}' at 'roleSessionName' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: [\\w+=,.@-]*"
        )));
    }
    let duration_seconds = match parameters.get("DurationSeconds") {
        None => CHAINED_SECONDS,
        Some(text) => text.parse().ok().filter(|seconds| (900..=43_200).contains(seconds)).ok_or_else(|| {
            validation(&format!(
                "1 validation error detected: Value '{text}' at 'durationSeconds' failed to satisfy constraint: Member \
                 must have value between 900 and 43200"
            ))
        })?,
    };
    if matches!(caller, Caller::Role(_)) && duration_seconds > CHAINED_SECONDS {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let session = Session { role_arn, name };
    Ok(Request { session, duration_seconds, external_id: parameters.get("ExternalId").cloned() })
}

fn issue(identities: &Identities, session: Session, role_id: &str, seconds: u64) -> Result<String, AwsError> {
    let issued = identities
        .issue(session.clone(), Duration::from_secs(seconds))
        .map_err(|error| refusal::internal(&format!("no randomness: {error}")))?;
    let expiration =
        issued.expires_at.map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).unwrap_or_default();
    Ok(format!(
        "<AssumedRoleUser><AssumedRoleId>{role_id}:{name}</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser>\
         <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration></Credentials>",
        name = escaped(&session.name),
        arn = escaped(&session.assumed_role_arn()),
        key = issued.access_key_id,
        secret = issued.secret_access_key,
        token = issued.session_token.unwrap_or_default(),
    ))
}

fn validation(message: &str) -> AwsError {
    AwsError::client("ValidationError", message)
}
