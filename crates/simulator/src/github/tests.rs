//! GitHub over HTTP, with a small receiver behind the webhook URL.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::routing::post;
use gantry_domain::Scale;
use serde_json::{Value, json};

use super::*;

type Received = Arc<Mutex<Vec<(HeaderMap, String)>>>;

struct World {
    github: GitHubRepository,
    base: String,
    received: Received,
    http: reqwest::Client,
}

const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";
const SIDE: &str = "3333333333333333333333333333333333333333";

async fn hook(Shared(received): Shared<Received>, headers: HeaderMap, body: String) -> &'static str {
    received.lock().unwrap().push((headers, body));
    "thanks"
}

async fn world() -> World {
    let github = GitHubRepository::new(GitHubConfig {
        full_name: "exchange/monorepo".to_owned(),
        default_branch: "main".to_owned(),
        webhook_secret: "It's a Secret to Everybody".to_owned(),
        api_token: "ghs_right".to_owned(),
        status_token: "ghs-status-secret".to_owned(),
        clock: Scale::REAL,
    })
    .unwrap();
    let received = Received::default();
    let gantry = Router::new().route("/github/webhook", post(hook)).with_state(received.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = router(github.clone()).merge(gantry);
    tokio::spawn(async move { axum::serve(listener, server).await });
    github.set_webhook_url(format!("{base}/github/webhook"));
    World { github, base, received, http: outbound::client().unwrap() }
}

fn commit(sha: &str, path: &str) -> Commit {
    Commit {
        sha: sha.to_owned(),
        author: "Ada Lovelace".to_owned(),
        message: format!("Change {path}"),
        modified: vec![path.to_owned()],
        ..Commit::default()
    }
}

fn push(commits: &[(&str, &str)]) -> Push {
    Push { commits: commits.iter().map(|(sha, path)| commit(sha, path)).collect(), ..Push::default() }
}

impl World {
    fn last(&self) -> (HeaderMap, Value) {
        let (headers, body) = self.received.lock().unwrap().last().unwrap().clone();
        (headers, serde_json::from_str(&body).unwrap())
    }

    async fn get(&self, path: &str, token: Option<&str>) -> (u16, Value) {
        let mut request =
            self.http.get(format!("{}/github/api/{path}", self.base)).header("user-agent", "gantry");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn compare(&self, range: &str) -> Value {
        let (status, body) =
            self.get(&format!("repos/exchange/monorepo/compare/{range}"), Some("ghs_right")).await;
        assert_eq!(status, 200, "{body}");
        body
    }
}

#[test]
fn the_signature_is_the_one_in_githubs_documents() {
    assert_eq!(
        signature("It's a Secret to Everybody", "Hello, World!"),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
}

#[tokio::test]
async fn a_push_is_a_signed_webhook_that_names_what_changed() {
    let world = world().await;
    world.github.push(&push(&[(ONE, "backend/a.rb")])).await.unwrap();
    let delivery = world.github.push(&push(&[(TWO, "client/b.ts")])).await.unwrap();
    assert_eq!((delivery.status, delivery.response.as_str()), (Some(200), "thanks"));
    let (headers, body) = world.last();
    assert_eq!(headers["x-github-event"], "push");
    assert_eq!(headers["x-github-delivery"], delivery.guid.as_str());
    assert!(headers["user-agent"].to_str().unwrap().starts_with("GitHub-Hookshot/"));
    let raw = world.received.lock().unwrap()[1].1.clone();
    assert_eq!(headers["x-hub-signature-256"], signature("It's a Secret to Everybody", &raw).as_str());
    assert_eq!(
        (&body["ref"], &body["before"], &body["after"]),
        (&json!("refs/heads/main"), &json!(ONE), &json!(TWO))
    );
    assert_eq!(
        (&body["created"], &body["forced"], &body["deleted"]),
        (&json!(false), &json!(false), &json!(false))
    );
    assert_eq!(body["commits"][0]["modified"], json!(["client/b.ts"]));
    assert_eq!(body["head_commit"]["id"], TWO);
    assert_eq!(body["repository"]["full_name"], "exchange/monorepo");
    assert_eq!(body["pusher"]["name"], "ada-lovelace");
}

#[tokio::test]
async fn a_new_branch_and_a_forced_push_say_so() {
    let world = world().await;
    world.github.push(&push(&[(ONE, "a"), (TWO, "b")])).await.unwrap();
    let side = Push { branch: "fix".to_owned(), onto: Some(ONE.to_owned()), ..push(&[(SIDE, "c")]) };
    world.github.push(&side).await.unwrap();
    let (_, body) = world.last();
    assert_eq!((&body["created"], &body["before"]), (&json!(true), &json!("0".repeat(40))));
    let forced =
        Push { onto: Some(ONE.to_owned()), ..push(&[("4444444444444444444444444444444444444444", "d")]) };
    world.github.push(&forced).await.unwrap();
    let (_, body) = world.last();
    assert_eq!((&body["forced"], &body["before"]), (&json!(true), &json!(TWO)));
}

#[tokio::test]
async fn a_push_lists_at_most_2048_commits_the_newest_ones() {
    let world = world().await;
    let commits = (0..2049).map(|n| commit(&format!("{n:040}"), "a")).collect();
    let webhook = world.github.land(&Push { commits, ..Push::default() });
    let body: Value = serde_json::from_str(&webhook.body).unwrap();
    assert_eq!(body["commits"].as_array().unwrap().len(), 2048);
    assert_eq!(body["commits"][0]["id"], format!("{:040}", 1));
    assert_eq!(body["after"], format!("{:040}", 2048));
}

#[tokio::test]
async fn workflow_runs_and_check_suites_say_where_they_ran() {
    let world = world().await;
    world.github.push(&push(&[(ONE, "a")])).await.unwrap();
    let mut run = WorkflowRun::completed(".github/workflows/backend.yml", ONE, "success");
    world.github.workflow_run(&run).await.unwrap();
    let (headers, body) = world.last();
    assert_eq!(headers["x-github-event"], "workflow_run");
    assert_eq!((&body["action"], &body["workflow"]["path"]), (&json!("completed"), &json!(run.path)));
    let shown = &body["workflow_run"];
    assert_eq!((&shown["conclusion"], &shown["event"]), (&json!("success"), &json!("push")));
    assert_eq!((&shown["head_sha"], &shown["head_branch"]), (&json!(ONE), &json!("main")));
    assert_eq!(shown["head_commit"]["message"], "Change a");
    assert_eq!(shown["head_repository"]["full_name"], "exchange/monorepo");

    run.head_repository = Some("mallory/monorepo".to_owned());
    run.conclusion = None;
    world.github.workflow_run(&run).await.unwrap();
    let (_, body) = world.last();
    assert_eq!(body["action"], "requested");
    assert_eq!(body["workflow_run"]["head_repository"]["full_name"], "mallory/monorepo");
    assert_eq!(body["repository"]["full_name"], "exchange/monorepo");

    let suite = CheckSuite {
        app: "github-actions".to_owned(),
        sha: ONE.to_owned(),
        conclusion: Some("failure".to_owned()),
        branch: String::new(),
    };
    world.github.check_suite(&suite).await.unwrap();
    let (headers, body) = world.last();
    assert_eq!(headers["x-github-event"], "check_suite");
    let shown = &body["check_suite"];
    assert_eq!((&shown["conclusion"], &shown["app"]["slug"]), (&json!("failure"), &json!("github-actions")));
    world.github.ping().await.unwrap();
    assert_eq!(world.last().1["hook"]["config"]["secret"], "********");
}

#[tokio::test]
async fn t31_a_redelivery_is_the_same_request_under_the_same_guid() {
    let world = world().await;
    let first = world.github.push(&push(&[(ONE, "a")])).await.unwrap();
    let again = world.github.redeliver(&first.guid).await.unwrap();
    assert_eq!((first.redelivery, again.redelivery), (false, true));
    let received = world.received.lock().unwrap().clone();
    assert_eq!(received[0].1, received[1].1);
    assert_eq!(received[0].0["x-github-delivery"], received[1].0["x-github-delivery"]);
    assert_eq!(world.github.deliveries().len(), 2);
}

#[tokio::test]
async fn a_webhook_can_be_forged_and_held_back() {
    let world = world().await;
    let held = world.github.land(&push(&[(ONE, "a")]));
    assert!(world.github.deliveries().is_empty(), "landed, not told");
    assert_eq!(world.github.head("main").as_deref(), Some(ONE));
    let forged = Webhook { signature: signature("guess", &held.body), ..held };
    world.github.send(&forged).await.unwrap();
    assert_eq!(world.last().0["x-hub-signature-256"], forged.signature.as_str());
}

#[tokio::test]
async fn comparing_answers_from_the_history() {
    let world = world().await;
    world.github.land(&push(&[(ONE, "backend/a.rb"), (TWO, "client/b.ts")]));
    world.github.land(&Push {
        branch: "fix/x".to_owned(),
        onto: Some(ONE.to_owned()),
        ..push(&[(SIDE, "engine/c")])
    });
    let body = world.compare(&format!("{ONE}...main")).await;
    assert_eq!(
        (&body["status"], &body["ahead_by"], &body["behind_by"]),
        (&json!("ahead"), &json!(1), &json!(0))
    );
    assert_eq!(body["files"][0]["filename"], "client/b.ts");
    assert_eq!(body["commits"][0]["commit"]["message"], "Change client/b.ts");
    let body = world.compare("main...fix/x").await;
    assert_eq!(body["status"], "diverged");
    assert_eq!(body["merge_base_commit"]["sha"], ONE);
    assert_eq!(body["files"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_comparison_is_cut_at_300_files_and_250_commits() {
    let world = world().await;
    world.github.land(&push(&[(ONE, "a")]));
    let chain = (0..301).map(|n| commit(&format!("{n:040}"), &format!("f{n:03}"))).collect();
    world.github.land(&Push { commits: chain, ..Push::default() });
    let body = world.compare(&format!("{ONE}...main")).await;
    assert_eq!(body["total_commits"], 301);
    let length = |body: &Value, list: &str| body[list].as_array().unwrap().len();
    assert_eq!((length(&body, "files"), length(&body, "commits")), (300, 250));
    let second = world.compare(&format!("{ONE}...main?per_page=100&page=4")).await;
    assert_eq!((length(&second, "files"), length(&second, "commits")), (0, 1));
}

#[tokio::test]
async fn strangers_find_nothing_and_wrong_tokens_are_refused() {
    let world = world().await;
    world.github.land(&push(&[(ONE, "a")]));
    let ours = format!("repos/exchange/monorepo/commits/{ONE}");
    let rows = [
        (ours.as_str(), Some("ghs_right"), 200, None),
        (ours.as_str(), None, 404, Some("Not Found")),
        (ours.as_str(), Some("ghs_wrong"), 401, Some("Bad credentials")),
        ("repos/exchange/other/commits/main", Some("ghs_right"), 404, Some("Not Found")),
        (
            "repos/exchange/monorepo/commits/feed",
            Some("ghs_right"),
            422,
            Some("No commit found for SHA: feed"),
        ),
        ("repos/exchange/monorepo/compare/main...feed", Some("ghs_right"), 404, Some("Not Found")),
        ("user", Some("ghs_right"), 404, Some("Not Found")),
    ];
    for (path, token, status, message) in rows {
        let (got, body) = world.get(path, token).await;
        assert_eq!((got, body["message"].as_str()), (status, message), "{path}");
    }
    let url = format!("{}/github/api/{ours}", world.base);
    let nameless = world.http.get(url).bearer_auth("ghs_right").send().await.unwrap();
    assert_eq!(nameless.status(), 403, "GitHub wants a User-Agent");
}

#[tokio::test]
async fn the_snapshot_shows_what_happened_and_no_secret() {
    let world = world().await;
    world.github.push(&push(&[(ONE, "a")])).await.unwrap();
    let snapshot = world.github.snapshot();
    assert_eq!(snapshot["pushes"][0]["after"], ONE);
    assert_eq!(snapshot["deliveries"][0]["status"], 200);
    let text = snapshot.to_string();
    assert!(!text.contains("Everybody") && !text.contains("ghs_right"));
}
