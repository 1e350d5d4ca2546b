//! The board over HTTP.

use serde_json::{Value, json};

use super::*;
use crate::outbound;

struct World {
    board: MondayBoard,
    address: String,
    http: reqwest::Client,
}

fn column(id: &str, kind: ColumnKind) -> Column {
    Column { id: id.to_owned(), title: id.to_owned(), kind }
}

async fn world(budget: u64) -> World {
    let board = MondayBoard::new(MondayConfig {
        board: "1234".to_owned(),
        name: "Releases".to_owned(),
        groups: vec!["topics".to_owned()],
        columns: vec![
            column("key", ColumnKind::Text),
            column("status", ColumnKind::Status),
            column("date", ColumnKind::Date),
            column("link", ColumnKind::Link),
        ],
        token: "monday-secret".to_owned(),
        budget,
        clock: Scale::REAL,
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/monday/v2", listener.local_addr().unwrap());
    let server = router(board.clone());
    tokio::spawn(async move { axum::serve(listener, server).await });
    World { board, address, http: outbound::client().unwrap() }
}

const CREATE: &str = "mutation C($values: JSON!, $labels: Boolean) { create_item(board_id: 1234, item_name: \"One\", column_values: $values, create_labels_if_missing: $labels) { id } }";

impl World {
    async fn send(&self, query: &str, variables: Value, key: Option<&str>) -> (u16, Value, bool) {
        let mut request = self
            .http
            .post(&self.address)
            .header("authorization", "monday-secret")
            .header("api-version", "2026-10");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer =
            request.body(json!({"query": query, "variables": variables}).to_string()).send().await.unwrap();
        let replayed = answer.headers().contains_key("idempotency-replayed");
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default(), replayed)
    }

    async fn create(&self, values: Value, key: Option<&str>) -> (u16, Value, bool) {
        self.send(CREATE, json!({"values": values.to_string(), "labels": true}), key).await
    }
}

fn code(answer: &(u16, Value, bool)) -> &str {
    answer.1.pointer("/errors/0/extensions/code").and_then(Value::as_str).unwrap_or("fine")
}

#[tokio::test]
async fn an_item_is_created_found_by_a_column_and_changed() {
    let world = world(5_000_000).await;
    let values = json!({"key": "one", "status": {"label": "Started"}, "date": {"date": "2026-11-21", "time": "18:00:00"}});
    let created = world.create(values, None).await;
    let id = created.1["data"]["create_item"]["id"].as_str().unwrap().to_owned();
    let find = "query F($k: String!) { items_page_by_column_values(board_id: 1234, limit: 2, columns: [{column_id: \"key\", column_values: [$k]}]) { items { id } } }";
    let found = world.send(find, json!({"k": "one"}), None).await.1;
    assert_eq!(found["data"]["items_page_by_column_values"]["items"], json!([{"id": id}]));
    assert_eq!(
        world.send(find, json!({"k": "two"}), None).await.1["data"]["items_page_by_column_values"]["items"],
        json!([])
    );
    let change = "mutation M($i: ID!, $v: JSON!) { change_multiple_column_values(board_id: 1234, item_id: $i, column_values: $v, create_labels_if_missing: true) { id } }";
    let values =
        json!({"status": {"label": "Done"}, "link": {"url": "https://x.example", "text": "x"}}).to_string();
    assert_eq!(code(&world.send(change, json!({"i": id, "v": values}), None).await), "fine");
    let item = &world.board.items()[0];
    assert_eq!(
        (item.labels.join(", "), item.values["link"]["text"].as_str()),
        ("Started, Done".to_owned(), Some("x"))
    );
    world.board.remove(&id);
    assert_eq!(
        code(&world.send(change, json!({"i": id, "v": "{}"}), None).await),
        "ResourceNotFoundException"
    );
    assert_eq!(world.board.versions(), ["2026-10"]);
    assert!(!world.board.snapshot().to_string().contains("secret"));
}

#[tokio::test]
async fn what_monday_would_not_take_comes_as_errors_in_a_200() {
    let world = world(5_000_000).await;
    for (values, expected) in [
        (json!({"nothing": "x"}), "InvalidColumnIdException"),
        (json!({"key": {"label": "x"}}), "ColumnValueException"),
        (json!({"status": "x"}), "ColumnValueException"),
        (json!({"date": {"date": "21.11.2026"}}), "ColumnValueException"),
        (json!({"link": {"text": "x"}}), "ColumnValueException"),
        (json!("x"), "InvalidArgumentException"),
    ] {
        let answer = world.create(values.clone(), None).await;
        assert_eq!((answer.0, code(&answer)), (200, expected), "{values}");
    }
    let unknown = json!({"values": json!({"status": {"label": "New"}}).to_string(), "labels": false});
    assert_eq!(code(&world.send(CREATE, unknown, None).await), "ColumnValueException");
    let other = CREATE.replace("1234", "99");
    assert_eq!(code(&world.send(&other, json!({"values": "{}"}), None).await), "InvalidBoardIdException");
    assert_eq!(
        code(&world.send("mutation { create_item { id } }", json!({}), None).await),
        "GRAPHQL_VALIDATION_FAILED"
    );
    let stranger = world.http.post(&world.address).body("{}").send().await.unwrap();
    assert_eq!(
        (stranger.status().as_u16(), &*stranger.text().await.unwrap()),
        (401, r#"{"errors":["Not Authenticated"]}"#)
    );
    assert!(world.board.items().is_empty());
}

#[tokio::test]
async fn a_repeated_key_is_answered_as_before_and_a_simultaneous_one_is_sent_away() {
    let world = world(5_000_000).await;
    let values = json!({"key": "one"});
    let (first, second) =
        futures::join!(world.create(values.clone(), Some("k")), world.create(values.clone(), Some("k")));
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let again = world.create(values.clone(), Some("k")).await;
    assert_eq!((again.0, again.2), (200, true));
    assert_eq!(world.board.items().len(), 1);
    let refused = world.create(json!({"nothing": 1}), Some("bad")).await;
    let repeated = world.create(values, Some("bad")).await;
    assert_eq!(
        (code(&refused), code(&repeated)),
        ("InvalidColumnIdException", "InvalidColumnIdException"),
        "a no is remembered too"
    );
    assert_eq!(world.board.most_at_once(), 1);
}

#[tokio::test]
async fn mutations_side_by_side_are_counted() {
    let world = world(5_000_000).await;
    futures::join!(world.create(json!({"key": "one"}), None), world.create(json!({"key": "two"}), None));
    assert_eq!(world.board.most_at_once(), 2);
}

#[tokio::test]
async fn the_budget_of_a_minute_runs_out() {
    let world = world(20_000).await;
    for expected in ["fine", "fine", "COMPLEXITY_BUDGET_EXHAUSTED"] {
        let answer = world.create(json!({"key": "one"}), None).await;
        assert_eq!((answer.0, code(&answer)), (200, expected));
    }
    let answer = world.create(json!({"key": "one"}), None).await.1;
    assert!((1..=60).contains(&answer["errors"][0]["extensions"]["retry_in_seconds"].as_u64().unwrap()));
}

#[tokio::test]
async fn calls_go_wrong_as_they_are_told_to() {
    let world = world(5_000_000).await;
    world.board.break_next("create_item", Fault::AnswerLost);
    world.board.break_next("*", Fault::RetryAfter(429, 7));
    assert_eq!(world.create(json!({"key": "one"}), Some("k")).await.0, 504);
    assert_eq!(world.board.items().len(), 1, "it had its effect");
    assert_eq!(world.create(json!({"key": "one"}), Some("k")).await.0, 429);
    assert!(world.create(json!({"key": "one"}), Some("k")).await.2);
    world.board.break_always(Some(Fault::Status(500)));
    assert_eq!(world.create(json!({"key": "one"}), None).await.0, 500);
    world.board.break_always(None);
    assert_eq!((world.board.broken_calls(), world.board.calls().len()), (3, 4));
}
