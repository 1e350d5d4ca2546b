//! Where the page's one document comes from.
//!
//! ```json
//! {
//!   "world": {"now": "2026-11-21T20:00:00Z", "factor": 60.0},
//!   "controls": true,                      // whether somebody does what is asked for with the buttons
//!   "releases": [{                         // newest first
//!     "id": "exchange-4f2a9c1", "commit": "4f2a9c1…", "title": null,   // default: what the push says
//!     "startedAt": "…", "endedAt": null,
//!     "end": null,                         // or Succeeded, Declined, RolledBack, FailedClean, FailedDirty
//!     "reason": null,                      // a sentence for an end that is not Succeeded
//!     "stages": [{"name": "preproduction", "gate": false}, {"name": "production", "gate": true}],
//!     "states": [{                         // as visited, oldest first
//!       "name": "AcquireLock", "type": "Task", "stage": "preproduction",
//!       "enteredAt": "…", "leftAt": null, "status": "running"   // succeeded, failed
//!     }],
//!     "rollouts": [{"stage": "preproduction", "startedAt": "…", "endedAt": null, "status": "running",
//!       "states": [{"label": "backend · web", "name": "WatchWave", …}]}]   // label: what the state is about
//!   }],
//!   "ecs": {"clusters": [{"name": "exchange-base-cluster-prod2", "stage": "production", "services": [{
//!     "name": "web", "component": "backend", "desired": 2,
//!     "deployments": [{"id": "…", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "version": "4f2a9c1",
//!                      "running": 1, "desired": 2, "reason": "…"}],
//!     "tasks": [{"id": "…", "deployment": "…", "version": "4f2a9c1",
//!                "status": "RUNNING", "health": "HEALTHY",        // UNKNOWN until it counts as healthy
//!                "crashed": false}]                               // stopped, and not because it was replaced
//!   }], "tasks": [{"id": "…", "label": "migration", "version": "…", "status": "RUNNING", "exitCode": null}]}]},
//!   "slack": …,                            // SlackWorkspace::snapshot; each vendor's has "down": is it, on purpose?
//!   "github": {                            // GitHubRepository::snapshot, newest first in every list
//!     "pushes": […], "workflowRuns": […], "deliveries": […],
//!     "statuses": [{"sha": "4f2a9c1…", "context": "gantry/exchange/preproduction", "state": "success",
//!                   "description": "Runs, verified", "target_url": "…", "created_at": "…"}],
//!     "deployments": [{"sha": "…", "environment": "production", "production_environment": true,
//!                      "statuses": [{"state": "in_progress", …}]}]      // statuses oldest first
//!   },
//!   "monday": {                            // MondayBoard::snapshot; items newest first, labels oldest first
//!     "name": "Releases", "columns": [{"id": "status", "title": "Status", "kind": "status"}],
//!     "items": [{"id": "…", "name": "…", "values": {"status": {"label": "Released"}}, "labels": ["Under way", …]}],
//!     "refusals": [{"field": "create_item", "status": 429, "error": "…"}]
//!   }
//! }
//! ```
//!
//! Every field but names, ids and times may be absent; the page shows what is there.

use std::sync::Arc;

use gantry_domain::Scale;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::controls::Controls;
use crate::github::GitHubRepository;
use crate::monday::MondayBoard;
use crate::slack::SlackWorkspace;

/// What the world knows of releases and services: the keys `releases` and `ecs` of the document.
pub trait Views: Send + Sync {
    /// Both, as they are now. Called often: answer from memory.
    fn snapshot(&self) -> Value;

    /// A number that grows with every change.
    fn changed(&self) -> watch::Receiver<u64>;
}

/// What the page shows.
pub struct Sources {
    /// Releases and services.
    pub views: Arc<dyn Views>,
    /// The channel, and the people whose clicks the page sends.
    pub slack: SlackWorkspace,
    /// The repository.
    pub github: GitHubRepository,
    /// The board.
    pub monday: MondayBoard,
    /// Takes what people ask for with the buttons.
    pub controls: Controls,
    /// The world's clock.
    pub clock: Scale,
}

impl Sources {
    /// The whole document.
    pub(super) fn snapshot(&self) -> Value {
        let mut whole = match self.views.snapshot() {
            Value::Object(views) => Value::Object(views),
            _ => json!({}),
        };
        whole["world"] = json!({
            "now": self.clock.world(Timestamp::now()).to_string(),
            "factor": self.clock.factor(),
        });
        whole["controls"] = json!(self.controls.taken());
        whole["slack"] = self.slack.snapshot();
        whole["github"] = self.github.snapshot();
        whole["monday"] = self.monday.snapshot();
        whole
    }
}
