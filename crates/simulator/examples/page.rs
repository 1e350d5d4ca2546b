//! Shows the page with a made-up moment of a release, to work on its looks without a world behind it:
//! `cargo run -p gantry-simulator --example page [waiting|rolling|done|failed|empty] [port]`.
//!
//! A small stand-in for Gantry answers the buttons: Approve closes the question, Reject asks for a reason.

use std::sync::Arc;

use axum::extract::State;
use axum::{Form, Json, Router, routing};
use gantry_domain::Scale;
use gantry_simulator::github::{Commit, GitHubConfig, GitHubRepository, Push, WorkflowRun};
use gantry_simulator::monday::{MondayBoard, MondayConfig};
use gantry_simulator::page::{self, Asked, Controls, Sources, Views};
use gantry_simulator::slack::{self, PostRate, SlackConfig, SlackWorkspace, User};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

const COMMIT: &str = "4f2a9c17d3b85e60a9148fd2c6b07e53a1d9f284";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let moment = std::env::args().nth(1).unwrap_or_else(|| "waiting".to_owned());
    let port = std::env::args().nth(2).unwrap_or_else(|| "0".to_owned());
    let clock = Scale::new(Timestamp::now(), 30.0)?;
    let slack = SlackWorkspace::new(workspace(clock))?;
    let github = GitHubRepository::new(GitHubConfig {
        full_name: "exchange/monorepo".to_owned(),
        default_branch: "main".to_owned(),
        webhook_secret: "not a secret".to_owned(),
        api_token: "not a token".to_owned(),
        status_token: "ghs-status-secret".to_owned(),
        clock,
    })?;
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    let base = format!("http://{}", listener.local_addr()?);
    slack.set_public_url(&base);
    slack.set_interactions_url(format!("{base}/interactions"));
    let gantry = StandIn { base: base.clone(), http: reqwest::Client::builder().no_proxy().build()? };
    let views = Arc::new(Moment { name: moment.clone(), version: watch::Sender::new(0) });
    let monday = MondayBoard::new(MondayConfig {
        board: "1234".to_owned(),
        name: "Releases".to_owned(),
        groups: vec!["topics".to_owned()],
        columns: vec![],
        token: "monday-secret".to_owned(),
        budget: 5_000_000,
        clock,
    });
    let controls = Controls::default();
    tokio::spawn(refuse(controls.take()));
    let sources = Sources { views, slack: slack.clone(), github: github.clone(), monday, controls, clock };
    let page = page::router(sources)?;
    let answers = Router::new().route("/interactions", routing::post(interact)).with_state(gantry.clone());
    let server = tokio::spawn(
        axum::serve(listener, page.merge(slack::router(slack.clone())).merge(answers)).into_future(),
    );
    if moment != "empty" {
        push(&github);
        gantry.say(&moment).await?;
    }
    println!("{base}/page");
    server.await??;
    Ok(())
}

/// A frozen moment goes nowhere.
async fn refuse(mut asked: mpsc::Receiver<Asked>) {
    while let Some(asked) = asked.recv().await {
        asked.answer(Err("this is one frozen moment".to_owned()));
    }
}

fn workspace(clock: Scale) -> SlackConfig {
    let user = |id: &str, name: &str, title: &str| User {
        id: id.to_owned(),
        username: name.split(' ').next().unwrap_or(name).to_lowercase(),
        name: name.to_owned(),
        title: title.to_owned(),
        team_id: "T0EXCHANGE".to_owned(),
        is_bot: false,
    };
    SlackConfig {
        team_id: "T0EXCHANGE".to_owned(),
        team_domain: "exchange".to_owned(),
        app_id: "A0GANTRY".to_owned(),
        app_name: "Gantry".to_owned(),
        bot_user_id: "U0GANTRY".to_owned(),
        bot_token: "xoxb-example".to_owned(),
        signing_secret: "not a secret".to_owned(),
        channel_id: "C0RELEASES".to_owned(),
        channel_name: "releases".to_owned(),
        users: vec![
            user("U0QUINN", "Quinn Ortiz", "QA lead"),
            user("U0MARA", "Mara Lindqvist", "engineering lead"),
            user("U0SAM", "Sam Okafor", "not an approver"),
        ],
        post_rate: PostRate::GENEROUS,
        trigger_life: SignedDuration::from_secs(3),
        clock,
    }
}

