//! The adapter over the real SDK: what is asked, how answers are read, what each kind of error becomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use gantry_domain::ecs::{CapacityProvider, Controller, DeploymentStatus, Network, Placement};
use gantry_domain::names::{ContainerName, ServiceName, TaskDefinitionArn};
use gantry_steps::ports::{DeployStage, ObserveStage, PortError, TaskRequest, TaskStart, TaskState};
use serde_json::{Value, json};

use super::fields::{names, registrable};
use super::*;
use crate::testing::{Answer, Asked, StubAws, scope, sessions};

const WEB_12: &str = "arn:aws:ecs:us-west-2:111122223333:task-definition/web:12";
const TASK: &str = "arn:aws:ecs:us-west-2:111122223333:task/exchange-base-cluster-preprod2/0a1b";

fn ecs(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> (EcsStage, StubAws) {
    let aws = StubAws::new(script);
    (EcsStage::new(Arc::new(sessions(&aws))), aws)
}

fn service_name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

fn definition_arn() -> TaskDefinitionArn {
    TaskDefinitionArn::new(WEB_12).unwrap()
}

/// A task definition that uses as much as one can, in the shape of an answer.
fn answered() -> Value {
    json!({
        "taskDefinitionArn": WEB_12, "family": "web", "revision": 12, "status": "ACTIVE",
        "taskRoleArn": "arn:aws:iam::111122223333:role/web", "executionRoleArn": "arn:aws:iam::111122223333:role/pull",
        "networkMode": "awsvpc", "cpu": "512", "memory": "1024",
        "requiresCompatibilities": ["FARGATE"], "compatibilities": ["EC2", "FARGATE"],
        "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.ecr-auth"}],
        "registeredAt": 1795262400.123, "registeredBy": "arn:aws:iam::111122223333:user/terraform",
        "volumes": [{"name": "scratch", "host": {}},
                    {"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}}],
        "placementConstraints": [], "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"},
        "ephemeralStorage": {"sizeInGiB": 30}, "enableFaultInjection": false,
        "containerDefinitions": [container()],
    })
}

fn container() -> Value {
    json!({
            "name": "app", "image": "111122223333.dkr.ecr.us-west-2.amazonaws.com/shop:sha-1", "cpu": 0,
            "essential": true, "portMappings": [{"containerPort": 3000, "hostPort": 3000, "protocol": "tcp"}],
            "environment": [{"name": "RAILS_ENV", "value": "production"}], "mountPoints": [], "volumesFrom": [],
            "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:us-west-2:111122223333:parameter/key"}],
            "dockerLabels": {"team": "exchange"}, "readonlyRootFilesystem": false,
            "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/web"}},
            "healthCheck": {"command": ["CMD", "true"], "interval": 5, "timeout": 2, "retries": 3, "startPeriod": 0},
            "systemControls": [], "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}],
            "linuxParameters": {"initProcessEnabled": true, "capabilities": {"drop": ["ALL"]}},
            "dependsOn": [{"containerName": "log", "condition": "START"}], "versionConsistency": "enabled",
    })
}

#[tokio::test]
async fn t42_a_task_definition_goes_back_as_it_came() {
    let (ecs, aws) = ecs(|asked| match asked.operation.as_str() {
        "DescribeTaskDefinition" => Answer::json(
            &json!({"taskDefinition": answered(), "tags": [{"key": "team", "value": "exchange"}]}),
        ),
        _ => Answer::json(&json!({"taskDefinition": {"taskDefinitionArn": WEB_12}})),
    });
    let base = ecs.task_definition(&scope(), &definition_arn()).await.unwrap().unwrap();
    assert_eq!(base.unknown, Vec::<String>::new());
    assert_eq!(base.tags, BTreeMap::from([("team".to_owned(), "exchange".to_owned())]));

    ecs.register_task_definition(&scope(), &base.body, &base.tags).await.unwrap();
    let sent = aws.asked("RegisterTaskDefinition")[0].json();
    let mut expected = answered();
    let fields = expected.as_object_mut().unwrap();
    for name in [
        "taskDefinitionArn",
        "revision",
        "status",
        "compatibilities",
        "requiresAttributes",
        "registeredAt",
        "registeredBy",
    ] {
        fields.remove(name);
    }
    fields.insert("tags".to_owned(), json!([{"key": "team", "value": "exchange"}]));
    assert_eq!(sent, expected);
}

