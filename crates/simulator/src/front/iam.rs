//! A reader of MiniStack's IAM over its query protocol: roles, their policies, and the policy simulation.
//!
//! It calls as root with an unchecked signature, which MiniStack accepts for an account id as access key. It changes
//! nothing.

use std::time::Duration;

use jiff::Timestamp;
use url::form_urlencoded;

use super::identity::role_name_of;

/// Why IAM gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum IamError {
    /// MiniStack could not be reached, or broke off.
    #[error("could not ask IAM for {action}")]
    Unreachable {
        /// The IAM operation.
        action: &'static str,
        /// The HTTP client's reason.
        #[source]
        source: reqwest::Error,
    },
    /// The role or policy does not exist.
    #[error("{action}: {message}")]
    NotFound {
        /// The IAM operation.
        action: &'static str,
        /// MiniStack's sentence.
        message: String,
    },
    /// Any other refusal.
    #[error("{action} was refused with {code}: {message}")]
    Refused {
        /// The IAM operation.
        action: &'static str,
        /// MiniStack's error code.
        code: String,
        /// MiniStack's sentence.
        message: String,
    },
    /// The answer is not what IAM answers.
    #[error("the answer to {action} has no {element}")]
    Answer {
        /// The IAM operation.
        action: &'static str,
        /// The element looked for.
        element: &'static str,
    },
}

/// A role as authorization needs it.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its ARN, path included.
    pub arn: String,
    /// `AROA…`, the first half of an assumed role's id.
    pub id: String,
    /// The decoded trust policy.
    pub trust_policy: String,
    /// Longest session in seconds.
    pub max_session_seconds: u64,
    /// The policy that bounds it, if any.
    pub boundary: Option<String>,
}

/// How MiniStack's simulation answers about one action and one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simulated {
    /// An Allow statement matches and no Deny.
    Allowed,
    /// A Deny statement matches.
    ExplicitDeny,
    /// Nothing matches.
    ImplicitDeny,
}

/// The IAM of one account.
#[derive(Debug, Clone)]
pub struct Iam {
    endpoint: String,
    account: String,
    http: reqwest::Client,
}

/// An XML answer and the operation it answers.
struct Answer {
    action: &'static str,
    xml: String,
}

