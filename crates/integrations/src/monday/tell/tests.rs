use gantry_domain::End;
use gantry_domain::course::Course;
use gantry_domain::names::{CommitSha, HoldId, ReleaseId, StageName};
use gantry_domain::notice::{Notice, StartedComponent};
use gantry_domain::release::{CommitSummary, ComponentSource, Origin, Undoing};
use gantry_domain::testing::exchange;
use gantry_simulator::faults::Fault;
use gantry_simulator::monday::{Column, ColumnKind, Item, MondayBoard, MondayConfig};
use gantry_steps::ports::PortError;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const RELEASE: &str = "exchange-4f2a9c1d2e3f-1";

struct OneSecret;

#[async_trait]
impl Secrets for OneSecret {
    async fn read(&self, _: &str) -> Result<SecretString, PortError> {
        Ok(SecretString::from("monday-canary\n"))
    }
}

fn pipeline() -> Pipeline {
    let mut pipeline = exchange();
    let monday = json!({
        "board": "1234", "group": "topics",
        "columns": {"key": "key", "status": "status", "versions": "versions", "link": "link", "reason": "reason",
                    "dates": {"preproduction": "date_pre", "production": "date_prod"}},
        "labels": {"under_way": "Under way", "waiting": "Waiting", "verified": "Verified in {stage}", "succeeded": "Released",
                   "declined": "Declined", "rolled_back": "Rolled back", "failed": "Failed", "needs_a_person": "Help"},
    });
    pipeline.monday = Some(serde_json::from_value(monday).unwrap());
    pipeline
}

fn teller(api: &str) -> MondayTeller {
    let github = "https://api.github.com".to_owned();
    let settings = MondayTellerSettings { api: api.to_owned(), token: "arn".to_owned(), github };
    MondayTeller::new(settings, Arc::new(OneSecret), &pipeline()).unwrap().unwrap()
}

fn stage(name: &str) -> StageName {
    StageName::new(name).unwrap()
}

fn commit(digit: char) -> CommitSha {
    CommitSha::new(digit.to_string().repeat(40)).unwrap()
}

fn started(undoes: Option<Undoing>) -> Notice {
    let part = |name: &str, digit: char, source| StartedComponent {
        component: name.parse().unwrap(),
        digest: format!("sha256:{}", digit.to_string().repeat(64)).parse().unwrap(),
        commit: (digit != 'e').then(|| commit(digit)),
        source,
    };
    let carried = || ComponentSource::Carried { stage: stage("production") };
    Notice::Started {
        commit: commit('4'),
        origin: Origin::Push,
        components: vec![
            part("backend", '3', carried()),
            part("client", '4', ComponentSource::Built),
            part("engine", 'e', carried()),
        ],
        commits: vec![CommitSummary {
            sha: commit('4'),
            author: "Ada".into(),
            title: "Fix <b>\"prices\"</b>\u{7}".into(),
        }],
        undoes,
    }
}

fn verified(name: &str) -> Notice {
    Notice::StageVerified { stage: stage(name), deployed: vec![], unchanged: vec![], passed: vec![] }
}

fn ended(end: End, at: &str) -> Notice {
    Notice::Ended { end, stage: Some(stage(at)), reason: "prices are wrong\nin detail".into(), next: None }
}

fn rolled_back(name: &str) -> Notice {
    let (hold, until) = (HoldId::new("b".repeat(32)).unwrap(), gantry_domain::hold::HoldEnds::Resumed);
    Notice::RolledBack {
        stage: stage(name),
        hold,
        until,
        resumers: vec![],
        reason: "web: 3 tasks failed".into(),
        services: vec![],
    }
}

/// Tells the last notice of a log, after so many definite refusals of it.
async fn tell_after(teller: &MondayTeller, log: &[Notice], refusals: u32) -> Result<(), VendorError> {
    let pipeline = pipeline();
    let at: Timestamp = "2026-11-21T18:30:00Z".parse().unwrap();
    let (last, earlier) = log.split_last().unwrap();
    let before = Course::of(&pipeline.stages, earlier.iter().map(|notice| (at, notice)));
    let mut now = before.clone();
    now.follow(at, last);
    let release = ReleaseId::new(RELEASE).unwrap();
    let seq = u32::try_from(log.len()).unwrap();
    let bulletin = Bulletin {
        release: &release,
        execution: None,
        seq,
        before: &before,
        now: &now,
        again: refusals > 0,
        refusals,
    };
    teller.tell(&bulletin).await
}