fn push(github: &GitHubRepository) {
    let commit = |sha: &str, message: &str, paths: &[&str]| Commit {
        sha: sha.to_owned(),
        author: "Ada Lovelace".to_owned(),
        message: message.to_owned(),
        modified: paths.iter().map(|path| (*path).to_owned()).collect(),
        ..Commit::default()
    };
    let first = commit(
        "9d81e02b6c3f4a5d7e8f90a1b2c3d4e5f6a7b8c9",
        "Retry the ledger's imports",
        &["backend/app/jobs/import.rb"],
    );
    let second = commit(
        COMMIT,
        "Show fees before an order is placed",
        &["backend/app/fees.rb", "client/pages/order.tsx", "engine/src/Fees.java"],
    );
    github.land(&Push { commits: vec![first], ..Push::default() });
    github.land(&Push { commits: vec![second], ..Push::default() });
    for name in ["backend", "client", "engine"] {
        github.workflow_run_webhook(&WorkflowRun::completed(
            &format!(".github/workflows/{name}.yml"),
            COMMIT,
            "success",
        ));
    }
}

/// Answers the buttons in Gantry's place.
#[derive(Clone)]
struct StandIn {
    base: String,
    http: reqwest::Client,
}

impl StandIn {
    async fn call(&self, method: &str, body: Value) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}/slack/api/{method}", self.base)).bearer_auth("xoxb-example");
        let answer: Value = request.json(&body).send().await?.json().await?;
        anyhow::ensure!(answer["ok"] == true, "{method}: {answer}");
        Ok(answer)
    }

    async fn post(&self, blocks: Value) -> anyhow::Result<()> {
        self.call(
            "chat.postMessage",
            json!({"channel": "C0RELEASES", "text": "A release", "blocks": blocks}),
        )
        .await?;
        Ok(())
    }

    async fn say(&self, moment: &str) -> anyhow::Result<()> {
        self.post(json!([
            {"type": "section", "text": mrkdwn("🚢 *Release* `4f2a9c1` *starts.* It goes to *preproduction* first.")},
            {"type": "context", "elements": [mrkdwn("backend, client and engine · pushed by ada-lovelace · tests passed")]},
        ]))
        .await?;
        if moment != "rolling" {
            self.post(question(moment == "waiting")).await?;
        }
        if moment == "done" {
            self.post(json!([{"type": "section", "text": mrkdwn(":tada: `4f2a9c1` is in *production*: six services, 6 min 12 s, no request lost.")}])).await?;
        }
        Ok(())
    }
}

