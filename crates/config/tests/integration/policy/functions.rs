//! What each function may and may not do: who approves cannot deploy, who deploys cannot approve.

use super::iam::{Roles, call};

const FUNCTIONS: [&str; 18] = [
    "acquire-lock",
    "ask-approval",
    "claim-release",
    "ecr-intake",
    "github-webhook",
    "plan-stage",
    "read-decision",
    "record-end",
    "record-stage",
    "release-lock",
    "run-checks",
    "send-notices",
    "slack-interactions",
    "start-deployments",
    "start-task",
    "sweep",
    "watch-task",
    "watch-wave",
];

fn named(function: &str) -> String {
    format!("gantry-exchange-{function}")
}

fn table(name: &str) -> String {
    format!("arn:aws:dynamodb:us-west-2:111122223333:table/gantry-exchange-{name}")
}

fn secret(name: &str) -> String {
    format!("arn:aws:secretsmanager:us-west-2:111122223333:secret:gantry/exchange/{name}-a1B2c3")
}

fn machine(name: &str) -> String {
    format!("arn:aws:states:us-west-2:111122223333:stateMachine:gantry-exchange-{name}")
}

/// Functions for which this holds.
fn those(holds: impl Fn(&str) -> bool) -> Vec<&'static str> {
    FUNCTIONS.into_iter().filter(|function| holds(&named(function))).collect()
}

#[test]
fn the_list_of_functions_is_complete() {
    let roles = Roles::of_exchange();
    for function in FUNCTIONS {
        assert!(!roles.statements(&named(function)).is_empty());
    }
    // Two machines, and two roles for each of the two stages.
    assert_eq!(roles.names().len(), FUNCTIONS.len() + 2 + 4);
}

#[test]
fn t38_only_two_functions_can_change_a_stage() {
    let roles = Roles::of_exchange();
    for stage in ["preproduction", "production"] {
        let deploy = format!("gantry-exchange-deploy-{stage}");
        assert_eq!(those(|function| roles.assumes(function, &deploy)), ["start-deployments", "start-task"]);
    }
}

#[test]
fn t38_those_who_look_at_a_stage_are_named() {
    let roles = Roles::of_exchange();
    let lookers = |stage: &str| {
        let observe = format!("gantry-exchange-observe-{stage}");
        those(|function| roles.assumes(function, &observe))
    };
    let all = ["plan-stage", "record-stage", "start-deployments", "start-task", "watch-task", "watch-wave"];
    assert_eq!(lookers("production"), all);
    assert_eq!(lookers("preproduction"), [&["claim-release"][..], &all[..]].concat());
}

#[test]
fn t38_no_function_reaches_ecs_or_iam_without_a_stages_role() {
    let roles = Roles::of_exchange();
    let service = "arn:aws:ecs:us-west-2:111122223333:service/exchange-base-cluster-prod2/web";
    for action in [
        "ecs:UpdateService",
        "ecs:DescribeServices",
        "ecs:RegisterTaskDefinition",
        "ecs:RunTask",
        "iam:PassRole",
    ] {
        for resource in [service, "*"] {
            let nobody = those(|function| roles.allows(function, &call(action, resource)));
            assert_eq!(nobody, [""; 0], "{action}");
        }
    }
}

#[test]
fn who_decides_cannot_deploy_and_who_deploys_cannot_decide() {
    let roles = Roles::of_exchange();
    let decides = those(|function| roles.allows(function, &call("dynamodb:UpdateItem", table("approvals"))));
    assert_eq!(decides, ["ask-approval", "slack-interactions", "sweep"]);
    for function in decides {
        for stage in ["deploy-preproduction", "deploy-production", "observe-production"] {
            assert!(!roles.assumes(&named(function), &named(stage)), "{function} {stage}");
        }
    }
    for function in ["start-deployments", "start-task", "watch-wave", "run-checks", "record-stage"] {
        for action in ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"] {
            assert!(
                !roles.allows(&named(function), &call(action, table("approvals"))),
                "{function} {action}"
            );
        }
        assert!(!roles.allows(&named(function), &call("states:SendTaskSuccess", "*")), "{function}");
    }
}

