//! The part of GitHub's REST API that is told something: commit statuses, deployments and their statuses, on the wire.
//!
//! A token that may write these is another than the one that reads code. Rights, faults, pages and formats are dealt with
//! here; `told` keeps what was told.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::rest::{Access, Refusal, credentials};
use super::{GitHubRepository, told};
use crate::faults::Fault;

const DOCS: &str = "https://docs.github.com/rest";
const PAGE: usize = 100;

/// The routes, to be added to those that read.
pub(super) fn routes() -> Router<GitHubRepository> {
    const REPOSITORY: &str = "/github/api/repos/{owner}/{repo}";
    Router::new()
        .route(&format!("{REPOSITORY}/statuses/{{sha}}"), post(create_status))
        .route(&format!("{REPOSITORY}/deployments"), post(create_deployment).get(list_deployments))
        .route(
            &format!("{REPOSITORY}/deployments/{{id}}/statuses"),
            post(create_deployment_status).get(list_deployment_statuses),
        )
        .route("/github/api/repos/{owner}/{repo}/commits/{sha}/statuses", get(list_statuses))
}

#[derive(Debug, Default, Deserialize)]
struct Wanted {
    per_page: Option<usize>,
    page: Option<usize>,
    sha: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    task: Option<String>,
    environment: Option<String>,
}

impl Wanted {
    /// One page, newest first.
    fn page(&self, oldest_first: impl DoubleEndedIterator<Item = Value>) -> Value {
        let size = self.per_page.unwrap_or(30).clamp(1, PAGE);
        let skipped = (self.page.unwrap_or(1).max(1) - 1).saturating_mul(size);
        oldest_first.rev().skip(skipped).take(size).collect()
    }
}

type Answer = Result<(StatusCode, Value), Refusal>;

/// Lets the caller in, has the fault its way, and answers.
fn played(
    repository: &GitHubRepository,
    operation: &str,
    headers: &HeaderMap,
    place: (&str, &str),
    carry_out: impl FnOnce() -> Answer,
) -> Response {
    let fault = repository.change(|state| state.faults.strike(operation));
    if let Some(answer) = fault.as_ref().and_then(Fault::answer) {
        return answer;
    }
    let answer = admit(repository, headers, place).and_then(|()| carry_out());
    if fault.is_some() {
        return StatusCode::GATEWAY_TIMEOUT.into_response();
    }
    match answer {
        Ok((status, body)) => (status, axum::Json(body)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn admit(
    repository: &GitHubRepository,
    headers: &HeaderMap,
    (owner, repo): (&str, &str),
) -> Result<(), Refusal> {
    let ours = format!("{owner}/{repo}").eq_ignore_ascii_case(&repository.config().full_name);
    match credentials(repository, headers)? {
        Access::Statuses if ours => Ok(()),
        Access::Contents if ours => Err(Refusal {
            status: StatusCode::FORBIDDEN,
            message: "Resource not accessible by personal access token".to_owned(),
            docs: DOCS,
        }),
        _ => Err(Refusal::not_found(DOCS)),
    }
}

fn object(body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Refusal {
            status: StatusCode::BAD_REQUEST,
            message: "Problems parsing JSON".to_owned(),
            docs: DOCS,
        }),
    }
}

async fn create_status(
    Shared(repository): Shared<GitHubRepository>,
    Path((owner, repo, sha)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    played(&repository, "create commit status", &headers, (&owner, &repo), || {
        let (body, now) = (object(&body)?, repository.world_now());
        let created = repository.change(|state| told::create_status(state, &now, &sha, &body))?;
        Ok((StatusCode::CREATED, created))
    })
}

async fn list_statuses(
    Shared(repository): Shared<GitHubRepository>,
    Path((owner, repo, sha)): Path<(String, String, String)>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    played(&repository, "list commit statuses", &headers, (&owner, &repo), || {
        let listed = repository.read(|state| {
            let of_commit = state.told.statuses.iter().filter(|status| status.sha == sha);
            wanted.page(of_commit.map(|status| status.shown.clone()))
        });
        Ok((StatusCode::OK, listed))
    })
}

async fn create_deployment(
    Shared(repository): Shared<GitHubRepository>,
    Path((owner, repo)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    played(&repository, "create deployment", &headers, (&owner, &repo), || {
        let (body, now) = (object(&body)?, repository.world_now());
        repository.change(|state| told::create_deployment(state, repository.config(), &now, &body))
    })
}

async fn list_deployments(
    Shared(repository): Shared<GitHubRepository>,
    Path((owner, repo)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    played(&repository, "list deployments", &headers, (&owner, &repo), || {
        let fits = |asked: &Option<String>, value: &Value| {
            asked.as_ref().is_none_or(|asked| value.as_str() == Some(asked.as_str()))
        };
        let listed = repository.read(|state| {
            let all = state.told.deployments.iter().map(|deployment| deployment.shown.clone());
            wanted.page(all.filter(|shown| {
                fits(&wanted.sha, &shown["sha"])
                    && fits(&wanted.reference, &shown["ref"])
                    && fits(&wanted.task, &shown["task"])
                    && fits(&wanted.environment, &shown["environment"])
            }))
        });
        Ok((StatusCode::OK, listed))
    })
}

async fn create_deployment_status(
    Shared(repository): Shared<GitHubRepository>,
    Path((owner, repo, id)): Path<(String, String, u64)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    played(&repository, "create deployment status", &headers, (&owner, &repo), || {
        let (body, now) = (object(&body)?, repository.world_now());
        let created = repository.change(|state| told::create_deployment_status(state, &now, id, &body))?;
        Ok((StatusCode::CREATED, created))
    })
}

async fn list_deployment_statuses(
    Shared(repository): Shared<GitHubRepository>,
    Path((owner, repo, id)): Path<(String, String, u64)>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    played(&repository, "list deployment statuses", &headers, (&owner, &repo), || {
        let listed = repository.read(|state| {
            let found = state.told.deployments.iter().find(|deployment| deployment.id == id);
            found.map(|deployment| wanted.page(deployment.statuses.iter().cloned()))
        });
        listed.map(|listed| (StatusCode::OK, listed)).ok_or_else(|| Refusal::not_found(DOCS))
    })
}

#[cfg(test)]
mod tests;
