use std::time::Duration;

use gantry_domain::End;
use gantry_domain::approval::{Decision, Outcome};
use gantry_domain::names::{ApprovalId, ReleaseId, StageName};
use gantry_domain::notice::Notice;
use gantry_simulator::slack::limits::check_view;
use gantry_steps::ports::PortError;
use secrecy::SecretString;
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const TOKEN: &str = "xoxb-1-canary";

struct OneSecret;

#[async_trait]
impl Secrets for OneSecret {
    async fn read(&self, _: &str) -> Result<SecretString, PortError> {
        Ok(SecretString::from(format!("{TOKEN}\n")))
    }
}

fn client(server: &MockServer) -> SlackClient {
    let settings = SlackSettings {
        api: format!("{}/api", server.uri()),
        hooks: format!("{}/hooks", server.uri()),
        token: "arn".into(),
        channel: SlackId::new("C0RELEASES").unwrap(),
    };
    SlackClient::new(settings, Arc::new(OneSecret)).unwrap()
}

async fn answering(call: &str, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path(call)).respond_with(answer).mount(&server).await;
    server
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

fn release() -> ReleaseId {
    ReleaseId::new("exchange-444444444444-1").unwrap()
}

fn end() -> Notice {
    Notice::Ended { end: End::Succeeded, stage: None, reason: "Done.".into(), next: None }
}

async fn post(server: &MockServer) -> Result<MessageAt, ChatError> {
    let message = Message { release: &release(), notice: &end(), outcome: None };
    client(server).post(message, None).await
}

fn place() -> MessageAt {
    MessageAt { channel: SlackId::new("C0RELEASES").unwrap(), ts: "1.2".into() }
}

#[tokio::test]
async fn a_message_is_posted_with_the_token_and_its_place_comes_back() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/api/chat.postMessage"))
        .and(header("authorization", format!("Bearer {TOKEN}")))
        .and(body_partial_json(json!({"channel": "C0RELEASES", "thread_ts": "1.2"})))
        .respond_with(ok(json!({"ok": true, "channel": "C0RELEASES", "ts": "3.4", "message": {}})))
        .expect(1)
        .mount(&server)
        .await;
    let message = Message { release: &release(), notice: &end(), outcome: None };
    let at = client(&server).post(message, Some(&place())).await.unwrap();
    assert_eq!(at, MessageAt { ts: "3.4".into(), ..place() });
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert!(sent["text"].as_str().unwrap().starts_with("Release exchange-444444444444-1 succeeded."));
    assert!(sent["blocks"].as_array().is_some_and(|blocks| !blocks.is_empty()));
}

#[tokio::test]
async fn a_changed_message_brings_text_and_blocks_so_that_buttons_go() {
    let server =
        answering("/api/chat.update", ok(json!({"ok": true, "channel": "C0RELEASES", "ts": "1.2"}))).await;
    let message = Message { release: &release(), notice: &end(), outcome: None };
    assert!(client(&server).update(&place(), message).await.unwrap());
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!((&sent["channel"], &sent["ts"]), (&json!("C0RELEASES"), &json!("1.2")));
    assert!(sent["text"].is_string() && sent["blocks"].is_array());
}

#[tokio::test]
async fn a_message_that_is_gone_is_no_error() {
    for code in ["message_not_found", "cant_update_message", "edit_window_closed"] {
        let server = answering("/api/chat.update", ok(json!({"ok": false, "error": code}))).await;
        let message = Message { release: &release(), notice: &end(), outcome: None };
        assert!(!client(&server).update(&place(), message).await.unwrap(), "{code}");
    }
}

#[tokio::test]
async fn t44_slacks_refusals_are_told_apart_by_what_can_be_done() {
    for (code, kind) in [
        ("ratelimited", "throttled"),
        ("internal_error", "unavailable"),
        ("fatal_error", "unavailable"),
        ("invalid_auth", "not set up"),
        ("not_in_channel", "not set up"),
        ("channel_not_found", "not set up"),
        ("invalid_blocks", "refused"),
        ("msg_too_long", "refused"),
        ("something_new", "refused"),
    ] {
        let server = answering("/api/chat.postMessage", ok(json!({"ok": false, "error": code}))).await;
        let error = post(&server).await.unwrap_err();
        let found = match &error {
            ChatError::Throttled { .. } => "throttled",
            ChatError::Unavailable { .. } => "unavailable",
            ChatError::NotSetUp { .. } => "not set up",
            ChatError::Refused { .. } => "refused",
        };
        assert_eq!(found, kind, "{code}");
        assert_eq!(error.may_pass(), kind != "refused", "{code}");
    }
}

#[tokio::test]
async fn t44_a_request_to_slow_down_says_for_how_long() {
    let answer = ResponseTemplate::new(429).insert_header("Retry-After", "30");
    let server = answering("/api/chat.postMessage", answer).await;
    let error = post(&server).await.unwrap_err();
    assert!(
        matches!(error, ChatError::Throttled { retry_after: Some(wait), .. } if wait == Duration::from_secs(30))
    );
}

#[tokio::test]
async fn t44_a_short_pause_is_waited_out() {
    let server = MockServer::start().await;
    let slow_down = ResponseTemplate::new(429).insert_header("Retry-After", "0");
    Mock::given(path("/api/chat.postMessage")).respond_with(slow_down).up_to_n_times(1).mount(&server).await;
    let posted = ok(json!({"ok": true, "channel": "C0RELEASES", "ts": "3.4"}));
    Mock::given(path("/api/chat.postMessage")).respond_with(posted).mount(&server).await;
    assert_eq!(post(&server).await.unwrap().ts, "3.4");
}

