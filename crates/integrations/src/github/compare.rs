//! GitHub's compare API: which paths differ between two commits.

use std::sync::Arc;

use async_trait::async_trait;
use gantry_domain::changes::ChangedPaths;
use gantry_domain::names::{CommitSha, GitHubRepository};
use gantry_steps::ports::{Compare, PortError, Secrets};
use reqwest::{Client, Response, StatusCode};
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use crate::outgoing;

/// The version whose answers this module reads.
const API_VERSION: &str = "2022-11-28";
/// GitHub lists at most this many files, on the first page, whatever the number of commits.
const FILES_CUT: usize = 300;
/// 300 files with their patches; a longer answer counts as cut.
const ANSWER_LIMIT: usize = 8 * 1024 * 1024;

/// Where GitHub is, and how to be let in.
#[derive(Debug, Clone)]
pub struct GitHubSettings {
    /// The REST API without a slash at its end, for example `https://api.github.com`.
    pub api: String,
    /// The ARN of the token's secret. `None`: only public repositories can be read.
    pub token: Option<String>,
}

/// The REST API.
pub struct GitHubClient {
    http: Client,
    settings: GitHubSettings,
    secrets: Arc<dyn Secrets>,
}

#[derive(Deserialize)]
struct Comparison {
    status: String,
    files: Option<Vec<File>>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    previous_filename: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("HTTP status {0}")]
struct Status(StatusCode);

impl GitHubClient {
    /// Talks to GitHub as the settings say.
    pub fn new(settings: GitHubSettings, secrets: Arc<dyn Secrets>) -> Result<Self, reqwest::Error> {
        Ok(Self { http: outgoing::client()?, settings, secrets })
    }
}

#[async_trait]
impl Compare for GitHubClient {
    async fn changed_paths(
        &self,
        repository: &GitHubRepository,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<ChangedPaths, PortError> {
        let call = format!("github:compare {}...{}", base.short(), head.short());
        let address = format!("{}/repos/{repository}/compare/{base}...{head}?per_page=1", self.settings.api);
        let mut request = self
            .http
            .get(address)
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", API_VERSION);
        if let Some(token) = &self.settings.token {
            request = request.bearer_auth(self.secrets.read(token).await?.expose_secret().trim());
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Err(PortError::Unavailable { call, source: error.without_url().into() }),
        };
        match response.status() {
            StatusCode::OK => {}
            // One of the commits is not there, or they have no common history: that is an answer.
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => return Ok(ChangedPaths::Unclear),
            status => return Err(refusal(call, status, &response)),
        }
        let bytes = match outgoing::body(response, ANSWER_LIMIT).await {
            Ok(bytes) => bytes,
            Err(outgoing::BodyError::TooLong(_)) => return Ok(ChangedPaths::Unclear),
            Err(error @ outgoing::BodyError::BrokeOff(_)) => {
                return Err(PortError::Unavailable { call, source: error.into() });
            }
        };
        let comparison: Comparison = serde_json::from_slice(&bytes)
            .map_err(|error| PortError::Malformed { call, source: error.into() })?;
        Ok(paths(comparison))
    }
}

/// The list compares `head` with the common ancestor; only where that is `base` does it tell what changed since `base`.
fn paths(comparison: Comparison) -> ChangedPaths {
    let descends = matches!(comparison.status.as_str(), "ahead" | "identical");
    match comparison.files {
        Some(files) if descends && files.len() < FILES_CUT => {
            let mut paths: Vec<String> = files
                .into_iter()
                .flat_map(|file| [Some(file.filename), file.previous_filename])
                .flatten()
                .collect();
            paths.sort_unstable();
            paths.dedup();
            ChangedPaths::Known(paths)
        }
        _ => ChangedPaths::Unclear,
    }
}

fn refusal(call: String, status: StatusCode, response: &Response) -> PortError {
    let exhausted = response.headers().get("x-ratelimit-remaining").is_some_and(|left| left == "0");
    let asked_to_wait = outgoing::retry_after(response).is_some();
    let source = Box::new(Status(status));
    match status {
        StatusCode::TOO_MANY_REQUESTS => PortError::Throttled { call, source },
        // GitHub's limits come as 403 too.
        StatusCode::FORBIDDEN if exhausted || asked_to_wait => PortError::Throttled { call, source },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => PortError::Denied { call, source },
        status if status.is_server_error() => PortError::Unavailable { call, source },
        _ => PortError::Rejected { call, source },
    }
}

#[cfg(test)]
mod tests;
