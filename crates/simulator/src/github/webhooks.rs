//! What happens in the repository, as the signed webhooks GitHub sends about it.

use serde_json::{Value, json};

use super::history::{Commit, Placed};
use super::payloads::{push_payload, run_payload, suite_payload};
use super::shapes::{self, ZERO};
use super::{Delivery, GitHubRepository};
use crate::outbound::{self, SendError, hmac_hex};

/// Commits pushed to a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    /// Without `refs/heads/`; empty for the default branch.
    pub branch: String,
    /// Oldest first.
    pub commits: Vec<Commit>,
    /// The commit the first one follows; by default the branch's head. Another one makes a forced push or a new branch.
    pub onto: Option<String>,
}

/// A workflow run on GitHub Actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowRun {
    /// The workflow's file, for example `.github/workflows/backend.yml`.
    pub path: String,
    /// The workflow's name, which anyone may choose.
    pub name: String,
    /// The commit it ran on.
    pub sha: String,
    /// `success`, `failure`, …; absent while it runs.
    pub conclusion: Option<String>,
    /// What started it: `push`, `pull_request`, …
    pub event: String,
    /// The branch it ran on; empty for the default branch.
    pub branch: String,
    /// The repository the commit comes from, when it is a fork's.
    pub head_repository: Option<String>,
}

impl WorkflowRun {
    /// A run started by a push to the default branch that ended like this.
    pub fn completed(path: &str, sha: &str, conclusion: &str) -> Self {
        let file = path.rsplit('/').next().unwrap_or(path);
        Self {
            path: path.to_owned(),
            name: file.split('.').next().unwrap_or(file).to_owned(),
            sha: sha.to_owned(),
            conclusion: Some(conclusion.to_owned()),
            event: "push".to_owned(),
            branch: String::new(),
            head_repository: None,
        }
    }
}

/// All checks of one app on a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSuite {
    /// The app, for example `github-actions`.
    pub app: String,
    /// The commit.
    pub sha: String,
    /// How it ended; absent while it runs.
    pub conclusion: Option<String>,
    /// The branch; empty for the default branch.
    pub branch: String,
}

/// A webhook request, ready to send. Change a field to forge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// `X-GitHub-Event`.
    pub event: String,
    /// `X-GitHub-Delivery`.
    pub guid: String,
    /// `X-Hub-Signature-256`.
    pub signature: String,
    /// The JSON, as signed.
    pub body: String,
}

impl GitHubRepository {
    /// Pushes commits and tells Gantry.
    pub async fn push(&self, push: &Push) -> Result<Delivery, SendError> {
        let webhook = self.land(push);
        self.send(&webhook).await
    }

    /// Pushes commits; the webhook is the caller's to send, late, twice or never.
    pub fn land(&self, push: &Push) -> Webhook {
        let branch = self.branch_or_default(&push.branch);
        let at = self.world_now();
        let payload = self.change(|state| {
            let before = state.history.land(&branch, push.onto.as_deref(), &push.commits, &at);
            let after = state.history.branches.get(&branch).cloned().unwrap_or_else(|| ZERO.to_owned());
            let forced = before.as_ref().is_some_and(|before| !state.history.contains(&after, before));
            let placed: Vec<&Placed> =
                push.commits.iter().filter_map(|c| state.history.get(&c.sha)).collect();
            let payload = push_payload(self.config(), &branch, before.as_deref(), forced, &placed);
            state.pushes.push(json!({
                "at": at,
                "branch": branch,
                "before": before,
                "after": after,
                "forced": forced,
                "commits": push.commits.iter().map(summary).collect::<Vec<_>>(),
            }));
            payload
        });
        self.webhook("push", &payload)
    }

    /// Tells Gantry about a workflow run.
    pub async fn workflow_run(&self, run: &WorkflowRun) -> Result<Delivery, SendError> {
        let webhook = self.workflow_run_webhook(run);
        self.send(&webhook).await
    }

    /// The webhook about a workflow run, unsent.
    pub fn workflow_run_webhook(&self, run: &WorkflowRun) -> Webhook {
        let at = self.world_now();
        let branch = self.branch_or_default(&run.branch);
        let payload = self.change(|state| {
            let head = state.history.get(&run.sha).map(shapes::head_commit);
            state.runs.push(json!({
                "at": at,
                "path": run.path,
                "name": run.name,
                "sha": run.sha,
                "event": run.event,
                "branch": branch,
                "conclusion": run.conclusion,
            }));
            run_payload(self.config(), run, &branch, head, &at, state.runs.len())
        });
        self.webhook("workflow_run", &payload)
    }