#[test]
fn each_table_is_written_by_those_who_must() {
    let roles = Roles::of_exchange();
    let writers = |name: &str| {
        those(|function| {
            ["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
                .into_iter()
                .any(|action| roles.allows(function, &call(action, table(name))))
        })
    };
    let locks = ["acquire-lock", "record-end", "release-lock", "start-deployments", "start-task", "sweep"];
    assert_eq!(writers("locks"), locks);
    let only_read = [
        "read-decision",
        "release-lock",
        "run-checks",
        "start-deployments",
        "start-task",
        "watch-task",
        "watch-wave",
    ];
    let writes_releases = writers("releases");
    for function in FUNCTIONS {
        assert_eq!(writes_releases.contains(&function), !only_read.contains(&function), "{function}");
    }
    for action in ["dynamodb:Scan", "dynamodb:DeleteTable", "dynamodb:UpdateTable", "dynamodb:PartiQLDelete"]
    {
        for name in ["releases", "approvals", "locks"] {
            let nobody = those(|function| roles.allows(function, &call(action, table(name))));
            assert_eq!(nobody, [""; 0], "{action} {name}");
        }
    }
}

#[test]
fn logs_and_executions_are_looked_at_by_those_who_must() {
    let roles = Roles::of_exchange();
    let query = call("dynamodb:Query", table("releases"));
    let no_query = [
        "acquire-lock",
        "read-decision",
        "release-lock",
        "run-checks",
        "slack-interactions",
        "start-deployments",
        "start-task",
        "watch-task",
        "watch-wave",
    ];
    assert_eq!(those(|function| !roles.allows(function, &query)), no_query);
    let execution = |machine: &str| {
        let arn = format!("arn:aws:states:us-west-2:111122223333:execution:gantry-exchange-{machine}:x");
        call("states:DescribeExecution", arn)
    };
    let sees = |machine: &str| those(|function| roles.allows(function, &execution(machine)));
    assert_eq!(sees("release"), ["ask-approval", "claim-release", "sweep"]);
    assert_eq!(sees("rollout"), [""; 0]);
}

#[test]
fn each_secret_is_read_by_those_who_must() {
    let roles = Roles::of_exchange();
    for (name, readers) in [
        ("slack-token", &["send-notices", "slack-interactions", "sweep"][..]),
        ("slack-signing-secret", &["slack-interactions"]),
        ("github-webhook-secret", &["github-webhook"]),
        ("github-token", &["github-webhook"]),
        ("database", &[]),
    ] {
        let may =
            those(|function| roles.allows(function, &call("secretsmanager:GetSecretValue", secret(name))));
        assert_eq!(may, readers, "{name}");
    }
    let puts = those(|function| {
        roles.allows(function, &call("secretsmanager:PutSecretValue", secret("slack-token")))
    });
    assert_eq!(puts, [""; 0]);
}

#[test]
fn only_the_intakes_start_a_release_and_only_the_release_machine_starts_a_rollout() {
    let roles = Roles::of_exchange();
    let starts = |name: &str| {
        let call = call("states:StartExecution", machine(name));
        roles.names().into_iter().filter(|role| roles.allows(role, &call)).collect::<Vec<_>>()
    };
    assert_eq!(starts("release"), [named("ecr-intake"), named("github-webhook")]);
    assert_eq!(starts("rollout"), [named("release")]);
    for action in [
        "states:StopExecution",
        "states:UpdateStateMachine",
        "states:DeleteStateMachine",
        "states:GetExecutionHistory",
    ] {
        let nobody = those(|function| {
            let execution = "arn:aws:states:us-west-2:111122223333:execution:gantry-exchange-release:x";
            roles.allows(function, &call(action, machine("release")))
                || roles.allows(function, &call(action, execution))
        });
        assert_eq!(nobody, [""; 0], "{action}");
    }
}

#[test]
fn a_machine_invokes_its_own_functions_only() {
    let roles = Roles::of_exchange();
    let invoked = |role: &str| {
        those(|function| {
            let arn = format!("arn:aws:lambda:us-west-2:111122223333:function:{function}");
            roles.allows(&named(role), &call("lambda:InvokeFunction", arn))
        })
    };
    assert_eq!(
        invoked("rollout"),
        ["run-checks", "start-deployments", "start-task", "watch-task", "watch-wave"]
    );
    let release = [
        "acquire-lock",
        "ask-approval",
        "claim-release",
        "plan-stage",
        "read-decision",
        "record-end",
        "record-stage",
        "release-lock",
    ];
    assert_eq!(invoked("release"), release);
    assert_eq!(invoked("sweep"), [""; 0]);
}

#[test]
fn a_function_writes_to_its_own_log_only() {
    let roles = Roles::of_exchange();
    for function in FUNCTIONS {
        for other in FUNCTIONS {
            let stream = format!(
                "arn:aws:logs:us-west-2:111122223333:log-group:/aws/lambda/gantry-exchange-{other}:log-stream:x"
            );
            let may = roles.allows(&named(function), &call("logs:PutLogEvents", stream));
            assert_eq!(may, function == other, "{function} into {other}'s log");
        }
    }
}