#[test]
fn t42_a_field_that_the_sdk_does_not_know_is_named_wherever_it_is() {
    type Plant = fn(&mut Value);
    let plants: [(Plant, &str); 5] = [
        (|body| body["gpuSharing"] = json!({"mode": "slices"}), "gpuSharing"),
        (|body| body["containerDefinitions"][0]["sandbox"] = json!(false), "containerDefinitions[0].sandbox"),
        (|body| body["containerDefinitions"][0]["niceness"] = json!(0), "containerDefinitions[0].niceness"),
        (
            |body| body["containerDefinitions"][0]["healthCheck"]["grace"] = json!(9),
            "containerDefinitions[0].healthCheck.grace",
        ),
        (
            |body| body["volumes"][1]["efsVolumeConfiguration"]["tier"] = json!("cold"),
            "volumes[1].efsVolumeConfiguration.tier",
        ),
    ];
    for (plant, path) in plants {
        let mut body = answered();
        plant(&mut body);
        let (_, unknown) = registrable(&body).unwrap();
        assert_eq!(unknown, [path]);
    }
}

#[test]
fn t42_a_value_that_the_sdk_does_not_know_is_kept() {
    let mut body = answered();
    body["networkMode"] = json!("quantum");
    let (kept, unknown) = registrable(&body).unwrap();
    assert_eq!((kept["networkMode"].as_str(), unknown.len()), (Some("quantum"), 0));
}

#[test]
fn t42_every_field_of_a_registration_is_carried_over() {
    use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;

    let mut fields = names(RegisterTaskDefinitionInput::SCHEMA);
    fields.sort_unstable();
    // A new one here must be set in `register_task_definition` too.
    assert_eq!(
        fields,
        [
            "containerDefinitions",
            "cpu",
            "enableFaultInjection",
            "ephemeralStorage",
            "executionRoleArn",
            "family",
            "inferenceAccelerators",
            "ipcMode",
            "memory",
            "networkMode",
            "pidMode",
            "placementConstraints",
            "proxyConfiguration",
            "requiresCompatibilities",
            "runtimePlatform",
            "tags",
            "taskRoleArn",
            "volumes",
        ]
    );
}

#[tokio::test]
async fn a_task_definition_that_is_not_there_is_none() {
    let (ecs, _) = ecs(|_| Answer::error(400, "ClientException", "Unable to describe task definition."));
    assert_eq!(ecs.task_definition(&scope(), &definition_arn()).await.unwrap(), None);
}

#[tokio::test]
async fn services_are_asked_for_ten_at_a_time_and_missing_ones_are_absent() {
    let (ecs, aws) = ecs(|asked| {
        let names = asked.json()["services"].clone();
        let found: Vec<Value> =
            names.as_array().unwrap().iter().map(|name| service(name.as_str().unwrap())).collect();
        Answer::json(&json!({"services": found, "failures": [{"arn": "arn:x", "reason": "MISSING"}]}))
    });
    let names: Vec<ServiceName> = (0..12).map(|n| service_name(&format!("s{n}"))).collect();
    let services = ecs.services(&scope(), &names).await.unwrap();
    assert_eq!(services.len(), 12);
    let asked = aws.asked("DescribeServices");
    let counts: Vec<usize> =
        asked.iter().map(|asked| asked.json()["services"].as_array().unwrap().len()).collect();
    assert_eq!(counts, [10, 2]);
    assert!(asked.iter().all(|asked| asked.signed_by == "STAGEKEY"), "{asked:?}");
}