impl Iam {
    /// Talks to MiniStack at `endpoint` (`http://127.0.0.1:4566`) in `account`.
    pub fn new(endpoint: impl Into<String>, account: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), account: account.into(), http: loopback_client() }
    }

    /// The role with this ARN.
    pub async fn role(&self, role_arn: &str) -> Result<Role, IamError> {
        let answer = self.call("GetRole", &[("RoleName", role_name_of(role_arn))]).await?;
        let arn = answer.text("Arn")?;
        if arn != role_arn {
            // Another path: not the role that was asked for.
            return Err(IamError::NotFound {
                action: "GetRole",
                message: format!("Role {role_arn} not found."),
            });
        }
        Ok(Role {
            arn,
            id: answer.text("RoleId")?,
            trust_policy: decoded(&answer.text("AssumeRolePolicyDocument")?),
            max_session_seconds: answer.text("MaxSessionDuration")?.parse().unwrap_or(3600),
            boundary: answer.texts("PermissionsBoundaryArn").pop(),
        })
    }

    /// Every permissions policy of a role, inline and attached: name and decoded document.
    pub async fn role_policies(&self, role_arn: &str) -> Result<Vec<(String, String)>, IamError> {
        let role = role_name_of(role_arn);
        let mut policies = Vec::new();
        let inline = self.call("ListRolePolicies", &[("RoleName", role)]).await?;
        for name in inline.texts("member") {
            let answer = self.call("GetRolePolicy", &[("RoleName", role), ("PolicyName", &name)]).await?;
            policies.push((name, decoded(&answer.text("PolicyDocument")?)));
        }
        let attached = self.call("ListAttachedRolePolicies", &[("RoleName", role)]).await?;
        for arn in attached.texts("PolicyArn") {
            match self.managed_policy(&arn).await {
                Ok(document) => policies.push((arn, document)),
                // MiniStack lets a role name AWS's own policies without having them all; what is absent allows nothing.
                Err(IamError::NotFound { .. }) => {
                    tracing::warn!(role_arn, policy = arn, "attached policy is absent")
                }
                Err(error) => return Err(error),
            }
        }
        Ok(policies)
    }

    /// The default version of a managed policy.
    pub async fn managed_policy(&self, arn: &str) -> Result<String, IamError> {
        let policy = self.call("GetPolicy", &[("PolicyArn", arn)]).await?;
        let version = policy.text("DefaultVersionId")?;
        let answer = self.call("GetPolicyVersion", &[("PolicyArn", arn), ("VersionId", &version)]).await?;
        Ok(decoded(&answer.text("Document")?))
    }

    /// Does `policy` allow this action on this resource?
    pub async fn simulate(&self, policy: &str, action: &str, resource: &str) -> Result<Simulated, IamError> {
        // MiniStack repeats both unescaped in its XML, where a caller's "resource" could pose as the decision.
        if [action, resource].iter().any(|text| text.contains(['<', '>', '&'])) {
            return Ok(Simulated::ImplicitDeny);
        }
        let answer = self
            .call(
                "SimulateCustomPolicy",
                &[
                    ("PolicyInputList.member.1", policy),
                    ("ActionNames.member.1", action),
                    ("ResourceArns.member.1", resource),
                ],
            )
            .await?;
        match answer.text("EvalDecision")?.as_str() {
            "allowed" => Ok(Simulated::Allowed),
            "explicitDeny" => Ok(Simulated::ExplicitDeny),
            "implicitDeny" => Ok(Simulated::ImplicitDeny),
            _ => Err(IamError::Answer { action: "SimulateCustomPolicy", element: "known EvalDecision" }),
        }
    }

    async fn call(&self, action: &'static str, parameters: &[(&str, &str)]) -> Result<Answer, IamError> {
        let unreachable = |source| IamError::Unreachable { action, source };
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", "2010-05-08")
            .extend_pairs(parameters)
            .finish();
        let response = self
            .http
            .post(&self.endpoint)
            .header("authorization", root_authorization(&self.account, "us-east-1", "iam"))
            .header("content-type", "application/x-www-form-urlencoded; charset=utf-8")
            .body(body)
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status();
        let answer = Answer { action, xml: response.text().await.map_err(unreachable)? };
        if status.is_success() {
            return Ok(answer);
        }
        let code = answer.text("Code").unwrap_or_else(|_| status.to_string());
        let message = answer.text("Message").unwrap_or_default();
        if code == "NoSuchEntity" {
            return Err(IamError::NotFound { action, message });
        }
        Err(IamError::Refused { action, code, message })
    }
}

impl Answer {
    /// The text of the first element with this name.
    fn text(&self, element: &'static str) -> Result<String, IamError> {
        let mut texts = self.texts(element);
        if texts.is_empty() {
            return Err(IamError::Answer { action: self.action, element });
        }
        Ok(texts.swap_remove(0))
    }

    fn texts(&self, element: &str) -> Vec<String> {
        let Ok(document) = roxmltree::Document::parse(&self.xml) else { return Vec::new() };
        document
            .descendants()
            .filter(|node| node.tag_name().name() == element)
            .map(|node| node.text().unwrap_or_default().to_owned())
            .collect()
    }
}

/// A client for servers on this machine: past any proxy, and never waiting for ever.
pub(crate) fn loopback_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap_or_default()
}

/// An `Authorization` header by which MiniStack reads account and region; it checks no signature of a root key.
pub(crate) fn root_authorization(account: &str, region: &str, service: &str) -> String {
    let date = Timestamp::now().strftime("%Y%m%d");
    format!(
        "AWS4-HMAC-SHA256 Credential={account}/{date}/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// IAM percent-encodes policy documents; `+` stands for itself.
fn decoded(document: &str) -> String {
    let escaped = document.replace('+', "%2B");
    form_urlencoded::parse(format!("d={escaped}").as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}
