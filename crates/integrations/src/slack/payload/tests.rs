use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::*;
use crate::signature::{RawBody, SigningSecret};

/// Signs as Slack does: there is no other way to a verified body.
fn verified(body: &str) -> VerifiedBody {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"secret").unwrap();
    mac.update(format!("v0:1531420618:{body}").as_bytes());
    let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
    let secret = SigningSecret::parse(&SecretString::from("secret")).unwrap();
    let raw = RawBody::take(body, false, 1 << 24).unwrap();
    raw.from_slack(Some("1531420618"), Some(&signature), &secret, 1_531_420_618).unwrap()
}

fn form(payload: &str) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", payload).finish()
}

fn read(payload: &Value) -> Result<Interaction, PayloadError> {
    parse(&verified(&form(&payload.to_string())))
}

fn click() -> Value {
    json!({
        "type": "block_actions", "api_app_id": "A0GANTRY", "token": "legacy",
        "team": {"id": "T0EXCHANGE", "domain": "exchange"}, "enterprise": null, "is_enterprise_install": false,
        "user": {"id": "U0LEAD", "username": "lead", "name": "lead", "team_id": "T0EXCHANGE"},
        "channel": {"id": "C0RELEASES", "name": "releases"},
        "container": {"type": "message", "message_ts": "1.2", "channel_id": "C0RELEASES", "is_ephemeral": false},
        "trigger_id": "1.2.3", "response_url": "https://hooks.slack.com/actions/T/1/x", "state": {"values": {}},
        "actions": [{"action_id": "approve", "block_id": "b", "type": "button", "value": "0123", "action_ts": "1.2"}],
    })
}

fn submission() -> Value {
    json!({
        "type": "view_submission", "api_app_id": "A0GANTRY", "team": {"id": "T0EXCHANGE"}, "trigger_id": "1.2.3",
        "user": {"id": "U0LEAD", "team_id": "T0EXCHANGE"}, "response_urls": [],
        "view": {
            "callback_id": "reject", "private_metadata": "0123", "hash": "1.x",
            "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": "  too slow "}}}},
        },
    })
}

#[test]
fn a_click_is_read_with_everything_that_says_who_and_where() {
    let interaction = read(&click()).unwrap();
    assert_eq!(interaction.act, Act::Approve { approval: "0123".into() });
    assert_eq!(interaction.reply_to.as_deref(), Some("https://hooks.slack.com/actions/T/1/x"));
    let sender = Sender {
        app: Some("A0GANTRY".into()),
        team: Some("T0EXCHANGE".into()),
        user: Some("U0LEAD".into()),
        user_team: Some("T0EXCHANGE".into()),
        channel: Some("C0RELEASES".into()),
    };
    assert_eq!(interaction.sender, sender);
    let mut reject = click();
    reject["actions"][0]["action_id"] = json!("reject");
    assert_eq!(
        read(&reject).unwrap().act,
        Act::AskToReject { approval: "0123".into(), trigger: "1.2.3".into() }
    );
    let mut resume = click();
    resume["actions"][0]["action_id"] = json!("resume");
    assert_eq!(read(&resume).unwrap().act, Act::Resume { hold: "0123".into() });
}

#[test]
fn a_form_is_read_with_its_approval_and_reason() {
    let interaction = read(&submission()).unwrap();
    assert_eq!(interaction.act, Act::Reject { approval: "0123".into(), reason: "  too slow ".into() });
    assert_eq!((interaction.sender.channel, interaction.reply_to), (None, None));
}

#[test]
fn what_nothing_hangs_on_is_let_pass() {
    let mut other_button = click();
    other_button["actions"][0]["action_id"] = json!("look");
    let mut other_form = submission();
    other_form["view"]["callback_id"] = json!("note");
    let closed = json!({"type": "view_closed", "user": {"id": "U0LEAD"}});
    for payload in [other_button, other_form, closed] {
        assert_eq!(read(&payload).unwrap().act, Act::Other);
    }
}

#[test]
fn t30_a_missing_field_is_named() {
    let refused = |payload: &Value| read(payload).unwrap_err().to_string();
    let without = |mut payload: Value, parent: &str, field: &str| {
        payload.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field);
        refused(&payload)
    };
    assert_eq!(without(click(), "", "actions"), "field `payload.actions` is missing");
    assert_eq!(without(click(), "/actions/0", "value"), "field `payload.actions[0].value` is missing");
    assert_eq!(without(click(), "", "user"), "field `payload.user` is missing");
    assert_eq!(without(submission(), "", "view"), "field `payload.view` is missing");
    assert_eq!(without(submission(), "/view", "state"), "field `payload.view.state` is missing");
    assert_eq!(
        without(submission(), "/view/state/values", "reason"),
        "field `payload.view.state.values.reason.reason` is missing"
    );
    let error = parse(&verified("nothing=here")).unwrap_err();
    assert_eq!(error.to_string(), "form field `payload` is missing");
    let twice = format!("{}&{}", form(&click().to_string()), form("{}"));
    assert_eq!(
        parse(&verified(&twice)).unwrap_err().to_string(),
        "form field `payload` is given more than once"
    );
}

#[test]
fn t29_a_deep_payload_is_refused_and_the_next_one_read() {
    let deep = format!(r#"{{"type": "block_actions", "x": {}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(parse(&verified(&form(&deep))), Err(PayloadError::Json(_))));
    assert!(read(&click()).is_ok());
}

#[test]
fn t30_odd_json_is_refused_or_read_and_never_more() {
    let odd = [
        "",
        "null",
        "[]",
        "{}",
        "0",
        "\"x\"",
        r#"{"type": null}"#,
        r#"{"type": "block_actions", "actions": null}"#,
        r#"{"type": "block_actions", "actions": []}"#,
        r#"{"type": "block_actions", "actions": [null]}"#,
        r#"{"type": "block_actions", "actions": {"0": 1}}"#,
        r#"{"type": "x", "type": "y"}"#,
        r#"{"type": "block_actions", "user": {"id": 1e400}}"#,
        r#"{"type":"view_submission","view":[]}"#,
        r#"{"type":"view_submission","view":{"callback_id":"reject","private_metadata":"0","state":{"values":[]}}}"#,
        "{\"type\": \"\\ud800\"}",
        "{\"type\": \"a\u{0}\"}",
        "{",
        "\u{feff}{}",
    ];
    for text in odd {
        assert!(parse(&verified(&form(text))).is_err(), "{text}");
    }
    for body in ["payload", "payload=", "payload=%ff%fe", "%70ayload=%7b", "&&&=&payload=%00"] {
        assert!(parse(&verified(body)).is_err(), "{body}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Every place in a payload, so that each can be made odd.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, inner)| places(inner, &format!("{at}/{name}"), found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, inner)| places(inner, &format!("{at}/{n}"), found))
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn t30_no_payload_makes_the_parser_panic(payload in any_json(), bytes in ".{0,60}") {
        drop(read(&payload));
        drop(parse(&verified(&bytes)));
    }

    #[test]
    fn t30_a_good_payload_with_one_odd_place_is_survived(odd in any_json(), pick in any::<prop::sample::Index>(), form in any::<bool>()) {
        let mut payload = if form { submission() } else { click() };
        let mut found = Vec::new();
        places(&payload, "", &mut found);
        let place = &found[pick.index(found.len())];
        *payload.pointer_mut(place).unwrap() = odd;
        drop(read(&payload));
    }
}