async fn tell(teller: &MondayTeller, log: &[Notice]) -> Result<(), VendorError> {
    tell_after(teller, log, 0).await
}

/// The simulator's board, and where it is.
async fn board() -> (MondayBoard, MondayTeller) {
    let column = |id: &str, kind| Column { id: id.to_owned(), title: id.to_owned(), kind };
    let board = MondayBoard::new(MondayConfig {
        board: "1234".to_owned(),
        name: "Releases".to_owned(),
        groups: vec!["topics".to_owned()],
        columns: vec![
            column("key", ColumnKind::Text),
            column("status", ColumnKind::Status),
            column("versions", ColumnKind::Text),
            column("link", ColumnKind::Link),
            column("reason", ColumnKind::Text),
            column("date_pre", ColumnKind::Date),
            column("date_prod", ColumnKind::Date),
        ],
        token: "monday-canary".to_owned(),
        budget: 5_000_000,
        clock: gantry_domain::Scale::REAL,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/monday/v2", listener.local_addr().unwrap());
    let server = gantry_simulator::monday::router(board.clone());
    tokio::spawn(async move { axum::serve(listener, server).await });
    (board, teller(&address))
}

fn only(board: &MondayBoard) -> Item {
    let items = board.items();
    assert_eq!(items.len(), 1, "{items:?}");
    items[0].clone()
}

#[tokio::test]
async fn a_release_is_one_item_from_its_start_to_its_end() {
    let (board, teller) = board().await;
    let log = [
        started(None),
        verified("preproduction"),
        verified("production"),
        ended(End::Succeeded, "production"),
    ];
    for length in 1..=log.len() {
        tell(&teller, &log[..length]).await.unwrap();
    }
    let item = only(&board);
    assert_eq!(item.labels, ["Under way", "Verified in preproduction", "Verified in production", "Released"]);
    assert_eq!(item.name, "Fix <b>\"prices\"</b> (exchange-4f2a9c1d2e3f-1)");
    let values = json!({
        "key": RELEASE, "status": {"label": "Released"}, "versions": "client 4444444 (new), backend 3333333, engine eeeeeeeeeeee",
        "link": {"url": format!("https://github.com/exchange/exchange/commit/{}", "4".repeat(40)), "text": "4444444"},
        "date_pre": {"date": "2026-11-21", "time": "18:30:00"}, "date_prod": {"date": "2026-11-21", "time": "18:30:00"},
    });
    assert_eq!(json!(item.values), values);
    assert_eq!(board.versions(), ["2026-10"]);
}

#[tokio::test]
async fn every_end_has_its_label_and_what_did_not_succeed_its_reason() {
    for (end, label) in [
        (End::Succeeded, "Released"),
        (End::Declined, "Declined"),
        (End::RolledBack, "Rolled back"),
        (End::FailedClean, "Failed"),
        (End::FailedDirty, "Help"),
    ] {
        let (board, teller) = board().await;
        tell(&teller, &[started(None), verified("preproduction"), ended(end, "production")]).await.unwrap();
        let item = only(&board);
        let reason = item.values.get("reason").and_then(Value::as_str);
        assert_eq!(item.labels, [label]);
        assert_eq!(reason, (end != End::Succeeded).then_some("prices are wrong"), "{end}");
        assert!(!item.values.contains_key("date_prod"), "{end}");
    }
}

#[tokio::test]
async fn a_rollback_that_a_person_asked_for_is_an_item_of_its_own() {
    let (board, teller) = board().await;
    let undoes =
        Undoing { stage: stage("production"), components: vec!["client".parse().unwrap()], to: None };
    tell(&teller, &[started(Some(undoes)), rolled_back("production")]).await.unwrap();
    let item = only(&board);
    assert_eq!(
        (&*item.name, item.labels),
        ("Rollback of production: client", vec!["Rolled back".to_owned()])
    );
    assert_eq!(item.values["reason"], "web: 3 tasks failed");
}

#[tokio::test]
async fn an_item_that_somebody_removed_comes_back() {
    let (board, teller) = board().await;
    tell(&teller, &[started(None)]).await.unwrap();
    board.remove(&only(&board).id);
    // Another key than the first creation's, as after half an hour.
    tell_after(&teller, &[started(None), verified("preproduction")], 1).await.unwrap();
    assert_eq!(only(&board).labels, ["Verified in preproduction"]);
}

#[tokio::test]
async fn t44_a_creation_whose_answer_was_lost_is_not_repeated_even_if_search_lags() {
    let (board, teller) = board().await;
    board.break_next("create_item", Fault::AnswerLost);
    assert!(tell(&teller, &[started(None)]).await.unwrap_err().may_pass());
    let nothing = json!({"data": {"items_page_by_column_values": {"items": []}}});
    for log in [&[started(None)][..], &[started(None), verified("preproduction")]] {
        board.break_next("items_page_by_column_values", Fault::Answer(200, vec![], nothing.clone()));
        tell(&teller, log).await.unwrap();
    }
    assert_eq!(only(&board).labels, ["Under way", "Verified in preproduction"]);
}

#[tokio::test]
async fn t44_after_a_no_the_same_is_asked_anew_and_not_answered_from_memory() {
    let (board, teller) = board().await;
    let over = json!({"errors": [{"message": "Complexity budget exhausted", "extensions": {"code": "COMPLEXITY_BUDGET_EXHAUSTED", "retry_in_seconds": 3}}]});
    board.break_next("create_item", Fault::Answer(200, vec![], over));
    let error = tell(&teller, &[started(None)]).await.unwrap_err();
    let VendorError::Throttled { retry_after, .. } = error else { panic!("{error}") };
    assert_eq!(retry_after.map(|pause| pause.as_secs()), Some(3));
    tell_after(&teller, &[started(None)], 1).await.unwrap();
    assert_eq!(only(&board).labels, ["Under way"]);
}

#[tokio::test]
async fn what_had_no_start_is_not_told() {
    let (board, teller) = board().await;
    tell(&teller, &[ended(End::FailedClean, "production")]).await.unwrap();
    assert!(board.items().is_empty() && board.calls().is_empty());
}

#[tokio::test]
async fn a_wrong_token_or_a_silent_monday_may_pass_and_the_token_is_in_no_error() {
    let server = MockServer::start().await;
    let refused = ResponseTemplate::new(401).set_body_json(json!({"errors": ["Not Authenticated"]}));
    Mock::given(method("POST")).respond_with(refused).mount(&server).await;
    for address in [server.uri(), "http://127.0.0.1:1".to_owned()] {
        let error = tell(&teller(&address), &[started(None)]).await.unwrap_err();
        assert!(error.may_pass());
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    for body in ["<html>", "{}", r#"{"data": {"items_page_by_column_values": {"items": [{}]}}}"#] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .mount(&server)
            .await;
        assert!(tell(&teller(&server.uri()), &[started(None)]).await.unwrap_err().may_pass(), "{body}");
    }
}

/// Every operation as it is sent, with its headers and variables.
#[tokio::test]
async fn the_operations_are_what_monday_documents() {
    let server = MockServer::start().await;
    let answers = json!({"data": {
        "items_page_by_column_values": {"items": []}, "create_item": {"id": "7"}, "change_multiple_column_values": {"id": "7"},
    }});
    let answer =
        ResponseTemplate::new(200).set_body_json(answers).insert_header("Idempotency-Replayed", "true");
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    tell(&teller(&server.uri()), &[started(None)]).await.unwrap();
    let mut sent = String::new();
    for request in server.received_requests().await.unwrap() {
        for name in ["authorization", "api-version", "content-type", "idempotency-key"] {
            if let Some(value) = request.headers.get(name) {
                sent.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
            }
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let variables = serde_json::to_string_pretty(&body["variables"]).unwrap();
        sent.push_str(&format!("{}\n{variables}\n\n", body["query"].as_str().unwrap()));
    }
    insta::assert_snapshot!(sent);
}
