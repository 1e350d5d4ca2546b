//! The doors of the HTTP API: length, signature, form, step, in this order, for each (T2, T4, T29).
//!
//! What is refused is refused in words that name the field. What goes wrong here is logged and told to nobody.

mod github;
mod slack;

use gantry_integrations::signature::{Refusal, SecretError, SigningSecret};
use gantry_steps::ports::{PortError, Secrets};

pub use self::github::GitHubDoor;
pub use self::slack::SlackDoor;
use crate::http::HttpAnswer;

/// The routes there are. A test holds the template's to these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Clicks and forms.
    SlackInteractions,
    /// Pushes and workflows.
    GitHubWebhook,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::SlackInteractions, Self::GitHubWebhook];

    /// As the HTTP API writes it.
    pub fn key(self) -> &'static str {
        match self {
            Self::SlackInteractions => "POST /slack/interactions",
            Self::GitHubWebhook => "POST /github/webhook",
        }
    }
}

/// Why a request was not dealt with.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Unclear(String),
    #[error("the signing secret cannot be used")]
    Secret(#[from] SecretError),
    #[error("the request could not be dealt with")]
    Port(#[from] PortError),
}

impl Failure {
    fn answer(self, route: Route) -> HttpAnswer {
        match self {
            Self::Refused(refusal) => {
                let status = match refusal {
                    Refusal::TooLarge { .. } => 413,
                    Refusal::NotBase64 => 400,
                    Refusal::MissingHeader(_)
                    | Refusal::MalformedHeader(_)
                    | Refusal::Stale
                    | Refusal::WrongSignature => 401,
                };
                tracing::warn!(route = route.key(), status, %refusal, "a request was refused");
                HttpAnswer::refused(status, refusal)
            }
            Self::Unclear(why) => {
                tracing::warn!(route = route.key(), why, "a genuine request was not understood");
                HttpAnswer::refused(400, why)
            }
            failure @ (Self::Secret(_) | Self::Port(_)) => {
                let mut causes = Vec::new();
                let mut cause = std::error::Error::source(&failure);
                while let Some(error) = cause {
                    causes.push(error.to_string());
                    cause = error.source();
                }
                tracing::error!(route = route.key(), %failure, causes = causes.join(": "), "a request failed");
                HttpAnswer::broken()
            }
        }
    }
}

async fn signing_secret(secrets: &dyn Secrets, arn: &str) -> Result<SigningSecret, Failure> {
    Ok(SigningSecret::parse(&secrets.read(arn).await?)?)
}

#[cfg(test)]
mod tests;
