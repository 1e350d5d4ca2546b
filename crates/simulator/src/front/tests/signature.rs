use std::time::Duration;

use serde_json::json;

use super::support::{FUNCTION_ROLE, World};
use crate::front::{Caller, Credentials, Session};

/// Status and error code.
fn refusal(answer: &(u16, String)) -> (u16, String) {
    let body: serde_json::Value = serde_json::from_str(&answer.1).unwrap();
    (answer.0, body["__type"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_request_signed_with_a_known_key_is_believed() {
    let world = World::start().await;
    for credentials in [world.root(), world.identities.find("111122223333").unwrap()] {
        let (status, answer) = world.call(&credentials, "Say", &json!({ "word": "hé & <>" })).await;
        assert_eq!((status, &answer["input"]["word"]), (200, &json!("hé & <>")));
    }
}

#[tokio::test]
async fn every_part_of_a_request_is_covered_by_its_signature() {
    let world = World::start().await;
    let root = world.root();
    let mismatch = (403, "InvalidSignatureException".to_owned());

    let mut body = world.to_sign("Say", &json!({ "amount": 1 }));
    let signature = body.signature(&root);
    body.body = json!({ "amount": 9 }).to_string();
    assert_eq!(refusal(&body.send_with(signature).await), mismatch, "changed body");

    let mut target = world.to_sign("Say", &json!({}));
    let signature = target.signature(&root);
    target.headers[1].1 = "Echo.Shout".to_owned();
    assert_eq!(refusal(&target.send_with(signature).await), mismatch, "changed target");

    let forged = Credentials { secret_access_key: "not-it".to_owned(), ..root.clone() };
    assert_eq!(refusal(&world.to_sign("Say", &json!({})).send(&forged).await), mismatch, "wrong secret");

    let request = world.to_sign("Say", &json!({}));
    let mut signature = request.signature(&root);
    for (name, value) in &mut signature {
        if name == "authorization" {
            *value = value.replace("/us-west-2/", "/eu-west-1/");
        }
    }
    assert_eq!(refusal(&request.send_with(signature).await), mismatch, "changed region");
}

#[tokio::test]
async fn a_header_that_gives_the_request_its_meaning_must_be_signed() {
    let world = World::start().await;
    let mut request = world.to_sign("Say", &json!({}));
    let target = request.headers.pop().unwrap();
    let signature = request.signature(&world.root());
    request.headers.push(target);
    assert_eq!(
        refusal(&request.send_with(signature).await),
        (403, "IncompleteSignatureException".to_owned())
    );
}

#[tokio::test]
async fn a_signature_is_good_for_five_minutes_around_its_date() {
    let world = World::start().await;
    let mut outcomes = Vec::new();
    for (early, seconds) in [(true, 290), (true, 310), (false, 290), (false, 310)] {
        let mut request = world.to_sign("Say", &json!({}));
        let distance = Duration::from_secs(seconds);
        request.at = if early { request.at - distance } else { request.at + distance };
        outcomes.push(refusal(&request.send(&world.root()).await));
    }
    let stale = || (403, "InvalidSignatureException".to_owned());
    assert_eq!(outcomes, [(200, String::new()), stale(), (200, String::new()), stale()]);
}

#[tokio::test]
async fn strangers_and_the_unsigned_are_turned_away() {
    let world = World::start().await;
    let stranger = Credentials { access_key_id: "AKIASTRANGER".to_owned(), ..world.root() };
    let answer = world.to_sign("Say", &json!({})).send(&stranger).await;
    assert_eq!(refusal(&answer), (403, "UnrecognizedClientException".to_owned()));

    let unsigned = world.to_sign("Say", &json!({})).send_with(vec![]).await;
    assert_eq!(refusal(&unsigned), (403, "MissingAuthenticationTokenException".to_owned()));

    for nonsense in [
        "AWS4-HMAC-SHA256 ",
        "Basic dGVzdA==",
        "AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=0",
    ] {
        let header = vec![("authorization".to_owned(), nonsense.to_owned())];
        let answer = world.to_sign("Say", &json!({})).send_with(header).await;
        assert_eq!(refusal(&answer), (403, "IncompleteSignatureException".to_owned()), "{nonsense}");
    }
}

#[tokio::test]
async fn a_session_key_is_worth_nothing_without_its_own_token() {
    let world = World::start().await;
    world.iam.role(FUNCTION_ROLE, json!([{ "Effect": "Allow", "Action": "echo:*", "Resource": "*" }]));
    let function = world.function();
    assert_eq!(world.call(&function, "Say", &json!({})).await.0, 200);
    for token in [None, Some("another".to_owned())] {
        let broken = Credentials { session_token: token, ..function.clone() };
        let answer = world.to_sign("Say", &json!({})).send(&broken).await;
        assert_eq!(refusal(&answer), (403, "UnrecognizedClientException".to_owned()));
    }
}

#[tokio::test]
async fn an_ended_session_is_refused_as_expired() {
    let world = World::start().await;
    let session = Session { role_arn: FUNCTION_ROLE.to_owned(), name: "late".to_owned() };
    let ended = world.identities.issue(session.clone(), Duration::ZERO).unwrap();
    let answer = world.to_sign("Say", &json!({})).send(&ended).await;
    assert_eq!(refusal(&answer), (403, "ExpiredTokenException".to_owned()));
    assert_eq!(ended.caller, Caller::Role(session));
}
