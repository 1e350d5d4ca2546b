use std::time::Duration;

use gantry_domain::End;
use gantry_domain::course::Course;
use gantry_domain::names::{ExecutionArn, HoldId};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::GitHub;
use gantry_domain::release::{Origin, Undoing};
use gantry_domain::testing::exchange;
use gantry_steps::ports::PortError;
use jiff::Timestamp;
use secrecy::SecretString;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;

const COMMIT: &str = "4f2a9c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b";
const RELEASE: &str = "exchange-4f2a9c1d2e3f-1";

struct OneSecret;

#[async_trait]
impl Secrets for OneSecret {
    async fn read(&self, _: &str) -> Result<SecretString, PortError> {
        Ok(SecretString::from("ghs-canary\n"))
    }
}

fn teller(api: &str, told: &GitHub) -> GitHubTeller {
    let mut pipeline = exchange();
    pipeline.github = Some(told.clone());
    let settings = GitHubTellerSettings { api: api.to_owned(), token: "arn".to_owned() };
    GitHubTeller::new(settings, Arc::new(OneSecret), &pipeline).unwrap().unwrap()
}

const BOTH: GitHub = GitHub { statuses: true, deployments: true };

fn stage(name: &str) -> StageName {
    StageName::new(name).unwrap()
}

fn started(undoes: Option<Undoing>) -> Notice {
    let commit = CommitSha::new(COMMIT).unwrap();
    Notice::Started { commit, origin: Origin::Push, components: vec![], commits: vec![], undoes }
}

fn verified(name: &str) -> Notice {
    Notice::StageVerified { stage: stage(name), deployed: vec![], unchanged: vec![], passed: vec![] }
}

fn rolled_back(name: &str) -> Notice {
    let (hold, until) = (HoldId::new("b".repeat(32)).unwrap(), gantry_domain::hold::HoldEnds::Resumed);
    let reason = "web: 3 tasks failed\nwith exit code 1".to_owned();
    Notice::RolledBack { stage: stage(name), hold, until, resumers: vec![], reason, services: vec![] }
}

fn ended(end: End, at: &str) -> Notice {
    Notice::Ended { end, stage: Some(stage(at)), reason: "prices are wrong".to_owned(), next: None }
}

/// Tells the last notice of a log.
async fn tell(teller: &GitHubTeller, log: &[Notice], again: bool) -> Result<(), VendorError> {
    let pipeline = exchange();
    let (last, earlier) = log.split_last().unwrap();
    let before = Course::of(&pipeline.stages, earlier.iter().map(|notice| (Timestamp::UNIX_EPOCH, notice)));
    let mut now = before.clone();
    now.follow(Timestamp::UNIX_EPOCH, last);
    let release = ReleaseId::new(RELEASE).unwrap();
    let execution =
        ExecutionArn::new("arn:aws:states:us-west-2:111122223333:execution:gantry-exchange-release:one")
            .unwrap();
    let bulletin = Bulletin {
        release: &release,
        execution: Some(&execution),
        seq: 1,
        before: &before,
        now: &now,
        again,
        refusals: 0,
    };
    teller.tell(&bulletin).await
}

/// A GitHub with these deployments and statuses, that takes whatever it is told.
async fn github(deployments: Value, statuses: Value) -> MockServer {
    let server = MockServer::start().await;
    let mount = |verb: &'static str, path: &'static str, answer: ResponseTemplate| {
        Mock::given(method(verb))
            .and(wiremock::matchers::path_regex(path))
            .and(header("authorization", "Bearer ghs-canary"))
            .and(header("x-github-api-version", "2022-11-28"))
            .respond_with(answer)
    };
    mount("GET", "/deployments$", ResponseTemplate::new(200).set_body_json(deployments)).mount(&server).await;
    mount("GET", "/statuses$", ResponseTemplate::new(200).set_body_json(statuses)).mount(&server).await;
    let created = json!({"id": 7, "payload": {}});
    mount("POST", "/deployments$", ResponseTemplate::new(201).set_body_json(created)).mount(&server).await;
    mount("POST", "/statuses", ResponseTemplate::new(201).set_body_json(json!({"id": 1})))
        .mount(&server)
        .await;
    server
}

