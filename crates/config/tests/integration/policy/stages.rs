//! What the stages' roles may and may not do (T38).

use super::iam::{Call, Roles, call};

const PRE_CLUSTER: &str = "exchange-base-cluster-preprod2";
const PROD_CLUSTER: &str = "exchange-base-cluster-prod2";
const DEPLOY_PRE: &str = "gantry-exchange-deploy-preproduction";
const DEPLOY_PROD: &str = "gantry-exchange-deploy-production";
const OBSERVE_PRE: &str = "gantry-exchange-observe-preproduction";
const OBSERVE_PROD: &str = "gantry-exchange-observe-production";

fn ecs(resource: &str) -> String {
    format!("arn:aws:ecs:us-west-2:111122223333:{resource}")
}

fn family(family: &str) -> String {
    ecs(&format!("task-definition/{family}:7"))
}

fn cluster(name: &str) -> String {
    ecs(&format!("cluster/{name}"))
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::111122223333:role/{name}")
}

fn update(cluster_name: &str, service: &str, definition: &str) -> Call {
    call("ecs:UpdateService", ecs(&format!("service/{cluster_name}/{service}")))
        .with("ecs:cluster", cluster(cluster_name))
        .with("ecs:task-definition", family(definition))
}

fn run(definition: &str, cluster_name: &str) -> Call {
    call("ecs:RunTask", family(definition)).with("ecs:cluster", cluster(cluster_name))
}

fn pass(name: &str, service: &str) -> Call {
    call("iam:PassRole", role(name)).with("iam:PassedToService", service)
}

fn register(privileged: &str) -> Call {
    call("ecs:RegisterTaskDefinition", "*").with("ecs:privileged", privileged)
}

fn read_log(group: &str) -> Call {
    let stream = "exchange-client-web/exchange-client-web/0123";
    call(
        "logs:GetLogEvents",
        format!("arn:aws:logs:us-west-2:111122223333:log-group:{group}:log-stream:{stream}"),
    )
}

fn image(action: &'static str, repository: &str) -> Call {
    call(action, format!("arn:aws:ecr:us-west-2:111122223333:repository/{repository}"))
}

#[test]
fn t38_stage_roles_can_do_what_a_rollout_needs() {
    let roles = Roles::of_exchange();
    let list = |cluster_name: &str| call("ecs:ListTasks", "*").with("ecs:cluster", cluster(cluster_name));
    let allowed = [
        (DEPLOY_PRE, update(PRE_CLUSTER, "web", "exchange-preprod2-web")),
        (DEPLOY_PROD, update(PROD_CLUSTER, "exchange-engine-app", "exchange-prod2-exchange-engine-app")),
        (DEPLOY_PROD, register("false")),
        (DEPLOY_PROD, run("exchange-prod2-web-backend-migration", PROD_CLUSTER)),
        (DEPLOY_PRE, run("exchange-preprod2-web", PRE_CLUSTER)),
        (DEPLOY_PRE, pass("exchange-preprod2-execution", "ecs-tasks.amazonaws.com")),
        (DEPLOY_PROD, pass("exchange-prod2-task", "ecs-tasks.amazonaws.com")),
        (
            DEPLOY_PRE,
            call("ecs:TagResource", family("exchange-preprod2-web"))
                .with("ecs:CreateAction", "RegisterTaskDefinition"),
        ),
        (OBSERVE_PRE, call("ecs:DescribeServices", ecs(&format!("service/{PRE_CLUSTER}/sidekiq")))),
        (OBSERVE_PRE, call("ecs:ListServiceDeployments", ecs(&format!("service/{PRE_CLUSTER}/sidekiq")))),
        (
            OBSERVE_PROD,
            call(
                "ecs:DescribeServiceDeployments",
                ecs(&format!("service-deployment/{PROD_CLUSTER}/web/abc")),
            ),
        ),
        (
            OBSERVE_PROD,
            call("ecs:DescribeServiceRevisions", ecs(&format!("service-revision/{PROD_CLUSTER}/web/1"))),
        ),
        (OBSERVE_PROD, call("ecs:DescribeTasks", ecs(&format!("task/{PROD_CLUSTER}/0123")))),
        (OBSERVE_PROD, list(PROD_CLUSTER)),
        (OBSERVE_PROD, call("ecs:DescribeTaskDefinition", "*")),
        (OBSERVE_PRE, read_log("/ecs/exchange-preprod2-exchange-client-web")),
        (OBSERVE_PROD, read_log("/ecs/exchange-prod2-web")),
        (OBSERVE_PRE, image("ecr:DescribeImages", "exchange-client-59deea6")),
        (OBSERVE_PRE, image("ecr:BatchGetImage", "exchange-backend-f899186")),
    ];
    for (role, call) in allowed {
        assert!(roles.allows(role, &call), "{role} must be allowed {call:?}");
    }
}

