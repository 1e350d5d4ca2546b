//! How the outside world calls Gantry: signed HTTP requests, sent as they are given.
//!
//! Shared by Slack's interactions and GitHub's webhooks. It signs and sends; what stands in a request is theirs.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Longest wait for an answer. Vendors give up sooner (Slack after 3 seconds, GitHub after 10): [`Answer::took`] says
/// whether they would have; the world waits on so that a slow machine shows the truth instead of losing it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What Gantry answered to a request from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
    /// How long the answer took, in real time.
    pub took: Duration,
}

/// Why a request from outside did not get an answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The world has not said yet where Gantry listens, or there is nothing to send.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// The HTTP client could not be made.
    #[error("the HTTP client could not be made")]
    Client(#[source] reqwest::Error),
    /// Nothing answered, or not in time.
    #[error("{url} did not answer")]
    Unanswered {
        /// Where the request went.
        url: String,
        /// What the client saw.
        #[source]
        source: reqwest::Error,
    },
}

/// A client that goes straight to loopback: no proxy, no redirects.
pub(crate) fn client() -> Result<reqwest::Client, SendError> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(SendError::Client)
}

/// Posts a body with exactly these headers.
pub(crate) async fn post(
    client: &reqwest::Client,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Answer, SendError> {
    let unanswered = |source| SendError::Unanswered { url: url.to_owned(), source };
    let begun = Instant::now();
    let mut request = client.post(url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.map_err(unanswered)?;
    let status = response.status().as_u16();
    let body = response.text().await.map_err(unanswered)?;
    Ok(Answer { status, body, took: begun.elapsed() })
}

/// HMAC-SHA256 over the parts one after another, in hex.
pub(crate) fn hmac_hex(secret: &str, parts: &[&[u8]]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    hex::encode(mac.finalize().into_bytes())
}
