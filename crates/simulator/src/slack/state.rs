//! The workspace's memory and the rules that change it. Synchronous; time comes in as an argument.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::model::{Ephemeral, Interaction, Message, Modal, SlackConfig, User, Version};
use super::rate::Bucket;
use super::web_api::{Fault, Refusal};
use crate::outbound::hmac_hex;

/// A response URL lives this long in real time…
const RESPONSE_LIFE: SignedDuration = SignedDuration::from_mins(30);
/// …and for this many uses.
const RESPONSE_USES: u32 = 5;
/// How many interactions the snapshot remembers.
const REMEMBERED: usize = 50;

/// The two clocks: Slack's own deadlines use real time, what people see is stamped with world time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) real: Timestamp,
    pub(super) world: Timestamp,
}

#[derive(Debug)]
struct Trigger {
    user: String,
    expires: Timestamp,
    used: bool,
}

#[derive(Debug)]
struct ResponseUrl {
    user: String,
    /// The message that was clicked.
    ts: String,
    expires: Timestamp,
    uses: u32,
}

/// Everything in the workspace that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) messages: Vec<Message>,
    pub(super) ephemerals: Vec<Ephemeral>,
    pub(super) modals: Vec<Modal>,
    pub(super) interactions: VecDeque<Interaction>,
    pub(super) faults: VecDeque<(String, Fault)>,
    pub(super) outage: Option<Fault>,
    pub(super) bucket: Bucket,
    triggers: BTreeMap<String, Trigger>,
    responses: BTreeMap<String, ResponseUrl>,
    trigger_life: SignedDuration,
    last_micros: i64,
    ids: u64,
    seed: String,
}

impl State {
    pub(super) fn new(config: &SlackConfig) -> Self {
        Self {
            messages: Vec::new(),
            ephemerals: Vec::new(),
            modals: Vec::new(),
            interactions: VecDeque::new(),
            faults: VecDeque::new(),
            outage: None,
            bucket: Bucket::new(config.post_rate),
            triggers: BTreeMap::new(),
            responses: BTreeMap::new(),
            trigger_life: config.trigger_life,
            last_micros: 0,
            ids: 0,
            seed: format!("{}{}", config.signing_secret, Timestamp::now()),
        }
    }

    /// An id nobody can guess from the ones before it.
    pub(super) fn fresh(&mut self, length: usize) -> String {
        self.ids += 1;
        let mut id = hmac_hex(&self.seed, &[&self.ids.to_be_bytes()]).to_uppercase();
        id.truncate(length);
        id
    }

    /// A message's identity: its world time, later than every one before.
    pub(super) fn stamp(&mut self, now: Now) -> String {
        self.last_micros = now.world.as_microsecond().max(self.last_micros + 100);
        format!("{}.{:06}", self.last_micros.div_euclid(1_000_000), self.last_micros.rem_euclid(1_000_000))
    }

    /// Slack gives every block an id and every button an action id.
    pub(super) fn with_ids(&mut self, mut blocks: Value) -> Value {
        for block in blocks.as_array_mut().into_iter().flatten() {
            self.fill(block, "block_id");
            for name in ["element", "accessory"] {
                if let Some(element) = block.get_mut(name) {
                    self.fill_action(element);
                }
            }
            for element in block.get_mut("elements").and_then(Value::as_array_mut).into_iter().flatten() {
                self.fill_action(element);
            }
        }
        blocks
    }

    fn fill_action(&mut self, element: &mut Value) {
        if element["type"] == "button" || element["type"] == "plain_text_input" {
            self.fill(element, "action_id");
        }
    }

    fn fill(&mut self, holder: &mut Value, name: &str) {
        if let Some(holder) = holder.as_object_mut()
            && !holder.contains_key(name)
        {
            let id = self.fresh(5);
            holder.insert(name.to_owned(), Value::String(id));
        }
    }

    pub(super) fn message(&self, ts: &str) -> Option<&Message> {
        self.messages.iter().find(|message| message.ts == ts)
    }

    pub(super) fn post(
        &mut self,
        now: Now,
        bot: &str,
        text: String,
        blocks: Value,
        thread: Option<String>,
    ) -> Message {
        let blocks = self.with_ids(blocks);
        let message = Message {
            ts: self.stamp(now),
            thread_ts: thread,
            user: bot.to_owned(),
            text,
            blocks,
            edited_at: None,
            history: Vec::new(),
            seen: 0,
        };
        self.messages.push(message.clone());
        message
    }

    /// Changes a message: no text keeps the text, and what happens to the blocks is the caller's rule.
    pub(super) fn edit(
        &mut self,
        now: Now,
        ts: &str,
        text: Option<String>,
        blocks: Option<Value>,
    ) -> Option<Message> {
        let blocks = blocks.map(|blocks| self.with_ids(blocks));
        let message = self.messages.iter_mut().find(|message| message.ts == ts)?;
        message.history.push(Version { text: message.text.clone(), blocks: message.blocks.clone() });
        message.text = text.unwrap_or_else(|| message.text.clone());
        message.blocks = blocks.unwrap_or_else(|| message.blocks.clone());
        message.edited_at = Some(now.world.to_string());
        Some(message.clone())
    }

    pub(super) fn whisper(
        &mut self,
        now: Now,
        user: &str,
        text: String,
        blocks: Value,
        thread_ts: Option<String>,
    ) -> Ephemeral {
        let blocks = self.with_ids(blocks);
        let note =
            Ephemeral { ts: self.stamp(now), user: user.to_owned(), text, blocks, thread_ts, seen: false };
        self.ephemerals.push(note.clone());
        note
    }

