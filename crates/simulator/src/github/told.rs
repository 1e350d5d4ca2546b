//! What GitHub was told: statuses of commits and deployments, with GitHub's checks and in its words.
//!
//! Synchronous and free of HTTP: a body in, an answer or a refusal out. `tell` puts it on the wire.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::rest::Refusal;
use super::shapes::{account, number};
use super::{GitHubConfig, State};

const STATUS_DOCS: &str = "https://docs.github.com/rest/commits/statuses#create-a-commit-status";
const DEPLOYMENT_DOCS: &str = "https://docs.github.com/rest/deployments/deployments#create-a-deployment";
const DEPLOYED_DOCS: &str = "https://docs.github.com/rest/deployments/statuses#create-a-deployment-status";
/// A commit takes no more statuses of one context than this.
const MOST_STATUSES: usize = 1_000;
const DESCRIPTION: usize = 140;

/// A status of a commit.
#[derive(Debug, Clone)]
pub(super) struct CommitStatus {
    pub(super) sha: String,
    pub(super) context: String,
    pub(super) shown: Value,
}

/// A deployment and its statuses, oldest first.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    pub(super) id: u64,
    pub(super) sha: String,
    pub(super) shown: Value,
    pub(super) statuses: Vec<Value>,
}

/// Everything it was told, oldest first.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) statuses: Vec<CommitStatus>,
    pub(super) deployments: Vec<Deployment>,
    ids: u64,
}

impl Told {
    fn id(&mut self) -> u64 {
        self.ids += 1;
        41_000 + self.ids
    }
}

fn invalid(docs: &'static str, message: &str) -> Refusal {
    Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, message: message.to_owned(), docs }
}

fn text<'a>(body: &'a Map<String, Value>, field: &str) -> Option<&'a str> {
    body.get(field).and_then(Value::as_str)
}

/// What both kinds of status have in common.
fn checked_state<'a>(
    body: &'a Map<String, Value>,
    states: &[&str],
    docs: &'static str,
) -> Result<&'a str, Refusal> {
    let state = text(body, "state").filter(|state| states.contains(state));
    let state = state.ok_or_else(|| invalid(docs, "Validation Failed: state is not included in the list"))?;
    if text(body, "description").is_some_and(|words| words.chars().count() > DESCRIPTION) {
        return Err(invalid(docs, "Validation Failed: description is too long (maximum is 140 characters)"));
    }
    for link in ["target_url", "log_url", "environment_url"] {
        if text(body, link).is_some_and(|link| !link.starts_with("http")) {
            return Err(invalid(docs, &format!("Validation Failed: {link} must use http(s) scheme")));
        }
    }
    Ok(state)
}

/// Adds a status to a commit.
pub(super) fn create_status(
    state: &mut State,
    now: &str,
    sha: &str,
    body: &Map<String, Value>,
) -> Result<Value, Refusal> {
    let word = checked_state(body, &["error", "failure", "pending", "success"], STATUS_DOCS)?.to_owned();
    let commit = state.history.get(sha).map(|placed| placed.commit.sha.clone());
    let sha = commit.ok_or_else(|| invalid(STATUS_DOCS, &format!("No commit found for SHA: {sha}")))?;
    let context = text(body, "context").unwrap_or("default").to_owned();
    let same = state.told.statuses.iter().filter(|status| status.sha == sha && status.context == context);
    if same.count() >= MOST_STATUSES {
        let message = "Validation Failed: This SHA and context has reached the maximum number of statuses.";
        return Err(invalid(STATUS_DOCS, message));
    }
    let id = state.told.id();
    let shown = json!({
        "id": id,
        "node_id": format!("SC_{id}"),
        "state": word,
        "description": text(body, "description"),
        "target_url": text(body, "target_url"),
        "context": context,
        "created_at": now,
        "updated_at": now,
        "creator": account("gantry-exchange[bot]", "Bot"),
    });
    state.told.statuses.push(CommitStatus { sha, context, shown: shown.clone() });
    Ok(shown)
}

