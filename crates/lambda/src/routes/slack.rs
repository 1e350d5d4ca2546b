//! `POST /slack/interactions`.

use std::sync::Arc;

use gantry_aws::{ApprovalsTable, ReleasesTable, SecretsManager, SfnTaskTokens};
use gantry_domain::pipeline::Pipeline;
use gantry_integrations::slack::{SlackClient, closing_note, parse, reason_missing};
use gantry_steps::decide::Decide;
use gantry_steps::slack_interactions::{SlackInteractions, SlackInteractionsOutput};

use super::{Failure, Route, signing_secret};
use crate::clock::WorldClock;
use crate::diagnostic::SetupError;
use crate::http::{HttpAnswer, HttpRequest};
use crate::mask::MaskedSecrets;
use crate::wiring::Wiring;

/// A click brings the message it is on, some kilobytes, each character at most three times as long in a form.
const LIMIT: usize = 256 * 1024;

/// What is behind the door.
pub struct SlackDoor {
    secrets: Arc<MaskedSecrets<SecretsManager>>,
    signing_secret: String,
    pipeline: Pipeline,
    approvals: ApprovalsTable,
    releases: ReleasesTable,
    tokens: SfnTaskTokens,
    chat: SlackClient,
    clock: WorldClock,
}

impl SlackDoor {
    /// Wired as the settings say.
    pub fn wire(wiring: &Wiring) -> Result<Self, SetupError> {
        Ok(Self {
            secrets: wiring.secrets(),
            signing_secret: wiring.settings().slack_signing_secret()?,
            pipeline: wiring.pipeline()?,
            approvals: wiring.approvals()?,
            releases: wiring.releases()?,
            tokens: wiring.tokens(),
            chat: wiring.chat()?,
            clock: wiring.clock()?,
        })
    }

    /// Answers one request, `now` in seconds of real time.
    pub async fn answer(&self, request: &HttpRequest, now: i64) -> HttpAnswer {
        self.open(request, now).await.unwrap_or_else(|failure| failure.answer(Route::SlackInteractions))
    }

    async fn open(&self, request: &HttpRequest, now: i64) -> Result<HttpAnswer, Failure> {
        let body = request.body(LIMIT)?;
        let secret = signing_secret(&*self.secrets, &self.signing_secret).await?;
        let timestamp = request.header("x-slack-request-timestamp");
        let verified = body.from_slack(timestamp, request.header("x-slack-signature"), &secret, now)?;
        let interaction = parse(&verified).map_err(|error| Failure::Unclear(error.to_string()))?;
        let Self { pipeline, approvals, releases, tokens, chat, clock, .. } = self;
        let decide = Decide { approvals, tokens, clock };
        let step = SlackInteractions { pipeline, decide, holds: releases, chat };
        Ok(match step.run(&interaction).await? {
            SlackInteractionsOutput::Received => HttpAnswer::received(),
            SlackInteractionsOutput::ReasonMissing => HttpAnswer::with(reason_missing()),
            SlackInteractionsOutput::Note(whisper) => HttpAnswer::with(closing_note(&whisper)),
            SlackInteractionsOutput::TurnedAway => {
                HttpAnswer::refused(403, "this app, workspace, channel or person does not decide here")
            }
        })
    }
}
