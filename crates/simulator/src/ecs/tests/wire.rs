//! Answers and refusals as a client of ECS sees them.

use serde_json::{Value, json};

use super::stage::{CLUSTER, Stage, image};
use crate::ecs::ServiceSeed;

#[test]
fn services_are_described_with_tags_only_when_asked() {
    let stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 2).tagged("gantry:component", "backend"));
    let ask = |include: Value| {
        stage.ask(
            "DescribeServices",
            json!({"cluster": CLUSTER, "services": ["web", "ghost"], "include": include}),
        )
    };
    let plain = ask(json!([]));
    assert!(plain["services"][0].get("tags").is_none());
    let ghost = "arn:aws:ecs:us-west-2:111122223333:service/exchange-base-cluster-prod2/ghost";
    assert_eq!(plain["failures"], json!([{"arn": ghost, "reason": "MISSING"}]));
    let service = ask(json!(["TAGS"]))["services"][0].take();
    assert_eq!(service["tags"], json!([{"key": "gantry:component", "value": "backend"}]));
    assert_eq!(service["status"], "ACTIVE");
    assert_eq!(service["launchType"], "FARGATE");
    assert_eq!(
        service["deploymentConfiguration"]["deploymentCircuitBreaker"],
        json!({"enable": true, "rollback": true})
    );
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    assert!(service["createdAt"].is_f64(), "times are numbers: {}", service["createdAt"]);
}

#[test]
fn definitions_are_found_by_family_revision_and_arn() {
    let mut stage = Stage::new();
    stage.push("2", &[]);
    let second = stage.register("web", "2", json!({}));
    let revision = |given: &str| {
        stage.ask("DescribeTaskDefinition", json!({"taskDefinition": given}))["taskDefinition"]["revision"]
            .take()
    };
    assert_eq!([revision("web"), revision("web:1"), revision(&second)], [json!(2), json!(1), json!(2)]);
    let gone = stage.ask("DeregisterTaskDefinition", json!({"taskDefinition": second}));
    assert_eq!(gone["taskDefinition"]["status"], "INACTIVE");
    assert_eq!(revision("web"), 1, "a family means its newest active revision");
    assert_eq!(revision("web:2"), 2, "an inactive revision can still be described");
    let described =
        stage.ask("DescribeTaskDefinition", json!({"taskDefinition": "web:1", "include": ["TAGS"]}));
    assert_eq!(described["tags"], json!([{"key": "gantry:version", "value": "1"}]));
    assert_eq!(described["taskDefinition"]["containerDefinitions"][0]["image"], json!(image("1")));
    let list = |input: Value| {
        stage.ask("ListTaskDefinitions", input)["taskDefinitionArns"].as_array().unwrap().len()
    };
    assert_eq!(list(json!({"familyPrefix": "web"})), 1);
    assert_eq!(list(json!({"familyPrefix": "web", "status": "INACTIVE"})), 1);
    assert_eq!(list(json!({"familyPrefix": "we"})), 0, "a family prefix is the whole family");
}

#[test]
fn lists_come_in_pages() {
    let mut stage = Stage::new();
    for _ in 0..4 {
        stage.register("web", "1", json!({}));
    }
    let mut input = json!({"familyPrefix": "web", "sort": "DESC", "maxResults": 2});
    let mut seen = Vec::new();
    loop {
        let page = stage.ask("ListTaskDefinitions", input.clone());
        seen.extend(
            page["taskDefinitionArns"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap().to_owned()),
        );
        match page.get("nextToken") {
            Some(token) => input["nextToken"] = token.clone(),
            None => break,
        }
    }
    let revisions: Vec<&str> = seen.iter().map(|arn| arn.rsplit(':').next().unwrap()).collect();
    assert_eq!(revisions, ["5", "4", "3", "2", "1"]);
}