async fn interact(State(gantry): State<StandIn>, Form(form): Form<Vec<(String, String)>>) -> Json<Value> {
    let payload =
        form.into_iter().find(|(name, _)| name == "payload").map(|(_, value)| value).unwrap_or_default();
    let payload: Value = serde_json::from_str(&payload).unwrap_or_default();
    let answer = match payload["type"].as_str() {
        Some("view_submission") => Ok(json!({"response_action": "clear"})),
        _ if payload["user"]["id"] == "U0SAM" => {
            let body = json!({"channel": "C0RELEASES", "user": "U0SAM", "text": "Only <@U0QUINN> and <@U0MARA> decide about *production*. Nothing was changed."});
            gantry.call("chat.postEphemeral", body).await
        }
        _ if payload["actions"][0]["action_id"] == "reject" => gantry
            .call("views.open", json!({"trigger_id": payload["trigger_id"], "view": reason()}))
            .await
            .map(|_| json!({})),
        _ => {
            let body = json!({"channel": "C0RELEASES", "ts": payload["message"]["ts"], "text": "Approved", "blocks": question(false)});
            gantry.call("chat.update", body).await.map(|_| json!({}))
        }
    };
    Json(answer.unwrap_or_else(|error| json!({"error": error.to_string()})))
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn question(open: bool) -> Value {
    let confirm = |title: &str, text: &str, yes: &str, style: &str| json!({"title": plain(title), "text": mrkdwn(text), "confirm": plain(yes), "deny": plain("Not yet"), "style": style});
    let mut blocks = vec![
        json!({"type": "header", "text": plain(if open { "Approve for production?" } else { "Approved for production" })}),
        json!({"type": "section", "text": mrkdwn(if open { "Release `4f2a9c1` waits for a decision before *production*." } else { "✅ <@U0QUINN> approved it a moment ago.\nRelease `4f2a9c1`" })}),
        json!({"type": "section", "text": mrkdwn("*What changes in production*\n• *backend* `9d81e02` → `4f2a9c1` · web, sidekiq, clockwork, kafka-consumer · *runs a migration*\n• *client* `71b0c55` → `4f2a9c1` · exchange-client-web\n• *engine* `71b0c55` → `4f2a9c1` · exchange-engine-app")}),
        json!({"type": "section", "text": mrkdwn("*Commits*\n<https://example.test/commit/4f2a9c1|4f2a9c1> Show fees before an order is placed\n<https://example.test/commit/9d81e02|9d81e02> Retry the ledger's imports &amp; count them")}),
        json!({"type": "section", "text": mrkdwn("*Checked before*\n✅ health, version, acceptance tests\nSee for yourself: <http://127.0.0.1:9/web|web> · <http://127.0.0.1:9/client|client>")}),
    ];
    if open {
        blocks.push(json!({"type": "context", "elements": [mrkdwn("<@U0QUINN>, <@U0MARA> may decide, until tomorrow 20:00 · plan `c0ffee12`")]}));
        blocks.push(json!({"type": "actions", "elements": [
            {"type": "button", "text": plain("Approve"), "action_id": "approve", "value": "1", "style": "primary",
                "confirm": confirm("Deploy to production?", "`4f2a9c1` goes to *production* at once: 6 services change. A migration runs first.", "Approve", "primary")},
            {"type": "button", "text": plain("Reject…"), "action_id": "reject", "value": "1", "style": "danger",
                "confirm": confirm("Reject this release?", "`4f2a9c1` will not go to *production*. You are asked for a reason next.", "Give a reason", "danger")},
        ]}));
    }
    Value::Array(blocks)
}

fn reason() -> Value {
    json!({"type": "modal", "callback_id": "reject", "title": plain("Reject release"), "submit": plain("Reject"), "close": plain("Back"),
    "blocks": [
        {"type": "section", "text": mrkdwn("Release `4f2a9c1` will not go to *production*. What runs there keeps running.")},
        {"type": "input", "block_id": "reason", "label": plain("Why?"), "hint": plain("Everybody in the channel reads this."),
            "element": {"type": "plain_text_input", "action_id": "reason", "multiline": true, "min_length": 1, "max_length": 500}},
    ]})
}

/// One frozen moment.
struct Moment {
    name: String,
    version: watch::Sender<u64>,
}

impl Views for Moment {
    fn snapshot(&self) -> Value {
        if self.name == "empty" {
            return json!({"releases": [], "ecs": ecs("before", "before")});
        }
        let (preproduction, production) = match self.name.as_str() {
            "rolling" => ("half", "before"),
            "done" => ("after", "after"),
            "failed" => ("after", "broken"),
            _ => ("after", "before"),
        };
        json!({"releases": releases(&self.name), "ecs": ecs(preproduction, production)})
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

/// Adds states one after another, each with its length in seconds; the last one runs when `None`.
struct Story {
    at: Timestamp,
    states: Vec<Value>,
}

impl Story {
    fn from(at: Timestamp) -> Self {
        Self { at, states: Vec::new() }
    }

    fn then(
        &mut self,
        stage: Option<&str>,
        name: &str,
        label: Option<&str>,
        seconds: Option<i64>,
        status: &str,
    ) {
        let entered = self.at;
        self.at += SignedDuration::from_secs(seconds.unwrap_or(0));
        let left = seconds.map(|_| self.at.to_string());
        self.states.push(json!({"name": name, "type": "Task", "stage": stage, "label": label, "enteredAt": entered.to_string(), "leftAt": left, "status": status}));
    }
}

const SERVICES: [(&str, &str); 6] = [
    ("backend", "web"),
    ("backend", "sidekiq"),
    ("backend", "clockwork"),
    ("backend", "kafka-consumer"),
    ("client", "exchange-client-web"),
    ("engine", "exchange-engine-app"),
];

fn rollout(stage: &str, at: Timestamp, upto: usize, last: &str) -> (Value, Timestamp) {
    let mut story = Story::from(at);
    story.then(None, "StartTask", Some("backend · backup"), Some(2), "succeeded");
    story.then(None, "WatchTask", Some("backend · backup"), Some(21), "succeeded");
    story.then(None, "StartTask", Some("backend · migration"), Some(2), "succeeded");
    story.then(None, "WatchTask", Some("backend · migration"), Some(34), "succeeded");
    for (index, (component, service)) in SERVICES.iter().enumerate().take(upto) {
        let label = format!("{component} · {service}");
        let ends = index + 1 == upto && last != "succeeded";
        story.then(None, "StartDeployments", Some(&label), Some(2), "succeeded");
        let seconds =
            if ends && last == "running" { None } else { Some(41 + 7 * i64::try_from(index).unwrap_or(0)) };
        story.then(None, "WatchWave", Some(&label), seconds, if ends { last } else { "succeeded" });
    }
    if last == "succeeded" {
        story.then(None, "RunChecks", Some("checks"), Some(12), "succeeded");
    }
    let ended = (last != "running").then(|| story.at.to_string());
    (
        json!({"stage": stage, "startedAt": at.to_string(), "endedAt": ended, "status": last, "states": story.states}),
        story.at,
    )
}

fn releases(moment: &str) -> Value {
    let begun = Timestamp::now() - SignedDuration::from_secs(if moment == "rolling" { 190 } else { 520 });
    let mut story = Story::from(begun);
    let mut rollouts = Vec::new();
    story.then(None, "ClaimRelease", None, Some(1), "succeeded");
    let mut stage = |story: &mut Story, name: &str, upto: usize, last: &str| {
        story.then(Some(name), "AcquireLock", None, Some(1), "succeeded");
        story.then(Some(name), "PlanUnderLock", None, Some(2), "succeeded");
        let (rollout, end) = rollout(name, story.at, upto, last);
        let seconds = (last != "running").then(|| end.duration_since(story.at).as_secs());
        story.then(Some(name), "RollOut", None, seconds, last);
        rollouts.push(rollout);
        if last == "succeeded" {
            story.then(Some(name), "RecordStage", None, Some(1), "succeeded");
            story.then(Some(name), "ReleaseLock", None, Some(1), "succeeded");
        }
    };
    stage(
        &mut story,
        "preproduction",
        if moment == "rolling" { 3 } else { 6 },
        if moment == "rolling" { "running" } else { "succeeded" },
    );
    if moment != "rolling" {
        story.then(Some("production"), "PlanForApproval", None, Some(2), "succeeded");
        let asked = moment == "waiting";
        story.then(
            Some("production"),
            "AskApproval",
            None,
            (!asked).then_some(95),
            if asked { "running" } else { "succeeded" },
        );
        if !asked {
            story.then(Some("production"), "ReadDecision", None, Some(1), "succeeded");
            stage(
                &mut story,
                "production",
                if moment == "done" { 6 } else { 2 },
                if moment == "done" { "succeeded" } else { "failed" },
            );
            story.then(
                None,
                if moment == "done" { "RecordSuccess" } else { "RecordFailure" },
                None,
                Some(1),
                "succeeded",
            );
        }
    }
    let (end, reason) = match moment {
        "done" => (Some("Succeeded"), None),
        "failed" => (
            Some("FailedDirty"),
            Some(
                "sidekiq: essential container exited with 1 three times. web already runs 4f2a9c1; production is held.",
            ),
        ),
        _ => (None, None),
    };
    let before = begun - SignedDuration::from_hours(5);
    json!([
        {"id": "exchange-4f2a9c1", "commit": COMMIT, "title": "Show fees before an order is placed", "author": "Ada Lovelace",
            "startedAt": begun.to_string(), "endedAt": end.map(|_| story.at.to_string()), "end": end, "reason": reason,
            "stages": [{"name": "preproduction", "gate": false}, {"name": "production", "gate": true}],
            "states": story.states, "rollouts": rollouts},
        {"id": "exchange-71b0c55", "commit": "71b0c55", "title": "Archive old order books", "startedAt": before.to_string(),
            "endedAt": (before + SignedDuration::from_mins(22)).to_string(), "end": "Declined", "reason": "Rejected by Mara Lindqvist: wait for the data team.",
            "states": []},
    ])
}

fn ecs(preproduction: &str, production: &str) -> Value {
    let cluster = |name: &str, stage: &str, how: &str| {
        let services: Vec<Value> = SERVICES
            .iter()
            .enumerate()
            .map(|(index, (component, name))| service(index, component, name, how))
            .collect();
        let tasks = if how == "before" {
            json!([])
        } else {
            json!([{"id": format!("{stage}-m"), "label": "migration", "status": "STOPPED", "exitCode": 0}])
        };
        json!({"name": name, "stage": stage, "services": services, "tasks": tasks})
    };
    json!({"clusters": [
        cluster("exchange-base-cluster-preprod2", "preproduction", preproduction),
        cluster("exchange-base-cluster-prod2", "production", production),
    ]})
}

fn service(index: usize, component: &str, name: &str, how: &str) -> Value {
    let desired = if name == "clockwork" { 1 } else { 3 };
    let task = |version: &str, serial: usize, status: &str, health: &str| json!({"id": format!("{name}-{version}-{serial}"), "deployment": version, "version": version, "status": status, "health": health});
    let all = |version: &str| {
        (0..desired).map(|serial| task(version, serial, "RUNNING", "HEALTHY")).collect::<Vec<_>>()
    };
    let settled = |version: &str| {
        json!({"name": name, "component": component, "desired": desired, "tasks": all(version),
            "deployments": [{"id": version, "status": "PRIMARY", "rolloutState": "COMPLETED", "version": version}]})
    };
    let changing = |state: &str, tasks: Vec<Value>| {
        json!({"name": name, "component": component, "desired": desired, "tasks": tasks,
            "deployments": [{"id": "4f2a9c1", "status": "PRIMARY", "rolloutState": state, "version": "4f2a9c1"},
                {"id": "9d81e02", "status": "ACTIVE", "rolloutState": "COMPLETED", "version": "9d81e02"}]})
    };
    match (how, index) {
        ("half", 1) => changing(
            "IN_PROGRESS",
            vec![
                task("9d81e02", 0, "RUNNING", "HEALTHY"),
                task("9d81e02", 1, "RUNNING", "HEALTHY"),
                task("9d81e02", 2, "STOPPING", "HEALTHY"),
                task("4f2a9c1", 0, "RUNNING", "HEALTHY"),
                task("4f2a9c1", 1, "PENDING", "UNKNOWN"),
            ],
        ),
        ("half", 2) => changing("IN_PROGRESS", vec![task("9d81e02", 0, "RUNNING", "HEALTHY")]),
        ("broken", 1) => {
            let mut tasks = all("9d81e02");
            tasks.extend((0..2).map(|serial| task("4f2a9c1", serial, "STOPPED", "UNKNOWN")));
            tasks.push(task("4f2a9c1", 2, "RUNNING", "UNHEALTHY"));
            changing("FAILED", tasks)
        }
        ("half" | "broken", 0) | ("after", _) => settled("4f2a9c1"),
        _ => settled("9d81e02"),
    }
}