    /// Tells Gantry about a check suite.
    pub async fn check_suite(&self, suite: &CheckSuite) -> Result<Delivery, SendError> {
        let at = self.world_now();
        let branch = self.branch_or_default(&suite.branch);
        let head = self.read(|state| state.history.get(&suite.sha).map(shapes::head_commit));
        let webhook = self.webhook("check_suite", &suite_payload(self.config(), suite, &branch, head, &at));
        self.send(&webhook).await
    }

    /// What GitHub sends when a webhook is set up.
    pub async fn ping(&self) -> Result<Delivery, SendError> {
        let id = shapes::number("hook");
        let payload = json!({
            "zen": "Design for failure.",
            "hook_id": id,
            "hook": {
                "type": "Repository",
                "id": id,
                "name": "web",
                "active": true,
                "events": ["push", "workflow_run", "check_suite"],
                "config": {"content_type": "json", "insecure_ssl": "0", "secret": "********", "url": self.webhook_url()},
            },
            "repository": shapes::full_repository(self.config()),
            "sender": shapes::account("exchange-bot", "User"),
        });
        let webhook = self.webhook("ping", &payload);
        self.send(&webhook).await
    }

    /// Sends a delivery again, with the same GUID and body, as a person does from GitHub's settings.
    pub async fn redeliver(&self, guid: &str) -> Result<Delivery, SendError> {
        let sent = self.read(|state| state.sent.get(guid).cloned());
        self.send(&sent.ok_or(SendError::Missing("delivery with this GUID"))?).await
    }

    /// Signs a payload under a new GUID.
    pub fn webhook(&self, event: &str, payload: &Value) -> Webhook {
        let body = payload.to_string();
        let signature = signature(&self.config().webhook_secret, &body);
        Webhook { event: event.to_owned(), guid: self.fresh_guid(), signature, body }
    }

    /// Sends a webhook exactly as it is.
    pub async fn send(&self, webhook: &Webhook) -> Result<Delivery, SendError> {
        let url = self.webhook_url().ok_or(SendError::Missing("webhook URL"))?;
        let target = shapes::number(&self.config().full_name).to_string();
        let hook = shapes::number("hook").to_string();
        let headers = [
            ("content-type", "application/json"),
            ("accept", "*/*"),
            ("user-agent", "GitHub-Hookshot/8a9c3f1"),
            ("x-github-event", &webhook.event),
            ("x-github-delivery", &webhook.guid),
            ("x-github-hook-id", &hook),
            ("x-github-hook-installation-target-id", &target),
            ("x-github-hook-installation-target-type", "repository"),
            ("x-hub-signature-256", &webhook.signature),
        ];
        let answer = outbound::post(self.client(), &url, &headers, webhook.body.clone().into_bytes()).await;
        let at = self.world_now();
        let delivery = self.change(|state| {
            let redelivery = state.sent.insert(webhook.guid.clone(), webhook.clone()).is_some();
            let body: Option<Value> = serde_json::from_str(&webhook.body).ok();
            let delivery = Delivery {
                guid: webhook.guid.clone(),
                event: webhook.event.clone(),
                action: body.and_then(|body| Some(body["action"].as_str()?.to_owned())),
                at,
                redelivery,
                status: answer.as_ref().ok().map(|answer| answer.status),
                response: answer.as_ref().map(|answer| answer.body.clone()).unwrap_or_default(),
                took_ms: answer.as_ref().map_or(0, |a| u64::try_from(a.took.as_millis()).unwrap_or(u64::MAX)),
            };
            state.deliveries.push(delivery.clone());
            delivery
        });
        answer.map(|_| delivery)
    }

    fn branch_or_default(&self, branch: &str) -> String {
        if branch.is_empty() { self.config().default_branch.clone() } else { branch.to_owned() }
    }
}

/// GitHub's signature over a body.
pub fn signature(secret: &str, body: &str) -> String {
    format!("sha256={}", hmac_hex(secret, &[body.as_bytes()]))
}

fn summary(commit: &Commit) -> Value {
    json!({
        "sha": commit.sha,
        "author": commit.author,
        "message": commit.message,
        "added": commit.added,
        "modified": commit.modified,
        "removed": commit.removed,
    })
}