#[test]
fn refusals_carry_aws_s_codes() {
    let stage = Stage::with_web();
    stage.ask(
        "RegisterTaskDefinition",
        json!({"family": "gone", "containerDefinitions": [{"name": "a", "image": "b"}]}),
    );
    stage.ask("DeregisterTaskDefinition", json!({"taskDefinition": "gone:1"}));
    let deployment =
        "arn:aws:ecs:us-west-2:111122223333:service-deployment/exchange-base-cluster-prod2/web/0000";
    let cases = [
        (
            "DescribeServices",
            json!({"cluster": "nowhere", "services": ["web"]}),
            "ClusterNotFoundException: Cluster not found.",
        ),
        ("DescribeServices", json!({"services": ["web"]}), "ClusterNotFoundException: Cluster not found."),
        (
            "DescribeServices",
            json!({"cluster": CLUSTER, "services": []}),
            "InvalidParameterException: Services cannot be empty.",
        ),
        (
            "DescribeServices",
            json!({"cluster": CLUSTER, "services": vec!["web"; 11]}),
            "InvalidParameterException: Services cannot contain more than 10 elements.",
        ),
        (
            "UpdateService",
            json!({"cluster": CLUSTER, "service": "ghost"}),
            "ServiceNotFoundException: Service not found.",
        ),
        (
            "UpdateService",
            json!({"cluster": CLUSTER, "service": "web", "taskDefinition": "gone:1"}),
            "ClientException: TaskDefinition is inactive",
        ),
        (
            "UpdateService",
            json!({"cluster": CLUSTER, "service": "web", "taskDefinition": "web:77"}),
            "ClientException: TaskDefinition not found.",
        ),
        (
            "UpdateService",
            json!({"cluster": CLUSTER, "service": "web", "deploymentConfiguration": {"maximumPercent": 100}}),
            "InvalidParameterException: Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ),
        (
            "DescribeTaskDefinition",
            json!({"taskDefinition": "ghost"}),
            "ClientException: Unable to describe task definition.",
        ),
        (
            "DescribeTasks",
            json!({"cluster": CLUSTER, "tasks": []}),
            "InvalidParameterException: Tasks cannot be empty.",
        ),
        (
            "StopTask",
            json!({"cluster": CLUSTER, "task": "0000"}),
            "InvalidParameterException: The referenced task was not found.",
        ),
        (
            "StopServiceDeployment",
            json!({"serviceDeploymentArn": deployment}),
            "ServiceDeploymentNotFoundException: The service deployment was not found.",
        ),
        (
            "DescribeServiceDeployments",
            json!({"serviceDeploymentArns": ["web"]}),
            "InvalidParameterException: Invalid identifier: web",
        ),
        (
            "RegisterTaskDefinition",
            json!({"family": "web", "containerDefinitions": [{"name": "app", "image": "web@sha256:12"}]}),
            "InvalidParameterException: Invalid image reference web@sha256:12: invalid reference format",
        ),
        ("DeleteCluster", json!({}), "UnknownOperationException: ECS DeleteCluster is not simulated"),
    ];
    for (operation, input, wanted) in cases {
        assert_eq!(stage.refused(operation, input).to_string(), wanted, "{operation}");
    }
}

#[test]
fn a_refused_call_changes_nothing() {
    let stage = Stage::with_web();
    let before = stage.service("web");
    let bad = json!({"cluster": CLUSTER, "service": "web", "desiredCount": 9, "taskDefinition": "ghost"});
    stage.refused("UpdateService", bad);
    assert_eq!(stage.service("web"), before);
}

#[test]
fn tags_can_be_added_and_read() {
    let stage = Stage::with_web();
    for arn in [
        stage.service("web")["serviceArn"].clone(),
        stage.service("web")["taskDefinition"].clone(),
        stage.service("web")["clusterArn"].clone(),
    ] {
        stage.ask("TagResource", json!({"resourceArn": arn, "tags": [{"key": "owner", "value": "qa"}]}));
        let tags = stage.ask("ListTagsForResource", json!({"resourceArn": arn}))["tags"].take();
        assert!(tags.as_array().unwrap().contains(&json!({"key": "owner", "value": "qa"})), "{arn}");
    }
    let ghost = json!({"resourceArn": "arn:aws:ecs:us-west-2:111122223333:cluster/ghost", "tags": []});
    assert_eq!(stage.refused("TagResource", ghost).code, "ResourceNotFoundException");
}

#[test]
fn clusters_and_services_are_listed_and_counted() {
    let stage = Stage::with_web();
    let clusters = stage.ask("DescribeClusters", json!({"clusters": [CLUSTER, "ghost"]}));
    assert_eq!(clusters["clusters"][0]["runningTasksCount"], 2);
    assert_eq!(clusters["clusters"][0]["activeServicesCount"], 1);
    assert_eq!(clusters["failures"][0]["reason"], "MISSING");
    let list = stage.ask("ListServices", json!({"cluster": CLUSTER}));
    assert_eq!(list["serviceArns"], json!([stage.service("web")["serviceArn"]]));
}