/// Creates a deployment.
pub(super) fn create_deployment(
    state: &mut State,
    config: &GitHubConfig,
    now: &str,
    body: &Map<String, Value>,
) -> Result<(StatusCode, Value), Refusal> {
    let reference = text(body, "ref")
        .ok_or_else(|| invalid(DEPLOYMENT_DOCS, "Invalid request.\n\n\"ref\" wasn't supplied."))?;
    let found = state.history.find(reference).map(|placed| placed.commit.sha.clone());
    let sha = found.ok_or_else(|| invalid(DEPLOYMENT_DOCS, &format!("No ref found for: {reference}")))?;
    let flag = |field: &str, default: bool| body.get(field).and_then(Value::as_bool).unwrap_or(default);
    let head = state.history.branches.get(&config.default_branch);
    if flag("auto_merge", true) && head.is_some_and(|head| *head != sha) {
        let message = format!("Auto-merged {} into {reference} on deployment.", config.default_branch);
        return Ok((StatusCode::ACCEPTED, json!({ "message": message })));
    }
    if !body.contains_key("required_contexts") && !every_context_succeeded(state, &sha) {
        let message = format!("Conflict: Commit status checks failed for {reference}.");
        return Err(Refusal { status: StatusCode::CONFLICT, message, docs: DEPLOYMENT_DOCS });
    }
    let id = state.told.id();
    let environment = text(body, "environment").unwrap_or("production");
    let shown = json!({
        "id": id,
        "node_id": format!("DE_{id}"),
        "url": format!("https://api.github.com/repos/{}/deployments/{id}", config.full_name),
        "sha": sha,
        "ref": reference,
        "task": text(body, "task").unwrap_or("deploy"),
        "payload": body.get("payload").cloned().unwrap_or_else(|| json!("")),
        "original_environment": environment,
        "environment": environment,
        "description": text(body, "description"),
        "creator": account("gantry-exchange[bot]", "Bot"),
        "created_at": now,
        "updated_at": now,
        "transient_environment": flag("transient_environment", false),
        "production_environment": flag("production_environment", environment == "production"),
        "repository_url": format!("https://api.github.com/repos/{}", config.full_name),
        "performed_via_github_app": {"id": number("gantry"), "slug": "gantry-exchange"},
    });
    state.told.deployments.push(Deployment { id, sha, shown: shown.clone(), statuses: Vec::new() });
    Ok((StatusCode::CREATED, shown))
}

fn every_context_succeeded(state: &State, sha: &str) -> bool {
    let mut newest = std::collections::BTreeMap::new();
    for status in state.told.statuses.iter().filter(|status| status.sha == sha) {
        newest.insert(&status.context, &status.shown["state"]);
    }
    newest.values().all(|state| **state == "success")
}

/// Adds a status to a deployment; a success ends the ones before it in an environment that is not production.
pub(super) fn create_deployment_status(
    state: &mut State,
    now: &str,
    id: u64,
    body: &Map<String, Value>,
) -> Result<Value, Refusal> {
    let states = ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"];
    let word = checked_state(body, &states, DEPLOYED_DOCS)?.to_owned();
    let status_id = state.told.id();
    let index = state.told.deployments.iter().position(|deployment| deployment.id == id);
    let index = index.ok_or_else(|| Refusal::not_found(DEPLOYED_DOCS))?;
    let environment = state.told.deployments[index].shown["environment"].clone();
    let shown = |word: &str| {
        json!({
            "id": status_id,
            "node_id": format!("DES_{status_id}"),
            "state": word,
            "description": text(body, "description").unwrap_or_default(),
            "log_url": text(body, "log_url").unwrap_or_default(),
            "environment_url": text(body, "environment_url").unwrap_or_default(),
            "environment": environment,
            "created_at": now,
            "updated_at": now,
            "creator": account("gantry-exchange[bot]", "Bot"),
        })
    };
    let newest = shown(&word);
    let auto_inactive = body.get("auto_inactive").and_then(Value::as_bool).unwrap_or(true);
    if word == "success" && auto_inactive {
        for earlier in &mut state.told.deployments[..index] {
            let ends = earlier.shown["environment"] == environment
                && earlier.shown["production_environment"] == false
                && earlier.shown["transient_environment"] == false
                && earlier.statuses.last().is_some_and(|status| status["state"] == "success");
            if ends {
                earlier.statuses.push(shown("inactive"));
            }
        }
    }
    state.told.deployments[index].statuses.push(newest.clone());
    Ok(newest)
}