fn in_short(request: &Request) -> String {
    let path = request.url.path().replace(COMMIT, "<commit>").replace("/repos/exchange/exchange/", "");
    let query = request
        .url
        .query()
        .map_or_else(String::new, |query| format!("?{}", query.replace(COMMIT, "<commit>")));
    let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    for link in ["target_url", "log_url"] {
        if let Some(link) = body.get_mut(link) {
            assert!(link.as_str().unwrap().starts_with("https://us-west-2.console.aws.amazon.com/states/"));
            *link = json!("<execution>");
        }
    }
    let body = if body.is_null() {
        String::new()
    } else {
        format!(" {}", body.to_string().replace(COMMIT, "<commit>"))
    };
    format!("{} {path}{query}{body}", request.method)
}

async fn asked(server: &MockServer) -> String {
    server.received_requests().await.unwrap().iter().map(|request| in_short(request) + "\n").collect()
}

/// What is sent about the last notice of a log, to a GitHub that knows these deployments.
async fn sent(log: &[Notice], deployments: Value) -> String {
    let server = github(deployments, json!([])).await;
    tell(&teller(&server.uri(), &BOTH), log, false).await.unwrap();
    asked(&server).await
}

#[tokio::test]
async fn a_stage_that_begins_is_pending_and_gets_a_deployment() {
    insta::assert_snapshot!(sent(&[started(None)], json!([])).await);
}

#[tokio::test]
async fn a_stage_that_passed_is_a_success_of_the_same_deployment() {
    let others = json!([
        {"id": 3, "payload": {"gantry": {"release": "exchange-4f2a9c1d2e3f-2"}}},
        {"id": 4, "payload": ""},
        {"id": 5, "payload": format!("{{\"gantry\": {{\"release\": \"{RELEASE}\"}}}}")},
        {"id": 2, "payload": {"gantry": {"release": RELEASE}}},
    ]);
    insta::assert_snapshot!(sent(&[started(None), verified("preproduction")], others).await);
}