fn service(name: &str) -> Value {
    json!({
        "serviceName": name, "status": "ACTIVE", "taskDefinition": WEB_12, "desiredCount": 2, "runningCount": 2,
        "launchType": "FARGATE", "platformVersion": "LATEST",
        "deployments": [{"id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "COMPLETED"}],
        "currentServiceRevisions": [
            {"arn": "arn:aws:ecs:us-west-2:111122223333:service-revision/c/web/1", "runningTaskCount": 2},
            {"arn": "arn:aws:ecs:us-west-2:111122223333:service-revision/c/web/0", "runningTaskCount": 0}],
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}},
        "events": [{"id": "e", "createdAt": 1795262400.5, "message": "(service web) has reached a steady state."}],
    })
}

#[tokio::test]
async fn a_service_is_read_with_what_the_rules_look_at() {
    let (ecs, _) = ecs(|_| Answer::json(&json!({"services": [service("web")]})));
    let web = ecs.services(&scope(), &[service_name("web")]).await.unwrap().remove(0);
    assert_eq!(web.controller, Controller::Ecs);
    assert_eq!((web.desired_count, web.running_count), (2, 2));
    assert_eq!(web.rollout_state.as_deref(), Some("COMPLETED"));
    assert_eq!(web.revisions.len(), 1, "a revision without tasks runs nothing");
    assert_eq!(web.placement.network.unwrap().security_groups, ["sg-1"]);
    assert_eq!(web.events[0].at.as_second(), 1_795_262_400);
}

#[tokio::test]
async fn a_service_of_another_controller_is_known_by_it() {
    let (ecs, _) = ecs(|_| {
        let mut web = service("web");
        web["deploymentController"] = json!({"type": "CODE_DEPLOY"});
        Answer::json(&json!({"services": [web]}))
    });
    let web = ecs.services(&scope(), &[service_name("web")]).await.unwrap().remove(0);
    assert_eq!(web.controller, Controller::Other("CODE_DEPLOY".to_owned()));
}

#[tokio::test]
async fn deployments_come_newest_first_and_with_their_status() {
    let arn = |id: u32| format!("arn:aws:ecs:us-west-2:111122223333:service-deployment/c/web/{id}");
    let (ecs, _) = ecs(move |_| {
        Answer::json(&json!({"serviceDeployments": [
            {"serviceDeploymentArn": arn(1), "status": "SUCCESSFUL", "createdAt": 1.0},
            {"serviceDeploymentArn": arn(2), "status": "SOMETHING_NEW", "createdAt": 2.0}]}))
    });
    let listed = ecs.deployments_of(&scope(), &service_name("web")).await.unwrap();
    assert!(listed[0].arn.as_str().ends_with("/2"));
    assert_eq!(listed[0].status, DeploymentStatus::Unknown("SOMETHING_NEW".to_owned()));
    assert_eq!(listed[1].status, DeploymentStatus::Successful);
}

#[tokio::test]
async fn the_newest_deployment_is_found_on_whatever_page_it_stands() {
    let arn = |id: u32| format!("arn:aws:ecs:us-west-2:111122223333:service-deployment/c/web/{id}");
    let (ecs, aws) = ecs(move |asked| {
        let page =
            |id: u32| json!({"serviceDeploymentArn": arn(id), "status": "SUCCESSFUL", "createdAt": id});
        Answer::json(&match asked.json()["nextToken"].as_str() {
            None => json!({"serviceDeployments": [page(1)], "nextToken": "2"}),
            Some("2") => json!({"serviceDeployments": [], "nextToken": "3"}),
            Some(_) => json!({"serviceDeployments": [page(3)]}),
        })
    });
    let listed = ecs.deployments_of(&scope(), &service_name("web")).await.unwrap();
    assert_eq!((listed.len(), aws.asked("ListServiceDeployments").len()), (2, 3));
    assert!(listed[0].arn.as_str().ends_with("/3"));
}

