//! `POST /slack/interactions`.

use gantry_domain::pipeline::Pipeline;
use gantry_integrations::slack::{closing_note, parse, reason_missing};
use gantry_steps::decide::Decide;
use gantry_steps::ports::{Chat, Secrets};
use gantry_steps::slack_interactions::{SlackInteractions, SlackInteractionsOutput};

use super::{Failure, Route, signing_secret};
use crate::http::{HttpAnswer, HttpRequest};

/// A click brings the message it is on, some kilobytes, each character at most three times as long in a form.
const LIMIT: usize = 256 * 1024;

/// What is behind the door.
pub struct SlackDoor<'a> {
    /// Where the signing secret is read.
    pub secrets: &'a dyn Secrets,
    /// The signing secret's ARN.
    pub signing_secret: &'a str,
    /// Whose clicks count.
    pub pipeline: &'a Pipeline,
    /// Decides.
    pub decide: Decide<'a>,
    /// Tells people.
    pub chat: &'a dyn Chat,
}

impl SlackDoor<'_> {
    /// Answers one request, `now` in seconds of real time.
    pub async fn answer(&self, request: &HttpRequest, now: i64) -> HttpAnswer {
        self.open(request, now).await.unwrap_or_else(|failure| failure.answer(Route::SlackInteractions))
    }

    async fn open(&self, request: &HttpRequest, now: i64) -> Result<HttpAnswer, Failure> {
        let body = request.body(LIMIT)?;
        let secret = signing_secret(self.secrets, self.signing_secret).await?;
        let timestamp = request.header("x-slack-request-timestamp");
        let verified = body.from_slack(timestamp, request.header("x-slack-signature"), &secret, now)?;
        let interaction = parse(&verified).map_err(|error| Failure::Unclear(error.to_string()))?;
        let step = SlackInteractions { pipeline: self.pipeline, decide: self.decide, chat: self.chat };
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
