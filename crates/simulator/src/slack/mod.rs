//! Slack: its Web API with limits and errors, one channel, and the people in it.
//!
//! The API is what Gantry calls (`/slack/api/…`); [`SlackWorkspace`] is what the world and tests use: read the channel,
//! wait for a message, click. It plays one workspace with one app; there are no scopes, no other channels, no Events API.

mod forms;
pub mod limits;
mod model;
mod people;
mod rate;
mod routes;
mod state;
mod web_api;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

pub use self::model::{Ephemeral, Interaction, Message, Modal, SlackConfig, User, Version};
pub use self::people::{PeopleError, SignedRequest, signature};
pub use self::rate::PostRate;
pub use self::routes::router;
use self::state::{Now, State};
pub use self::web_api::Fault;
use crate::outbound::{self, SendError};

/// How long waiting goes on in real time before it is given up: a net for tests, not a deadline of the product.
pub const SAFETY_NET: Duration = Duration::from_secs(60);

/// A Slack workspace. Clones share it.
#[derive(Debug, Clone)]
pub struct SlackWorkspace {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: SlackConfig,
    state: Mutex<State>,
    addresses: Mutex<Addresses>,
    version: watch::Sender<u64>,
    client: reqwest::Client,
}

#[derive(Debug, Default)]
struct Addresses {
    interactions: Option<String>,
    public: String,
}

/// Nothing matched before the safety net.
#[derive(Debug, thiserror::Error)]
#[error("{wanted} did not come within {waited:?}; the channel holds:\n{there}")]
pub struct Missed {
    wanted: &'static str,
    waited: Duration,
    there: String,
}

