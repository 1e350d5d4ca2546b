//! What Slack sends when a person does something: lenient in what it does not need, strict in what it does.
//!
//! A body gets here only with its signature proved. What the payload says is still only what somebody in some workspace
//! did; whether that person may is the step's business.

use std::collections::BTreeMap;

use gantry_steps::slack_interactions::{Act, Interaction, Sender};
use serde::Deserialize;
use url::form_urlencoded;

use super::modal::{CALLBACK, REASON};
use super::{APPROVE, REJECT, RESUME};
use crate::json;
use crate::signature::VerifiedBody;

/// Why a request cannot be understood. Names the field.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not the form that Slack sends.
    #[error("form field `payload` is {0}")]
    Form(&'static str),
    /// Not the JSON that Slack sends, or too deep.
    #[error("field `payload` cannot be read: {0}")]
    Json(#[source] serde_json::Error),
    /// A field that every genuine payload of this kind has.
    #[error("field `payload.{0}` is missing")]
    Missing(&'static str),
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "type")]
    kind: String,
    api_app_id: Option<String>,
    team: Option<Identity>,
    user: Option<User>,
    channel: Option<Identity>,
    trigger_id: Option<String>,
    response_url: Option<String>,
    actions: Option<Vec<Action>>,
    view: Option<View>,
}

#[derive(Deserialize)]
struct Identity {
    id: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: Option<String>,
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct Action {
    action_id: Option<String>,
    value: Option<String>,
}

#[derive(Deserialize)]
struct View {
    callback_id: Option<String>,
    private_metadata: Option<String>,
    state: Option<State>,
}

#[derive(Deserialize)]
struct State {
    values: BTreeMap<String, BTreeMap<String, Field>>,
}

#[derive(Deserialize)]
struct Field {
    value: Option<String>,
}

/// Reads an interaction request: a form with the one field `payload`, which is JSON.
pub fn parse(body: &VerifiedBody) -> Result<Interaction, PayloadError> {
    let mut payloads = form_urlencoded::parse(body.bytes()).filter(|(name, _)| name == "payload");
    let (_, payload) = payloads.next().ok_or(PayloadError::Form("missing"))?;
    if payloads.next().is_some() {
        return Err(PayloadError::Form("given more than once"));
    }
    let payload: Payload = json::read(payload.as_bytes()).map_err(PayloadError::Json)?;
    let act = match payload.kind.as_str() {
        "block_actions" => click(&payload)?,
        "view_submission" => submission(&payload)?,
        _ => Act::Other,
    };
    let user = payload.user.ok_or(PayloadError::Missing("user"))?;
    let sender = Sender {
        app: payload.api_app_id,
        team: payload.team.and_then(|team| team.id),
        user: user.id,
        user_team: user.team_id,
        channel: payload.channel.and_then(|channel| channel.id),
    };
    Ok(Interaction { sender, act, reply_to: payload.response_url })
}

fn click(payload: &Payload) -> Result<Act, PayloadError> {
    let action = payload.actions.as_ref().and_then(|actions| actions.first());
    let action = action.ok_or(PayloadError::Missing("actions"))?;
    let approval = || action.value.clone().ok_or(PayloadError::Missing("actions[0].value"));
    match action.action_id.as_deref() {
        Some(APPROVE) => Ok(Act::Approve { approval: approval()? }),
        Some(REJECT) => {
            let trigger = payload.trigger_id.clone().ok_or(PayloadError::Missing("trigger_id"))?;
            Ok(Act::AskToReject { approval: approval()?, trigger })
        }
        Some(RESUME) => Ok(Act::Resume { hold: approval()? }),
        _ => Ok(Act::Other),
    }
}

fn submission(payload: &Payload) -> Result<Act, PayloadError> {
    let view = payload.view.as_ref().ok_or(PayloadError::Missing("view"))?;
    if view.callback_id.as_deref() != Some(CALLBACK) {
        return Ok(Act::Other);
    }
    let approval = view.private_metadata.clone().ok_or(PayloadError::Missing("view.private_metadata"))?;
    let values = &view.state.as_ref().ok_or(PayloadError::Missing("view.state"))?.values;
    let field = values.get(REASON).and_then(|block| block.get(REASON));
    let field = field.ok_or(PayloadError::Missing("view.state.values.reason.reason"))?;
    Ok(Act::Reject { approval, reason: field.value.clone().unwrap_or_default() })
}

#[cfg(test)]
mod tests;
