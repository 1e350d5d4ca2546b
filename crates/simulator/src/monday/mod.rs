//! Monday: one board, behind the part of its GraphQL API that Gantry calls.
//!
//! The API checks what Monday checks: token, types of arguments, columns and their values, a budget of complexity, keys that
//! make a repeated mutation have the effect of once. It counts mutations that run side by side, which Monday's own data
//! does not survive. Users, updates, subitems and views are not played.

mod api;
mod board;
mod graphql;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use gantry_domain::Scale;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

pub use self::api::router;
use self::board::Items;
pub use self::board::{Column, ColumnKind, Item};
use crate::faults::{Fault, Faults};

/// The board, and who may write to it.
#[derive(Debug, Clone)]
pub struct MondayConfig {
    /// Its id.
    pub board: String,
    /// Its name.
    pub name: String,
    /// Ids of its groups; the first takes items that name none.
    pub groups: Vec<String>,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The one token the API accepts.
    pub token: String,
    /// Points of complexity that reads and writes may cost in a real minute, each.
    pub budget: u64,
    /// The world's clock.
    pub clock: Scale,
}

/// A call and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Called {
    /// The root field, empty where the request could not be read.
    pub field: String,
    /// HTTP status.
    pub status: u16,
    /// Monday's code or word for a refusal.
    pub error: Option<String>,
    /// Was it a repetition with the same key?
    pub replayed: bool,
}

/// A board. Clones share it.
#[derive(Debug, Clone)]
pub struct MondayBoard {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: MondayConfig,
    state: Mutex<State>,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    items: Items,
    calls: Vec<Called>,
    versions: BTreeSet<String>,
    faults: Faults,
    answers: BTreeMap<String, Remembered>,
    spent: BTreeMap<bool, (Option<Timestamp>, u64)>,
    at_once: usize,
    most_at_once: usize,
}

/// What a key was answered with.
#[derive(Debug, Clone)]
enum Remembered {
    /// It is being carried out.
    Running,
    /// The answer, and when it was given.
    Answered(Timestamp, Value),
}

impl MondayBoard {
    /// An empty board.
    pub fn new(config: MondayConfig) -> Self {
        Self { inner: Arc::new(Inner { config, state: Mutex::default(), version: watch::Sender::new(0) }) }
    }

    /// How the board was set up.
    pub fn config(&self) -> &MondayConfig {
        &self.inner.config
    }

    /// Its items, oldest first.
    pub fn items(&self) -> Vec<Item> {
        self.read(|state| state.items.all().to_vec())
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Called> {
        self.read(|state| state.calls.clone())
    }

    /// Versions of the API that were asked for; `current` where none was named.
    pub fn versions(&self) -> Vec<String> {
        self.read(|state| state.versions.iter().cloned().collect())
    }

    /// The most mutations that ever ran at the same time.
    pub fn most_at_once(&self) -> usize {
        self.read(|state| state.most_at_once)
    }

    /// Somebody removes an item by hand.
    pub fn remove(&self, id: &str) {
        self.change(|state| state.items.remove(id));
    }

    /// Makes the next call of a root field go wrong; `*` is any.
    pub fn break_next(&self, field: impl Into<String>, fault: Fault) {
        self.change(|state| state.faults.plan(field.into(), fault));
    }

    /// From now on every call goes wrong like this, or none does.
    pub fn break_always(&self, fault: Option<Fault>) {
        self.change(|state| state.faults.always(fault));
    }

    /// How many calls have gone wrong on purpose.
    pub fn broken_calls(&self) -> usize {
        self.read(|state| state.faults.struck())
    }

    /// A number that grows with every change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.version.subscribe()
    }

    /// The board for the page: columns in order, items newest first. No token.
    pub fn snapshot(&self) -> Value {
        let config = self.config();
        self.read(|state| {
            json!({
                "board": config.board,
                "name": config.name,
                "columns": config.columns,
                "items": state.items.all().iter().rev().collect::<Vec<_>>(),
                "calls": state.calls.len(),
                "down": state.faults.are_always(),
                "refusals": state.calls.iter().rev().filter(|call| call.error.is_some()).take(20).collect::<Vec<_>>(),
            })
        })
    }

    fn world_now(&self) -> String {
        self.config().clock.world(Timestamp::now()).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.inner.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.inner.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.inner.version.send_modify(|version| *version += 1);
        done
    }
}

#[cfg(test)]
mod tests;
