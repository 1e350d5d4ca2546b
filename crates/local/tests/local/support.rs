//! A stack of one function, small enough to be deployed by every test that needs a stack but not Gantry's.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gantry_local::client::Client;
use gantry_local::package::{Artifacts, Binaries};
use gantry_local::places;
use gantry_local::stack::{DeployedStack, Deployment, StackError, deploy};
use serde_json::{Value, json};

/// A runtime that answers with what it was given and where it runs; `{"fail": …}` makes it fail,
/// `{"pause": …}` makes it write that file and never answer.
const ECHO: &str = r#"
import json, os, signal, urllib.request as http
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with http.urlopen(api + "next") as call:
        request, event = call.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(call.read())
    print("echo", event, flush=True)
    if "pause" in event:
        open(event["pause"], "w").close()
        signal.pause()
    if "fail" in event:
        path, answer = "/error", {"errorType": event["fail"], "errorMessage": "as asked"}
    else:
        path, answer = "/response", {"event": event, "pid": os.getpid(), "files": sorted(os.listdir(os.environ["LAMBDA_TASK_ROOT"])), "env": dict(os.environ)}
    http.urlopen(http.Request(api + request + path, json.dumps(answer).encode())).close()
"#;

/// A template with the function `echo`, a table whose stream it reads, and a machine that calls it.
pub(crate) fn template() -> Value {
    let role = |service: &str, statements: Value| {
        json!({ "Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }] },
            "Policies": [{ "PolicyName": "own", "PolicyDocument": { "Version": "2012-10-17", "Statement": statements } }],
        } })
    };
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": { "Greeting": { "Type": "String" } },
        "Resources": {
            "EchoRole": role("lambda.amazonaws.com", json!([
                { "Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*" }])),
            "Echo": { "Type": "AWS::Serverless::Function", "Properties": {
                "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 10, "ReservedConcurrentExecutions": 1,
                "CodeUri": "../target/package/echo.zip", "Role": { "Fn::GetAtt": ["EchoRole", "Arn"] },
                "Environment": { "Variables": { "GREETING": { "Ref": "Greeting" } } },
                "Events": {
                    "Pushed": { "Type": "EventBridgeRule", "Properties": { "Pattern": { "source": ["aws.ecr"] } } },
                    "EveryMinute": { "Type": "Schedule", "Properties": { "Schedule": "rate(1 minute)" } },
                },
            } },
            "MachineRole": role("states.amazonaws.com", json!([
                { "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*" }])),
            "Machine": { "Type": "AWS::Serverless::StateMachine", "Properties": {
                "DefinitionUri": "machine.asl.json", "Role": { "Fn::GetAtt": ["MachineRole", "Arn"] },
                "DefinitionSubstitutions": { "EchoArn": { "Fn::GetAtt": ["Echo", "Arn"] } },
            } },
        },
        "Outputs": { "MachineArn": { "Value": { "Ref": "Machine" } } },
    })
}

fn machine() -> Value {
    json!({ "QueryLanguage": "JSONata", "StartAt": "Pause", "States": {
        "Pause": { "Type": "Wait", "Seconds": 60, "Next": "CallEcho" },
        "CallEcho": { "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "TimeoutSeconds": 20, "End": true,
            "Arguments": { "FunctionName": "${EchoArn}", "Payload": "{% $states.input %}" },
            "Output": "{% $states.result.Payload.event %}" },
    } })
}

/// Writes the stack's artifacts below `directory`.
pub(crate) fn artifacts(directory: &Path) -> Artifacts {
    let bootstrap = directory.join("echo");
    std::fs::write(&bootstrap, format!("#!{}\n{ECHO}", places::python().display())).unwrap();
    std::fs::set_permissions(&bootstrap, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(directory.join("machine.asl.json"), machine().to_string()).unwrap();
    let beside = BTreeMap::from([("gantry.json".to_owned(), b"{}".to_vec())]);
    Artifacts {
        base: directory.to_path_buf(),
        binaries: Binaries { directory: directory.to_path_buf(), kept: directory.join("kept"), beside },
    }
}

/// Deploys the stack under the name `small`.
pub(crate) async fn deploy_small(
    client: &Client,
    artifacts: &Artifacts,
    template: &Value,
) -> Result<DeployedStack, StackError> {
    let parameters = BTreeMap::from([("Greeting".to_owned(), "hello".to_owned())]);
    deploy(Deployment { name: "small", template, parameters: &parameters, artifacts }, client).await
}

/// Deploys the stack, calls its function and returns the process id of the worker that answered.
pub(crate) async fn deploy_and_call_a_function(client: &Client) -> String {
    let directory = tempfile::tempdir().unwrap();
    let stack = deploy_small(client, &artifacts(directory.path()), &template()).await.unwrap();
    let answer = client.invoke(&stack.function("Echo").unwrap().name, &json!({})).await.unwrap();
    answer.payload["pid"].to_string()
}

/// Deploys the stack and returns the process id of a worker in the middle of a call that never ends.
pub(crate) async fn deploy_and_occupy_a_function(client: &Client) -> String {
    let worker = deploy_and_call_a_function(client).await;
    let directory = tempfile::tempdir().unwrap();
    let (paused, caller) = (directory.path().join("paused"), client.clone());
    let event = json!({ "pause": paused });
    tokio::spawn(async move {
        let echo = &caller.functions().await.unwrap()[0]["FunctionName"];
        let _ = caller.invoke(echo.as_str().unwrap(), &event).await;
    });
    while !paused.exists() {
        tokio::task::yield_now().await;
    }
    worker
}
