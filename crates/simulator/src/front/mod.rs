//! The front door of the simulated AWS: one HTTP address for ECS, ECR, CloudWatch Logs and STS.
//!
//! Every request goes the same way: the body is read up to a cap, the signature verified (`signature`), the caller's role
//! found (`identity`), IAM asked each question the service has about the call (`authorizer`), the script asked what
//! becomes of it (`script`), the operation run, and the whole written to the journal. Services behind the door know nothing of callers.
//!
//! An operation about which a service asks IAM nothing is one it does not play: it is refused, never run unchecked.

mod answer;
pub mod authorizer;
pub mod iam;
pub mod identity;
pub mod policy;
mod refusal;
pub mod script;
pub mod signature;
mod sts;
#[cfg(test)]
mod tests;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

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
pub use script::{CallScript, Fate, Incoming, Played, Script};

use crate::aws::{AuthCheck, AwsError, JsonService};
use crate::clock::WorldClock;
use crate::journal::{Call, Journal};
use authorizer::Decision;
use refusal::Protocol;

/// Larger than the largest image manifest; nothing else comes near.
const BODY_LIMIT_BYTES: usize = 5 * 1024 * 1024;

/// Keys and IAM: what it takes to know a caller and its rights. For servers beside the door that know callers another way.
#[derive(Clone)]
pub struct Gate {
    identities: Arc<Identities>,
    authorizer: Arc<dyn Authorizer>,
}

impl Gate {
    /// Refuses what IAM does not allow, in AWS's words.
    pub(crate) async fn permit(&self, caller: &Caller, check: &AuthCheck) -> Result<(), AwsError> {
        match self.decision(caller, check).await? {
            Decision::Allowed => Ok(()),
            decision => Err(refusal::access_denied(&caller.arn(), check, decision)),
        }
    }

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
    play: RwLock<Arc<CallScript>>,
    script: Script,
}

/// How an answer reaches the caller.
enum Delivery {
    Now,
    /// So much later in the world.
    Late(Duration),
    Never,
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
        let play: Arc<CallScript> = Arc::new(|_| Fate::Proceed);
        Self {
            gate: Gate { identities, authorizer },
            services: Vec::new(),
            journal,
            clock,
            play: RwLock::new(play),
            script: Script::default(),
        }
    }

    /// Lets calls with this service's target prefix through to it.
    #[must_use]
    pub fn service(mut self, service: Arc<dyn JsonService>) -> Self {
        self.services.push(service);
        self
    }

    /// Replaces the function that decides the fate of calls.
    pub fn play(&self, script: Arc<CallScript>) {
        *self.play.write().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// Keys and IAM, as the door asks them.
    pub fn gate(&self) -> Gate {
        self.gate.clone()
    }

    /// The script, to write lines in it. It decides where the function of `play` lets a call proceed.
    pub fn script(&self) -> Script {
        self.script.clone()
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
        let (outcome, delivery) = match self.run(service, caller, arrived).await {
            Ok(run) => run,
            Err(error) => (Err(error), Delivery::Now),
        };
        let mut recorded = outcome.clone();
        if self.behind(arrived).is_some_and(|behind| behind.answers_secret(&arrived.operation)) {
            recorded = recorded.map(|_| Value::Null);
        }
        self.record(service, caller.role(), arrived, recorded);
        self.deliver(delivery, || answer::json_answer(request_id, &outcome)).await
    }

    /// Authorizes and runs a JSON call. An error means that it was refused before any script saw it.
    async fn run(
        &self,
        service: &str,
        caller: &Caller,
        arrived: &Arrived,
    ) -> Result<(Result<Value, AwsError>, Delivery), AwsError> {
        let operation = arrived.operation.as_str();
        let unknown = || refusal::unknown_operation(&arrived.target);
        let behind = self.behind(arrived).ok_or_else(unknown)?;
        if !arrived.input.is_object() {
            return Err(AwsError::client("SerializationException", "the body is not a JSON object"));
        }
        let checks = behind.authorization(operation, &arrived.input);
        if checks.is_empty() {
            return Err(unknown());
        }
        for check in &checks {
            self.gate.permit(caller, check).await?;
        }
        let fate = self.fate(service, caller, arrived);
        Ok(play(fate, async { behind.call_as(caller, operation, &arrived.input) }).await)
    }

    /// The service that is called.
    fn behind(&self, arrived: &Arrived) -> Option<&Arc<dyn JsonService>> {
        let prefix = arrived.target.split('.').next().unwrap_or_default();
        self.services.iter().find(|service| service.target_prefix() == prefix)
    }

    fn fate(&self, service: &str, caller: &Caller, arrived: &Arrived) -> Fate {
        let operation = arrived.operation.as_str();
        let incoming = Incoming { service, operation, role: caller.role(), input: &arrived.input };
        let played = Arc::clone(&self.play.read().unwrap_or_else(PoisonError::into_inner));
        match played(&incoming) {
            Fate::Proceed => self.script.fate(&incoming),
            decided => decided,
        }
    }

    async fn deliver(&self, delivery: Delivery, answer: impl FnOnce() -> Response<Body>) -> Response<Body> {
        match delivery {
            Delivery::Now => answer(),
            Delivery::Late(by) => {
                self.clock.sleep(by).await;
                answer()
            }
            Delivery::Never => answer::lost_answer(),
        }
    }

    async fn answer_query(
        &self,
        request_id: &str,
        service: &str,
        caller: &Caller,
        arrived: &Arrived,
    ) -> Response<Body> {
        let parameters = sts::parameters(&arrived.body);
        let call = sts::call(&arrived.operation, &parameters, caller, &self.gate);
        let (outcome, delivery) = play(self.fate(service, caller, arrived), call).await;
        // Credentials do not belong in the journal.
        let recorded = outcome.as_ref().map(|_| Value::Null).map_err(Clone::clone);
        self.record(service, caller.role(), arrived, recorded);
        self.deliver(delivery, || answer::xml_answer(request_id, &arrived.operation, &outcome)).await
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

/// Lets a call run as its fate has it.
async fn play<T>(
    fate: Fate,
    call: impl Future<Output = Result<T, AwsError>>,
) -> (Result<T, AwsError>, Delivery) {
    match fate {
        Fate::Proceed => (call.await, Delivery::Now),
        Fate::Refuse(error) => (Err(error), Delivery::Now),
        Fate::FailAfter(error) => (call.await.and(Err(error)), Delivery::Now),
        Fate::LoseAnswer => (call.await, Delivery::Never),
        Fate::LoseCall => (Err(refusal::lost_call()), Delivery::Never),
        Fate::Delay(by) => (call.await, Delivery::Late(by)),
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
