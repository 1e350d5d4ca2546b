//! The two roles of each stage: one that changes it, one that looks at it (T38).
//!
//! Functions reach a stage only through these, even within one account, so that what writes to one stage cannot write to
//! another. Statements whose `Sid` begins with `AnyResource` hold the only wildcards, each with its reason beside it.

use std::collections::BTreeSet;

use gantry_domain::pipeline::{CheckKind, Stage, TaskImage};
use serde_json::{Map, Value, json};

use super::names;
use crate::compile::{Configuration, StageGrants};

/// Functions that change stages.
const DEPLOYERS: [&str; 2] = ["StartDeployments", "StartTask"];

/// Look at the first stage only, where a release's images come from.
const CLAIMERS: [&str; 2] = ["ClaimRelease", "Reconcile"];

/// Functions that look at every stage.
const OBSERVERS: [&str; 8] = [
    "PlanRollback",
    "PlanStage",
    "RecordRollback",
    "RecordStage",
    "StartDeployments",
    "StartTask",
    "WatchTask",
    "WatchWave",
];

/// Resources and outputs for all stages.
pub(super) fn of_stages(configuration: &Configuration) -> (Map<String, Value>, Map<String, Value>) {
    let (mut resources, mut outputs) = (Map::new(), Map::new());
    for (index, stage) in configuration.pipeline.stages.iter().enumerate() {
        let Some(grants) = configuration.grants.get(&stage.name) else { continue };
        let claimers = if index == 0 { &CLAIMERS[..] } else { &[] };
        let observers: Vec<&str> = claimers.iter().copied().chain(OBSERVERS).collect();
        let deploy = deploy_statements(stage, grants);
        let observe = observe_statements(configuration, stage, grants);
        for (purpose, trusted, statements) in
            [("deploy", &DEPLOYERS[..], deploy), ("observe", &observers[..], observe)]
        {
            let id = format!("{}Role{}", names::pascal(purpose), names::pascal(stage.name.as_str()));
            resources.insert(id.clone(), role(purpose, stage, trusted, &statements));
            let description = format!("The role to {purpose} {}", stage.name);
            outputs.insert(
                format!("{id}Arn"),
                json!({"Description": description, "Value": {"Fn::GetAtt": [id, "Arn"]}}),
            );
        }
    }
    (resources, outputs)
}

fn role(purpose: &str, stage: &Stage, trusted: &[&str], statements: &[Value]) -> Value {
    let trusted: Vec<Value> =
        trusted.iter().map(|function| json!({"Fn::GetAtt": [format!("{function}Role"), "Arn"]})).collect();
    json!({
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": {"Fn::Sub": format!("gantry-${{Pipeline}}-{purpose}-{}", stage.name)},
            "Description": format!("Gantry's functions assume this to {purpose} {}", stage.name),
            "MaxSessionDuration": 3600,
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": trusted}}],
            },
            "Policies": [{
                "PolicyName": purpose,
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            }],
        },
    })
}

fn deploy_statements(stage: &Stage, grants: &StageGrants) -> Vec<Value> {
    let families: BTreeSet<&String> = grants.families.values().chain(&grants.task_families).collect();
    let mut statements = vec![
        // IAM has no resource type for a task definition that does not exist yet. Which one a service or task may get is
        // limited below, and the roles it may name by PassRoles.
        json!({
            "Sid": "AnyResourceRegister",
            "Effect": "Allow",
            "Action": "ecs:RegisterTaskDefinition",
            "Resource": "*",
        }),
        json!({
            "Sid": "AnyResourceNeverPrivileged",
            "Effect": "Deny",
            "Action": "ecs:RegisterTaskDefinition",
            "Resource": "*",
            "Condition": {"StringEquals": {"ecs:privileged": "true"}},
        }),
        json!({
            "Sid": "TagWhatIsRegistered",
            "Effect": "Allow",
            "Action": "ecs:TagResource",
            "Resource": families
                .iter()
                .flat_map(|family| [names::unrevised_family(stage, family), names::family(stage, family)])
                .collect::<Vec<_>>(),
            "Condition": {"StringEquals": {"ecs:CreateAction": "RegisterTaskDefinition"}},
        }),
    ];
    // One for each service, so that no service can be given another one's task definition.
    for (index, (service, family)) in grants.families.iter().enumerate() {
        statements.push(json!({
            "Sid": format!("Update{index}"),
            "Effect": "Allow",
            "Action": "ecs:UpdateService",
            "Resource": names::service(stage, service),
            "Condition": {"ArnLike": {"ecs:task-definition": names::family(stage, family)}},
        }));
    }
    if !grants.task_families.is_empty() {
        statements.push(json!({
            "Sid": "RunTasks",
            "Effect": "Allow",
            "Action": "ecs:RunTask",
            "Resource": grants.task_families.iter().map(|family| names::family(stage, family)).collect::<Vec<_>>(),
            "Condition": {"ArnEquals": {"ecs:cluster": names::cluster(stage)}},
        }));
    }
    if !grants.task_roles.is_empty() {
        statements.push(json!({
            "Sid": "PassRoles",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": grants.task_roles,
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        }));
    }
    statements
}

