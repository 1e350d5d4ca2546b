//! A template with local paths becomes a stack whose functions and machines are the real ones.

use crate::support::{artifacts, deploy_and_call_a_function, deploy_small, template};
use std::time::Duration;

use gantry_domain::Scale;
use gantry_local::client::Client;
use gantry_local::executions::{Executions, Machine};
use gantry_local::ministack::{MiniStack, MiniStackOptions};
use gantry_local::package::PackageError;
use gantry_local::schedules::take_over;
use gantry_local::stack::StackError;
use gantry_simulator::clock::WorldClock;
use jiff::Timestamp;
use serde_json::json;

async fn world() -> (MiniStack, Client) {
    let world =
        MiniStack::start(MiniStackOptions { factor: 600.0, ..MiniStackOptions::default() }).await.unwrap();
    let client = Client::new(world.endpoint()).unwrap();
    (world, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployed_function_has_its_code_its_files_and_its_parameters() {
    let (_world, client) = world().await;
    let directory = tempfile::tempdir().unwrap();
    let stack = deploy_small(&client, &artifacts(directory.path()), &template()).await.unwrap();

    let echo = stack.function("Echo").unwrap();
    let answer = client.invoke(&echo.name, &json!({ "n": 1 })).await.unwrap();
    assert!(!answer.failed);
    assert_eq!(answer.payload["event"], json!({ "n": 1 }));
    assert_eq!(answer.payload["files"], json!(["bootstrap", "gantry.json"]));
    assert_eq!(answer.payload["env"]["GREETING"], "hello");
    assert_eq!(answer.payload["env"]["AWS_ENDPOINT_URL"], client.endpoint());
    assert!(echo.arn.starts_with("arn:aws:lambda:us-west-2:111122223333:function:small-Echo-"));
    assert!(echo.role_arn.starts_with("arn:aws:iam::111122223333:role/small-EchoRole-"));
    assert_eq!(client.function_log(&echo.name).await.unwrap(), ["echo {'n': 1}"]);

    let failure = client.invoke(&echo.name, &json!({ "fail": "LockHeld" })).await.unwrap();
    assert!(failure.failed);
    assert_eq!(failure.payload["errorType"], "LockHeld");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_developers_environment_reaches_a_function() {
    let (_world, client) = world().await;
    let directory = tempfile::tempdir().unwrap();
    let stack = deploy_small(&client, &artifacts(directory.path()), &template()).await.unwrap();
    let answer = client.invoke(&stack.function("Echo").unwrap().name, &json!({})).await.unwrap();
    let environment = answer.payload["env"].as_object().unwrap();
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    assert!(!environment.contains_key("CARGO_MANIFEST_DIR"));
    assert_eq!(environment["PATH"], "/usr/bin:/bin");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_waits_on_the_scaled_clock_and_calls_the_function() {
    let (_world, client) = world().await;
    let directory = tempfile::tempdir().unwrap();
    let stack = deploy_small(&client, &artifacts(directory.path()), &template()).await.unwrap();

    let arn = client.start_execution(&stack.outputs["MachineArn"], Some("one"), r#"{"n":2}"#).await.unwrap();
    let machine = Machine { name: "small".to_owned(), arn: stack.outputs["MachineArn"].clone() };
    let clock = Scale::new(Timestamp::now(), 600.0).unwrap();
    let executions = Executions::watch(vec![machine], client.clone(), clock);
    let seen = executions
        .wait_for(Duration::from_secs(30), |all| {
            all.iter().find(|seen| !seen.execution.is_running()).cloned()
        })
        .await
        .unwrap();
    assert_eq!((seen.execution.status.as_str(), &seen.execution.output), ("SUCCEEDED", &json!({ "n": 2 })));
    assert_eq!(seen.path(), ["Pause", "CallEcho"]);
    let pause = &seen.visits[0];
    let passed = pause.left_at.unwrap().duration_since(pause.entered_at).as_secs();
    // History has milliseconds only, and a loaded machine may be late.
    assert!((55..6000).contains(&passed), "a wait of 60 s took {passed} s in the world");
    assert_eq!(
        client.execution_statuses(&stack.outputs["MachineArn"]).await.unwrap(),
        [(arn, "SUCCEEDED".to_owned())]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_an_aws_service_reaches_the_rule_that_matches_it() {
    let (_world, client) = world().await;
    let directory = tempfile::tempdir().unwrap();
    let stack = deploy_small(&client, &artifacts(directory.path()), &template()).await.unwrap();
    let echo = &stack.function("Echo").unwrap().name;

    client.put_event("aws.ecs", "ECS Deployment State Change", &[], &json!({ "n": 0 })).await.unwrap();
    client.put_event("aws.ecr", "ECR Image Action", &[], &json!({ "image-tag": "sha-1" })).await.unwrap();
    let printed = loop {
        let lines = client.function_log(echo).await.unwrap();
        if !lines.is_empty() {
            break lines;
        }
    };
    assert_eq!(printed.len(), 1);
    assert!(printed[0].contains("'image-tag': 'sha-1'"), "{printed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_fire_on_the_scaled_clock_and_only_when_they_shall() {
    let (_world, client) = world().await;
    let directory = tempfile::tempdir().unwrap();
    let stack = deploy_small(&client, &artifacts(directory.path()), &template()).await.unwrap();
    let echo = &stack.function("Echo").unwrap().name;
    let clock = WorldClock::new(Scale::new(Timestamp::now(), 600.0).unwrap());

    let silent = take_over(&client, clock, false).await.unwrap();
    clock.sleep(Duration::from_secs(180)).await;
    assert_eq!(client.function_log(echo).await.unwrap(), Vec::<String>::new());
    drop(silent);

    let _firing = take_over(&client, clock, true).await.unwrap();
    let printed = loop {
        let lines = client.function_log(echo).await.unwrap();
        if lines.len() > 1 {
            break lines;
        }
    };
    assert!(printed[0].contains("'detail-type': 'Scheduled Event'"), "{printed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_binary_is_refused_before_anything_is_deployed() {
    let (_world, client) = world().await;
    let directory = tempfile::tempdir().unwrap();
    let artifacts = artifacts(directory.path());
    std::fs::remove_file(directory.path().join("echo")).unwrap();
    let refused = deploy_small(&client, &artifacts, &template()).await.unwrap_err();
    let StackError::Package(PackageError::Missing(paths)) = refused else { panic!("{refused}") };
    assert_eq!(paths, [directory.path().join("echo")]);
    assert_eq!(client.stack("small").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_fails_says_which_resource_and_why() {
    let (_world, client) = world().await;
    let directory = tempfile::tempdir().unwrap();
    let mut template = template();
    template["Resources"]["Odd"] = json!({ "Type": "AWS::CodeDeploy::Application", "Properties": {} });
    let refused = deploy_small(&client, &artifacts(directory.path()), &template).await.unwrap_err();
    let StackError::Aws(refused) = refused else { panic!("{refused}") };
    assert!(refused.to_string().contains("AWS::CodeDeploy::Application"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_binary_is_deployed_and_a_deleted_stack_is_gone() {
    let (_world, client) = world().await;
    let before = deploy_and_call_a_function(&client).await;
    let directory = tempfile::tempdir().unwrap();
    let mut artifacts = artifacts(directory.path());
    artifacts.binaries.beside.insert("new.json".to_owned(), b"{}".to_vec());
    let stack = deploy_small(&client, &artifacts, &template()).await.unwrap();
    let answer = client.invoke(&stack.function("Echo").unwrap().name, &json!({})).await.unwrap();
    assert_ne!(answer.payload["pid"].to_string(), before);
    assert_eq!(answer.payload["files"], json!(["bootstrap", "gantry.json", "new.json"]));
    client.delete_stack("small").await.unwrap();
    assert_eq!(client.stack("small").await.unwrap(), None);
}
