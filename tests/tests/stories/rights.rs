//! Functions that want more than they may: real signed calls with their own keys, denied by the deployed policies.

use anyhow::Result;
use gantry_tests::{Keys, Story, quick, tell};
use serde_json::{Value, json};

const ECS: &str = "AmazonEC2ContainerServiceV20141113";
const ROLES: &str = "arn:aws:iam::111122223333:role";
const PREPRODUCTION: &str = "exchange-base-cluster-preprod2";
const PRODUCTION: &str = "exchange-base-cluster-prod2";

async fn denied(keys: &Keys, who: &str, service: &str, target: &str, input: Value) -> Result<()> {
    let answered = keys.call(service, target, &input).await?;
    assert!(answered.is_denied(), "{who} {target} {input}: {answered:?}");
    Ok(())
}

async fn denied_role(keys: &Keys, who: &str, role: &str) -> Result<()> {
    let answered = keys.assume(&format!("{ROLES}/{role}")).await?;
    assert!(answered.is_denied(), "{who} became {role}: {answered:?}");
    Ok(())
}

#[test]
fn t38_functions_do_only_what_they_are_for() -> Result<()> {
    tell(quick(), async |story| {
        let tables = ["ReleasesTable", "ApprovalsTable", "LocksTable"];
        let [releases, approvals, locks] =
            tables.map(|name| story.world.output(name).unwrap_or_default().to_owned());
        let get =
            |table: &str| json!({ "TableName": table, "Key": { "pk": { "S": "x" }, "sk": { "S": "y" } } });
        let put =
            |table: &str| json!({ "TableName": table, "Item": { "pk": { "S": "x" }, "sk": { "S": "y" } } });
        let start = json!({ "stateMachineArn": story.world.output("ReleaseMachineArn")?, "input": "{}" });
        let token = json!({ "taskToken": "AQB", "output": "{}" });

        // Whoever clicks cannot deploy: no stage, no lock, no execution of its own.
        let clicks = story.keys_of("slack-interactions").await?;
        let allowed = clicks.call("dynamodb", "DynamoDB_20120810.GetItem", &get(&approvals)).await?;
        assert_eq!(allowed.status, 200, "{allowed:?}");
        let who = "slack-interactions";
        denied(&clicks, who, "dynamodb", "DynamoDB_20120810.GetItem", get(&locks)).await?;
        denied(&clicks, who, "states", "AWSStepFunctions.StartExecution", start.clone()).await?;
        denied(&clicks, who, "ecs", &format!("{ECS}.UpdateService"), update(PRODUCTION, "web")).await?;
        for role in ["deploy-production", "observe-production", "deploy-preproduction"] {
            denied_role(&clicks, who, &format!("gantry-exchange-{role}")).await?;
        }

        // Whoever deploys cannot approve.
        for who in ["start-deployments", "start-task", "watch-wave", "watch-task", "run-checks", "plan-stage"]
        {
            let keys = story.keys_of(who).await?;
            denied(&keys, who, "dynamodb", "DynamoDB_20120810.GetItem", get(&approvals)).await?;
            denied(&keys, who, "dynamodb", "DynamoDB_20120810.PutItem", put(&approvals)).await?;
            denied(&keys, who, "states", "AWSStepFunctions.SendTaskSuccess", token.clone()).await?;
            denied(&keys, who, "ecs", &format!("{ECS}.UpdateService"), update(PREPRODUCTION, "web")).await?;
        }

        // Whoever looks cannot write.
        for who in ["watch-wave", "watch-task", "plan-stage", "claim-release", "record-stage"] {
            let keys = story.keys_of(who).await?;
            denied_role(&keys, who, "gantry-exchange-deploy-preproduction").await?;
            denied_role(&keys, who, "gantry-exchange-deploy-production").await?;
        }

        // Whoever takes events in starts releases and nothing else.
        for who in ["ecr-intake", "github-webhook"] {
            let keys = story.keys_of(who).await?;
            denied(&keys, who, "states", "AWSStepFunctions.SendTaskSuccess", token.clone()).await?;
            denied(&keys, who, "dynamodb", "DynamoDB_20120810.PutItem", put(&approvals)).await?;
            denied(&keys, who, "dynamodb", "DynamoDB_20120810.PutItem", put(&locks)).await?;
            denied(&keys, who, "dynamodb", "DynamoDB_20120810.DeleteTable", json!({ "TableName": releases }))
                .await?;
            denied_role(&keys, who, "gantry-exchange-observe-preproduction").await?;
        }
        let secret = json!({ "SecretId": story.world.output("SlackSigningSecretArn")? });
        for who in ["ecr-intake", "watch-wave", "start-deployments", "run-checks"] {
            let keys = story.keys_of(who).await?;
            denied(&keys, who, "secretsmanager", "secretsmanager.GetSecretValue", secret.clone()).await?;
        }
        // What the functions said to an event that says nothing.
        assert!(!story.dead_letters().await?.is_empty());
        Ok(())
    })
}