fn observe_statements(configuration: &Configuration, stage: &Stage, grants: &StageGrants) -> Vec<Value> {
    let services: Vec<_> =
        configuration.pipeline.components.iter().flat_map(|component| component.services()).collect();
    let each = |arn: fn(&Stage, &gantry_domain::names::ServiceName) -> String| {
        services.iter().map(|service| arn(stage, service)).collect::<Vec<_>>()
    };
    let mut statements = vec![
        json!({
            "Sid": "SeeServices",
            "Effect": "Allow",
            "Action": ["ecs:DescribeServices", "ecs:ListServiceDeployments"],
            "Resource": each(names::service),
        }),
        json!({
            "Sid": "SeeDeployments",
            "Effect": "Allow",
            "Action": "ecs:DescribeServiceDeployments",
            "Resource": each(names::service_deployments),
        }),
        json!({
            "Sid": "SeeRevisions",
            "Effect": "Allow",
            "Action": "ecs:DescribeServiceRevisions",
            "Resource": each(names::service_revisions),
        }),
        json!({
            "Sid": "SeeTasks",
            "Effect": "Allow",
            "Action": "ecs:DescribeTasks",
            "Resource": names::tasks(stage),
        }),
        // Tasks are listed by container instance, which Fargate does not have; the cluster is what limits this.
        json!({
            "Sid": "AnyResourceListTasks",
            "Effect": "Allow",
            "Action": "ecs:ListTasks",
            "Resource": "*",
            "Condition": {"ArnEquals": {"ecs:cluster": names::cluster(stage)}},
        }),
        // IAM has no resource type for reading task definitions.
        json!({
            "Sid": "AnyResourceSeeTaskDefinitions",
            "Effect": "Allow",
            "Action": ["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"],
            "Resource": "*",
        }),
        json!({
            "Sid": "SeeImages",
            "Effect": "Allow",
            "Action": ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:ListImages"],
            "Resource": repositories(configuration, stage),
        }),
    ];
    if !grants.log_groups.is_empty() {
        statements.push(json!({
            "Sid": "ReadLogs",
            "Effect": "Allow",
            "Action": "logs:GetLogEvents",
            "Resource": grants.log_groups.iter().map(|group| names::log_streams(stage, group)).collect::<Vec<_>>(),
        }));
    }
    statements
}

/// The components' repositories, and those of images that tasks of this stage name.
fn repositories(configuration: &Configuration, stage: &Stage) -> BTreeSet<String> {
    let components = &configuration.pipeline.components;
    let tasks = components.iter().flat_map(|component| component.backup.iter().chain(&component.migration));
    let checks = stage.checks.iter().filter_map(|check| match &check.kind {
        CheckKind::Task(task) => Some(task),
        CheckKind::Http(_) => None,
    });
    let fixed = tasks.chain(checks).filter_map(|task| match &task.image {
        TaskImage::Fixed { repository, .. } => Some(repository),
        TaskImage::Component(_) => None,
    });
    let own = components.iter().map(|component| &component.repository);
    own.chain(fixed).map(|repository| names::repository(stage, repository)).collect()
}
