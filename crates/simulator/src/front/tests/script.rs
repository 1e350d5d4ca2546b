//! Calls that are refused, lost, late or answered wrongly, as a test chooses.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{FUNCTION_ROLE, World};
use crate::aws::AwsError;

/// What a caller sees: the error's name, `ok`, or `nothing` when the connection breaks.
async fn seen(world: &World, operation: &str, input: Value) -> String {
    let request = world.to_sign(operation, &input);
    let signature = request.signature(&world.root());
    let mut builder = reqwest::Client::new().post(format!("{}/", world.url)).body(request.body);
    for (name, value) in request.headers.into_iter().chain(signature) {
        builder = builder.header(name, value);
    }
    let Ok(response) = builder.send().await else { return "nothing".into() };
    match response.text().await.map(|text| serde_json::from_str::<Value>(&text).unwrap()) {
        Ok(answer) => answer["__type"].as_str().unwrap_or("ok").into(),
        Err(_) => "nothing".into(),
    }
}

/// Outcomes of the calls that ran, and refusals of those that did not, as the journal has them.
fn journal(world: &World) -> Vec<String> {
    let calls = world.journal.calls();
    calls.into_iter().map(|call| call.outcome.map_or_else(|error| error.code, |_| "ok".into())).collect()
}

async fn three(world: &World) -> [String; 3] {
    [
        seen(world, "Say", json!({"n": 1})).await,
        seen(world, "Say", json!({"n": 2})).await,
        seen(world, "Say", json!({"n": 3})).await,
    ]
}

#[tokio::test]
async fn the_second_answer_is_lost_after_the_call_took_effect() {
    let world = World::start().await;
    let lost = world.front.script().on("echo", "Say").nth(2).lose_answer();
    assert_eq!(lost.fired(), 0);
    assert_eq!(three(&world).await, ["ok", "nothing", "ok"]);
    assert_eq!(journal(&world), ["ok", "ok", "ok"]);
    assert_eq!(lost.fired(), 1);
    assert!(lost.reached().await);
}

#[tokio::test]
async fn a_call_is_lost_before_it_took_effect() {
    let world = World::start().await;
    let lost = world.front.script().on("echo", "*").lose_call();
    assert_eq!(three(&world).await, ["nothing", "ok", "ok"]);
    assert_eq!(journal(&world), ["LostCall", "ok", "ok"]);
    assert_eq!(lost.fired(), 1);
}

#[tokio::test]
async fn a_call_is_throttled_so_many_times() {
    let world = World::start().await;
    let throttled = world.front.script().on("echo", "Say").throttle(2);
    assert_eq!(three(&world).await, ["ThrottlingException", "ThrottlingException", "ok"]);
    assert_eq!(throttled.fired(), 2);
}

#[tokio::test]
async fn a_call_fails_before_or_after_its_effect() {
    let world = World::start().await;
    let broken =
        AwsError { status: 500, code: "ServerException".into(), message: "Service Unavailable".into() };
    world.front.script().on("echo", "Say").nth(2).refuse(broken.clone());
    world.front.script().on("echo", "Say").nth(3).always().fail_after(broken);
    assert_eq!(three(&world).await, ["ok", "ServerException", "ServerException"]);
    assert_eq!(seen(&world, "Fail", json!({})).await, "EchoException", "another operation");
    world.front.script().on("echo", "Fail").fail_after(AwsError::throttled());
    assert_eq!(seen(&world, "Fail", json!({})).await, "EchoException", "it failed by itself");
}

#[tokio::test]
async fn an_answer_comes_late_though_the_call_was_in_time() {
    let world = World::start().await;
    world.front.script().on("echo", "Say").delay(Duration::from_millis(300));
    let before = Instant::now();
    let journal = world.journal.clone();
    let ran = tokio::spawn(async move {
        journal.wait_for(|call| call.operation == "Say").await;
        before.elapsed()
    });
    assert_eq!(seen(&world, "Say", json!({})).await, "ok");
    assert!(before.elapsed() >= Duration::from_millis(300));
    assert!(ran.await.unwrap() < before.elapsed(), "it took effect before its answer");
}

#[tokio::test]
async fn a_line_is_about_calls_with_a_text_of_a_role_or_of_any_kind() {
    let world = World::start().await;
    world.iam.role(FUNCTION_ROLE, json!([{ "Effect": "Allow", "Action": "*", "Resource": "*" }]));
    let script = world.front.script();
    let by_text = script.on("echo", "Say").given("service", "web").always().throttle(9);
    let by_role = script.on("echo", "Say").by("role/watch-wave-role").always().throttle(9);
    let by_hand = script.on("echo", "Say").when(|call| call.input["count"] == 0).throttle(9);
    let elsewhere = script.on("ecs", "Say").throttle(9);
    for (input, refused) in [
        (json!({"service": "web"}), true),
        (json!({"service": "arn:aws:ecs:us-west-2:111122223333:service/prod/web"}), true),
        (json!({"service": ["sidekiq", "web"]}), true),
        (json!({"service": "exchange-client-web"}), false),
        (json!({"name": "web"}), false),
        (json!({"count": 0}), true),
    ] {
        let seen = seen(&world, "Say", input.clone()).await;
        assert_eq!(seen == "ThrottlingException", refused, "{input}");
    }
    let (status, _) = world.call(&world.function(), "Say", &json!({})).await;
    assert_eq!(status, 400);
    let fired = [by_text.fired(), by_role.fired(), by_hand.fired(), elsewhere.fired()];
    assert_eq!(fired, [3, 1, 1, 0]);
    script.clear();
    assert_eq!(seen(&world, "Say", json!({"service": "web"})).await, "ok");
    assert!(!elsewhere.reached().await, "it never will be");
}

#[tokio::test]
async fn the_first_line_that_is_due_decides_and_all_count() {
    let world = World::start().await;
    let first = world.front.script().on("echo", "Say").nth(2).refuse(AwsError::client("First", ""));
    let second =
        world.front.script().on("echo", "Say").nth(2).times(2).refuse(AwsError::client("Second", ""));
    assert_eq!(three(&world).await, ["ok", "First", "Second"]);
    assert_eq!([first.fired(), second.fired()], [1, 1]);
}

#[tokio::test]
async fn sts_is_scripted_too() {
    let world = World::start().await;
    world.front.script().on("sts", "GetCallerIdentity").throttle(1);
    let ask = [("Action", "GetCallerIdentity")];
    let (status, body) = world.sts(&world.root(), &ask).await;
    assert!(status == 400 && body.contains("<Code>ThrottlingException</Code>"), "{status} {body}");
    assert_eq!(world.sts(&world.root(), &ask).await.0, 200);
}
