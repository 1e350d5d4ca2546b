//! The part of GitHub's REST API that Gantry reads: one commit, and the comparison of two. `tell` is the other part.

use axum::Router;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::shapes::{file, rest_commit};
use super::{GitHubRepository, State, tell};

/// A comparison lists no more files than this, and says nothing about the rest.
const FILES: usize = 300;
/// A comparison without pages lists no more commits than this.
const COMMITS: usize = 250;
/// Largest page.
const PAGE: usize = 100;

const COMPARE_DOCS: &str = "https://docs.github.com/rest/commits/commits#compare-two-commits";
const COMMIT_DOCS: &str = "https://docs.github.com/rest/commits/commits#get-a-commit";
const DOCS: &str = "https://docs.github.com/rest";

/// `/github/api/…`: set it as the API's base URL.
pub fn router(repository: GitHubRepository) -> Router {
    Router::new()
        .route("/github/api/repos/{owner}/{repo}/compare/{*basehead}", get(compare))
        .route("/github/api/repos/{owner}/{repo}/commits/{reference}", get(commit))
        .route("/github/api/{*rest}", get(unknown))
        .merge(tell::routes())
        .with_state(repository)
}

/// Why a call was not carried out.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) message: String,
    pub(super) docs: &'static str,
}

impl Refusal {
    pub(super) fn not_found(docs: &'static str) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: "Not Found".to_owned(), docs }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status.as_u16().to_string();
        let body = json!({"message": self.message, "documentation_url": self.docs, "status": status});
        (self.status, axum::Json(body)).into_response()
    }
}

#[derive(Debug, Default, Deserialize)]
struct Paging {
    per_page: Option<usize>,
    page: Option<usize>,
}

async fn compare(
    Shared(repository): Shared<GitHubRepository>,
    Path((owner, repo, basehead)): Path<(String, String, String)>,
    Query(paging): Query<Paging>,
    headers: HeaderMap,
) -> Result<axum::Json<Value>, Refusal> {
    admit(&repository, &headers, &owner, &repo, COMPARE_DOCS)?;
    let (base, head) = basehead.split_once("...").ok_or_else(|| Refusal::not_found(COMPARE_DOCS))?;
    let answer = repository.read(|state| comparison(&repository, state, base, head, &paging));
    answer.map(axum::Json).ok_or_else(|| Refusal::not_found(COMPARE_DOCS))
}

async fn commit(
    Shared(repository): Shared<GitHubRepository>,
    Path((owner, repo, reference)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<axum::Json<Value>, Refusal> {
    admit(&repository, &headers, &owner, &repo, COMMIT_DOCS)?;
    let answer = repository.read(|state| {
        let placed = state.history.find(&reference)?;
        let mut answer = rest_commit(repository.config(), placed);
        let commit = &placed.commit;
        let lists = [("added", &commit.added), ("modified", &commit.modified), ("removed", &commit.removed)];
        let files: Vec<Value> = lists
            .into_iter()
            .flat_map(|(status, paths)| paths.iter().map(move |path| (status, path)))
            .map(|(status, path)| file(repository.config(), path, status, &commit.sha))
            .collect();
        answer["stats"] = json!({"total": files.len(), "additions": files.len(), "deletions": 0});
        answer["files"] = json!(files);
        Some(answer)
    });
    answer.map(axum::Json).ok_or_else(|| Refusal {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        message: format!("No commit found for SHA: {reference}"),
        docs: COMMIT_DOCS,
    })
}

async fn unknown(
    Shared(repository): Shared<GitHubRepository>,
    headers: HeaderMap,
) -> Result<axum::Json<Value>, Refusal> {
    credentials(&repository, &headers)?;
    Err(Refusal::not_found(DOCS))
}

fn comparison(
    repository: &GitHubRepository,
    state: &State,
    base: &str,
    head: &str,
    paging: &Paging,
) -> Option<Value> {
    let config = repository.config();
    let (base, head) = (state.history.find(base)?, state.history.find(head)?);
    let comparison = state.history.compare(&base.commit.sha, &head.commit.sha)?;
    let merge_base = state.history.get(&comparison.merge_base)?;
    let page = paging.page.unwrap_or(1).max(1);
    let size = match (paging.per_page, paging.page) {
        (None, None) => COMMITS,
        (size, _) => size.unwrap_or(30).clamp(1, PAGE),
    };
    let commits = comparison.ahead.iter().skip((page - 1).saturating_mul(size)).take(size);
    let commits: Vec<Value> =
        commits.filter_map(|sha| state.history.get(sha)).map(|placed| rest_commit(config, placed)).collect();
    // Files come with the first page only.
    let shown = if page == 1 { FILES } else { 0 };
    let files: Vec<Value> = comparison
        .files
        .iter()
        .take(shown)
        .map(|(path, status)| file(config, path, status, &head.commit.sha))
        .collect();
    let range = format!("{}...{}", base.commit.sha, head.commit.sha);
    let site = format!("https://github.com/{}/compare/{range}", config.full_name);
    Some(json!({
        "url": format!("https://api.github.com/repos/{}/compare/{range}", config.full_name),
        "html_url": site,
        "permalink_url": site,
        "diff_url": format!("{site}.diff"),
        "patch_url": format!("{site}.patch"),
        "base_commit": rest_commit(config, base),
        "merge_base_commit": rest_commit(config, merge_base),
        "status": comparison.status(),
        "ahead_by": comparison.ahead.len(),
        "behind_by": comparison.behind,
        "total_commits": comparison.ahead.len(),
        "commits": commits,
        "files": files,
    }))
}

/// The repository is private: to a caller without a token it does not exist.
fn admit(
    repository: &GitHubRepository,
    headers: &HeaderMap,
    owner: &str,
    repo: &str,
    docs: &'static str,
) -> Result<(), Refusal> {
    let authorized = credentials(repository, headers)? == Access::Contents;
    let ours = format!("{owner}/{repo}").eq_ignore_ascii_case(&repository.config().full_name);
    if authorized && ours { Ok(()) } else { Err(Refusal::not_found(docs)) }
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing: the repository is private.
    Nothing,
    /// Read code.
    Contents,
    /// Write statuses and deployments.
    Statuses,
}

/// What the caller's token opens; a wrong one is refused whatever it asks for.
pub(super) fn credentials(repository: &GitHubRepository, headers: &HeaderMap) -> Result<Access, Refusal> {
    if !headers.contains_key(header::USER_AGENT) {
        return Err(Refusal {
            status: StatusCode::FORBIDDEN,
            message: "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
                .to_owned(),
            docs: DOCS,
        });
    }
    let Some(authorization) = headers.get(header::AUTHORIZATION) else { return Ok(Access::Nothing) };
    let token = authorization.to_str().ok().and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        ["bearer", "token"].contains(&scheme.to_lowercase().as_str()).then_some(token)
    });
    let config = repository.config();
    for (known, access) in [(&config.api_token, Access::Contents), (&config.status_token, Access::Statuses)] {
        if token == Some(known.as_str()) {
            return Ok(access);
        }
    }
    Err(Refusal { status: StatusCode::UNAUTHORIZED, message: "Bad credentials".to_owned(), docs: DOCS })
}
