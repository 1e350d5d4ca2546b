//! What people do in Slack: click buttons, confirm, fill in modals. Each becomes the signed request Slack sends.
//!
//! The honest way is [`SlackWorkspace::click`] and [`SlackWorkspace::submit_modal`]. Tests that forge take the
//! payload apart with [`SlackWorkspace::click_payload`], change it, and sign and send it themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::SlackWorkspace;
use super::forms::{Outcome, check_fields, fields, known_blocks, outcome};
use super::model::{Interaction, Modal, User, buttons};
use super::state::{on_the_wire, view_on_the_wire};
use crate::outbound::{self, Answer, SendError, hmac_hex};

/// An interaction request, ready to send. Change a field to forge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// `X-Slack-Request-Timestamp`: real Unix seconds.
    pub timestamp: String,
    /// `X-Slack-Signature`.
    pub signature: String,
    /// The form body: `payload=…`
    pub body: String,
}

/// Why a person could not do what they were asked to.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// Nobody here has this id.
    #[error("nobody in the workspace has the id {0}")]
    UnknownUser(String),
    /// No such message, or it is somebody else's ephemeral one.
    #[error("{user} sees no message {ts}")]
    UnknownMessage {
        /// Who looked.
        user: String,
        /// For which message.
        ts: String,
    },
    /// The message has no such button (any more).
    #[error("message {ts} has no button {action_id}, only {there:?}")]
    NoButton {
        /// The message.
        ts: String,
        /// The button looked for.
        action_id: String,
        /// The buttons it has.
        there: Vec<String>,
    },
    /// The button asks for confirmation, and the person said no.
    #[error("{0} asks for confirmation and the person did not confirm")]
    NotConfirmed(String),
    /// This person has no such modal open.
    #[error("{user} has no modal {view_id} open")]
    UnknownModal {
        /// Who looked.
        user: String,
        /// For which view.
        view_id: String,
    },
    /// The modal has no such field.
    #[error("the modal has no field {0}")]
    NoField(String),
    /// Slack itself does not send the form like this.
    #[error("the field {field} {problem}")]
    Incomplete {
        /// Its action id.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The request could not be sent or was not answered.
    #[error("the interaction was not answered")]
    Send(#[from] SendError),
}

impl SlackWorkspace {
    /// Clicks a button. `confirmed` is what the person says to its confirmation dialog, if it has one.
    pub async fn click(
        &self,
        user: &str,
        ts: &str,
        action_id: &str,
        confirmed: bool,
    ) -> Result<Answer, PeopleError> {
        let payload = self.click_payload(user, ts, action_id)?;
        let (_, button) = self.button(user, ts, action_id)?;
        if button.get("confirm").is_some() && !confirmed {
            return Err(PeopleError::NotConfirmed(action_id.to_owned()));
        }
        Ok(self.deliver(user, "block_actions", action_id, &self.sign(&payload)).await?)
    }

    /// The `block_actions` payload of a click, with a fresh trigger and response URL.
    pub fn click_payload(&self, user: &str, ts: &str, action_id: &str) -> Result<Value, PeopleError> {
        let (block_id, button) = self.button(user, ts, action_id)?;
        let user = self.user(user)?;
        let config = self.config();
        let payload = self.change(|state, now| {
            let message = state.message(ts).cloned();
            let mut action = json!({
                "action_id": action_id,
                "block_id": block_id,
                "text": button["text"],
                "type": "button",
                "action_ts": state.stamp(now),
            });
            for name in ["value", "style", "url"] {
                if let Some(value) = button.get(name) {
                    action[name] = value.clone();
                }
            }
            let mut payload = json!({
                "type": "block_actions",
                "user": wire_user(&user),
                "api_app_id": config.app_id,
                "token": hmac_hex(&config.signing_secret, &[b"verification"]).get(..24),
                "container": {
                    "type": "message",
                    "message_ts": ts,
                    "channel_id": config.channel_id,
                    "is_ephemeral": message.is_none(),
                },
                "trigger_id": state.trigger(now, &user),
                "team": {"id": config.team_id, "domain": config.team_domain},
                "enterprise": null,
                "is_enterprise_install": false,
                "channel": {"id": config.channel_id, "name": config.channel_name},
                "state": {"values": {}},
                "response_url": self.response_url(&state.response_url(now, &user, ts)),
                "actions": [action],
            });
            if let Some(message) = message {
                if let Some(thread) = &message.thread_ts {
                    payload["container"]["thread_ts"] = json!(thread);
                }
                payload["message"] = on_the_wire(config, &message);
            }
            payload
        });
        Ok(payload)
    }

    /// Submits a modal with a value per field (by action id), as Slack's own form does: required fields and lengths
    /// are checked before anything is sent. The modal then closes or shows errors, as the answer says.
    pub async fn submit_modal(
        &self,
        user: &str,
        view_id: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<Answer, PeopleError> {
        let payload = self.submission_payload(user, view_id, values)?;
        check_fields(&self.modal(user, view_id)?, values)?;
        let answer = self.deliver(user, "view_submission", view_id, &self.sign(&payload)).await?;
        self.change(|state, now| {
            let outcome = outcome(&answer);
            match outcome {
                Outcome::Close => state.modals.retain(|modal| modal.id != view_id),
                Outcome::Clear => state.modals.retain(|modal| modal.user != user),
                Outcome::Update(view) => state.replace_view(now, view_id, &view),
                Outcome::Errors(errors) => {
                    if let Some(modal) = state.modals.iter_mut().find(|modal| modal.id == view_id) {
                        modal.errors = known_blocks(modal, errors);
                    }
                }
            }
        });
        Ok(answer)
    }

    /// The `view_submission` payload of a modal filled in like this.
    pub fn submission_payload(
        &self,
        user: &str,
        view_id: &str,
        values: &BTreeMap<String, String>,
    ) -> Result<Value, PeopleError> {
        let modal = self.modal(user, view_id)?;
        let fields = fields(&modal);
        if let Some(stranger) =
            values.keys().find(|name| !fields.iter().any(|field| field.action_id == **name))
        {
            return Err(PeopleError::NoField(stranger.clone()));
        }
        let mut state = json!({});
        for field in fields {
            let value = values.get(&field.action_id).filter(|value| !value.is_empty());
            state[&field.block_id][&field.action_id] = json!({"type": "plain_text_input", "value": value});
        }
        self.view_payload("view_submission", user, &modal, state)
    }

    /// Closes a modal without submitting. Gantry hears of it only when the view asked for that.
    pub async fn close_modal(&self, user: &str, view_id: &str) -> Result<Option<Answer>, PeopleError> {
        let modal = self.modal(user, view_id)?;
        let mut payload = self.view_payload("view_closed", user, &modal, json!({}))?;
        payload["is_cleared"] = json!(false);
        self.change(|state, _| state.modals.retain(|modal| modal.id != view_id));
        if modal.view["notify_on_close"] != true {
            return Ok(None);
        }
        Ok(Some(self.deliver(user, "view_closed", view_id, &self.sign(&payload)).await?))
    }

    /// Signs a payload as Slack does, now.
    pub fn sign(&self, payload: &Value) -> SignedRequest {
        self.sign_at(payload, Timestamp::now().as_second())
    }

    /// Signs a payload with another time.
    pub fn sign_at(&self, payload: &Value, unix_seconds: i64) -> SignedRequest {
        let encoded: String = url::form_urlencoded::byte_serialize(payload.to_string().as_bytes()).collect();
        let body = format!("payload={encoded}");
        let timestamp = unix_seconds.to_string();
        let signature = signature(&self.config().signing_secret, &timestamp, &body);
        SignedRequest { timestamp, signature, body }
    }

    /// Sends a request exactly as it is: tampered, stale or for the second time.
    pub async fn send(&self, request: &SignedRequest) -> Result<Answer, SendError> {
        let url = self.interactions_url().ok_or(SendError::Missing("interactions URL"))?;
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("user-agent", "Slackbot 1.0 (+https://api.slack.com/robots)"),
            ("accept", "application/json,*/*"),
            ("x-slack-request-timestamp", &request.timestamp),
            ("x-slack-signature", &request.signature),
        ];
        outbound::post(self.client(), &url, &headers, request.body.clone().into_bytes()).await
    }

    async fn deliver(
        &self,
        user: &str,
        kind: &str,
        what: &str,
        request: &SignedRequest,
    ) -> Result<Answer, SendError> {
        let answer = self.send(request).await;
        self.change(|state, now| {
            state.record(Interaction {
                at: now.world.to_string(),
                user: user.to_owned(),
                kind: kind.to_owned(),
                what: what.to_owned(),
                status: answer.as_ref().ok().map(|answer| answer.status),
                took_ms: answer
                    .as_ref()
                    .map_or(0, |answer| u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX)),
            });
        });
        answer
    }

    fn view_payload(
        &self,
        kind: &str,
        user: &str,
        modal: &Modal,
        values: Value,
    ) -> Result<Value, PeopleError> {
        let (user, config) = (self.user(user)?, self.config());
        let mut payload = json!({
            "type": kind,
            "team": {"id": config.team_id, "domain": config.team_domain},
            "user": wire_user(&user),
            "api_app_id": config.app_id,
            "token": hmac_hex(&config.signing_secret, &[b"verification"]).get(..24),
            "view": view_on_the_wire(config, modal, values),
            "is_enterprise_install": false,
            "enterprise": null,
        });
        if kind == "view_submission" {
            payload["trigger_id"] = json!(self.change(|state, now| state.trigger(now, &user)));
            payload["response_urls"] = json!([]);
        }
        Ok(payload)
    }

    fn user(&self, id: &str) -> Result<User, PeopleError> {
        let user = self.config().users.iter().find(|user| user.id == id);
        user.cloned().ok_or_else(|| PeopleError::UnknownUser(id.to_owned()))
    }

    fn button(&self, user: &str, ts: &str, action_id: &str) -> Result<(String, Value), PeopleError> {
        self.user(user)?;
        let blocks = self.read(|state| {
            let own = |ts: &str| state.ephemerals.iter().find(|note| note.ts == ts && note.user == user);
            state
                .message(ts)
                .map(|message| &message.blocks)
                .or_else(|| own(ts).map(|note| &note.blocks))
                .cloned()
        });
        let blocks =
            blocks.ok_or_else(|| PeopleError::UnknownMessage { user: user.to_owned(), ts: ts.to_owned() })?;
        let all = buttons(&blocks);
        let there =
            all.iter().filter_map(|(_, button)| Some(button["action_id"].as_str()?.to_owned())).collect();
        all.into_iter().find(|(_, button)| button["action_id"] == action_id).ok_or_else(|| {
            PeopleError::NoButton { ts: ts.to_owned(), action_id: action_id.to_owned(), there }
        })
    }

    fn modal(&self, user: &str, view_id: &str) -> Result<Modal, PeopleError> {
        let open = |modal: &&Modal| modal.id == view_id && modal.user == user;
        self.read(|state| state.modals.iter().find(open).cloned())
            .ok_or_else(|| PeopleError::UnknownModal { user: user.to_owned(), view_id: view_id.to_owned() })
    }
}

/// Slack's signature over a body: `v0=` and the HMAC of version, time and body.
pub fn signature(secret: &str, timestamp: &str, body: &str) -> String {
    format!("v0={}", hmac_hex(secret, &[b"v0:", timestamp.as_bytes(), b":", body.as_bytes()]))
}

fn wire_user(user: &User) -> Value {
    json!({"id": user.id, "username": user.username, "name": user.username, "team_id": user.team_id})
}
