//! What GitHub's webhooks tell, reduced to what intake uses.
//!
//! A body gets here only with its signature proved. Lenient in what is not needed; a field that is needed and is missing
//! or odd is named. Text in it (paths, titles, authors) is anybody's who can push.

use std::collections::BTreeSet;

use gantry_domain::candidate::{WorkflowFact, WorkflowState};
use gantry_domain::changes::ChangedPaths;
use gantry_domain::names::{BranchName, CommitSha, GitHubRepository, NameError};
use gantry_domain::release::CommitSummary;
use gantry_steps::github_webhook::{GitHubEvent, GitHubWebhookInput, Pushed};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::signature::VerifiedBody;

/// GitHub puts at most this many commits into a push event.
const COMMITS_CUT: usize = 2_048;
/// It lists files of a commit in full only up to some thousand; above this many paths nobody relies on the list.
const PATHS_CUT: usize = 3_000;
/// Nor above this many bytes of paths: what is known of a push is one row, and a row of `DynamoDB` holds 400 KB.
const PATHS_BYTES: usize = 200 * 1024;
/// So many commits are kept for messages.
const COMMITS_KEPT: usize = 50;
/// So much of a title or an author's name is kept.
const TEXT_KEPT: usize = 200;

/// What a delivery is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Something that may matter.
    Event(Box<GitHubWebhookInput>),
    /// Something Gantry does not act on, and why.
    Ignored(String),
}

/// Why an event cannot be understood. Names the field.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not the JSON GitHub sends for this event, or too deep.
    #[error("the {event} event cannot be read: {source}")]
    Json {
        /// The event's name.
        event: &'static str,
        /// What was wrong, with the field.
        source: serde_json::Error,
    },
    /// A field holds what it cannot hold.
    #[error("field `{field}`: {source}")]
    Name {
        /// The field.
        field: &'static str,
        /// What was expected.
        source: NameError,
    },
}

#[derive(Deserialize)]
struct PushPayload {
    #[serde(rename = "ref")]
    reference: String,
    before: String,
    after: String,
    #[serde(default)]
    deleted: bool,
    #[serde(default)]
    forced: bool,
    repository: Repository,
    #[serde(default)]
    commits: Option<Vec<Commit>>,
    head_commit: Option<Commit>,
}

