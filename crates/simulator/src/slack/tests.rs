//! Slack over HTTP, with a small app behind the interactions URL.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use gantry_domain::Scale;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

/// What the app behind the interactions URL received, and what it answers.
#[derive(Default)]
struct App {
    received: Vec<(HeaderMap, String)>,
    answers: Vec<(u16, String)>,
}

struct World {
    slack: SlackWorkspace,
    base: String,
    app: Arc<Mutex<App>>,
    http: reqwest::Client,
}

fn user(id: &str, name: &str) -> User {
    User {
        id: id.to_owned(),
        username: name.to_lowercase(),
        name: name.to_owned(),
        title: String::new(),
        team_id: "T0EXCH".to_owned(),
        is_bot: false,
    }
}

fn config() -> SlackConfig {
    SlackConfig {
        team_id: "T0EXCH".to_owned(),
        team_domain: "exchange".to_owned(),
        app_id: "A0GANTRY".to_owned(),
        app_name: "Gantry".to_owned(),
        bot_user_id: "U0GANTRY".to_owned(),
        bot_token: "xoxb-right".to_owned(),
        signing_secret: "8f742231b10e8888abcd99yyyzzz85a5".to_owned(),
        channel_id: "C0RELEASES".to_owned(),
        channel_name: "releases".to_owned(),
        users: vec![user("U0ADA", "Ada"), user("U0BOB", "Bob")],
        post_rate: PostRate::GENEROUS,
        trigger_life: SignedDuration::from_secs(3),
        clock: Scale::REAL,
    }
}

async fn interactions(
    Shared(app): Shared<Arc<Mutex<App>>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let mut app = app.lock().unwrap();
    app.received.push((headers, String::from_utf8(body.to_vec()).unwrap()));
    let (status, body) = if app.answers.is_empty() { (200, String::new()) } else { app.answers.remove(0) };
    (StatusCode::from_u16(status).unwrap(), body)
}

async fn world_with(config: SlackConfig) -> World {
    let slack = SlackWorkspace::new(config).unwrap();
    let app = Arc::new(Mutex::new(App::default()));
    let gantry = Router::new().route("/slack/interactions", post(interactions)).with_state(app.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = router(slack.clone()).merge(gantry);
    tokio::spawn(async move { axum::serve(listener, server).await });
    slack.set_public_url(&base);
    slack.set_interactions_url(format!("{base}/slack/interactions"));
    World { slack, base, app, http: outbound::client().unwrap() }
}

async fn world() -> World {
    world_with(config()).await
}

impl World {
    async fn call(&self, method: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/slack/api/{method}", self.base));
        let response = request.bearer_auth("xoxb-right").json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200, "refusals are HTTP 200");
        response.json().await.unwrap()
    }

    async fn post(&self, blocks: Value) -> String {
        let body = json!({"channel": "C0RELEASES", "text": "note", "blocks": blocks});
        let answer = self.call("chat.postMessage", body).await;
        assert_eq!(answer["ok"], true, "{answer}");
        answer["ts"].as_str().unwrap().to_owned()
    }

    /// The payload of the last interaction the app received.
    fn payload(&self) -> Value {
        let body = self.app.lock().unwrap().received.last().unwrap().1.clone();
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        assert_eq!(pairs.len(), 1);
        assert_eq!(pairs[0].0, "payload");
        serde_json::from_str(&pairs[0].1).unwrap()
    }

    fn answer_next(&self, status: u16, body: &Value) {
        self.app.lock().unwrap().answers.push((status, body.to_string()));
    }

    fn received(&self) -> usize {
        self.app.lock().unwrap().received.len()
    }

    async fn open_modal(&self) -> Modal {
        let ts = self.post(question()).await;
        self.slack.click("U0ADA", &ts, "reject", true).await.unwrap();
        let trigger = self.payload()["trigger_id"].clone();
        let answer = self.call("views.open", json!({"trigger_id": trigger, "view": reason_view()})).await;
        assert_eq!(answer["ok"], true, "{answer}");
        self.slack.wait_for_modal("U0ADA").await.unwrap()
    }
}

