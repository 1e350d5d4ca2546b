//! GitHub: one private repository that sends signed webhooks, answers two REST calls from its history, and takes statuses of
//! commits and deployments.
//!
//! Contents of files, pull requests, Actions themselves and installation tokens are not played: a workflow run is
//! something the world announces.

mod history;
mod payloads;
mod rest;
mod shapes;
mod tell;
mod told;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

pub use self::history::Commit;
use self::history::History;
pub use self::rest::router;
pub use self::webhooks::{CheckSuite, Push, Webhook, WorkflowRun, signature};
use crate::faults::{Fault, Faults};
use crate::outbound::{self, SendError, hmac_hex};

/// How many pushes, runs and deliveries the snapshot shows.
const SHOWN: usize = 20;

/// The repository and its secrets.
#[derive(Debug, Clone)]
pub struct GitHubConfig {
    /// `owner/name`.
    pub full_name: String,
    /// Usually `main`.
    pub default_branch: String,
    /// What webhooks are signed with.
    pub webhook_secret: String,
    /// The token that may read code.
    pub api_token: String,
    /// The token that may write commit statuses and deployments, and nothing else.
    pub status_token: String,
    /// The world's clock, which dates commits.
    pub clock: gantry_domain::Scale,
}

/// A webhook that was sent, and how it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// `X-GitHub-Delivery`.
    pub guid: String,
    /// `push`, `workflow_run`, …
    pub event: String,
    /// The payload's action, for events that have one.
    pub action: Option<String>,
    /// World time, RFC 3339.
    pub at: String,
    /// Whether this GUID had been sent before.
    pub redelivery: bool,
    /// HTTP status of the answer, absent when nothing answered.
    pub status: Option<u16>,
    /// The answer's body.
    pub response: String,
    /// Real milliseconds until the answer. Over 10,000 GitHub would have given up.
    pub took_ms: u64,
}

/// A repository on GitHub. Clones share it.
#[derive(Debug, Clone)]
pub struct GitHubRepository {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: GitHubConfig,
    state: Mutex<State>,
    version: watch::Sender<u64>,
    client: reqwest::Client,
}

#[derive(Debug, Default)]
struct State {
    history: History,
    pushes: Vec<Value>,
    runs: Vec<Value>,
    deliveries: Vec<Delivery>,
    sent: BTreeMap<String, Webhook>,
    webhook_url: Option<String>,
    guids: u64,
    told: told::Told,
    faults: Faults,
}

impl GitHubRepository {
    /// An empty repository.
    pub fn new(config: GitHubConfig) -> Result<Self, SendError> {
        let (state, version) = (Mutex::default(), watch::Sender::new(0));
        Ok(Self { inner: Arc::new(Inner { config, state, version, client: outbound::client()? }) })
    }

    /// How the repository was set up.
    pub fn config(&self) -> &GitHubConfig {
        &self.inner.config
    }

    /// Where webhooks go.
    pub fn set_webhook_url(&self, url: impl Into<String>) {
        self.change(|state| state.webhook_url = Some(url.into()));
    }

    /// The commit a branch points to.
    pub fn head(&self, branch: &str) -> Option<String> {
        self.read(|state| state.history.branches.get(branch).cloned())
    }

    /// Every webhook sent so far, oldest first.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.read(|state| state.deliveries.clone())
    }

    /// Makes the next call that tells something go wrong: `create commit status`, `list commit statuses`, `create
    /// deployment`, `list deployments`, `create deployment status`, `list deployment statuses`, or `*`.
    pub fn break_next(&self, operation: impl Into<String>, fault: Fault) {
        self.change(|state| state.faults.plan(operation.into(), fault));
    }

    /// From now on every call that tells something goes wrong like this, or none does.
    pub fn break_always(&self, fault: Option<Fault>) {
        self.change(|state| state.faults.always(fault));
    }

    /// How many calls have gone wrong on purpose.
    pub fn broken_calls(&self) -> usize {
        self.read(|state| state.faults.struck())
    }

    /// Statuses of a commit as the REST API gives them, oldest first.
    pub fn statuses(&self, sha: &str) -> Vec<Value> {
        self.read(|state| {
            let of_commit = state.told.statuses.iter().filter(|status| status.sha == sha);
            of_commit.map(|status| status.shown.clone()).collect()
        })
    }

    /// Deployments of a commit as the REST API gives them, oldest first, each with its `statuses`, oldest first.
    pub fn deployments(&self, sha: &str) -> Vec<Value> {
        self.read(|state| {
            let of_commit = state.told.deployments.iter().filter(|deployment| deployment.sha == sha);
            let with_statuses = |deployment: &told::Deployment| {
                let mut shown = deployment.shown.clone();
                shown["statuses"] = json!(deployment.statuses);
                shown
            };
            of_commit.map(with_statuses).collect()
        })
    }

    /// A number that grows with every change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.version.subscribe()
    }

    /// What happened lately, newest first, for the page.
    pub fn snapshot(&self) -> Value {
        fn newest<T: Clone>(all: &[T]) -> Vec<T> {
            all.iter().rev().take(SHOWN).cloned().collect()
        }
        let config = self.config();
        self.read(|state| {
            let mut deliveries = newest(&state.deliveries);
            for delivery in &mut deliveries {
                delivery.response.clear();
            }
            json!({
                "fullName": config.full_name,
                "defaultBranch": config.default_branch,
                "down": state.faults.are_always(),
                "pushes": newest(&state.pushes),
                "workflowRuns": newest(&state.runs),
                "deliveries": deliveries,
                "statuses": newest(&state.told.statuses).into_iter().map(|status| {
                    let mut shown = status.shown;
                    shown["sha"] = json!(status.sha);
                    shown
                }).collect::<Vec<_>>(),
                "deployments": newest(&state.told.deployments).into_iter().map(|deployment| {
                    let mut shown = deployment.shown;
                    shown["statuses"] = json!(deployment.statuses);
                    shown
                }).collect::<Vec<_>>(),
            })
        })
    }

    fn webhook_url(&self) -> Option<String> {
        self.read(|state| state.webhook_url.clone())
    }

    fn client(&self) -> &reqwest::Client {
        &self.inner.client
    }

    fn world_now(&self) -> String {
        let now = self.config().clock.world(Timestamp::now());
        now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// A GUID nobody can guess from the ones before it.
    fn fresh_guid(&self) -> String {
        let count = self.change(|state| {
            state.guids += 1;
            state.guids
        });
        let seed = format!("{}{}", self.config().webhook_secret, Timestamp::now());
        let hex = hmac_hex(&seed, &[&count.to_be_bytes()]);
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
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