#[tokio::test]
async fn t14_tasks_are_counted_on_every_page_up_to_a_hundred() {
    let task = |n: usize| format!("arn:aws:ecs:us-west-2:111122223333:task/c/{n:032x}");
    let (ecs, aws) = ecs(move |asked| {
        if asked.operation == "DescribeTasks" {
            let tasks: Vec<Value> = asked.json()["tasks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|arn| {
                    json!({
                        "taskArn": arn, "taskDefinitionArn": WEB_12, "lastStatus": "RUNNING"
                    })
                })
                .collect();
            return Answer::json(&json!({ "tasks": tasks }));
        }
        let page = asked.json()["nextToken"].as_str().map_or(0, |token| token.parse::<usize>().unwrap());
        let arns: Vec<String> = (page * 40..(page + 1) * 40).map(task).collect();
        Answer::json(&json!({"taskArns": arns, "nextToken": (page + 1).to_string()}))
    });
    let tasks = ecs.tasks_of(&scope(), &service_name("web"), TaskState::Running).await.unwrap();
    assert_eq!((tasks.len(), aws.asked("ListTasks").len()), (100, 3));
}

#[tokio::test]
async fn t22_an_update_names_the_task_definition_and_nothing_else() {
    let (ecs, aws) = ecs(|_| Answer::json(&json!({"service": service("web")})));
    ecs.update_service(&scope(), &service_name("web"), &definition_arn()).await.unwrap();
    assert_eq!(
        aws.asked("UpdateService")[0].json(),
        json!({"cluster": "exchange-base-cluster-preprod2", "service": "web", "taskDefinition": WEB_12})
    );
}

fn task_request(placement: Placement) -> TaskRequest {
    TaskRequest {
        task_definition: definition_arn(),
        placement,
        container: ContainerName::new("app").unwrap(),
        command: vec!["bin/rails".to_owned(), "db:migrate".to_owned()],
        client_token: "t".repeat(64),
        started_by: "exchange-4f2a9c1-1".to_owned(),
    }
}

#[tokio::test]
async fn a_task_runs_once_where_the_service_runs() {
    let (ecs, aws) = ecs(|_| Answer::json(&json!({"tasks": [{"taskArn": TASK}]})));
    let network = Network {
        subnets: vec!["subnet-1".to_owned()],
        security_groups: vec!["sg-1".to_owned()],
        assign_public_ip: Some("DISABLED".to_owned()),
    };
    let placement =
        Placement { network: Some(network), launch_type: Some("FARGATE".to_owned()), ..Placement::default() };
    let started = ecs.run_task(&scope(), &task_request(placement)).await.unwrap();
    assert!(matches!(started, TaskStart::Started(arn) if arn.as_str() == TASK));
    assert_eq!(
        aws.asked("RunTask")[0].json(),
        json!({
            "cluster": "exchange-base-cluster-preprod2", "taskDefinition": WEB_12, "count": 1, "launchType": "FARGATE",
            "networkConfiguration": {"awsvpcConfiguration":
                {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}},
            "overrides": {"containerOverrides": [{"name": "app", "command": ["bin/rails", "db:migrate"]}]},
            "clientToken": "t".repeat(64), "startedBy": "exchange-4f2a9c1-1",
        })
    );
}

#[tokio::test]
async fn a_task_uses_capacity_providers_instead_of_a_launch_type() {
    let (ecs, aws) = ecs(|_| Answer::json(&json!({"tasks": [{"taskArn": TASK}]})));
    let provider = CapacityProvider { name: "FARGATE_SPOT".to_owned(), weight: 1, base: 0 };
    let placement = Placement {
        launch_type: Some("FARGATE".to_owned()),
        capacity_providers: vec![provider],
        ..Placement::default()
    };
    ecs.run_task(&scope(), &task_request(placement)).await.unwrap();
    let sent = aws.asked("RunTask")[0].json();
    assert_eq!(sent["capacityProviderStrategy"][0]["capacityProvider"], "FARGATE_SPOT");
    assert_eq!(sent.get("launchType"), None);
}

