//! The front door of the simulated AWS: one HTTP address for ECS, ECR and STS.
//!
//! Every request goes the same way: the body is read up to a cap, the signature verified (`signature`), the caller's role
//! found (`identity`), IAM asked each question the service has about the call (`authorizer`), the operation run, and
//! the whole written to the journal. Services behind the door know nothing of callers.
//!
//! An operation about which a service asks IAM nothing is one it does not play: it is refused, never run unchecked.

mod answer;
pub mod authorizer;
pub mod iam;
pub mod identity;
pub mod policy;
mod refusal;
pub mod signature;
mod sts;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::http::request::Parts;
use axum::routing::post;
use jiff::Timestamp;
use serde_json::Value;

pub use authorizer::{Authorizer, MiniStackAuthorizer};
pub use identity::{Caller, Credentials, Identities, Session};

use crate::aws::{AuthCheck, AwsError, JsonService};
use crate::clock::WorldClock;
use crate::journal::{Call, Journal};
use authorizer::Decision;
use refusal::Protocol;

/// Larger than the largest image manifest; nothing else comes near.
const BODY_LIMIT_BYTES: usize = 5 * 1024 * 1024;

/// What a call script may do to a call that IAM has allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: the call runs and is answered.
    Proceed,
    /// The call does not run; this is the answer (throttling, for example).
    Refuse(AwsError),
    /// The call runs, and the connection breaks before its answer.
    LoseAnswer,
}

/// A call about to run, as a call script sees it.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// For example `ecs`.
    pub service: &'a str,
    /// For example `UpdateService`.
    pub operation: &'a str,
    /// The caller's role.
    pub role: &'a str,
    /// The request.
    pub input: &'a Value,
}