#[test]
fn t38_a_stages_role_cannot_touch_another_stage() {
    let roles = Roles::of_exchange();
    let denied = [
        (DEPLOY_PRE, update(PROD_CLUSTER, "web", "exchange-prod2-web")),
        (DEPLOY_PRE, update(PROD_CLUSTER, "web", "exchange-preprod2-web")),
        (DEPLOY_PROD, update(PRE_CLUSTER, "web", "exchange-preprod2-web")),
        (DEPLOY_PRE, update(PRE_CLUSTER, "web", "exchange-prod2-web")),
        (DEPLOY_PRE, run("exchange-preprod2-web", PROD_CLUSTER)),
        (DEPLOY_PRE, run("exchange-prod2-web-backend-migration", PROD_CLUSTER)),
        (DEPLOY_PRE, run("exchange-prod2-web-backend-migration", PRE_CLUSTER)),
        (DEPLOY_PRE, pass("exchange-prod2-task", "ecs-tasks.amazonaws.com")),
        (DEPLOY_PROD, pass("exchange-preprod2-task", "ecs-tasks.amazonaws.com")),
        (OBSERVE_PRE, call("ecs:DescribeServices", ecs(&format!("service/{PROD_CLUSTER}/web")))),
        (OBSERVE_PRE, call("ecs:DescribeTasks", ecs(&format!("task/{PROD_CLUSTER}/0123")))),
        (OBSERVE_PRE, call("ecs:ListTasks", "*").with("ecs:cluster", cluster(PROD_CLUSTER))),
        (OBSERVE_PRE, read_log("/ecs/exchange-prod2-web")),
        (OBSERVE_PROD, read_log("/ecs/exchange-preprod2-web")),
        (DEPLOY_PRE, read_log("/ecs/exchange-preprod2-web")),
        (DEPLOY_PROD, read_log("/ecs/exchange-prod2-web")),
    ];
    for (role, call) in denied {
        assert!(!roles.allows(role, &call), "{role} must be denied {call:?}");
    }
}

#[test]
fn t38_a_stages_role_can_do_nothing_beyond_a_rollout() {
    let roles = Roles::of_exchange();
    let web = ecs(&format!("service/{PROD_CLUSTER}/web"));
    let denied = [
        // Another service's task definition, a foreign service, a call that says neither.
        update(PROD_CLUSTER, "web", "exchange-prod2-sidekiq"),
        update(PROD_CLUSTER, "web", "exchange-prod2-web-backend-migration"),
        update(PROD_CLUSTER, "billing", "exchange-prod2-web"),
        update(PROD_CLUSTER, "web", "exchange-prod2-web2"),
        call("ecs:UpdateService", web.clone()).with("ecs:cluster", cluster(PROD_CLUSTER)),
        // Tasks of families that are no one-off tasks of ours, or nowhere in particular.
        run("exchange-prod2-sidekiq", PROD_CLUSTER),
        run("billing", PROD_CLUSTER),
        run("exchange-prod2-web-backend-migration", "another-cluster"),
        call("ecs:RunTask", family("exchange-prod2-web-backend-migration")),
        // More power than the task has now.
        register("true"),
        pass("exchange-prod2-admin", "ecs-tasks.amazonaws.com"),
        pass("gantry-exchange-deploy-production", "ecs-tasks.amazonaws.com"),
        pass("exchange-prod2-task", "ec2.amazonaws.com"),
        pass("exchange-prod2-task", "lambda.amazonaws.com"),
        call("iam:PassRole", role("exchange-prod2-task")),
        // What only people do.
        call("ecs:DeleteService", web.clone()),
        call("ecs:CreateService", web),
        call("ecs:StopTask", ecs(&format!("task/{PROD_CLUSTER}/0123"))),
        call("ecs:ExecuteCommand", ecs(&format!("task/{PROD_CLUSTER}/0123"))),
        call("ecs:DeregisterTaskDefinition", "*"),
        call("ecs:TagResource", family("exchange-prod2-web")).with("ecs:CreateAction", "RunTask"),
        call("ecs:TagResource", family("billing")).with("ecs:CreateAction", "RegisterTaskDefinition"),
        read_log("/ecs/billing"),
        read_log("/ecs/exchange-prod2-web2"),
        read_log("/aws/lambda/gantry-exchange-watch-wave"),
        call(
            "logs:FilterLogEvents",
            "arn:aws:logs:us-west-2:111122223333:log-group:/ecs/exchange-prod2-web:log-stream:",
        ),
        call(
            "logs:PutLogEvents",
            "arn:aws:logs:us-west-2:111122223333:log-group:/ecs/exchange-prod2-web:log-stream:x",
        ),
        image("ecr:PutImage", "exchange-backend-f899186"),
        image("ecr:BatchDeleteImage", "exchange-backend-f899186"),
        image("ecr:DescribeImages", "billing"),
        call("sts:AssumeRole", role(DEPLOY_PRE)),
        call("iam:CreateRole", role("new")),
        call("dynamodb:GetItem", "arn:aws:dynamodb:us-west-2:111122223333:table/gantry-exchange-locks"),
        call("states:SendTaskSuccess", "*"),
        call(
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:us-west-2:111122223333:secret:exchange/db-a1B2c3",
        ),
    ];
    for call in denied {
        for role in [DEPLOY_PROD, OBSERVE_PROD] {
            assert!(!roles.allows(role, &call), "{role} must be denied {call:?}");
        }
    }
}

#[test]
fn t38_who_looks_cannot_write() {
    let roles = Roles::of_exchange();
    for call in [
        update(PROD_CLUSTER, "web", "exchange-prod2-web"),
        register("false"),
        run("exchange-prod2-web-backend-migration", PROD_CLUSTER),
        pass("exchange-prod2-task", "ecs-tasks.amazonaws.com"),
    ] {
        assert!(roles.allows(DEPLOY_PROD, &call), "{call:?}");
        assert!(!roles.allows(OBSERVE_PROD, &call), "{call:?}");
    }
}
