//! IAM's decision about one call, reached with MiniStack's simulation and our own reading of conditions.
//!
//! MiniStack's `SimulatePrincipalPolicy` cannot be asked alone. It evaluates conditions, but ignores `ContextEntries`, so
//! keys such as `ecs:cluster` or `iam:PassedToService` are absent to it: an Allow that needs one never matches (a call
//! that AWS allows is denied), an Allow with a negated operator or `ForAllValues` always matches, and a Deny that needs
//! one never does (calls that AWS denies are allowed). Nor can its `explicitDeny` be believed when the Deny is
//! conditional. It also answers `implicitDeny` for every role with a path.
//!
//! So each question is divided. We read the role's policies, evaluate each statement's condition with the call's own
//! context (`policy`), keep the Allow statements whose condition holds and the Deny statements whose condition does not
//! certainly fail, take the conditions off, and ask MiniStack's `SimulateCustomPolicy` whether what is left allows this
//! action on this resource. MiniStack alone matches actions and resources; we alone match conditions; whatever either
//! does not understand denies. A permissions boundary is a second policy that must allow too.
//!
//! Policies change only with deployments, so a role's policies and the decisions made from them are kept for two seconds
//! of real time, or until `forget`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::iam::{Iam, IamError, Role, Simulated};
use super::identity::account_of;
use super::policy::{self, Context, PolicyError, Statement};
use crate::aws::AuthCheck;

/// How long a role's policies are believed.
const POLICIES_LIVE: Duration = Duration::from_secs(2);

/// IAM's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The call may run.
    Allowed,
    /// No policy allows it.
    NotAllowed,
    /// A policy denies it.
    ExplicitlyDenied,
}

/// Why no decision was reached; the call does not run.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizationError {
    /// IAM could not be asked.
    #[error("IAM gave no answer")]
    Iam(#[source] IamError),
    /// A policy of the role cannot be read.
    #[error("the role's policies cannot be read")]
    Policy(#[source] PolicyError),
}

/// A role that may be assumed, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumable {
    /// `AROA…`.
    pub role_id: String,
    /// The longest session the role permits, in seconds.
    pub max_session_seconds: u64,
}

/// Decides what a role may do and who may use a role.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// May the role do this?
    async fn allowed(&self, role_arn: &str, check: &AuthCheck) -> Result<Decision, AuthorizationError>;

    /// Does the role's trust policy let `caller_role_arn` in? `None` when it does not, or there is no such role.
    async fn trusts(
        &self,
        role_arn: &str,
        caller_role_arn: Option<&str>,
        context: &Context,
    ) -> Result<Option<Assumable>, AuthorizationError>;
}

/// The authorizer that reads MiniStack's IAM.
#[derive(Debug)]
pub struct MiniStackAuthorizer {
    iam: Iam,
    region: String,
    roles: tokio::sync::Mutex<HashMap<String, Arc<Permissions>>>,
}

/// What a role may do, as read at one moment.
#[derive(Debug)]
struct Permissions {
    read_at: Instant,
    /// The role's policies, then its boundary's: every layer must allow.
    layers: Vec<Vec<Statement>>,
    decisions: Mutex<HashMap<(String, String, Context), Decision>>,
}

impl MiniStackAuthorizer {
    /// Asks the MiniStack at `endpoint` about roles of `account`; `region` fills `aws:RequestedRegion`.
    pub fn new(endpoint: impl Into<String>, account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { iam: Iam::new(endpoint, account), region: region.into(), roles: tokio::sync::Mutex::default() }
    }

    /// Reads every role anew at the next call: for use right after a deployment.
    pub async fn forget(&self) {
        self.roles.lock().await.clear();
    }