#[tokio::test]
async fn every_end_is_told_on_the_commit_and_in_the_environment_it_had_come_to() {
    let mut told = String::new();
    let ours = json!([{"id": 2, "payload": {"gantry": {"release": RELEASE}}}]);
    let log = [started(None), verified("preproduction")];
    for end in End::ALL {
        let log = [&log[..], &[ended(end, "production")]].concat();
        told.push_str(&format!("{end} before production had begun:\n{}", sent(&log, json!([])).await));
    }
    for end in [End::FailedClean, End::FailedDirty] {
        told.push_str(&format!(
            "{end} in pre-production:\n{}",
            sent(&[started(None), ended(end, "preproduction")], ours.clone()).await
        ));
    }
    told.push_str(&format!(
        "put back:\n{}",
        sent(&[started(None), rolled_back("preproduction")], ours).await
    ));
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn a_rollback_that_a_person_asked_for_ends_what_it_undid() {
    let undoes = Undoing { stage: stage("production"), components: vec![], to: None };
    let undone = json!([{"id": 9, "payload": {}}, {"id": 2, "payload": {"gantry": {"release": "exchange-4f2a9c1d2e3f-2"}}}]);
    let log = [started(Some(undoes)), rolled_back("production")];
    insta::assert_snapshot!(sent(&log[..1], undone.clone()).await);
    insta::assert_snapshot!(sent(&log, undone).await);
}

#[tokio::test]
async fn t44_what_may_have_been_told_before_is_not_told_twice() {
    let ours = json!([{"id": 2, "payload": {"gantry": {"release": RELEASE}}}]);
    let context = "gantry/exchange/preproduction";
    let told = |state: &str| {
        json!([{"state": state, "description": "Under way", "context": context},
               {"state": "success", "description": "Runs, verified", "context": context}])
    };
    // The commit's statuses and the deployment's are both asked for: the one mock answers both.
    let server = github(ours.clone(), told("pending")).await;
    tell(&teller(&server.uri(), &GitHub { deployments: false, ..BOTH }), &[started(None)], true)
        .await
        .unwrap();
    assert!(!asked(&server).await.contains("POST"), "{}", asked(&server).await);
    let server = github(ours, told("in_progress")).await;
    tell(&teller(&server.uri(), &GitHub { statuses: false, ..BOTH }), &[started(None)], true).await.unwrap();
    assert!(!asked(&server).await.contains("POST"), "{}", asked(&server).await);
    // Only the newest counts: the stage begins a second time.
    let server = github(json!([]), json!([told("pending")[1], told("pending")[0]])).await;
    tell(&teller(&server.uri(), &GitHub { deployments: false, ..BOTH }), &[started(None)], true)
        .await
        .unwrap();
    assert_eq!(asked(&server).await.matches("POST").count(), 1);
}

#[tokio::test]
async fn what_had_no_start_and_what_is_switched_off_is_not_told() {
    let server = github(json!([]), json!([])).await;
    tell(&teller(&server.uri(), &BOTH), &[ended(End::FailedClean, "production")], false).await.unwrap();
    assert_eq!(asked(&server).await, "");
    tell(&teller(&server.uri(), &GitHub { statuses: false, ..BOTH }), &[started(None)], false).await.unwrap();
    assert!(!asked(&server).await.contains("<commit> {"), "{}", asked(&server).await);
    let pipeline = exchange();
    let settings = GitHubTellerSettings { api: server.uri(), token: "arn".to_owned() };
    assert!(GitHubTeller::new(settings, Arc::new(OneSecret), &pipeline).unwrap().is_none());
}

async fn refused(answer: ResponseTemplate) -> VendorError {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    tell(&teller(&server.uri(), &BOTH), &[started(None)], false).await.unwrap_err()
}

fn saying(status: u16, message: &str) -> ResponseTemplate {
    ResponseTemplate::new(status)
        .set_body_json(json!({"message": message, "documentation_url": "https://docs.github.com"}))
}

#[tokio::test]
async fn t44_every_refusal_is_told_apart_by_what_can_be_done() {
    let moved = ResponseTemplate::new(301).insert_header("location", "https://elsewhere.example/");
    let invalid = ResponseTemplate::new(422).set_body_json(json!({
        "message": "Validation Failed",
        "errors": ["This SHA and context has reached the maximum number of statuses.", {"message": "No commit found"}],
    }));
    for (answer, expected) in [
        (saying(401, "Bad credentials"), "is not set up: HTTP status 401: Bad credentials"),
        (
            saying(403, "Resource not accessible by integration"),
            "is not set up: HTTP status 403: Resource not accessible by integration",
        ),
        (saying(404, "Not Found"), "is not set up: HTTP status 404: Not Found"),
        (moved, "is not set up: HTTP status 301"),
        (
            invalid,
            "was refused: HTTP status 422: Validation Failed: This SHA and context has reached the maximum number of statuses.: No commit found",
        ),
        (saying(409, "Conflict"), "was refused: HTTP status 409: Conflict"),
        (saying(202, "Auto-merged main"), "was refused: HTTP status 202: Auto-merged main"),
        (ResponseTemplate::new(500), "got no usable answer"),
        (ResponseTemplate::new(502).set_body_string("<html>"), "got no usable answer"),
        (ResponseTemplate::new(201).set_body_string("<html>"), "got no usable answer"),
        (saying(429, "slow down"), "was throttled"),
        (saying(403, "You have exceeded a secondary rate limit."), "was throttled"),
    ] {
        let error = refused(answer).await;
        assert_eq!(error.to_string(), format!("github:create commit status {expected}"));
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn t44_the_pause_that_github_asks_for_is_kept() {
    let pause = |error: VendorError| match error {
        VendorError::Throttled { retry_after: Some(pause), .. } => pause,
        other => panic!("{other}"),
    };
    let asked = saying(403, "secondary rate limit").insert_header("retry-after", "90");
    assert_eq!(pause(refused(asked).await), Duration::from_secs(90));
    let reset = (Timestamp::now().as_second() + 600).to_string();
    let exhausted = |left: &str| {
        saying(403, "API rate limit exceeded")
            .insert_header("x-ratelimit-remaining", left)
            .insert_header("x-ratelimit-reset", &*reset)
    };
    assert!((590..=600).contains(&pause(refused(exhausted("0")).await).as_secs()));
    assert_eq!(
        pause(refused(exhausted("17")).await),
        Duration::from_secs(60),
        "the reset is of another limit"
    );
    let far = saying(429, "")
        .insert_header("x-ratelimit-remaining", "0")
        .insert_header("x-ratelimit-reset", "99999999999");
    assert_eq!(pause(refused(far).await), Duration::from_secs(3600));
}

#[tokio::test]
async fn t43_no_answer_at_all_may_pass() {
    let error = tell(&teller("http://127.0.0.1:1", &BOTH), &[started(None)], false).await.unwrap_err();
    assert!(error.may_pass());
}