fn words(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn question() -> Value {
    let confirm = json!({"title": words("Sure?"), "text": words("To production"), "confirm": words("Yes"), "deny": words("No")});
    json!([
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Promote 4f2a9c1?*"}},
        {"type": "actions", "block_id": "decision", "elements": [
            {"type": "button", "text": words("Approve"), "action_id": "approve", "value": "abc", "style": "primary", "confirm": confirm},
            {"type": "button", "text": words("Reject"), "action_id": "reject", "value": "abc", "style": "danger"},
        ]},
    ])
}

fn reason_view() -> Value {
    json!({"type": "modal", "title": words("Reject"), "submit": words("Reject"), "callback_id": "reject",
        "private_metadata": "abc",
        "blocks": [{"type": "input", "block_id": "why", "label": words("Why?"),
            "element": {"type": "plain_text_input", "action_id": "reason", "max_length": 10}}]})
}

fn reason(text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("reason".to_owned(), text.to_owned())])
}

#[test]
fn the_signature_is_the_one_in_slacks_documents() {
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
        &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
        &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
        &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    assert_eq!(
        signature("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body),
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    );
}

#[tokio::test]
async fn only_the_registered_token_may_call() {
    let world = world().await;
    let url = format!("{}/slack/api/auth.test", world.base);
    let answer: Value = world.http.post(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({"ok": false, "error": "not_authed"}));
    let answer: Value =
        world.http.post(&url).bearer_auth("xoxb-wrong").send().await.unwrap().json().await.unwrap();
    assert_eq!(answer, json!({"ok": false, "error": "invalid_auth"}));
    let answer: Value =
        world.http.post(&url).bearer_auth("xoxb-right").send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["user_id"], "U0GANTRY");
}