    /// A trigger for one modal in front of this person.
    pub(super) fn trigger(&mut self, now: Now, user: &User) -> String {
        let id = format!("{}.{}.{}", self.ids + 1, now.real.as_millisecond(), self.fresh(32).to_lowercase());
        let expires = later(now.real, self.trigger_life);
        self.triggers.insert(id.clone(), Trigger { user: user.id.clone(), expires, used: false });
        id
    }

    /// Spends a trigger and says whose screen it opens on.
    pub(super) fn exchange(&mut self, now: Now, id: &str) -> Result<String, Refusal> {
        let trigger = self.triggers.get_mut(id).ok_or_else(|| Refusal::code("invalid_trigger_id"))?;
        if trigger.used {
            return Err(Refusal::code("exchanged_trigger_id"));
        }
        if now.real > trigger.expires {
            return Err(Refusal::code("expired_trigger_id"));
        }
        trigger.used = true;
        Ok(trigger.user.clone())
    }

    pub(super) fn open(&mut self, now: Now, user: &str, view: &Value) -> Modal {
        let id = format!("V{}", self.fresh(10));
        let modal = Modal {
            id,
            user: user.to_owned(),
            view: self.prepared(view),
            errors: BTreeMap::new(),
            hash: self.hash(now),
        };
        // Slack shows one modal at a time: a new one replaces what this person had open.
        self.modals.retain(|open| open.user != user);
        self.modals.push(modal.clone());
        modal
    }

    /// Puts another view into an open modal.
    pub(super) fn replace_view(&mut self, now: Now, id: &str, view: &Value) {
        let (view, hash) = (self.prepared(view), self.hash(now));
        if let Some(modal) = self.modals.iter_mut().find(|modal| modal.id == id) {
            modal.view = view;
            modal.hash = hash;
            modal.errors.clear();
        }
    }

    fn prepared(&mut self, view: &Value) -> Value {
        let mut view = view.clone();
        let blocks = self.with_ids(view["blocks"].take());
        view["blocks"] = blocks;
        view
    }

    fn hash(&mut self, now: Now) -> String {
        format!("{}.{}", now.real.as_second(), self.fresh(8).to_lowercase())
    }

    /// The id of a response URL for a click on this message.
    pub(super) fn response_url(&mut self, now: Now, user: &User, ts: &str) -> String {
        let id = self.fresh(24);
        let expires = later(now.real, RESPONSE_LIFE);
        let url = ResponseUrl { user: user.id.clone(), ts: ts.to_owned(), expires, uses: 0 };
        self.responses.insert(id.clone(), url);
        id
    }

    /// Uses a response URL once and says who it whispers to and which message it may replace.
    pub(super) fn use_response_url(&mut self, now: Now, id: &str) -> Result<(String, String), Refusal> {
        let url = self.responses.get_mut(id).ok_or_else(|| Refusal::code("expired_url"))?;
        if now.real > url.expires {
            return Err(Refusal::code("expired_url"));
        }
        if url.uses >= RESPONSE_USES {
            return Err(Refusal::code("used_url"));
        }
        url.uses += 1;
        Ok((url.user.clone(), url.ts.clone()))
    }

    pub(super) fn record(&mut self, interaction: Interaction) {
        self.interactions.push_back(interaction);
        while self.interactions.len() > REMEMBERED {
            self.interactions.pop_front();
        }
    }

    pub(super) fn fault(&mut self, method: &str) -> Option<Fault> {
        let planned = self.faults.iter().position(|(of, _)| of == method);
        let planned = planned.and_then(|index| self.faults.remove(index)).map(|(_, fault)| fault);
        planned.or_else(|| self.outage.clone())
    }
}

/// A message as Slack's API and payloads show it.
pub(super) fn on_the_wire(config: &SlackConfig, message: &Message) -> Value {
    let mut wire = json!({
        "user": message.user,
        "type": "message",
        "ts": message.ts,
        "bot_id": bot_id(config),
        "app_id": config.app_id,
        "text": message.text,
        "team": config.team_id,
        "bot_profile": {
            "id": bot_id(config),
            "app_id": config.app_id,
            "user_id": config.bot_user_id,
            "name": config.app_name,
            "deleted": false,
            "team_id": config.team_id,
        },
    });
    if message.blocks.as_array().is_some_and(|blocks| !blocks.is_empty()) {
        wire["blocks"] = message.blocks.clone();
    }
    if let Some(thread) = &message.thread_ts {
        wire["thread_ts"] = json!(thread);
    }
    if message.edited_at.is_some() {
        wire["edited"] = json!({"user": bot_id(config), "ts": message.ts});
    }
    wire
}

/// A modal as Slack's API and payloads show it.
pub(super) fn view_on_the_wire(config: &SlackConfig, modal: &Modal, values: Value) -> Value {
    let part = |name: &str| modal.view.get(name).cloned().unwrap_or(Value::Null);
    let words = |name: &str| modal.view.get(name).cloned().unwrap_or_else(|| json!(""));
    json!({
        "id": modal.id,
        "team_id": config.team_id,
        "type": "modal",
        "blocks": part("blocks"),
        "private_metadata": words("private_metadata"),
        "callback_id": words("callback_id"),
        "state": {"values": values},
        "hash": modal.hash,
        "title": part("title"),
        "clear_on_close": part("clear_on_close").as_bool().unwrap_or(false),
        "notify_on_close": part("notify_on_close").as_bool().unwrap_or(false),
        "close": part("close"),
        "submit": part("submit"),
        "previous_view_id": null,
        "root_view_id": modal.id,
        "app_id": config.app_id,
        "external_id": words("external_id"),
        "app_installed_team_id": config.team_id,
        "bot_id": bot_id(config),
    })
}

/// Slack knows an app's bot by a `B…` id beside its user's.
pub(super) fn bot_id(config: &SlackConfig) -> String {
    config.bot_user_id.replacen('U', "B", 1)
}

fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}
