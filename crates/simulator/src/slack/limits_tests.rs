//! Each limit twice: what stands at it is accepted, one more is refused and the place is named.

use serde_json::{Value, json};

use super::*;

fn letters(count: usize) -> String {
    "é".repeat(count)
}

fn plain(count: usize) -> Value {
    json!({"type": "plain_text", "text": letters(count)})
}

fn section(count: usize) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": letters(count)}})
}

fn button(id: &str) -> Value {
    json!({"type": "button", "text": plain(2), "action_id": id})
}

fn with(mut value: Value, pointer: &str, part: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let holder = value.pointer_mut(parent).unwrap();
    holder.as_object_mut().unwrap().insert(name.to_owned(), part);
    value
}

fn confirm(title: usize, text: usize, yes: usize, no: usize) -> Value {
    json!({"title": plain(title), "text": plain(text), "confirm": plain(yes), "deny": plain(no)})
}

fn actions(button: Value) -> Value {
    json!({"type": "actions", "elements": [button]})
}

fn buttons(count: usize) -> Value {
    let elements: Vec<Value> = (0..count).map(|n| button(&format!("b{n}"))).collect();
    json!({"type": "actions", "elements": elements})
}

fn texts(count: usize) -> Vec<Value> {
    (0..count).map(|_| json!({"type": "mrkdwn", "text": "x"})).collect()
}

#[test]
fn a_block_at_the_limit_is_accepted_and_one_more_is_refused_by_place() {
    let rows: Vec<(Value, Value, &str)> = vec![
        (section(3000), section(3001), "less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        (section(1), section(0), "more than 0 characters [json-pointer:/blocks/0/text/text]"),
        (
            json!({"type": "section", "fields": [plain(2000)]}),
            json!({"type": "section", "fields": [plain(2001)]}),
            "less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
        ),
        (
            json!({"type": "section", "fields": texts(10)}),
            json!({"type": "section", "fields": texts(11)}),
            "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
        ),
        (
            json!({"type": "header", "text": plain(150)}),
            json!({"type": "header", "text": plain(151)}),
            "less than 151 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            json!({"type": "context", "elements": texts(10)}),
            json!({"type": "context", "elements": texts(11)}),
            "no more than 10 items allowed [json-pointer:/blocks/0/elements]",
        ),
        (buttons(25), buttons(26), "no more than 25 items allowed [json-pointer:/blocks/0/elements]"),
        (
            actions(with(button("a"), "/text", plain(75))),
            actions(with(button("a"), "/text", plain(76))),
            "less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
        ),
        (
            actions(with(button("a"), "/value", json!(letters(2000)))),
            actions(with(button("a"), "/value", json!(letters(2001)))),
            "less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
        ),
        (
            actions(with(button("a"), "/url", json!(letters(3000)))),
            actions(with(button("a"), "/url", json!(letters(3001)))),
            "less than 3001 characters [json-pointer:/blocks/0/elements/0/url]",
        ),
        (
            actions(button(&letters(255))),
            actions(button(&letters(256))),
            "less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
        ),
        (
            with(section(1), "/block_id", json!(letters(255))),
            with(section(1), "/block_id", json!(letters(256))),
            "less than 256 characters [json-pointer:/blocks/0/block_id]",
        ),
        (
            actions(with(button("a"), "/style", json!("danger"))),
            actions(with(button("a"), "/style", json!("warning"))),
            "must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
        ),
        (
            actions(with(button("a"), "/confirm", confirm(100, 300, 30, 30))),
            actions(with(button("a"), "/confirm", confirm(101, 300, 30, 30))),
            "less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]",
        ),
        (
            section(1),
            actions(with(button("a"), "/confirm", confirm(1, 301, 1, 1))),
            "less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]",
        ),
        (
            section(1),
            actions(with(button("a"), "/confirm", confirm(1, 1, 31, 1))),
            "less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/confirm/text]",
        ),
        (
            section(1),
            actions(with(button("a"), "/confirm", confirm(1, 1, 1, 31))),
            "less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/deny/text]",
        ),
    ];
    for (good, bad, reason) in rows {
        assert_eq!(check_blocks(&json!([good]), Surface::Message, "/blocks"), Ok(()), "{reason}");
        let errors = check_blocks(&json!([bad]), Surface::Message, "/blocks").unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].contains(reason), "{errors:?} should say {reason}");
    }
}

