use gantry_domain::Scale;
use serde_json::json;

use super::*;
use crate::github::{Commit, GitHubConfig, Push, router};
use crate::outbound;

const ONE: &str = "1111111111111111111111111111111111111111";
const TWO: &str = "2222222222222222222222222222222222222222";

struct World {
    github: GitHubRepository,
    base: String,
    http: reqwest::Client,
}

async fn world() -> World {
    let github = GitHubRepository::new(GitHubConfig {
        full_name: "exchange/monorepo".to_owned(),
        default_branch: "main".to_owned(),
        webhook_secret: "webhook".to_owned(),
        api_token: "ghs-contents".to_owned(),
        status_token: "ghs-statuses".to_owned(),
        clock: Scale::REAL,
    })
    .unwrap();
    for sha in [ONE, TWO] {
        let commit = Commit { sha: sha.to_owned(), message: "Change".to_owned(), ..Commit::default() };
        github.land(&Push { commits: vec![commit], ..Push::default() });
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/github/api/repos/exchange/monorepo", listener.local_addr().unwrap());
    let server = router(github.clone());
    tokio::spawn(async move { axum::serve(listener, server).await });
    World { github, base, http: outbound::client().unwrap() }
}

impl World {
    async fn post_as(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let request =
            self.http.post(format!("{}/{path}", self.base)).header("user-agent", "test").bearer_auth(token);
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.post_as("ghs-statuses", path, &body).await
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}/{path}", self.base)).header("user-agent", "test");
        let answer = request.bearer_auth("ghs-statuses").send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

fn plain(environment: &str) -> Value {
    json!({"ref": ONE, "environment": environment, "auto_merge": false, "required_contexts": []})
}

fn words(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|each| each[field].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn statuses_of_a_commit_are_kept_and_listed_newest_first() {
    let world = world().await;
    for state in ["pending", "success"] {
        let (status, body) =
            world.post(&format!("statuses/{ONE}"), json!({"state": state, "context": "a/b"})).await;
        assert_eq!((status, body["context"].as_str()), (201, Some("a/b")));
    }
    assert_eq!(words(&world.get(&format!("commits/{ONE}/statuses")).await, "state"), ["success", "pending"]);
    assert_eq!(
        words(&world.get(&format!("commits/{ONE}/statuses?per_page=1&page=2")).await, "state"),
        ["pending"]
    );
    assert_eq!(world.get(&format!("commits/{TWO}/statuses")).await, json!([]));
    assert_eq!(world.github.snapshot()["statuses"][0]["sha"], ONE);
}

#[tokio::test]
async fn what_github_would_not_take_is_refused_in_its_words() {
    let world = world().await;
    let long = "x".repeat(141);
    for (path, body, status, words) in [
        (format!("statuses/{ONE}"), json!({"state": "great"}), 422, "state is not included"),
        (format!("statuses/{ONE}"), json!({"state": "error", "description": long}), 422, "maximum is 140"),
        (format!("statuses/{ONE}"), json!({"state": "error", "target_url": "ftp://x"}), 422, "http(s)"),
        ("statuses/3333333".to_owned(), json!({"state": "error"}), 422, "No commit found for SHA: 3333333"),
        ("deployments".to_owned(), json!({"environment": "production"}), 422, "\"ref\" wasn't supplied"),
        ("deployments".to_owned(), json!({"ref": "nowhere"}), 422, "No ref found for: nowhere"),
        ("deployments".to_owned(), json!({"ref": ONE}), 202, "Auto-merged main into"),
        ("deployments/1/statuses".to_owned(), json!({"state": "success"}), 404, "Not Found"),
        ("deployments".to_owned(), json!([]), 400, "Problems parsing JSON"),
    ] {
        let (got, answer) = world.post(&path, body.clone()).await;
        let message = answer["message"].as_str().unwrap_or_default();
        assert!(got == status && message.contains(words), "{path} {body}: {got} {answer}");
    }
    world.post(&format!("statuses/{TWO}"), json!({"state": "pending"})).await;
    let (status, answer) = world.post("deployments", json!({"ref": TWO})).await;
    assert_eq!((status, answer["message"].as_str().unwrap().contains("status checks failed")), (409, true));
    for _ in 0..1000 {
        world.github.change(|state| {
            let body = json!({"state": "pending", "context": "many"});
            told::create_status(state, "now", ONE, body.as_object().unwrap()).unwrap()
        });
    }
    let (status, answer) =
        world.post(&format!("statuses/{ONE}"), json!({"state": "pending", "context": "many"})).await;
    assert_eq!(
        (status, answer["message"].as_str().unwrap().contains("maximum number of statuses")),
        (422, true)
    );
}

#[tokio::test]
async fn a_success_ends_the_deployment_before_it_except_in_production() {
    let world = world().await;
    for (environment, first) in [("preproduction", "inactive"), ("production", "success")] {
        let mut ids = Vec::new();
        for _ in 0..2 {
            let (_, created) = world.post("deployments", plain(environment)).await;
            ids.push(created["id"].as_u64().unwrap());
            for state in ["in_progress", "success"] {
                let path = format!("deployments/{}/statuses", ids.last().unwrap());
                assert_eq!(world.post(&path, json!({"state": state})).await.0, 201);
            }
        }
        let listed = world.get(&format!("deployments?environment={environment}&sha={ONE}")).await;
        assert_eq!((listed.as_array().unwrap().len(), listed[0]["id"].as_u64()), (2, Some(ids[1])));
        let newest = |id: u64| format!("deployments/{id}/statuses?per_page=1");
        assert_eq!(words(&world.get(&newest(ids[0])).await, "state"), [first], "{environment}");
        assert_eq!(words(&world.get(&newest(ids[1])).await, "state"), ["success"]);
    }
    assert_eq!(world.get("deployments?environment=elsewhere").await, json!([]));
    assert_eq!(world.github.deployments(ONE).len(), 4);
}

#[tokio::test]
async fn a_token_opens_only_what_it_is_for() {
    let world = world().await;
    let path = format!("statuses/{ONE}");
    let body = json!({"state": "success"});
    assert_eq!(world.post_as("ghs-contents", &path, &body).await.0, 403);
    assert_eq!(world.post_as("ghs-wrong", &path, &body).await.0, 401);
    let reading = world.http.get(format!("{}/commits/{ONE}", world.base)).header("user-agent", "test");
    assert_eq!(reading.bearer_auth("ghs-statuses").send().await.unwrap().status(), 404);
    assert!(world.github.statuses(ONE).is_empty());
    assert!(!world.github.snapshot().to_string().contains("ghs-"));
}

#[tokio::test]
async fn calls_go_wrong_as_they_are_told_to() {
    let world = world().await;
    let path = format!("statuses/{ONE}");
    let body = json!({"state": "success"});
    world.github.break_next("create commit status", Fault::RetryAfter(403, 90));
    world.github.break_next("*", Fault::AnswerLost);
    world.github.break_next("create deployment", Fault::Status(502));
    let limited =
        Fault::Answer(403, vec![("x-ratelimit-remaining".into(), "0".into())], json!({"message": "limit"}));
    world.github.break_next("create commit status", limited);
    assert_eq!(world.post(&path, body.clone()).await.0, 403);
    assert!(world.github.statuses(ONE).is_empty(), "it had no effect");
    assert_eq!(world.post(&path, body.clone()).await.0, 504);
    assert_eq!(world.github.statuses(ONE).len(), 1, "it had its effect");
    assert_eq!(world.post(&path, body.clone()).await, (403, json!({"message": "limit"})));
    assert_eq!(world.post("deployments", plain("x")).await.0, 502);
    assert_eq!(world.post(&path, body.clone()).await.0, 201);
    world.github.break_always(Some(Fault::Status(503)));
    assert_eq!(world.post(&path, body.clone()).await.0, 503);
    assert_eq!(world.post("deployments", plain("x")).await.0, 503);
    world.github.break_always(None);
    assert_eq!(world.post(&path, body).await.0, 201);
    assert_eq!(world.github.broken_calls(), 6);
}