#[tokio::test]
async fn a_task_that_ecs_cannot_place_is_a_value_with_its_reason() {
    let (ecs, _) = ecs(|_| Answer::json(&json!({"tasks": [], "failures": [{"reason": "RESOURCE:MEMORY"}]})));
    let started = ecs.run_task(&scope(), &task_request(Placement::default())).await.unwrap();
    assert_eq!(started, TaskStart::Failed("RESOURCE:MEMORY".to_owned()));
}

#[tokio::test]
async fn tasks_of_a_service_are_listed_then_described() {
    let (ecs, aws) = ecs(|asked| match asked.operation.as_str() {
        "ListTasks" => Answer::json(&json!({"taskArns": [TASK]})),
        _ => Answer::json(&json!({"tasks": [{
            "taskArn": TASK, "taskDefinitionArn": WEB_12, "lastStatus": "STOPPED",
            "stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "app", "image": "shop", "exitCode": 1, "reason": "OutOfMemoryError"}]}]})),
    });
    let tasks = ecs.tasks_of(&scope(), &service_name("web"), TaskState::Stopped).await.unwrap();
    assert_eq!(aws.asked("ListTasks")[0].json()["desiredStatus"], "STOPPED");
    let task = &tasks[0];
    assert_eq!(task.stop_code.as_deref(), Some("EssentialContainerExited"));
    assert_eq!(task.stopped_reason.as_deref(), Some("Essential container in task exited"));
    assert_eq!(task.containers[0].exit_code, Some(1));
    assert_eq!(task.containers[0].reason.as_deref(), Some("OutOfMemoryError"));
}

#[tokio::test]
async fn a_failure_other_than_missing_fails_the_call() {
    let (ecs, _) = ecs(|_| Answer::json(&json!({"failures": [{"arn": "arn:x", "reason": "ACCESS"}]})));
    let error = ecs.services(&scope(), &[service_name("web")]).await.unwrap_err();
    assert!(matches!(error, PortError::Rejected { .. }), "{error:?}");
}

#[tokio::test]
async fn every_kind_of_error_is_told_apart() {
    type Is = fn(&PortError) -> bool;
    let throttled: Is = |error| matches!(error, PortError::Throttled { .. });
    let denied: Is = |error| matches!(error, PortError::Denied { .. });
    let unavailable: Is = |error| matches!(error, PortError::Unavailable { .. });
    let rejected: Is = |error| matches!(error, PortError::Rejected { .. });
    let malformed: Is = |error| matches!(error, PortError::Malformed { .. });
    let cases: [(Answer, Is); 9] = [
        (Answer::error(400, "ThrottlingException", "Rate exceeded"), throttled),
        (Answer::error(400, "AccessDeniedException", "User is not authorized"), denied),
        (Answer::error(400, "UnrecognizedClientException", "The security token is invalid"), denied),
        (Answer::error(500, "ServerException", "Service Unavailable"), unavailable),
        (Answer::Broken, unavailable),
        (Answer::TimedOut, unavailable),
        (Answer::error(400, "ServiceNotActiveException", "Service was not ACTIVE."), rejected),
        (Answer::error(400, "InvalidParameterException", "no"), rejected),
        (Answer::Http(200, "<html>".to_owned()), malformed),
    ];
    for (answer, is) in cases {
        let shown = format!("{answer:?}");
        let (ecs, _) = ecs(move |_| answer.clone());
        let error = ecs.update_service(&scope(), &service_name("web"), &definition_arn()).await.unwrap_err();
        assert!(is(&error), "{shown} became {error:?}");
        assert!(error.to_string().contains("ecs:UpdateService web"), "{error}");
    }
}

#[tokio::test]
async fn an_error_keeps_what_aws_said() {
    let (ecs, _) = ecs(|_| {
        Answer::error(400, "AccessDeniedException", "User: x is not authorized to perform: ecs:UpdateService")
    });
    let error = ecs.update_service(&scope(), &service_name("web"), &definition_arn()).await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "AccessDeniedException: User: x is not authorized to perform: ecs:UpdateService");
}
