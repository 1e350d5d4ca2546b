use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::support::{FUNCTION_ROLE, ToSign, World};
use crate::aws::AwsError;
use crate::front::Fate;

#[tokio::test]
async fn an_error_carries_its_code_in_body_and_header() {
    let world = World::start().await;
    let request = world.to_sign("Fail", &json!({}));
    let mut builder = reqwest::Client::new().post(format!("{}/", world.url)).body(request.body.clone());
    for (name, value) in request.signature(&world.root()).into_iter().chain(request.headers) {
        builder = builder.header(name, value);
    }
    let response = builder.send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["x-amzn-errortype"], "EchoException");
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.1");
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 36);
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body, json!({ "__type": "EchoException", "message": "no echo" }));
}

#[tokio::test]
async fn what_no_service_plays_is_refused_by_name() {
    let world = World::start().await;
    let mut elsewhere = world.to_sign("Say", &json!({}));
    elsewhere.headers[1].1 = "DynamoDB_20120810.GetItem".to_owned();
    let (status, body) = elsewhere.send(&world.root()).await;
    assert_eq!(status, 404);
    assert!(
        body.contains("UnknownOperationException") && body.contains("DynamoDB_20120810.GetItem"),
        "{body}"
    );
    // Not even root runs an operation about which its service has no question for IAM.
    assert_eq!(world.call(&world.root(), "Unplayed", &json!({})).await.0, 404);
}

#[tokio::test]
async fn t29_a_body_beyond_the_cap_is_refused_before_it_is_read_whole() {
    let world = World::start().await;
    let request = ToSign {
        url: world.url.clone(),
        service: "echo",
        headers: vec![("x-amz-target".to_owned(), "Echo.Say".to_owned())],
        body: "x".repeat(5 * 1024 * 1024 + 1),
        at: SystemTime::now(),
    };
    let (status, body) = request.send(&world.root()).await;
    assert_eq!(status, 413, "{body}");
    assert!(world.journal.calls().is_empty());
}

#[tokio::test]
async fn t30_odd_json_gets_an_answer_and_the_next_call_works() {
    let world = World::start().await;
    let nested = "[".repeat(100_000);
    for odd in ["", "null", "[]", "42", "{", "\"text\"", "{\"a\":1e999}", nested.as_str()] {
        let mut request = world.to_sign("Say", &json!({}));
        odd.clone_into(&mut request.body);
        let (status, body) = request.send(&world.root()).await;
        assert_eq!(status, 400, "{odd:.20} got {body}");
        assert!(body.contains("SerializationException"), "{body}");
    }
    assert_eq!(world.call(&world.root(), "Say", &json!({})).await.0, 200);
}

#[tokio::test]
async fn the_journal_tells_who_asked_what_and_what_came_of_it() {
    let world = World::start().await;
    world.iam.role(FUNCTION_ROLE, json!([{ "Effect": "Allow", "Action": "echo:Say", "Resource": "*" }]));
    let journal = world.journal.clone();
    let waiting = tokio::spawn(async move { journal.wait_for(|call| call.operation == "Shout").await });
    world.call(&world.function(), "Say", &json!({ "n": 1 })).await;
    world.call(&world.function(), "Shout", &json!({ "n": 2 })).await;
    world.call(&world.root(), "Fail", &json!({})).await;

    let shout = waiting.await.unwrap();
    assert_eq!(shout.input, json!({ "n": 2 }));
    assert_eq!(shout.outcome.unwrap_err().code, "AccessDeniedException");
    let calls = world.journal.calls();
    let told: Vec<_> = calls
        .iter()
        .map(|call| (call.service.as_str(), call.operation.as_str(), call.role.as_str()))
        .collect();
    assert_eq!(
        told,
        [("echo", "Say", FUNCTION_ROLE), ("echo", "Shout", FUNCTION_ROLE), ("echo", "Fail", "root")]
    );
    assert!(calls[0].outcome.is_ok());
}

#[tokio::test]
async fn a_script_may_refuse_a_call_or_lose_its_answer_after_the_effect() {
    let world = World::start().await;
    world.front.play(Arc::new(|call| match call.operation {
        "Say" => Fate::Refuse(AwsError::client("ThrottlingException", "Rate exceeded")),
        "Shout" => Fate::LoseAnswer,
        _ => Fate::Proceed,
    }));
    let (status, body) = world.call(&world.root(), "Say", &json!({})).await;
    assert_eq!((status, &body["__type"]), (400, &json!("ThrottlingException")));

    let request = world.to_sign("Shout", &json!({}));
    let mut builder = reqwest::Client::new().post(format!("{}/", world.url)).body(request.body.clone());
    for (name, value) in request.signature(&world.root()).into_iter().chain(request.headers) {
        builder = builder.header(name, value);
    }
    let answer = match builder.send().await {
        Ok(response) => response.text().await.map(|_| ()),
        Err(error) => Err(error),
    };
    assert!(answer.is_err(), "the answer arrived");
    let call = world.journal.wait_for(|call| call.operation == "Shout").await;
    assert!(call.outcome.is_ok(), "the call itself ran");
    assert_eq!(world.call(&world.root(), "Whisper", &json!({})).await.0, 200);
}

#[tokio::test]
async fn t37_an_answer_that_opens_something_is_for_its_caller_and_not_for_the_journal() {
    let world = World::start().await;
    let (status, answer) = world.call(&world.root(), "Whisper", &json!({})).await;
    assert_eq!((status, answer), (200, json!({ "to": "root" })));
    let calls = world.journal.calls();
    assert_eq!((calls.len(), &calls[0].outcome), (1, &Ok(Value::Null)));
}
