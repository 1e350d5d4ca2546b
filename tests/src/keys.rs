//! The keys of a function, in hands that want more than the function does: calls are signed with them and sent as they are.
//!
//! ECS, ECR and STS are behind the simulator's front door, everything else is MiniStack's. Both decide from the deployed
//! policies.

use anyhow::{Context, Result};
use aws_credential_types::Credentials;
use gantry_local::signing;
use gantry_simulator::front::identity::function_credentials;
use serde_json::{Value, json};

use crate::story::Story;

/// Keys of a role in use.
#[derive(Debug, Clone)]
pub struct Keys {
    credentials: Credentials,
    front: String,
    aws: String,
}

/// What AWS answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Answered {
    /// Whether IAM said no.
    pub fn is_denied(&self) -> bool {
        matches!(self.status, 400 | 403) && self.body.contains("AccessDenied")
    }
}

impl Story {
    /// The keys that Lambda hands to a function. It is called once for that, with an event that says nothing: the local
    /// AWS knows keys only once it has handed them out.
    pub async fn keys_of(&self, function: &str) -> Result<Keys> {
        self.world.invoke(function, &json!({})).await?;
        self.an_error_was_logged(function, "");
        let suffix = format!("-{function}");
        let mut functions = self.world.stack.functions.iter();
        let found = functions.find(|one| one.name.ends_with(&suffix)).context("no such function")?;
        let known = function_credentials(&found.arn, &found.role_arn);
        Ok(Keys {
            credentials: Credentials::new(
                known.access_key_id,
                known.secret_access_key,
                known.session_token,
                None,
                "story",
            ),
            front: self.world.simulation.url().to_owned(),
            aws: self.world.client.endpoint().to_owned(),
        })
    }
}

impl Keys {
    /// Calls an operation of a service with a JSON protocol: `target` is the value of `X-Amz-Target`.
    pub async fn call(&self, service: &str, target: &str, input: &Value) -> Result<Answered> {
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        self.send(service, &headers, input.to_string()).await
    }

    /// Tries to become another role.
    pub async fn assume(&self, role: &str) -> Result<Answered> {
        let role = role.replace(':', "%3A").replace('/', "%2F");
        let body = format!("Action=AssumeRole&Version=2011-06-15&RoleArn={role}&RoleSessionName=story");
        self.send("sts", &[("content-type", "application/x-www-form-urlencoded")], body).await
    }

    /// The keys that `assume` was answered with.
    pub fn assumed(&self, answered: &Answered) -> Result<Self> {
        let part = |name: &str| {
            let (_, rest) = answered.body.split_once(&format!("<{name}>"))?;
            rest.split_once("</").map(|(value, _)| value.to_owned())
        };
        let key = part("AccessKeyId").with_context(|| format!("no keys were given: {}", answered.body))?;
        let secret = part("SecretAccessKey").context("no secret")?;
        let credentials = Credentials::new(key, secret, part("SessionToken"), None, "story");
        Ok(Self { credentials, ..self.clone() })
    }

    async fn send(&self, service: &str, headers: &[(&str, &str)], body: String) -> Result<Answered> {
        let base = if ["ecs", "ecr", "sts"].contains(&service) { &self.front } else { &self.aws };
        let (status, body) = signing::post(&self.credentials, service, base, headers, body).await?;
        Ok(Answered { status, body })
    }
}