/// Decides the fate of calls to ECS and ECR; asked once per call, after IAM.
pub type CallScript = dyn Fn(&Incoming<'_>) -> Fate + Send + Sync;

/// Keys and IAM: what it takes to know a caller and its rights.
struct Gate {
    identities: Arc<Identities>,
    authorizer: Arc<dyn Authorizer>,
}

impl Gate {
    async fn allows(&self, caller: &Caller, check: &AuthCheck) -> Result<bool, AwsError> {
        Ok(self.decision(caller, check).await? == Decision::Allowed)
    }

    async fn decision(&self, caller: &Caller, check: &AuthCheck) -> Result<Decision, AwsError> {
        match caller {
            Caller::Root { .. } => Ok(Decision::Allowed),
            Caller::Role(session) => {
                let decision = self.authorizer.allowed(&session.role_arn, check).await;
                decision.map_err(|error| refusal::undecided(&error))
            }
        }
    }
}

/// The front door. Add the services, then take its router.
pub struct Front {
    gate: Gate,
    services: Vec<Arc<dyn JsonService>>,
    journal: Journal,
    clock: WorldClock,
    script: RwLock<Arc<CallScript>>,
}

/// One request on its way in.
struct Arrived {
    protocol: Protocol,
    target: String,
    operation: String,
    input: Value,
    body: Vec<u8>,
}

impl Front {
    /// A door without services.
    pub fn new(
        identities: Arc<Identities>,
        authorizer: Arc<dyn Authorizer>,
        journal: Journal,
        clock: WorldClock,
    ) -> Self {
        let script: Arc<CallScript> = Arc::new(|_| Fate::Proceed);
        Self {
            gate: Gate { identities, authorizer },
            services: Vec::new(),
            journal,
            clock,
            script: RwLock::new(script),
        }
    }

    /// Lets calls with this service's target prefix through to it.
    #[must_use]
    pub fn service(mut self, service: Arc<dyn JsonService>) -> Self {
        self.services.push(service);
        self
    }

    /// Replaces the script that decides the fate of calls.
    pub fn play(&self, script: Arc<CallScript>) {
        *self.script.write().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// The HTTP endpoint: `POST /`.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new().route("/", post(answer_request)).with_state(self)
    }

    async fn answer(&self, request: Request) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let request_id = request_id();
        let arrived = match axum::body::to_bytes(body, BODY_LIMIT_BYTES).await {
            Ok(body) => Arrived::read(&parts, body.to_vec()),
            Err(_) => return answer::json_answer(&request_id, &Err(refusal::too_large())),
        };
        let signed = signature::Signed {
            method: &parts.method,
            path_and_query: parts.uri.path_and_query().map_or("/", |uri| uri.as_str()),
            headers: &parts.headers,
            body: &arrived.body,
        };
        let verified = match signature::verify(signed, &self.gate.identities, Timestamp::now()) {
            Ok(verified) => verified,
            Err(error) => {
                let refusal = refusal::signature(&error, arrived.protocol);
                self.record("", "", &arrived, Err(refusal.clone()));
                return arrived.refused(&request_id, refusal);
            }
        };
        let caller = verified.credentials.caller;
        match arrived.protocol {
            Protocol::Json => self.answer_json(&request_id, &verified.service, &caller, &arrived).await,
            Protocol::Query => self.answer_query(&request_id, &verified.service, &caller, &arrived).await,
        }
    }

    async fn answer_json(
        &self,
        request_id: &str,
        service: &str,
        caller: &Caller,
        arrived: &Arrived,
    ) -> Response<Body> {
        let (outcome, lost) = match self.run(service, caller, arrived).await {
            Ok((output, lost)) => (Ok(output), lost),
            Err((error, lost)) => (Err(error), lost),
        };
        self.record(service, caller.role(), arrived, outcome.clone());
        if lost { answer::lost_answer() } else { answer::json_answer(request_id, &outcome) }
    }

    /// Authorizes and runs a JSON call; says with its outcome whether the answer gets lost.
    async fn run(
        &self,
        service: &str,
        caller: &Caller,
        arrived: &Arrived,
    ) -> Result<(Value, bool), (AwsError, bool)> {
        let prefix = arrived.target.split('.').next().unwrap_or_default();
        let operation = arrived.operation.as_str();
        let unknown = || (refusal::unknown_operation(&arrived.target), false);
        let behind =
            self.services.iter().find(|service| service.target_prefix() == prefix).ok_or_else(unknown)?;
        if !arrived.input.is_object() {
            return Err((AwsError::client("SerializationException", "the body is not a JSON object"), false));
        }
        let checks = behind.authorization(operation, &arrived.input);
        if checks.is_empty() {
            return Err(unknown());
        }
        for check in &checks {
            match self.gate.decision(caller, check).await {
                Ok(Decision::Allowed) => {}
                Ok(decision) => return Err((refusal::access_denied(&caller.arn(), check, decision), false)),
                Err(error) => return Err((error, false)),
            }
        }
        let script = Arc::clone(&self.script.read().unwrap_or_else(PoisonError::into_inner));
        let incoming = Incoming { service, operation, role: caller.role(), input: &arrived.input };
        let lost = match script(&incoming) {
            Fate::Proceed => false,
            Fate::LoseAnswer => true,
            Fate::Refuse(error) => return Err((error, false)),
        };
        behind.call(operation, &arrived.input).map(|output| (output, lost)).map_err(|error| (error, lost))
    }

    async fn answer_query(
        &self,
        request_id: &str,
        service: &str,
        caller: &Caller,
        arrived: &Arrived,
    ) -> Response<Body> {
        let parameters = sts::parameters(&arrived.body);
        let outcome = sts::call(&arrived.operation, &parameters, caller, &self.gate).await;
        // Credentials do not belong in the journal.
        let recorded = outcome.as_ref().map(|_| Value::Null).map_err(Clone::clone);
        self.record(service, caller.role(), arrived, recorded);
        answer::xml_answer(request_id, &arrived.operation, &outcome)
    }

    fn record(&self, service: &str, role: &str, arrived: &Arrived, outcome: Result<Value, AwsError>) {
        self.journal.record(Call {
            service: service.to_owned(),
            operation: arrived.operation.clone(),
            role: role.to_owned(),
            input: arrived.input.clone(),
            outcome,
            at: self.clock.now(),
        });
    }
}

impl Arrived {
    fn read(parts: &Parts, body: Vec<u8>) -> Self {
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        match target {
            Some(target) => Self {
                protocol: Protocol::Json,
                target: target.to_owned(),
                operation: target.split_once('.').map_or(target, |(_, operation)| operation).to_owned(),
                input: serde_json::from_slice(&body).unwrap_or(Value::Null),
                body,
            },
            None => {
                let parameters = sts::parameters(&body);
                Self {
                    protocol: Protocol::Query,
                    target: String::new(),
                    operation: parameters.get("Action").cloned().unwrap_or_default(),
                    input: parameters.into_iter().map(|(name, value)| (name, Value::String(value))).collect(),
                    body,
                }
            }
        }
    }

    fn refused(&self, request_id: &str, error: AwsError) -> Response<Body> {
        match self.protocol {
            Protocol::Json => answer::json_answer(request_id, &Err(error)),
            Protocol::Query => answer::xml_answer(request_id, &self.operation, &Err(error)),
        }
    }
}

async fn answer_request(State(front): State<Arc<Front>>, request: Request) -> Response<Body> {
    front.answer(request).await
}

/// A fresh UUID-shaped id.
fn request_id() -> String {
    let mut bytes = [0_u8; 16];
    if getrandom::fill(&mut bytes).is_err() {
        tracing::warn!("no randomness for a request id");
    }
    let hex = hex::encode(bytes);
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}