#[test]
fn t38_a_deploy_role_changes_its_own_stage_and_passes_its_own_roles() -> Result<()> {
    tell(quick(), async |story| {
        let keys = story.keys_of("start-deployments").await?;
        let answered = keys.assume(&format!("{ROLES}/gantry-exchange-deploy-preproduction")).await?;
        let deploy = keys.assumed(&answered)?;
        let who = "deploy-preproduction";
        let call = async |operation: &str, input: Value| {
            denied(&deploy, who, "ecs", &format!("{ECS}.{operation}"), input).await
        };
        let good = definition(story, "exchange-preprod2-web")?;
        let registered = deploy.call("ecs", &format!("{ECS}.RegisterTaskDefinition"), &good).await?;
        assert_eq!(registered.status, 200, "{registered:?}");

        let privileged = changed(&good, "/containerDefinitions/0/privileged", json!(true));
        call("RegisterTaskDefinition", privileged).await?;
        for role in ["taskRoleArn", "executionRoleArn"] {
            let administrator = json!(format!("{ROLES}/administrator"));
            call("RegisterTaskDefinition", changed(&good, &format!("/{role}"), administrator)).await?;
            let production = json!(format!("{ROLES}/exchange-prod2-task"));
            call("RegisterTaskDefinition", changed(&good, &format!("/{role}"), production)).await?;
        }
        call("UpdateService", update(PRODUCTION, "web")).await?;
        call("UpdateService", update(PREPRODUCTION, "somebody-elses")).await?;
        let foreign = json!({
            "cluster": PREPRODUCTION, "service": "web", "taskDefinition": "exchange-prod2-web:1",
        });
        call("UpdateService", foreign).await?;
        call("RunTask", json!({ "cluster": PRODUCTION, "taskDefinition": "exchange-preprod2-web:1" }))
            .await?;
        call("RunTask", json!({ "cluster": PREPRODUCTION, "taskDefinition": "exchange-prod2-web:1" }))
            .await?;
        let task =
            format!("arn:aws:ecs:us-west-2:111122223333:task/{PRODUCTION}/0123456789abcdef0123456789abcdef");
        call("StopTask", json!({ "cluster": PRODUCTION, "task": task })).await?;
        denied_role(&deploy, who, "gantry-exchange-deploy-production").await?;
        Ok(())
    })
}

fn update(cluster: &str, service: &str) -> Value {
    json!({ "cluster": cluster, "service": service, "taskDefinition": "exchange-preprod2-web:1" })
}

/// A registration as Gantry makes it. IAM cannot limit its family; what a service or task may get is limited instead.
fn definition(story: &Story, family: &str) -> Result<Value> {
    let image = format!(
        "111122223333.dkr.ecr.us-west-2.amazonaws.com/exchange-backend-f899186@{}",
        story
            .world
            .simulation
            .ecr
            .snapshot()
            .into_iter()
            .find(|view| view.name.contains("backend"))
            .and_then(|view| view.images.first().map(|image| image.digest.clone()))
            .unwrap_or_default()
    );
    Ok(json!({
        "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "512", "memory": "1024",
        "executionRoleArn": format!("{ROLES}/exchange-preprod2-execution"),
        "taskRoleArn": format!("{ROLES}/exchange-preprod2-task"),
        "containerDefinitions": [{ "name": "web", "image": image, "essential": true }],
    }))
}

fn changed(good: &Value, field: &str, value: Value) -> Value {
    let mut other = good.clone();
    match other.pointer_mut(field) {
        Some(there) => *there = value,
        None => {
            let (parent, name) = field.rsplit_once('/').unwrap_or_default();
            if let Some(parent) = other.pointer_mut(parent) {
                parent[name] = value;
            }
        }
    }
    other
}
