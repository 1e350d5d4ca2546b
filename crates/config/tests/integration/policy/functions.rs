//! What each function may and may not do: who approves cannot deploy, who deploys cannot approve.

use super::iam::{Roles, call};

const FUNCTIONS: [&str; 22] = [
    "acquire-lock",
    "ask-approval",
    "claim-release",
    "ecr-intake",
    "github-webhook",
    "plan-rollback",
    "plan-stage",
    "read-decision",
    "reconcile",
    "record-end",
    "record-rollback",
    "record-stage",
    "release-lock",
    "run-checks",
    "send-notices",
    "slack-interactions",
    "start-deployments",
    "start-task",
    "sweep",
    "watch-executions",
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
    let all = [
        "plan-rollback",
        "plan-stage",
        "record-rollback",
        "record-stage",
        "start-deployments",
        "start-task",
        "watch-task",
        "watch-wave",
    ];
    assert_eq!(lookers("production"), all);
    let mut first = [&["claim-release", "reconcile"][..], &all[..]].concat();
    first.sort_unstable();
    assert_eq!(lookers("preproduction"), first, "where images come from");
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
    assert_eq!(decides, ["ask-approval", "slack-interactions", "sweep", "watch-executions"]);
    for function in decides {
        for stage in ["deploy-preproduction", "deploy-production", "observe-production"] {
            assert!(!roles.assumes(&named(function), &named(stage)), "{function} {stage}");
        }
    }
    for function in [
        "start-deployments",
        "start-task",
        "watch-task",
        "watch-wave",
        "run-checks",
        "record-stage",
        "plan-rollback",
        "record-rollback",
    ] {
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
    let locks = [
        "acquire-lock",
        "plan-rollback",
        "record-end",
        "release-lock",
        "start-deployments",
        "start-task",
        "sweep",
        "watch-executions",
    ];
    assert_eq!(writers("locks"), locks);
    let only_read = ["read-decision", "run-checks", "start-deployments", "start-task"];
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
    assert_eq!(sees("release"), ["ask-approval", "claim-release", "sweep", "watch-executions"]);
    assert_eq!(sees("rollout"), ["sweep", "watch-executions"]);
}

#[test]
fn each_secret_is_read_by_those_who_must() {
    let roles = Roles::of_exchange();
    for (name, readers) in [
        ("slack-token", &["send-notices", "slack-interactions", "sweep"][..]),
        ("slack-signing-secret", &["slack-interactions"]),
        ("github-webhook-secret", &["github-webhook"]),
        ("github-token", &["github-webhook"]),
        // Whoever takes in what strangers send holds no token that writes.
        ("github-status-token", &["send-notices", "sweep"]),
        ("monday-token", &["send-notices", "sweep"]),
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
fn only_what_takes_events_in_or_puts_in_order_starts_a_release_and_only_the_release_machine_a_rollout() {
    let roles = Roles::of_exchange();
    let starts = |name: &str| {
        let call = call("states:StartExecution", machine(name));
        roles.names().into_iter().filter(|role| roles.allows(role, &call)).collect::<Vec<_>>()
    };
    assert_eq!(
        starts("release"),
        ["ecr-intake", "github-webhook", "reconcile", "sweep", "watch-executions"].map(named)
    );
    assert_eq!(starts("rollout"), [named("release")]);
    for action in [
        "states:StopExecution",
        "states:RedriveExecution",
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
fn only_what_cleans_up_stops_a_rollout() {
    let roles = Roles::of_exchange();
    let stops = |name: &str| {
        let execution = format!("arn:aws:states:us-west-2:111122223333:execution:{name}:x");
        let call = call("states:StopExecution", execution);
        roles.names().into_iter().filter(|role| roles.allows(role, &call)).collect::<Vec<_>>()
    };
    // The release machine itself, when it waits for one.
    assert_eq!(stops("gantry-exchange-rollout"), ["release", "sweep", "watch-executions"].map(named));
    for other in ["gantry-exchange-release", "gantry-billing-rollout", "billing"] {
        assert_eq!(stops(other), [""; 0], "{other}");
    }
}

#[test]
fn t12_the_reconciler_looks_at_the_first_stages_images_and_does_nothing_else_there() {
    let roles = Roles::of_exchange();
    let reconcile = named("reconcile");
    let observe = named("observe-preproduction");
    assert!(roles.assumes(&reconcile, &observe));
    let backend = "arn:aws:ecr:us-west-2:111122223333:repository/exchange-backend-f899186";
    assert!(roles.allows(&observe, &call("ecr:DescribeImages", backend)));
    for (action, resource) in [
        ("ecr:DescribeImages", backend.to_owned()),
        ("dynamodb:UpdateItem", table("releases")),
        ("dynamodb:DeleteItem", table("releases")),
        ("dynamodb:GetItem", table("locks")),
        ("dynamodb:GetItem", table("approvals")),
        ("states:StartExecution", machine("rollout")),
    ] {
        assert!(!roles.allows(&reconcile, &call(action, resource)), "{action}");
    }
    for action in ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"] {
        assert!(roles.allows(&reconcile, &call(action, table("releases"))), "{action}");
    }
}

#[test]
fn t08_the_watcher_can_do_what_the_sweeper_does_for_the_dead() {
    let roles = Roles::of_exchange();
    let execution = |machine: &str| {
        format!("arn:aws:states:us-west-2:111122223333:execution:gantry-exchange-{machine}:x")
    };
    let mut needed = vec![
        ("states:DescribeExecution", execution("release")),
        ("states:DescribeExecution", execution("rollout")),
        ("states:StopExecution", execution("rollout")),
        ("states:SendTaskSuccess", "*".to_owned()),
    ];
    for action in ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem", "dynamodb:DeleteItem"] {
        needed.extend(["releases", "approvals", "locks"].map(|name| (action, table(name))));
    }
    for (action, resource) in needed {
        for function in ["sweep", "watch-executions"] {
            assert!(roles.allows(&named(function), &call(action, resource.clone())), "{function} {action}");
        }
    }
    // It tells nobody: the stream of the log wakes who does.
    assert!(
        !roles.allows(
            &named("watch-executions"),
            &call("secretsmanager:GetSecretValue", secret("slack-token"))
        )
    );
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
        "plan-rollback",
        "plan-stage",
        "read-decision",
        "record-end",
        "record-rollback",
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