impl SlackWorkspace {
    /// An empty channel in a new workspace.
    pub fn new(config: SlackConfig) -> Result<Self, SendError> {
        let inner = Inner {
            state: Mutex::new(State::new(&config)),
            addresses: Mutex::default(),
            version: watch::Sender::new(0),
            client: outbound::client()?,
            config,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// How the workspace was set up.
    pub fn config(&self) -> &SlackConfig {
        &self.inner.config
    }

    /// Where clicks go: the app's Request URL.
    pub fn set_interactions_url(&self, url: impl Into<String>) {
        locked(&self.inner.addresses).interactions = Some(url.into());
    }

    /// Where this server is reached, for response URLs: `http://127.0.0.1:4566`.
    pub fn set_public_url(&self, url: impl Into<String>) {
        locked(&self.inner.addresses).public = url.into();
    }

    /// Every message in the channel, oldest first, threads included.
    pub fn messages(&self) -> Vec<Message> {
        self.read(|state| state.messages.clone())
    }

    /// What only this person sees.
    pub fn ephemerals(&self, user: &str) -> Vec<Ephemeral> {
        self.read(|state| state.ephemerals.iter().filter(|note| note.user == user).cloned().collect())
    }

    /// The modal in front of this person.
    pub fn modal_of(&self, user: &str) -> Option<Modal> {
        self.read(|state| state.modals.iter().find(|modal| modal.user == user).cloned())
    }

    /// What people did lately, oldest first.
    pub fn interactions(&self) -> Vec<Interaction> {
        self.read(|state| state.interactions.iter().cloned().collect())
    }

    /// Waits for a message like this, new or changed, and counts it as looked at.
    pub async fn wait_for_message(&self, wanted: impl FnMut(&Message) -> bool) -> Result<Message, Missed> {
        self.wait_for_message_within(SAFETY_NET, wanted).await
    }

    /// The same with another safety net.
    pub async fn wait_for_message_within(
        &self,
        net: Duration,
        mut wanted: impl FnMut(&Message) -> bool,
    ) -> Result<Message, Missed> {
        self.wait("the message", net, |state| {
            let message = state.messages.iter_mut().find(|message| wanted(message))?;
            message.seen = message.history.len() + 1;
            Some(message.clone())
        })
        .await
    }

    /// Waits for a note to this person and counts it as looked at.
    pub async fn wait_for_ephemeral(
        &self,
        user: &str,
        mut wanted: impl FnMut(&Ephemeral) -> bool,
    ) -> Result<Ephemeral, Missed> {
        self.wait("the ephemeral message", SAFETY_NET, |state| {
            let note = state.ephemerals.iter_mut().find(|note| note.user == user && wanted(note))?;
            note.seen = true;
            Some(note.clone())
        })
        .await
    }

    /// Waits until a modal is open in front of this person.
    pub async fn wait_for_modal(&self, user: &str) -> Result<Modal, Missed> {
        self.wait("the modal", SAFETY_NET, |state| {
            state.modals.iter().find(|modal| modal.user == user).cloned()
        })
        .await
    }

    /// Counts a message, as it stands now, as looked at.
    pub fn mark_seen(&self, ts: &str) {
        let mut state = self.state();
        if let Some(message) = state.messages.iter_mut().find(|message| message.ts == ts) {
            message.seen = message.history.len() + 1;
        }
        if let Some(note) = state.ephemerals.iter_mut().find(|note| note.ts == ts) {
            note.seen = true;
        }
    }

    /// What no test has looked at: new or changed messages, notes, modals left open.
    pub fn unseen(&self) -> Vec<String> {
        self.read(|state| {
            let messages = state.messages.iter().filter(|message| message.seen <= message.history.len());
            let notes = state.ephemerals.iter().filter(|note| !note.seen);
            let messages = messages.map(|message| format!("message {}: {}", message.ts, message.words()));
            let notes = notes.map(|note| format!("note to {}: {}", note.user, note.words()));
            let modals =
                state.modals.iter().map(|modal| format!("modal of {}: {}", modal.user, modal.words()));
            messages.chain(notes).chain(modals).collect()
        })
    }

    /// Makes the next call of a Web API method go wrong. Faults of one method happen in the order given.
    pub fn break_next(&self, method: impl Into<String>, fault: Fault) {
        self.state().faults.push_back((method.into(), fault));
    }

    /// From now on every call of the Web API goes wrong in this way; `None` ends it.
    pub fn outage(&self, fault: Option<Fault>) {
        self.change(|state, _| state.outage = fault);
    }

    /// A number that grows with every change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.version.subscribe()
    }

    /// Everything people can see, for the page. No token and no secret.
    pub fn snapshot(&self) -> Value {
        let config = self.config();
        self.read(|state| {
            json!({
                "team": {"id": config.team_id, "domain": config.team_domain},
                "app": {"id": config.app_id, "name": config.app_name, "user": config.bot_user_id},
                "channel": {"id": config.channel_id, "name": config.channel_name},
                "users": config.users,
                "messages": state.messages,
                "ephemerals": state.ephemerals,
                "modals": state.modals,
                "interactions": state.interactions,
                "down": state.outage.is_some(),
            })
        })
    }

    async fn wait<T>(
        &self,
        wanted: &'static str,
        net: Duration,
        mut find: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, Missed> {
        let mut changes = self.subscribe();
        let found = tokio::time::timeout(net, async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = find(&mut self.state()) {
                    return Some(found);
                }
                changes.changed().await.ok()?;
            }
        });
        found.await.ok().flatten().ok_or_else(|| Missed { wanted, waited: net, there: self.told() })
    }

    fn told(&self) -> String {
        let lines: Vec<String> = self.messages().iter().map(|m| format!("{} {}", m.ts, m.words())).collect();
        if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n\n") }
    }

    fn now(&self) -> Now {
        let real = Timestamp::now();
        Now { real, world: self.config().clock.world(real) }
    }

    fn client(&self) -> &reqwest::Client {
        &self.inner.client
    }

    fn interactions_url(&self) -> Option<String> {
        locked(&self.inner.addresses).interactions.clone()
    }

    fn response_url(&self, id: &str) -> String {
        format!("{}/slack/response/{id}", locked(&self.inner.addresses).public.trim_end_matches('/'))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.inner.state)
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }

    /// Changes the workspace and wakes whoever watches it.
    fn change<T>(&self, change: impl FnOnce(&mut State, Now) -> T) -> T {
        let done = change(&mut self.state(), self.now());
        self.inner.version.send_modify(|version| *version += 1);
        done
    }
}

/// A lock whose holder panicked still guards whole values: every change here is a single step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
