use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const BASE: &str = "1111111111111111111111111111111111111111";
const HEAD: &str = "4f2a9c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b";

struct OneSecret;

#[async_trait]
impl Secrets for OneSecret {
    async fn read(&self, _: &str) -> Result<SecretString, PortError> {
        Ok(SecretString::from("ghp-canary"))
    }
}

async fn compare(answer: ResponseTemplate) -> Result<ChangedPaths, PortError> {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path(format!("/repos/exchange/exchange/compare/{BASE}...{HEAD}")))
        .and(header("authorization", "Bearer ghp-canary"))
        .and(header("x-github-api-version", "2022-11-28"))
        .respond_with(answer)
        .expect(1)
        .mount(&server)
        .await;
    let settings = GitHubSettings { api: server.uri(), token: Some("arn".into()) };
    let client = GitHubClient::new(settings, Arc::new(OneSecret)).unwrap();
    let repository = GitHubRepository::new("exchange/exchange").unwrap();
    client.changed_paths(&repository, &CommitSha::new(BASE).unwrap(), &CommitSha::new(HEAD).unwrap()).await
}

fn comparison(status: &str, files: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"status": status, "ahead_by": 2, "files": files}))
}

#[tokio::test]
async fn the_paths_between_two_commits_are_told_old_names_included() {
    let files = json!([
        {"filename": "backend/b.rb", "status": "renamed", "previous_filename": "engine/b.java"},
        {"filename": "backend/a.rb", "status": "modified"},
        {"filename": "backend/a.rb", "status": "modified"},
    ]);
    let known = compare(comparison("ahead", &files)).await.unwrap();
    let paths = ["backend/a.rb", "backend/b.rb", "engine/b.java"].map(str::to_owned).to_vec();
    assert_eq!(known, ChangedPaths::Known(paths));
}

#[tokio::test]
async fn a_comparison_that_may_be_too_short_is_unclear() {
    let cut: Vec<Value> = (0..300).map(|n| json!({"filename": format!("docs/{n}")})).collect();
    for answer in [
        comparison("diverged", &json!([{"filename": "docs/x"}])),
        comparison("behind", &json!([])),
        comparison("ahead", &json!(null)),
        comparison("ahead", &json!(cut)),
        ResponseTemplate::new(404),
        ResponseTemplate::new(422),
        ResponseTemplate::new(200).set_body_string("x".repeat(ANSWER_LIMIT + 1)),
    ] {
        assert_eq!(compare(answer).await.unwrap(), ChangedPaths::Unclear);
    }
}

#[tokio::test]
async fn refusals_are_told_apart_and_hold_no_token() {
    let limited = ResponseTemplate::new(403).insert_header("x-ratelimit-remaining", "0");
    let asked = ResponseTemplate::new(403).insert_header("retry-after", "60");
    for (answer, kind) in [
        (limited, "was throttled"),
        (asked, "was throttled"),
        (ResponseTemplate::new(429), "was throttled"),
        (ResponseTemplate::new(403), "was denied"),
        (ResponseTemplate::new(401), "was denied"),
        (ResponseTemplate::new(502), "got no usable answer"),
        (ResponseTemplate::new(301).insert_header("location", "/elsewhere"), "was refused"),
        (ResponseTemplate::new(200).set_body_string("<html>"), "answered something unreadable"),
    ] {
        let error = compare(answer).await.unwrap_err();
        assert!(error.to_string().ends_with(kind), "{error}: {kind}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}
