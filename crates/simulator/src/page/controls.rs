//! What people do to the world on the page: push an image, stop a release, take a vendor down.
//!
//! Vendors are taken down right here. The rest is only asked for: whoever plays the world takes it ([`Controls::take`]),
//! does it and says what comes of it. A world in which nobody takes it shows no buttons.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::{Page, Sources};
use crate::{faults, slack};

/// How a vendor that is down answers whatever it is told. GitHub still sends its webhooks and lets its code be read.
const DOWN: u16 = 503;
/// More than a person can ask for before the first of it is done.
const WAITING: usize = 8;

/// Something a person wants to happen in the world.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Wanted {
    /// A commit, its tests and its image.
    Push {
        /// The stage in which its tasks crash, if they shall.
        crashes_in: Option<String>,
    },
    /// The end of a release's execution, as on the console.
    Stop {
        /// The release's id, as the page shows it.
        release: String,
    },
}

/// Something a person waits for.
#[derive(Debug)]
pub struct Asked {
    /// What it is.
    pub wanted: Wanted,
    answer: oneshot::Sender<Result<String, String>>,
}

impl Asked {
    /// Tells the person in a sentence what was done and what comes of it, or why it was not done.
    pub fn answer(self, outcome: Result<String, String>) {
        // A person who has closed the page meanwhile needs no answer.
        let _ = self.answer.send(outcome);
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("nobody can do that in this world: it clicks by itself, or it is ending")]
    NobodyThere,
    #[error("{0}")]
    Refused(String),
}

/// Where what people ask for on the page is handed over. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Controls {
    taker: Arc<Mutex<Option<mpsc::Sender<Asked>>>>,
}

impl Controls {
    /// From now on what people ask for comes here, and nowhere else.
    pub fn take(&self) -> mpsc::Receiver<Asked> {
        let (sender, receiver) = mpsc::channel(WAITING);
        *self.taker.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Whether somebody takes what people ask for.
    pub(super) fn taken(&self) -> bool {
        self.taker().is_some_and(|taker| !taker.is_closed())
    }

    async fn ask(&self, wanted: Wanted) -> Result<String, Refusal> {
        let taker = self.taker().ok_or(Refusal::NobodyThere)?;
        let (answer, answered) = oneshot::channel();
        taker.send(Asked { wanted, answer }).await.map_err(|_| Refusal::NobodyThere)?;
        answered.await.map_err(|_| Refusal::NobodyThere)?.map_err(Refusal::Refused)
    }

    fn taker(&self) -> Option<mpsc::Sender<Asked>> {
        self.taker.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `POST /page/world`: a push, or a stop.
pub(super) async fn world(Shared(page): Shared<Page>, Json(wanted): Json<Wanted>) -> Response {
    match page.sources.controls.ask(wanted).await {
        Ok(said) => Json(json!({ "said": said })).into_response(),
        Err(refusal) => (StatusCode::CONFLICT, Json(json!({ "error": refusal.to_string() }))).into_response(),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Outage {
    down: bool,
}

/// `POST /page/vendors/{vendor}`: takes a vendor down, or mends it.
pub(super) async fn vendor(
    Shared(page): Shared<Page>,
    Path(vendor): Path<String>,
    Json(Outage { down }): Json<Outage>,
) -> Response {
    let Sources { slack, github, monday, .. } = &*page.sources;
    let fault = down.then_some(faults::Fault::Status(DOWN));
    match vendor.as_str() {
        "slack" => slack.outage(down.then_some(slack::Fault::Status(DOWN))),
        "github" => github.break_always(fault),
        "monday" => monday.break_always(fault),
        _ => {
            let error = "there is no such vendor here, only slack, github and monday";
            return (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response();
        }
    }
    Json(json!({ "down": down })).into_response()
}
