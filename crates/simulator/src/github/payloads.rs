//! The bodies of GitHub's webhooks.

use serde_json::{Value, json};

use super::GitHubConfig;
use super::history::Placed;
use super::shapes::{self, ZERO};
use super::webhooks::{CheckSuite, WorkflowRun};

/// GitHub lists no more commits than this in a push.
const PUSHED_COMMITS: usize = 2048;

/// `push`.
pub(super) fn push_payload(
    config: &GitHubConfig,
    branch: &str,
    before: Option<&str>,
    forced: bool,
    placed: &[&Placed],
) -> Value {
    let kept = &placed[placed.len().saturating_sub(PUSHED_COMMITS)..];
    let commits: Vec<Value> = kept.iter().map(|placed| shapes::pushed_commit(config, placed)).collect();
    let after = placed.last().map_or(ZERO, |placed| placed.commit.sha.as_str());
    let short = |sha: &str| sha.chars().take(12).collect::<String>();
    let site = format!("https://github.com/{}", config.full_name);
    let compare = match before {
        Some(before) => format!("{site}/compare/{}...{}", short(before), short(after)),
        None => format!("{site}/compare/{branch}"),
    };
    let author = placed.last().map_or("GitHub", |placed| placed.commit.author.as_str());
    let mut repository = shapes::full_repository(config);
    // A push names the owner as a git identity too, and dates in seconds.
    repository["owner"]["name"] = repository["owner"]["login"].clone();
    repository["owner"]["email"] = Value::Null;
    repository["created_at"] = json!(1_706_778_000);
    repository["pushed_at"] = json!(1_763_654_400);
    repository["master_branch"] = json!(config.default_branch);
    repository["stargazers"] = json!(0);
    json!({
        "ref": format!("refs/heads/{branch}"),
        "before": before.unwrap_or(ZERO),
        "after": after,
        "repository": repository,
        "pusher": {"name": shapes::login(author), "email": shapes::email(author)},
        "sender": shapes::account(&shapes::login(author), "User"),
        "created": before.is_none(),
        "deleted": false,
        "forced": forced,
        "base_ref": null,
        "compare": compare,
        "head_commit": commits.last(),
        "commits": commits,
    })
}

/// `workflow_run`; `count` numbers the runs.
pub(super) fn run_payload(
    config: &GitHubConfig,
    run: &WorkflowRun,
    branch: &str,
    head: Option<Value>,
    at: &str,
    count: usize,
) -> Value {
    let api = format!("https://api.github.com/repos/{}", config.full_name);
    let site = format!("https://github.com/{}", config.full_name);
    let workflow = shapes::number(&run.path);
    let id = shapes::number(&format!("{}{}{count}", run.path, run.sha));
    let sender = shapes::account("exchange-bot", "User");
    let done = run.conclusion.is_some();
    json!({
        "action": if done { "completed" } else { "requested" },
        "workflow_run": {
            "id": id,
            "name": run.name,
            "node_id": format!("WFR_{id}"),
            "check_suite_id": id + 1,
            "check_suite_node_id": format!("CS_{}", id + 1),
            "head_branch": branch,
            "head_sha": run.sha,
            "path": run.path,
            "display_title": head.as_ref().and_then(|head| head["message"].as_str()).unwrap_or("Run"),
            "run_number": count,
            "event": run.event,
            "status": if done { "completed" } else { "queued" },
            "conclusion": run.conclusion,
            "workflow_id": workflow,
            "url": format!("{api}/actions/runs/{id}"),
            "html_url": format!("{site}/actions/runs/{id}"),
            "pull_requests": [],
            "created_at": at,
            "updated_at": at,
            "run_started_at": at,
            "actor": sender,
            "triggering_actor": sender,
            "run_attempt": 1,
            "referenced_workflows": [],
            "jobs_url": format!("{api}/actions/runs/{id}/jobs"),
            "logs_url": format!("{api}/actions/runs/{id}/logs"),
            "check_suite_url": format!("{api}/check-suites/{}", id + 1),
            "artifacts_url": format!("{api}/actions/runs/{id}/artifacts"),
            "cancel_url": format!("{api}/actions/runs/{id}/cancel"),
            "rerun_url": format!("{api}/actions/runs/{id}/rerun"),
            "previous_attempt_url": null,
            "workflow_url": format!("{api}/actions/workflows/{workflow}"),
            "head_commit": head,
            "repository": shapes::repository(&config.full_name),
            "head_repository": shapes::repository(run.head_repository.as_deref().unwrap_or(&config.full_name)),
        },
        "workflow": {
            "id": workflow,
            "node_id": format!("W_{workflow}"),
            "name": run.name,
            "path": run.path,
            "state": "active",
            "created_at": "2024-02-01T09:00:00.000Z",
            "updated_at": "2024-02-01T09:00:00.000Z",
            "url": format!("{api}/actions/workflows/{workflow}"),
            "html_url": format!("{site}/blob/{branch}/{}", run.path),
            "badge_url": format!("{site}/workflows/{}/badge.svg", run.name),
        },
        "repository": shapes::full_repository(config),
        "sender": sender,
    })
}

/// `check_suite`.
pub(super) fn suite_payload(
    config: &GitHubConfig,
    suite: &CheckSuite,
    branch: &str,
    head: Option<Value>,
    at: &str,
) -> Value {
    let api = format!("https://api.github.com/repos/{}", config.full_name);
    let id = shapes::number(&format!("{}{}", suite.app, suite.sha));
    let app = shapes::number(&suite.app);
    let done = suite.conclusion.is_some();
    json!({
        "action": if done { "completed" } else { "requested" },
        "check_suite": {
            "id": id,
            "node_id": format!("CS_{id}"),
            "head_branch": branch,
            "head_sha": suite.sha,
            "status": if done { "completed" } else { "queued" },
            "conclusion": suite.conclusion,
            "url": format!("{api}/check-suites/{id}"),
            "before": ZERO,
            "after": suite.sha,
            "pull_requests": [],
            "app": {
                "id": app,
                "slug": suite.app,
                "node_id": format!("A_{app}"),
                "owner": shapes::account("github", "Organization"),
                "name": suite.app,
                "description": "",
                "external_url": "https://help.github.com/en/actions",
                "html_url": format!("https://github.com/apps/{}", suite.app),
                "created_at": "2018-07-30T09:30:17Z",
                "updated_at": "2019-12-10T19:04:12Z",
                "permissions": {"checks": "write", "contents": "read", "metadata": "read"},
                "events": [],
            },
            "created_at": at,
            "updated_at": at,
            "rerequestable": true,
            "runs_rerequestable": false,
            "latest_check_runs_count": 1,
            "check_runs_url": format!("{api}/check-suites/{id}/check-runs"),
            "head_commit": head,
        },
        "repository": shapes::full_repository(config),
        "sender": shapes::account("exchange-bot", "User"),
    })
}