#[tokio::test]
async fn a_message_is_posted_by_json_and_by_form_and_gets_its_ids() {
    let world = world().await;
    let first = world.post(question()).await;
    let form = [
        ("channel", "#releases"),
        ("text", "hello"),
        ("blocks", r#"[{"type":"divider"}]"#),
        ("thread_ts", &first),
    ];
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let response = world
        .http
        .post(format!("{}/slack/api/chat.postMessage", world.base))
        .bearer_auth("xoxb-right")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await
        .unwrap();
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    let messages = world.slack.messages();
    assert!(messages[0].ts < messages[1].ts);
    assert_eq!(messages[1].thread_ts.as_ref(), Some(&first));
    assert_eq!(messages[0].blocks[0]["block_id"].as_str().unwrap().len(), 5);
    assert_eq!(messages[0].words(), "*Promote 4f2a9c1?*\n[Approve] [Reject]");
    assert_eq!(messages[0].action_ids(), ["approve", "reject"]);
}

#[tokio::test]
async fn what_slack_refuses_is_refused_in_its_words() {
    let world = world().await;
    let ts = world.post(question()).await;
    let long: String = "x".repeat(3001);
    let big: Vec<Value> = (0..5)
        .map(|_| json!({"type": "section", "text": {"type": "mrkdwn", "text": long[..3000]}}))
        .collect();
    let rows = [
        ("chat.postMessage", json!({"text": "x"}), "invalid_arguments"),
        ("chat.postMessage", json!({"channel": "C0OTHER", "text": "x"}), "channel_not_found"),
        ("chat.postMessage", json!({"channel": "C0RELEASES"}), "no_text"),
        ("chat.postMessage", json!({"channel": "C0RELEASES", "text": "", "blocks": []}), "no_text"),
        ("chat.postMessage", json!({"channel": "C0RELEASES", "text": 7}), "invalid_arguments"),
        ("chat.postMessage", json!({"channel": "C0RELEASES", "blocks": "[{"}), "invalid_blocks_format"),
        ("chat.postMessage", json!({"channel": "C0RELEASES", "blocks": {"a": 1}}), "invalid_blocks_format"),
        (
            "chat.postMessage",
            json!({"channel": "C0RELEASES", "blocks": [{"type": "section"}]}),
            "invalid_blocks",
        ),
        ("chat.postMessage", json!({"channel": "C0RELEASES", "blocks": big}), "msg_blocks_too_long"),
        (
            "chat.postMessage",
            json!({"channel": "C0RELEASES", "text": "x", "thread_ts": "1.2"}),
            "thread_not_found",
        ),
        ("chat.update", json!({"channel": "releases", "ts": ts, "text": "x"}), "channel_not_found"),
        ("chat.update", json!({"channel": "C0RELEASES", "ts": "1.2", "text": "x"}), "message_not_found"),
        ("chat.update", json!({"channel": "C0RELEASES", "text": "x"}), "invalid_arguments"),
        ("chat.update", json!({"channel": "C0RELEASES", "ts": ts, "text": "x".repeat(4001)}), "msg_too_long"),
        (
            "chat.postEphemeral",
            json!({"channel": "C0RELEASES", "user": "U0EVE", "text": "x"}),
            "user_not_in_channel",
        ),
        ("views.open", json!({"trigger_id": "1.2.3", "view": reason_view()}), "invalid_trigger_id"),
        ("views.open", json!({"trigger_id": "1.2.3", "view": {"type": "modal"}}), "invalid_arguments"),
        ("chat.delete", json!({}), "unknown_method"),
    ];
    for (method, body, error) in rows {
        let answer = world.call(method, body.clone()).await;
        assert_eq!(
            (&answer["ok"], &answer["error"]),
            (&json!(false), &json!(error)),
            "{method} {body}: {answer}"
        );
    }
    let body = json!({"channel": "C0RELEASES", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": long}}]});
    assert_eq!(
        world.call("chat.postMessage", body).await["response_metadata"]["messages"],
        json!(["[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"])
    );
    assert_eq!(world.slack.messages().len(), 1, "nothing refused was posted");
}

#[tokio::test]
async fn an_update_with_text_alone_takes_the_blocks_away() {
    let world = world().await;
    let ts = world.post(question()).await;
    world
        .call("chat.update", json!({"channel": "C0RELEASES", "ts": ts, "blocks": [{"type": "divider"}]}))
        .await;
    assert_eq!(world.slack.messages()[0].text, "note", "the text is kept");
    world.call("chat.update", json!({"channel": "C0RELEASES", "ts": ts, "text": "decided"})).await;
    let message = &world.slack.messages()[0];
    assert_eq!((message.text.as_str(), &message.blocks), ("decided", &json!([])));
    assert_eq!(message.history.len(), 2);
    assert!(message.edited_at.is_some());
    let error = world.slack.click("U0ADA", &ts, "approve", true).await.unwrap_err();
    assert!(matches!(error, PeopleError::NoButton { .. }), "{error}");
}

#[tokio::test]
async fn t44_too_many_messages_get_429_and_a_time_to_wait() {
    let world =
        world_with(SlackConfig { post_rate: PostRate { per_second: 0.001, burst: 1.0 }, ..config() }).await;
    world.post(question()).await;
    let url = format!("{}/slack/api/chat.postMessage", world.base);
    let body = json!({"channel": "C0RELEASES", "text": "x"});
    let response = world.http.post(url).bearer_auth("xoxb-right").json(&body).send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1000");
    assert_eq!(response.json::<Value>().await.unwrap()["error"], "ratelimited");
}

#[tokio::test]
async fn a_click_is_the_signed_request_slack_sends() {
    let world = world().await;
    let ts = world.post(question()).await;
    let answer = world.slack.click("U0ADA", &ts, "approve", true).await.unwrap();
    assert_eq!(answer.status, 200);
    let (headers, body) = world.app.lock().unwrap().received[0].clone();
    assert_eq!(headers["content-type"], "application/x-www-form-urlencoded");
    let timestamp = headers["x-slack-request-timestamp"].to_str().unwrap();
    assert_eq!(
        headers["x-slack-signature"],
        signature("8f742231b10e8888abcd99yyyzzz85a5", timestamp, &body).as_str()
    );
    assert!((Timestamp::now().as_second() - timestamp.parse::<i64>().unwrap()).abs() < 60);
    let payload = world.payload();
    assert_eq!(payload["type"], "block_actions");
    assert_eq!(
        payload["user"],
        json!({"id": "U0ADA", "username": "ada", "name": "ada", "team_id": "T0EXCH"})
    );
    assert_eq!(payload["team"], json!({"id": "T0EXCH", "domain": "exchange"}));
    assert_eq!(payload["api_app_id"], "A0GANTRY");
    assert_eq!(payload["channel"], json!({"id": "C0RELEASES", "name": "releases"}));
    let container =
        json!({"type": "message", "message_ts": ts, "channel_id": "C0RELEASES", "is_ephemeral": false});
    assert_eq!(payload["container"], container);
    assert_eq!(payload["message"]["ts"], json!(ts));
    let action = &payload["actions"][0];
    assert_eq!(
        (&action["action_id"], &action["block_id"], &action["value"], &action["type"]),
        (&json!("approve"), &json!("decision"), &json!("abc"), &json!("button"))
    );
    assert_eq!(world.slack.interactions()[0].status, Some(200));
}

#[tokio::test]
async fn a_person_who_does_not_confirm_sends_nothing() {
    let world = world().await;
    let ts = world.post(question()).await;
    let error = world.slack.click("U0ADA", &ts, "approve", false).await.unwrap_err();
    assert!(matches!(error, PeopleError::NotConfirmed(_)), "{error}");
    assert!(world.slack.click("U0EVE", &ts, "approve", true).await.is_err(), "a stranger");
    assert_eq!(world.received(), 0);
}

#[tokio::test]
async fn a_request_can_be_forged_replayed_and_dated_back() {
    let world = world().await;
    let ts = world.post(question()).await;
    let mut payload = world.slack.click_payload("U0ADA", &ts, "approve").unwrap();
    payload["team"]["id"] = json!("T0OTHER");
    let request = world.slack.sign_at(&payload, 1_531_420_618);
    let forged = SignedRequest { signature: "v0=00".to_owned(), ..request.clone() };
    for request in [&request, &request, &forged] {
        world.slack.send(request).await.unwrap();
    }
    let received = world.app.lock().unwrap().received.clone();
    assert_eq!(received[0].1, received[1].1, "the identical request twice");
    assert_eq!(received[0].0["x-slack-request-timestamp"], "1531420618");
    assert_eq!(received[2].0["x-slack-signature"], "v0=00");
    assert_eq!(world.payload()["team"]["id"], "T0OTHER");
}

#[tokio::test]
async fn a_trigger_opens_one_modal_and_only_in_time() {
    let world = world().await;
    let modal = world.open_modal().await;
    assert_eq!(modal.words(), "Reject\nWhy?");
    let used = world.payload()["trigger_id"].clone();
    let answer = world.call("views.open", json!({"trigger_id": used, "view": reason_view()})).await;
    assert_eq!(answer["error"], "exchanged_trigger_id");

    let late = world_with(SlackConfig { trigger_life: SignedDuration::from_secs(-1), ..config() }).await;
    let ts = late.post(question()).await;
    late.slack.click("U0ADA", &ts, "reject", true).await.unwrap();
    let trigger = late.payload()["trigger_id"].clone();
    let answer = late.call("views.open", json!({"trigger_id": trigger, "view": reason_view()})).await;
    assert_eq!(answer["error"], "expired_trigger_id");
}

#[tokio::test]
async fn a_submission_closes_the_modal_or_shows_what_is_wrong() {
    let world = world().await;
    let modal = world.open_modal().await;
    for (text, problem) in [("", "is required"), ("eleven char", "at most 10")] {
        let error = world.slack.submit_modal("U0ADA", &modal.id, &reason(text)).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
    assert!(world.slack.submit_modal("U0BOB", &modal.id, &reason("x")).await.is_err(), "not his modal");
    assert_eq!(world.received(), 1, "only the click");

    world.answer_next(200, &json!({"response_action": "errors", "errors": {"why": "say more"}}));
    world.slack.submit_modal("U0ADA", &modal.id, &reason("no")).await.unwrap();
    assert_eq!(world.slack.modal_of("U0ADA").unwrap().errors["why"], "say more");
    let payload = world.payload();
    assert_eq!(payload["type"], "view_submission");
    let field = json!({"type": "plain_text_input", "value": "no"});
    assert_eq!(payload["view"]["state"]["values"]["why"]["reason"], field);
    assert_eq!(
        (&payload["view"]["callback_id"], &payload["view"]["private_metadata"]),
        (&json!("reject"), &json!("abc"))
    );

    world.answer_next(500, &json!({}));
    world.slack.submit_modal("U0ADA", &modal.id, &reason("no")).await.unwrap();
    assert!(world.slack.modal_of("U0ADA").unwrap().errors[""].contains("trouble"));

    world.slack.submit_modal("U0ADA", &modal.id, &reason("too slow")).await.unwrap();
    assert_eq!(world.slack.modal_of("U0ADA"), None);
}

#[tokio::test]
async fn a_response_url_whispers_replaces_and_wears_out() {
    let world = world().await;
    let ts = world.post(question()).await;
    world.slack.click("U0BOB", &ts, "approve", true).await.unwrap();
    let url = world.payload()["response_url"].as_str().unwrap().to_owned();
    let respond = async |body: Value| world.http.post(&url).json(&body).send().await.unwrap();
    assert_eq!(respond(json!({"text": "only approvers decide"})).await.status(), 200);
    assert_eq!(world.slack.ephemerals("U0BOB")[0].text, "only approvers decide");
    assert!(world.slack.ephemerals("U0ADA").is_empty());
    respond(json!({"text": "decided", "replace_original": true})).await;
    assert_eq!(world.slack.messages()[0].words(), "decided");
    respond(json!({"text": "to all", "response_type": "in_channel"})).await;
    assert_eq!(world.slack.messages().len(), 2);
    for _ in 0..2 {
        assert_eq!(respond(json!({"text": "again"})).await.status(), 200);
    }
    let sixth = respond(json!({"text": "again"})).await;
    assert_eq!(sixth.status(), 404);
    assert_eq!(sixth.json::<Value>().await.unwrap()["error"], "used_url");
}

#[tokio::test]
async fn a_test_can_ask_what_nobody_looked_at() {
    let world = world().await;
    let ts = world.post(question()).await;
    assert_eq!(world.slack.unseen().len(), 1);
    world.slack.wait_for_message(|message| message.words().contains("Promote")).await.unwrap();
    assert!(world.slack.unseen().is_empty());
    world.call("chat.update", json!({"channel": "C0RELEASES", "ts": ts, "text": "decided"})).await;
    assert!(world.slack.unseen()[0].contains("decided"), "a change wants to be seen too");
    world.slack.mark_seen(&ts);
    world.call("chat.postEphemeral", json!({"channel": "C0RELEASES", "user": "U0BOB", "text": "psst"})).await;
    assert_eq!(world.slack.unseen().len(), 1);
    world.slack.wait_for_ephemeral("U0BOB", |note| note.text == "psst").await.unwrap();
    assert!(world.slack.unseen().is_empty());
}

#[tokio::test]
async fn waiting_wakes_on_the_message_and_tells_what_there_is_when_it_never_comes() {
    let world = world().await;
    let slack = world.slack.clone();
    let waiting = tokio::spawn(async move { slack.wait_for_message(|message| message.text == "note").await });
    world.post(question()).await;
    assert_eq!(waiting.await.unwrap().unwrap().text, "note");
    let missed = world.slack.wait_for_message_within(Duration::ZERO, |message| message.text == "never").await;
    assert!(missed.unwrap_err().to_string().contains("Promote 4f2a9c1?"));
}

#[tokio::test]
async fn t43_slack_goes_wrong_when_told_to_and_then_recovers() {
    let world = world().await;
    let url = format!("{}/slack/api/chat.postMessage", world.base);
    let faults = [
        Fault::Status(503),
        Fault::RateLimited(7),
        Fault::Error("fatal_error".to_owned()),
        Fault::AnswerLost,
    ];
    for fault in faults {
        world.slack.break_next("chat.postMessage", fault);
    }
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let body = json!({"channel": "C0RELEASES", "text": "x"});
        let response = world.http.post(&url).bearer_auth("xoxb-right").json(&body).send().await.unwrap();
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses, [503, 429, 200, 504, 200]);
    assert_eq!(world.slack.messages().len(), 2, "the lost answer's message was posted");

    let post = || {
        let body = json!({"channel": "C0RELEASES", "text": "x"});
        let call = world.http.post(&url).bearer_auth("xoxb-right").json(&body);
        call.timeout(Duration::from_millis(200)).send()
    };
    for (outage, status) in [(Fault::Status(500), Some(500)), (Fault::Silence, None), (Fault::Silence, None)]
    {
        world.slack.outage(Some(outage));
        assert_eq!(post().await.ok().map(|response| response.status().as_u16()), status);
    }
    world.slack.outage(Some(Fault::Late(Duration::from_millis(10))));
    assert!(post().await.is_ok());
    world.slack.outage(None);
    assert!(post().await.is_ok());
    assert_eq!(world.slack.messages().len(), 4);
}

#[tokio::test]
async fn the_snapshot_holds_no_secret() {
    let world = world().await;
    world.open_modal().await;
    let text = world.slack.snapshot().to_string();
    for secret in ["xoxb-right", "8f742231b10e8888abcd99yyyzzz85a5"] {
        assert!(!text.contains(secret));
    }
}
