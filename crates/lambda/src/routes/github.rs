//! `POST /github/webhook`.

use std::sync::Arc;

use gantry_aws::{ReleasesTable, SecretsManager, SfnStart};
use gantry_domain::pipeline::Pipeline;
use gantry_integrations::github::{GitHubClient, Heard, parse};
use gantry_steps::github_webhook::{GitHubWebhook, GitHubWebhookOutput};
use gantry_steps::intake::{Intake, Looked};
use serde_json::json;

use super::{Failure, Route, signing_secret};
use crate::clock::WorldClock;
use crate::diagnostic::SetupError;
use crate::http::{HttpAnswer, HttpRequest};
use crate::mask::MaskedSecrets;
use crate::wiring::Wiring;

/// GitHub sends up to 25 MB, Lambda takes 6 MB of event: what gets here at all fits, and is taken.
const LIMIT: usize = 6 * 1024 * 1024;

/// What is behind the door.
pub struct GitHubDoor {
    secrets: Arc<MaskedSecrets<SecretsManager>>,
    webhook_secret: String,
    pipeline: Pipeline,
    table: ReleasesTable,
    start: SfnStart,
    compare: GitHubClient,
    clock: WorldClock,
}

impl GitHubDoor {
    /// Wired as the settings say.
    pub fn wire(wiring: &Wiring) -> Result<Self, SetupError> {
        Ok(Self {
            secrets: wiring.secrets(),
            webhook_secret: wiring.settings().github_webhook_secret()?,
            pipeline: wiring.pipeline()?,
            table: wiring.releases()?,
            start: wiring.start()?,
            compare: wiring.compare()?,
            clock: wiring.clock()?,
        })
    }

    /// Answers one request.
    pub async fn answer(&self, request: &HttpRequest) -> HttpAnswer {
        self.open(request).await.unwrap_or_else(|failure| failure.answer(Route::GitHubWebhook))
    }

    async fn open(&self, request: &HttpRequest) -> Result<HttpAnswer, Failure> {
        let body = request.body(LIMIT)?;
        let secret = signing_secret(&*self.secrets, &self.webhook_secret).await?;
        let verified = body.from_github(request.header("x-hub-signature-256"), &secret)?;
        let header =
            |name| request.header(name).ok_or_else(|| Failure::Unclear(format!("header {name} is missing")));
        let event = header("X-GitHub-Event")?;
        let delivery = header("X-GitHub-Delivery")?;
        if !is_guid_like(delivery) {
            return Err(Failure::Unclear("header X-GitHub-Delivery is not a GUID".to_owned()));
        }
        let heard = parse(delivery, event, &verified).map_err(|error| Failure::Unclear(error.to_string()))?;
        let output = match heard {
            Heard::Event(input) => self.step().run(*input).await?,
            Heard::Ignored(why) => GitHubWebhookOutput::Ignored(why),
        };
        tracing::info!(delivery, event, ?output, "a delivery was dealt with");
        Ok(HttpAnswer::with(json!({"result": words(&output)})))
    }

    fn step(&self) -> GitHubWebhook<'_> {
        let Self { pipeline, table, start, compare, clock, .. } = self;
        let intake = Intake { pipeline, candidates: table, releases: table, start };
        GitHubWebhook { intake, deliveries: table, compare, clock }
    }
}

/// It is kept as a key: short, and of harmless letters.
fn is_guid_like(delivery: &str) -> bool {
    (1..=64).contains(&delivery.len())
        && delivery.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// What GitHub's page of deliveries shows to people.
fn words(output: &GitHubWebhookOutput) -> String {
    match output {
        GitHubWebhookOutput::Repeated => "dealt with before".to_owned(),
        GitHubWebhookOutput::Ignored(why) => format!("ignored: {why}"),
        GitHubWebhookOutput::Kept(looked) => match looked {
            Looked::Started(release) => format!("release {release} was started"),
            Looked::StartedBefore => "its release was started before".to_owned(),
            Looked::Overtaken => "a newer push was released already".to_owned(),
            Looked::Waiting(missing) => format!("its release waits for {} more", missing.len()),
            Looked::Ignored(why) => format!("never released: {why}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t40_a_delivery_is_named_by_a_short_word() {
        for good in ["72d3162e-cc78-11e3-81ab-4c9367dc0958", "a", &"a".repeat(64)] {
            assert!(is_guid_like(good), "{good}");
        }
        for bad in ["", &"a".repeat(65), "a b", "a#b", "ä"] {
            assert!(!is_guid_like(bad), "{bad}");
        }
    }

    #[test]
    fn t29_what_lambda_takes_is_taken_and_no_more() {
        let body = |length: usize| HttpRequest::new(&[], "x".repeat(length), false);
        assert!(body(6_291_456).body(LIMIT).is_ok());
        assert!(body(6_291_457).body(LIMIT).is_err());
    }
}