#[test]
fn a_message_holds_fifty_blocks_and_a_modal_a_hundred() {
    let dividers = |count| Value::Array(vec![json!({"type": "divider"}); count]);
    assert!(check_blocks(&dividers(50), Surface::Message, "/blocks").is_ok());
    assert!(check_blocks(&dividers(51), Surface::Message, "/blocks").is_err());
    assert!(check_blocks(&dividers(100), Surface::Modal, "/blocks").is_ok());
    assert!(check_blocks(&dividers(101), Surface::Modal, "/blocks").is_err());
}

#[test]
fn what_slack_does_not_know_is_refused_instead_of_ignored() {
    let rows = [
        (json!([{"type": "carousel"}]), "unsupported type: carousel"),
        (json!([{"text": "x"}]), "missing required field: type"),
        (json!(["x"]), "must be an object"),
        (json!({"type": "divider"}), "must be an array"),
        (json!([{"type": "divider", "txt": 1}]), "invalid additional property: txt"),
        (json!([{"type": "section"}]), "missing required field: text"),
        (json!([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]), "unsupported type: mrkdwn"),
        (
            json!([{"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": true}}]),
            "property: emoji",
        ),
        (json!([{"type": "actions", "elements": []}]), "no fewer than 1 items"),
        (json!([actions(json!({"type": "button", "text": plain(1), "value": 7}))]), "must be a string"),
        (json!([actions(json!({"type": "button", "action_id": "a"}))]), "missing required field: text"),
        (
            json!([{"type": "actions", "elements": [button("a"), button("a")]}]),
            "`action_id` already exists: a",
        ),
        (
            json!([{"type": "divider", "block_id": "x"}, {"type": "divider", "block_id": "x"}]),
            "`block_id` already exists: x",
        ),
        (
            json!([actions(with(button("a"), "/confirm", json!({"title": plain(1), "text": plain(1)})))]),
            "missing required field: confirm",
        ),
    ];
    for (blocks, reason) in rows {
        let errors = check_blocks(&blocks, Surface::Message, "/blocks").unwrap_err();
        assert!(errors.iter().any(|error| error.contains(reason)), "{errors:?} should say {reason}");
    }
}

#[test]
fn all_text_of_a_message_together_has_a_limit() {
    let four = |last: usize| json!([section(3000), section(3000), section(3000), section(last)]);
    assert!(!blocks_too_long(&four(3000)));
    assert!(blocks_too_long(&json!([
        section(3000),
        section(3000),
        section(3000),
        section(3000),
        section(1)
    ])));
}

fn view() -> Value {
    let input = json!({"type": "plain_text_input", "action_id": "reason", "max_length": 3000});
    json!({
        "type": "modal", "title": plain(24), "submit": plain(24), "close": plain(24),
        "private_metadata": letters(3000), "callback_id": letters(255), "external_id": letters(255),
        "blocks": [{"type": "input", "label": plain(2000), "element": input}],
    })
}

#[test]
fn a_view_at_its_limits_is_accepted_and_one_more_is_refused_by_place() {
    assert_eq!(check_view(&view()), Ok(()));
    let rows = [
        ("/title", plain(25), "less than 25 characters [json-pointer:/view/title/text]"),
        ("/submit", plain(25), "less than 25 characters [json-pointer:/view/submit/text]"),
        ("/close", plain(25), "less than 25 characters [json-pointer:/view/close/text]"),
        (
            "/private_metadata",
            json!(letters(3001)),
            "less than 3001 characters [json-pointer:/view/private_metadata]",
        ),
        ("/callback_id", json!(letters(256)), "less than 256 characters [json-pointer:/view/callback_id]"),
        ("/external_id", json!(letters(256)), "less than 256 characters [json-pointer:/view/external_id]"),
        (
            "/blocks/0/label",
            plain(2001),
            "less than 2001 characters [json-pointer:/view/blocks/0/label/text]",
        ),
        ("/blocks/0/element/max_length", json!(3001), "between 1 and 3000"),
        ("/type", json!("home"), "unsupported type: home"),
        ("/titel", json!("x"), "invalid additional property: titel"),
        ("/blocks", json!([]), "no fewer than 1 items allowed [json-pointer:/view/blocks]"),
    ];
    for (pointer, part, reason) in rows {
        let errors = check_view(&with(view(), pointer, part)).unwrap_err();
        assert!(errors.iter().any(|error| error.contains(reason)), "{errors:?} should say {reason}");
    }
}

#[test]
fn a_view_with_an_input_needs_a_submit_button() {
    let mut view = view();
    view.as_object_mut().unwrap().remove("submit");
    assert_eq!(
        check_view(&view).unwrap_err(),
        ["[ERROR] missing required field: submit [json-pointer:/view]"]
    );
}