    /// The role's permissions; `None` when there is no such role.
    async fn permissions(&self, role_arn: &str) -> Result<Option<Arc<Permissions>>, AuthorizationError> {
        // Held while reading, so that a burst of calls reads a role once.
        let mut roles = self.roles.lock().await;
        if let Some(known) = roles.get(role_arn).filter(|known| known.read_at.elapsed() < POLICIES_LIVE) {
            return Ok(Some(Arc::clone(known)));
        }
        let read_at = Instant::now();
        let Some(role) = self.role(role_arn).await? else { return Ok(None) };
        let own = self.iam.role_policies(role_arn).await.map_err(AuthorizationError::Iam)?;
        let mut layers = vec![read(&own)?];
        if let Some(boundary) = role.boundary {
            let document = self.iam.managed_policy(&boundary).await.map_err(AuthorizationError::Iam)?;
            layers.push(read(&[(boundary, document)])?);
        }
        let permissions = Arc::new(Permissions { read_at, layers, decisions: Mutex::default() });
        roles.insert(role_arn.to_owned(), Arc::clone(&permissions));
        Ok(Some(permissions))
    }

    async fn role(&self, role_arn: &str) -> Result<Option<Role>, AuthorizationError> {
        match self.iam.role(role_arn).await {
            Ok(role) => Ok(Some(role)),
            Err(IamError::NotFound { .. }) => Ok(None),
            Err(error) => Err(AuthorizationError::Iam(error)),
        }
    }

    /// One layer's word on a check, after its conditions.
    async fn decide(
        &self,
        statements: &[Statement],
        check: &AuthCheck,
        context: &Context,
    ) -> Result<Decision, AuthorizationError> {
        let counting: Vec<&Value> = statements
            .iter()
            .filter(|statement| statement.counts(context))
            .map(|statement| &statement.bare)
            .collect();
        if counting.is_empty() {
            return Ok(Decision::NotAllowed);
        }
        let policy = json!({ "Version": "2012-10-17", "Statement": counting }).to_string();
        let simulated = self.iam.simulate(&policy, &check.action, &check.resource).await;
        Ok(match simulated.map_err(AuthorizationError::Iam)? {
            Simulated::Allowed => Decision::Allowed,
            Simulated::ExplicitDeny => Decision::ExplicitlyDenied,
            Simulated::ImplicitDeny => Decision::NotAllowed,
        })
    }
}

#[async_trait]
impl Authorizer for MiniStackAuthorizer {
    async fn allowed(&self, role_arn: &str, check: &AuthCheck) -> Result<Decision, AuthorizationError> {
        let Some(permissions) = self.permissions(role_arn).await? else { return Ok(Decision::NotAllowed) };
        let mut context = check.context.clone();
        context.extend(caller_context(role_arn));
        context.insert("aws:RequestedRegion".to_owned(), self.region.clone());
        let question = (check.action.clone(), check.resource.clone(), context);
        let decisions = || permissions.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(decision) = decisions().get(&question) {
            return Ok(*decision);
        }
        let mut decision = Decision::Allowed;
        for layer in &permissions.layers {
            match self.decide(layer, check, &question.2).await? {
                Decision::Allowed => {}
                Decision::NotAllowed => decision = Decision::NotAllowed,
                Decision::ExplicitlyDenied => {
                    decision = Decision::ExplicitlyDenied;
                    break;
                }
            }
        }
        decisions().insert(question, decision);
        Ok(decision)
    }

    async fn trusts(
        &self,
        role_arn: &str,
        caller_role_arn: Option<&str>,
        context: &Context,
    ) -> Result<Option<Assumable>, AuthorizationError> {
        let Some(role) = self.role(role_arn).await? else { return Ok(None) };
        if let Some(caller) = caller_role_arn {
            let mut context = context.clone();
            context.extend(caller_context(caller));
            if !policy::trusts(&role.trust_policy, caller, &context).map_err(AuthorizationError::Policy)? {
                return Ok(None);
            }
        }
        Ok(Some(Assumable { role_id: role.id, max_session_seconds: role.max_session_seconds }))
    }
}

/// The condition keys that AWS fills for every call of a role.
fn caller_context(role_arn: &str) -> Context {
    Context::from([
        ("aws:PrincipalArn".to_owned(), role_arn.to_owned()),
        ("aws:PrincipalAccount".to_owned(), account_of(role_arn).to_owned()),
    ])
}

fn read(policies: &[(String, String)]) -> Result<Vec<Statement>, AuthorizationError> {
    let mut statements = Vec::new();
    for (name, document) in policies {
        statements.extend(policy::statements(name, document).map_err(AuthorizationError::Policy)?);
    }
    Ok(statements)
}