#[derive(Deserialize)]
struct Repository {
    full_name: String,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
    message: Option<String>,
    author: Option<Author>,
    added: Option<Vec<String>>,
    modified: Option<Vec<String>>,
    removed: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Author {
    name: Option<String>,
    username: Option<String>,
}

#[derive(Deserialize)]
struct WorkflowPayload {
    workflow_run: Run,
    repository: Repository,
}

#[derive(Deserialize)]
struct Run {
    id: u64,
    #[serde(default = "first_attempt")]
    run_attempt: u64,
    head_sha: String,
    head_branch: Option<String>,
    head_repository: Option<Repository>,
    path: String,
    event: String,
    status: Option<String>,
    conclusion: Option<String>,
}

#[derive(Deserialize)]
struct SuitePayload {
    action: String,
    check_suite: Suite,
}

#[derive(Deserialize)]
struct Suite {
    head_sha: String,
    conclusion: Option<String>,
}

fn first_attempt() -> u64 {
    1
}

/// Reads a delivery: its GUID came in `X-GitHub-Delivery`, the event's name in `X-GitHub-Event`.
pub fn parse(delivery: &str, event: &str, body: &VerifiedBody) -> Result<Heard, PayloadError> {
    let heard = match event {
        "ping" => Err("GitHub tried the webhook out: it works".to_owned()),
        "push" => push(json("push", body)?)?,
        "workflow_run" => workflow(json("workflow_run", body)?)?,
        "check_suite" => Err(suite(&json("check_suite", body)?)?),
        other => Err(format!("event {:?} is not acted on", shortened(other, 40))),
    };
    Ok(match heard {
        Ok((repository, event)) => {
            Heard::Event(Box::new(GitHubWebhookInput { delivery: delivery.to_owned(), repository, event }))
        }
        Err(why) => Heard::Ignored(why),
    })
}

/// What happened where, or why it does not matter.
type Told = Result<(GitHubRepository, GitHubEvent), String>;

fn json<T: DeserializeOwned>(event: &'static str, body: &VerifiedBody) -> Result<T, PayloadError> {
    crate::json::read(body.bytes()).map_err(|source| PayloadError::Json { event, source })
}

fn push(push: PushPayload) -> Result<Told, PayloadError> {
    let Some(branch) = push.reference.strip_prefix("refs/heads/") else {
        return Ok(Err("a tag was pushed".to_owned()));
    };
    if push.deleted || is_nothing(&push.after) {
        return Ok(Err("a branch was deleted".to_owned()));
    }
    // Branches with names outside the allow-list cannot be released; that is no fault of the sender.
    let Ok(branch) = BranchName::new(branch) else {
        return Ok(Err("the branch's name is not one Gantry handles".to_owned()));
    };
    let before = if is_nothing(&push.before) { None } else { Some(sha("before", &push.before)?) };
    let changes = changes(&push, before.is_some());
    let commits = push.commits.unwrap_or_default();
    let skip = commits.len().saturating_sub(COMMITS_KEPT);
    let commits = commits.into_iter().skip(skip).map(summary).collect::<Result<_, _>>()?;
    let repository = repository("repository.full_name", &push.repository)?;
    let commit = sha("after", &push.after)?;
    Ok(Ok((repository, GitHubEvent::Pushed(Pushed { commit, branch, before, changes, commits }))))
}

/// The union of what the commits changed. Reverting something within one push makes it too large, which is harmless;
/// it is unclear where it could be too small.
fn changes(push: &PushPayload, has_before: bool) -> ChangedPaths {
    let Some(commits) = &push.commits else { return ChangedPaths::Unclear };
    // Commits that were known on another branch are not listed: the newest one must be there, or the list is not whole.
    let ends_in_head = commits.last().is_some_and(|last| last.id == push.after)
        && push.head_commit.as_ref().is_none_or(|head| head.id == push.after);
    if push.forced || !has_before || !ends_in_head || commits.len() >= COMMITS_CUT {
        return ChangedPaths::Unclear;
    }
    let mut paths = BTreeSet::new();
    for commit in commits {
        let (Some(added), Some(modified), Some(removed)) = (&commit.added, &commit.modified, &commit.removed)
        else {
            return ChangedPaths::Unclear;
        };
        // A merge lists nothing of what it brings.
        if added.is_empty() && modified.is_empty() && removed.is_empty() {
            return ChangedPaths::Unclear;
        }
        paths.extend(added.iter().chain(modified).chain(removed).cloned());
        if paths.len() > PATHS_CUT {
            return ChangedPaths::Unclear;
        }
    }
    if paths.iter().map(String::len).sum::<usize>() > PATHS_BYTES {
        return ChangedPaths::Unclear;
    }
    ChangedPaths::Known(paths.into_iter().collect())
}

fn summary(commit: Commit) -> Result<CommitSummary, PayloadError> {
    let author = commit.author.and_then(|author| author.name.or(author.username));
    let message = commit.message.unwrap_or_default();
    Ok(CommitSummary {
        sha: sha("commits[].id", &commit.id)?,
        author: shortened(author.as_deref().unwrap_or("somebody"), TEXT_KEPT),
        title: shortened(message.lines().next().unwrap_or_default(), TEXT_KEPT),
    })
}

/// Only a run that a push to the repository itself started says something about the commit: a pull request from a fork
/// can carry a workflow of the same name and path.
fn workflow(payload: WorkflowPayload) -> Result<Told, PayloadError> {
    let run = payload.workflow_run;
    let home = repository("repository.full_name", &payload.repository)?;
    if run.event != "push" {
        return Ok(Err(format!("a workflow run started by {:?} proves nothing", shortened(&run.event, 40))));
    }
    if run.head_repository.is_none_or(|head| head.full_name != payload.repository.full_name) {
        return Ok(Err("a workflow run of another repository's commit proves nothing".to_owned()));
    }
    let Some(Ok(branch)) = run.head_branch.map(BranchName::new) else {
        return Ok(Err("the branch's name is not one Gantry handles".to_owned()));
    };
    let state = match (run.status.as_deref(), run.conclusion.as_deref()) {
        (Some("completed"), Some("success")) => WorkflowState::Succeeded,
        (Some("completed"), _) => WorkflowState::Failed,
        _ => WorkflowState::Running,
    };
    let workflow = WorkflowFact {
        commit: sha("workflow_run.head_sha", &run.head_sha)?,
        // Required and reusable workflows carry `@<ref>` behind the file.
        path: run.path.split('@').next().unwrap_or_default().to_owned(),
        run: run.id,
        attempt: run.run_attempt,
        state,
    };
    Ok(Ok((home, GitHubEvent::WorkflowRan { branch, workflow })))
}

/// A suite gathers the checks of one app and names no workflow file, so it cannot satisfy a required workflow; reading
/// it only proves that it is one.
fn suite(payload: &SuitePayload) -> Result<String, PayloadError> {
    let commit = sha("check_suite.head_sha", &payload.check_suite.head_sha)?;
    let conclusion = payload.check_suite.conclusion.as_deref().unwrap_or("none yet");
    Ok(format!(
        "check suite of {} {}: conclusion {}; workflow runs are what counts",
        commit.short(),
        shortened(&payload.action, 20),
        shortened(conclusion, 20)
    ))
}

fn is_nothing(commit: &str) -> bool {
    !commit.is_empty() && commit.bytes().all(|digit| digit == b'0')
}

fn sha(field: &'static str, text: &str) -> Result<CommitSha, PayloadError> {
    CommitSha::new(text).map_err(|source| PayloadError::Name { field, source })
}

fn repository(field: &'static str, repository: &Repository) -> Result<GitHubRepository, PayloadError> {
    GitHubRepository::new(&*repository.full_name).map_err(|source| PayloadError::Name { field, source })
}

fn shortened(text: &str, longest: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(longest).collect()
}

#[cfg(test)]
mod tests;