#[tokio::test]
async fn t43_a_broken_slack_is_unavailable_and_nothing_worse() {
    for answer in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(503).set_body_string("<html>"),
        ResponseTemplate::new(302).insert_header("location", "https://example.com"),
        ResponseTemplate::new(200).set_body_string("<html>"),
        ResponseTemplate::new(200)
            .set_body_string(format!("{{\"ok\":true,\"x\":\"{}\"}}", "y".repeat(ANSWER_LIMIT))),
        ok(json!({"ok": true})),
        ok(json!({"ok": true, "channel": "<!channel>", "ts": "1.2"})),
        ok(json!({"ok": false})),
    ] {
        let server = answering("/api/chat.postMessage", answer).await;
        let error = post(&server).await.unwrap_err();
        assert!(matches!(error, ChatError::Unavailable { .. }), "{error:?}");
    }
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = SlackSettings {
        api: format!("http://{nobody}/api"),
        hooks: format!("http://{nobody}/hooks"),
        token: "arn".into(),
        channel: place().channel,
    };
    let slack = SlackClient::new(settings, Arc::new(OneSecret)).unwrap();
    let message = Message { release: &release(), notice: &end(), outcome: None };
    assert!(matches!(slack.post(message, None).await, Err(ChatError::Unavailable { .. })));
}

#[tokio::test]
async fn t37_no_error_tells_the_token_or_a_response_url() {
    let server = answering("/api/chat.postMessage", ok(json!({"ok": false, "error": "invalid_auth"}))).await;
    let address = format!("{}/hooks/actions/T0/1/canary", server.uri());
    let mut errors = vec![post(&server).await.unwrap_err()];
    errors.push(client(&server).whisper(&address, &Whisper::Expired).await.unwrap_err());
    errors.push(client(&server).whisper("https://evil.example/canary", &Whisper::Expired).await.unwrap_err());
    let gone = client(&server);
    drop(server);
    errors.push(gone.whisper(&address, &Whisper::Expired).await.unwrap_err());
    for error in errors {
        assert!(!format!("{error:?} {error}").contains("canary"), "{error:?}");
    }
}

#[tokio::test]
async fn t36_a_response_url_leads_to_slack_or_nowhere() {
    let server = MockServer::start().await;
    Mock::given(path("/hooks/actions/T0/1/x"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    let slack = client(&server);
    let good = format!("{}/hooks/actions/T0/1/x", server.uri());
    slack.whisper(&good, &Whisper::Expired).await.unwrap();
    let port = server.address().port();
    for address in [
        "https://evil.example/hooks/actions".to_owned(),
        "http://169.254.169.254/hooks/latest/meta-data".to_owned(),
        format!("http://127.0.0.1.evil.example:{port}/hooks/x"),
        format!("http://127.0.0.1:{port}@evil.example/hooks/x"),
        format!("http://127.0.0.1:{}/hooks/x", port.wrapping_add(1)),
        format!("https://127.0.0.1:{port}/hooks/x"),
        format!("http://127.0.0.1:{port}/elsewhere"),
        format!("http://127.0.0.1:{port}/hooks/../elsewhere"),
        format!("http://127.0.0.1:{port}/hooksmith"),
        "file:///etc/passwd".to_owned(),
        String::new(),
    ] {
        let error = slack.whisper(&address, &Whisper::Expired).await.unwrap_err();
        assert!(matches!(error, ChatError::Refused { .. }), "{address}");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_whisper_reaches_one_person_and_leaves_the_message() {
    let server = answering("/hooks/actions/T0/1/x", ResponseTemplate::new(200)).await;
    let decision = Decision {
        outcome: Outcome::Rejected,
        by: Some(SlackId::new("U0QA").unwrap()),
        at: "2026-11-21T13:30:00Z".parse().unwrap(),
        reason: Some("<!here> too slow".into()),
    };
    let address = format!("{}/hooks/actions/T0/1/x", server.uri());
    client(&server).whisper(&address, &Whisper::AlreadyDecided(decision)).await.unwrap();
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!((&sent["response_type"], &sent["replace_original"]), (&json!("ephemeral"), &json!(false)));
    let words = sent["text"].as_str().unwrap();
    assert!(words.starts_with("<@U0QA> rejected this already"), "{words}");
    assert!(words.contains("“&lt;!here&gt; too slow”"), "{words}");
}

#[tokio::test]
async fn the_form_for_a_reason_keeps_slacks_limits_and_names_the_approval() {
    let server = answering("/api/views.open", ok(json!({"ok": true, "view": {}}))).await;
    let question = ReasonQuestion {
        approval: ApprovalId::new("0123456789abcdef0123456789abcdef").unwrap(),
        release: release(),
        stage: StageName::new("production").unwrap(),
    };
    client(&server).ask_reason("1.2.3", &question).await.unwrap();
    let sent: Value = server.received_requests().await.unwrap()[0].body_json().unwrap();
    assert_eq!(sent["trigger_id"], "1.2.3");
    assert_eq!(sent["view"]["private_metadata"], "0123456789abcdef0123456789abcdef");
    assert_eq!(check_view(&sent["view"]), Ok(()));
    let field = &sent["view"]["blocks"][1];
    assert_eq!((&field["block_id"], &field["element"]["max_length"]), (&json!("reason"), &json!(500)));
    assert_ne!(field["optional"], json!(true));
    let note = super::super::closing_note(&Whisper::Expired);
    assert_eq!(check_view(&note["view"]), Ok(()));
}
