//! What a workspace holds: people, messages, modals, and what they did to Gantry.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::Value;

use super::rate::PostRate;

/// A workspace with one app (Gantry's) and one channel.
#[derive(Debug, Clone)]
pub struct SlackConfig {
    /// `T…`
    pub team_id: String,
    /// The workspace's address part, for example `exchange`.
    pub team_domain: String,
    /// `A…`
    pub app_id: String,
    /// The app's name as people see it.
    pub app_name: String,
    /// The app's bot user, `U…`
    pub bot_user_id: String,
    /// The one token the Web API accepts.
    pub bot_token: String,
    /// What interactions are signed with.
    pub signing_secret: String,
    /// `C…`
    pub channel_id: String,
    /// Without the `#`.
    pub channel_name: String,
    /// Who can click.
    pub users: Vec<User>,
    /// The pace for messages.
    pub post_rate: PostRate,
    /// How long a trigger id opens a modal, in real time: 3 seconds at Slack.
    pub trigger_life: SignedDuration,
    /// The world's clock, which stamps messages.
    pub clock: gantry_domain::Scale,
}

/// A person (or a bot) in the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// `U…`
    pub id: String,
    /// The handle, for example `ada`.
    pub username: String,
    /// The name people see.
    pub name: String,
    /// What they do, for example `QA lead`; empty when unknown.
    pub title: String,
    /// Their home workspace; another one than the channel's for a Slack Connect guest.
    pub team_id: String,
    /// Whether it is a bot.
    pub is_bot: bool,
}

/// A message in the channel, as it stands now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// `seconds.micros`: its identity and its world time.
    pub ts: String,
    /// The message it answers, when it is in a thread.
    pub thread_ts: Option<String>,
    /// Who posted it: the bot user.
    pub user: String,
    /// The text for notifications; shown only when there are no blocks.
    pub text: String,
    /// Block Kit, with ids filled in by Slack.
    pub blocks: Value,
    /// World time of the last change.
    pub edited_at: Option<String>,
    /// What stood here before, oldest first.
    pub history: Vec<Version>,
    /// How many versions a test has looked at.
    #[serde(skip)]
    pub(super) seen: usize,
}

impl Message {
    /// Everything a person reads in it, in order, one line per text, buttons in square brackets.
    pub fn words(&self) -> String {
        if self.blocks.as_array().is_none_or(Vec::is_empty) { self.text.clone() } else { words(&self.blocks) }
    }

    /// The ids of the buttons that can be clicked.
    pub fn action_ids(&self) -> Vec<String> {
        buttons(&self.blocks)
            .into_iter()
            .filter_map(|(_, button)| Some(button["action_id"].as_str()?.to_owned()))
            .collect()
    }
}

/// An earlier version of a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Its text.
    pub text: String,
    /// Its blocks.
    pub blocks: Value,
}

/// A message that one person sees.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ephemeral {
    /// `seconds.micros`.
    pub ts: String,
    /// Who sees it.
    pub user: String,
    /// The text.
    pub text: String,
    /// Block Kit.
    pub blocks: Value,
    /// The thread it stands in.
    pub thread_ts: Option<String>,
    #[serde(skip)]
    pub(super) seen: bool,
}

impl Ephemeral {
    /// Everything its reader reads.
    pub fn words(&self) -> String {
        if self.blocks.as_array().is_none_or(Vec::is_empty) { self.text.clone() } else { words(&self.blocks) }
    }
}

/// A modal that is open in front of somebody.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Modal {
    /// `V…`
    pub id: String,
    /// Who sees it.
    pub user: String,
    /// The view as the app gave it, with ids filled in.
    pub view: Value,
    /// What the app found wrong with the last submission, by block id.
    pub errors: BTreeMap<String, String>,
    /// Changes with every update of the view.
    pub hash: String,
}

impl Modal {
    /// Everything its reader reads.
    pub fn words(&self) -> String {
        let title = self.view["title"]["text"].as_str().unwrap_or_default();
        format!("{title}\n{}", words(&self.view["blocks"]))
    }
}

/// Something a person did that was sent to Gantry, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Interaction {
    /// World time, RFC 3339.
    pub at: String,
    /// Who.
    pub user: String,
    /// `block_actions`, `view_submission` or `view_closed`.
    pub kind: String,
    /// The action's or the view's id.
    pub what: String,
    /// HTTP status of the answer, absent when nothing answered.
    pub status: Option<u16>,
    /// Real milliseconds until the answer. Over 3,000 Slack would have shown an error.
    pub took_ms: u64,
}

/// Each button with the id of its block.
pub(super) fn buttons(blocks: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for block in blocks.as_array().into_iter().flatten() {
        let id = block["block_id"].as_str().unwrap_or_default();
        let elements = block["elements"].as_array().into_iter().flatten();
        for element in elements.chain(block.get("accessory")) {
            if element["type"] == "button" {
                found.push((id.to_owned(), element.clone()));
            }
        }
    }
    found
}

fn words(blocks: &Value) -> String {
    let mut lines = Vec::new();
    for block in blocks.as_array().into_iter().flatten() {
        match block["type"].as_str().unwrap_or_default() {
            "divider" => lines.push("---".to_owned()),
            "actions" => {
                let labels = block["elements"].as_array().into_iter().flatten().map(label);
                lines.push(labels.collect::<Vec<_>>().join(" "));
            }
            "context" => {
                let parts =
                    block["elements"].as_array().into_iter().flatten().filter_map(|e| e["text"].as_str());
                lines.push(parts.collect::<Vec<_>>().join(" "));
            }
            _ => {
                let fields = block["fields"].as_array().into_iter().flatten().map(|field| &field["text"]);
                let texts = [&block["text"]["text"], &block["label"]["text"]].into_iter().chain(fields);
                lines.extend(texts.filter_map(Value::as_str).map(str::to_owned));
                lines.extend(block.get("accessory").map(label));
            }
        }
    }
    lines.join("\n")
}

fn label(element: &Value) -> String {
    let label = element["text"]["text"].as_str().or(element["alt_text"].as_str()).unwrap_or_default();
    format!("[{label}]")
}
