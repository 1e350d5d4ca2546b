//! The page over HTTP: what it serves, what it streams, whom it lets in.

use std::sync::Arc;

use axum::routing::post as on_post;
use gantry_domain::Scale;
use jiff::SignedDuration;
use tokio::sync::watch;

use super::*;
use crate::github::{GitHubConfig, GitHubRepository};
use crate::monday::{MondayBoard, MondayConfig};
use crate::outbound;
use crate::slack::{PostRate, SlackConfig, SlackWorkspace, User};

struct Still(watch::Sender<u64>);

impl Views for Still {
    fn snapshot(&self) -> Value {
        json!({"releases": [{"id": format!("release {}", *self.0.borrow())}], "ecs": {"clusters": []}})
    }

    fn changed(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

struct World {
    base: String,
    slack: SlackWorkspace,
    views: Arc<Still>,
    controls: Controls,
    http: reqwest::Client,
    token: String,
}

async fn world() -> World {
    let ada = User {
        id: "U0ADA".to_owned(),
        username: "ada".to_owned(),
        name: "Ada".to_owned(),
        title: "QA lead".to_owned(),
        team_id: "T0EXCH".to_owned(),
        is_bot: false,
    };
    let slack = SlackWorkspace::new(SlackConfig {
        team_id: "T0EXCH".to_owned(),
        team_domain: "exchange".to_owned(),
        app_id: "A0GANTRY".to_owned(),
        app_name: "Gantry".to_owned(),
        bot_user_id: "U0GANTRY".to_owned(),
        bot_token: "xoxb-secret".to_owned(),
        signing_secret: "signing-secret".to_owned(),
        channel_id: "C0RELEASES".to_owned(),
        channel_name: "releases".to_owned(),
        users: vec![ada],
        post_rate: PostRate::GENEROUS,
        trigger_life: SignedDuration::from_secs(3),
        clock: Scale::REAL,
    })
    .unwrap();
    let github = GitHubRepository::new(GitHubConfig {
        full_name: "exchange/monorepo".to_owned(),
        default_branch: "main".to_owned(),
        webhook_secret: "webhook-secret".to_owned(),
        api_token: "ghs-secret".to_owned(),
        status_token: "ghs-status-secret".to_owned(),
        clock: Scale::REAL,
    })
    .unwrap();
    let views = Arc::new(Still(watch::Sender::new(0)));
    let monday = MondayBoard::new(MondayConfig {
        board: "1234".to_owned(),
        name: "Releases".to_owned(),
        groups: vec!["topics".to_owned()],
        columns: vec![],
        token: "monday-secret".to_owned(),
        budget: 5_000_000,
        clock: Scale::REAL,
    });
    let controls = Controls::default();
    let sources = Sources {
        views: views.clone(),
        slack: slack.clone(),
        github,
        monday,
        controls: controls.clone(),
        clock: Scale::REAL,
    };
    let page = router(sources).unwrap();
    let gantry = Router::new().route("/slack/interactions", on_post(async || "ok"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = page.merge(crate::slack::router(slack.clone())).merge(gantry);
    tokio::spawn(async move { axum::serve(listener, server).await });
    slack.set_interactions_url(format!("{base}/slack/interactions"));
    let http = outbound::client().unwrap();
    let html = http.get(format!("{base}/page")).send().await.unwrap().text().await.unwrap();
    let token =
        html.split("name=\"gantry-page\" content=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    World { base, slack, views, controls, http, token }
}

impl World {
    async fn say(&self) -> String {
        let button = json!({"type": "button", "action_id": "approve", "text": {"type": "plain_text", "text": "Approve"}});
        let body = json!({"channel": "C0RELEASES", "text": "x", "blocks": [{"type": "actions", "elements": [button]}]});
        let request = self.http.post(format!("{}/slack/api/chat.postMessage", self.base));
        let answer: Value =
            request.bearer_auth("xoxb-secret").json(&body).send().await.unwrap().json().await.unwrap();
        answer["ts"].as_str().unwrap().to_owned()
    }

    async fn click(&self, ts: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let body = json!({"user": "U0ADA", "ts": ts, "actionId": "approve", "confirmed": true});
        let mut request = self.http.post(format!("{}/page/slack/click", self.base)).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }
}

impl World {
    /// Presses one of the page's buttons. Returns the status and what was answered.
    async fn press(&self, path: &str, body: Value, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = self.http.post(format!("{}/page/{path}", self.base)).json(&body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn shown(&self) -> Value {
        let request = self.http.get(format!("{}/page/snapshot", self.base));
        request.send().await.unwrap().json().await.unwrap()
    }
}

#[tokio::test]
async fn what_people_ask_for_reaches_whoever_plays_the_world_and_the_answer_comes_back() {
    let world = world().await;
    let token: [(&str, &str); 1] = [(TOKEN_HEADER, &world.token)];
    let push = json!({"push": {"crashesIn": "production"}});
    let (status, body) = world.press("world", push.clone(), &token).await;
    assert_eq!((status, body.contains("nobody can do that")), (409, true), "{body}");
    assert_eq!(world.shown().await["controls"], false);

    let mut asked = world.controls.take();
    assert_eq!(world.shown().await["controls"], true);
    tokio::spawn(async move {
        let push = asked.recv().await.unwrap();
        assert_eq!(push.wanted, Wanted::Push { crashes_in: Some("production".to_owned()) });
        push.answer(Ok("pushed".to_owned()));
        let stop = asked.recv().await.unwrap();
        assert_eq!(stop.wanted, Wanted::Stop { release: "exchange-1".to_owned() });
        stop.answer(Err("no release exchange-1".to_owned()));
    });
    assert_eq!(world.press("world", push, &token).await, (200, r#"{"said":"pushed"}"#.to_owned()));
    let stop = json!({"stop": {"release": "exchange-1"}});
    let refused = world.press("world", stop.clone(), &token).await;
    assert_eq!(refused, (409, r#"{"error":"no release exchange-1"}"#.to_owned()));
    assert_eq!(world.press("world", stop, &token).await.0, 409, "nobody is there any more");
}

#[tokio::test]
async fn a_vendor_is_down_until_it_is_mended_and_the_page_shows_it() {
    let world = world().await;
    let token: [(&str, &str); 1] = [(TOKEN_HEADER, &world.token)];
    for vendor in ["slack", "github", "monday"] {
        for down in [true, false] {
            let path = format!("vendors/{vendor}");
            assert_eq!(world.press(&path, json!({ "down": down }), &token).await.0, 200);
            assert_eq!(world.shown().await[vendor]["down"], down, "{vendor}");
        }
    }
    world.press("vendors/slack", json!({"down": true}), &token).await;
    let body = json!({"channel": "C0RELEASES", "text": "x"});
    let call =
        world.http.post(format!("{}/slack/api/chat.postMessage", world.base)).bearer_auth("xoxb-secret");
    assert_eq!(call.json(&body).send().await.unwrap().status(), 503);
    assert_eq!(world.press("vendors/pagerduty", json!({"down": true}), &token).await.0, 404);
}

#[tokio::test]
async fn another_web_page_presses_no_button() {
    let world = world().await;
    let _asked = world.controls.take();
    let token = world.token.as_str();
    let rows: [&[(&str, &str)]; 3] =
        [&[], &[(TOKEN_HEADER, "0123")], &[(TOKEN_HEADER, token), ("origin", "http://evil.example")]];
    for headers in rows {
        let pressed = world.press("vendors/slack", json!({"down": true}), headers).await;
        assert_eq!(pressed.0, 403, "{headers:?}");
        assert_eq!(world.press("world", json!({"push": {}}), headers).await.0, 403, "{headers:?}");
    }
    assert_eq!(world.shown().await["slack"]["down"], false);
    // What a form of another site can send without asking first is never JSON.
    let plain = world.http.post(format!("{}/page/vendors/slack", world.base)).body(r#"{"down":true}"#);
    let plain = plain.header(TOKEN_HEADER, token).header("content-type", "text/plain");
    assert_eq!(plain.send().await.unwrap().status(), 415);
}

#[tokio::test]
async fn a_click_on_the_page_is_a_click_in_slack() {
    let world = world().await;
    let ts = world.say().await;
    let (status, body) = world.click(&ts, &[(TOKEN_HEADER, &world.token), ("origin", &world.base)]).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["status"], 200);
    assert_eq!(world.slack.interactions().len(), 1);
    let (status, body) = world.click("1.2", &[(TOKEN_HEADER, &world.token)]).await;
    assert_eq!((status, body.contains("no message 1.2")), (409, true), "{body}");
}

#[tokio::test]
async fn another_web_page_cannot_click() {
    let world = world().await;
    let ts = world.say().await;
    let token = world.token.as_str();
    let rows: [(&str, &[(&str, &str)]); 5] = [
        ("no token", &[]),
        ("a guessed token", &[(TOKEN_HEADER, "0123")]),
        ("another origin", &[(TOKEN_HEADER, token), ("origin", "http://evil.example")]),
        ("a cross-site fetch", &[(TOKEN_HEADER, token), ("sec-fetch-site", "cross-site")]),
        ("a foreign name for loopback", &[(TOKEN_HEADER, token), ("host", "evil.example")]),
    ];
    for (who, headers) in rows {
        assert_eq!(world.click(&ts, headers).await.0, 403, "{who}");
    }
    assert!(world.slack.interactions().is_empty());
    let read = world.http.get(format!("{}/page/snapshot", world.base)).header("host", "evil.example");
    assert_eq!(read.send().await.unwrap().status(), 403, "nor read");
}

#[tokio::test]
async fn the_stream_sends_the_document_at_once_and_after_each_change() {
    let world = world().await;
    let mut response = world.http.get(format!("{}/page/events", world.base)).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut seen = String::new();
    for expected in ["release 0", "release 1"] {
        while !seen.contains(expected) {
            seen.push_str(&String::from_utf8_lossy(&response.chunk().await.unwrap().unwrap()));
        }
        world.views.0.send_modify(|version| *version += 1);
    }
    let first = seen.split("\n\n").next().unwrap().strip_prefix("data: ").unwrap();
    let document: Value = serde_json::from_str(first).unwrap();
    for key in ["world", "releases", "ecs", "slack", "github"] {
        assert!(!document[key].is_null(), "{key}");
    }
    assert!(!seen.contains("-secret"), "no secret reaches a browser");
}

#[tokio::test]
async fn everything_is_served_from_here_under_a_strict_policy() {
    let world = world().await;
    for (name, kind, _) in ASSETS {
        let response = world.http.get(format!("{}/page/assets/{name}", world.base)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{name}");
        assert_eq!(response.headers()["content-type"], kind);
        assert_eq!(response.headers()["content-security-policy"], POLICY);
    }
    let missing = world.http.get(format!("{}/page/assets/mod.rs", world.base)).send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[test]
fn no_script_parses_markup_or_fetches_from_elsewhere() {
    for (name, _, contents) in ASSETS {
        for forbidden in
            ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
        {
            assert!(!contents.contains(forbidden), "{name} uses {forbidden}");
        }
        let addresses = contents.split("://").count() - 1;
        let harmless = contents.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(addresses, harmless, "{name} names an address elsewhere");
    }
    assert!(!HTML.contains("style=\"") && !HTML.contains("onclick"), "the policy would block it");
}
