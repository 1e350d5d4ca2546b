//! Which questions IAM is asked.

use serde_json::{Value, json};

use super::stage::{CLUSTER, Stage};
use crate::aws::{AuthCheck, JsonService};
use crate::ecs::ServiceSeed;

const PREFIX: &str = "arn:aws:ecs:us-west-2:111122223333:";

fn questions(stage: &Stage, operation: &str, input: Value) -> Vec<AuthCheck> {
    stage.ecs.authorization(operation, &input)
}

fn asked(stage: &Stage, operation: &str, input: Value) -> Vec<String> {
    let checks = questions(stage, operation, input);
    checks.iter().map(|check| format!("{} {}", check.action, check.resource.replace(PREFIX, "…"))).collect()
}

#[test]
fn every_operation_asks_about_its_own_resource() {
    let stage = Stage::with_web();
    let cases: [(&str, Value, &[&str]); 9] = [
        (
            "UpdateService",
            json!({"cluster": CLUSTER, "service": "web"}),
            &["ecs:UpdateService …service/exchange-base-cluster-prod2/web"],
        ),
        (
            "DescribeServices",
            json!({"cluster": CLUSTER, "services": ["web", "sidekiq"]}),
            &[
                "ecs:DescribeServices …service/exchange-base-cluster-prod2/web",
                "ecs:DescribeServices …service/exchange-base-cluster-prod2/sidekiq",
            ],
        ),
        (
            "DescribeClusters",
            json!({"clusters": [CLUSTER]}),
            &["ecs:DescribeClusters …cluster/exchange-base-cluster-prod2"],
        ),
        ("ListTaskDefinitions", json!({}), &["ecs:ListTaskDefinitions *"]),
        ("ListTasks", json!({"cluster": CLUSTER}), &["ecs:ListTasks *"]),
        (
            "StopTask",
            json!({"cluster": CLUSTER, "task": "ab"}),
            &["ecs:StopTask …task/exchange-base-cluster-prod2/ab"],
        ),
        (
            "RegisterTaskDefinition",
            json!({"family": "web", "taskRoleArn": "arn:aws:iam::111122223333:role/t", "executionRoleArn": "e", "tags": [{"key": "k", "value": "v"}]}),
            &[
                "ecs:RegisterTaskDefinition *",
                "ecs:TagResource …task-definition/web",
                "iam:PassRole arn:aws:iam::111122223333:role/t",
                "iam:PassRole arn:aws:iam::111122223333:role/e",
            ],
        ),
        (
            "RunTask",
            json!({"cluster": CLUSTER, "taskDefinition": "web"}),
            &[
                "ecs:RunTask …task-definition/web:1",
                "iam:PassRole arn:aws:iam::111122223333:role/exchange-task",
                "iam:PassRole arn:aws:iam::111122223333:role/exchange-execution",
            ],
        ),
        (
            "RunTask",
            json!({"cluster": CLUSTER, "taskDefinition": "web", "overrides": {"taskRoleArn": "arn:aws:iam::111122223333:role/admin"}, "tags": [{"key": "k"}]}),
            &[
                "ecs:RunTask …task-definition/web:1",
                "ecs:TagResource …task/exchange-base-cluster-prod2/*",
                "iam:PassRole arn:aws:iam::111122223333:role/admin",
                "iam:PassRole arn:aws:iam::111122223333:role/exchange-execution",
            ],
        ),
    ];
    for (operation, input, wanted) in cases {
        assert_eq!(asked(&stage, operation, input), wanted, "{operation}");
    }
}

#[test]
fn condition_keys_say_what_the_call_is_about() {
    let stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 1).tagged("stage", "production"));
    let update = json!({"cluster": CLUSTER, "service": "web", "taskDefinition": "web"});
    let context = questions(&stage, "UpdateService", update).remove(0).context;
    assert_eq!(context["ecs:cluster"], format!("{PREFIX}cluster/{CLUSTER}"));
    assert_eq!(
        context["ecs:task-definition"],
        format!("{PREFIX}task-definition/web:1"),
        "resolved before IAM is asked"
    );
    assert_eq!(context["aws:ResourceTag/stage"], "production");
    for (privileged, wanted) in [(json!(true), "true"), (json!(false), "false")] {
        let input =
            json!({"family": "web", "containerDefinitions": [{"name": "a", "privileged": privileged}]});
        assert_eq!(questions(&stage, "RegisterTaskDefinition", input)[0].context["ecs:privileged"], wanted);
    }
    let pass = questions(&stage, "RunTask", json!({"cluster": CLUSTER, "taskDefinition": "web"})).remove(1);
    assert_eq!(pass.context["iam:PassedToService"], "ecs-tasks.amazonaws.com");
}

#[test]
fn iam_is_asked_about_every_operation_that_is_played_and_no_other() {
    let stage = Stage::with_web();
    for operation in
        ["ListServices", "DeregisterTaskDefinition", "StopServiceDeployment", "ListTagsForResource"]
    {
        assert!(!questions(&stage, operation, json!({})).is_empty(), "{operation}");
    }
    assert!(questions(&stage, "CreateService", json!({})).is_empty());
}
