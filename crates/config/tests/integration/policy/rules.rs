//! Rules over all roles: wildcards have reasons, trust is exact, few may answer task tokens.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::iam::{Roles, call, texts};

/// Statements that may name any resource, and why.
const REASONS: [(&str, &str); 7] = [
    ("AnyResourceAnswerTaskToken", "IAM has no resource type for task tokens"),
    ("AnyResourceDeliverLogs", "log deliveries have no resource type"),
    ("AnyResourceListStreams", "listing streams has no resource type"),
    ("AnyResourceListTasks", "Fargate has no container instances; limited by ecs:cluster"),
    ("AnyResourceNeverPrivileged", "a denial"),
    ("AnyResourceRegister", "what does not exist yet has no ARN"),
    ("AnyResourceSeeTaskDefinitions", "reading task definitions has no resource type"),
];

fn statements(roles: &Roles) -> Vec<(String, Value)> {
    let of =
        |role: String| roles.statements(&role).into_iter().map(move |statement| (role.clone(), statement));
    roles.names().into_iter().flat_map(of).collect()
}

#[test]
fn t38_a_wildcard_resource_has_a_reason() {
    let reasons: BTreeMap<&str, &str> = REASONS.into_iter().collect();
    let mut used = BTreeSet::new();
    for (role, statement) in statements(&Roles::of_exchange()) {
        let sid = statement["Sid"].as_str().unwrap_or_else(|| panic!("{role}: a statement without Sid"));
        if texts(&statement["Resource"]).contains(&"*") {
            assert!(reasons.contains_key(sid), "{role}: {sid} names any resource without a reason");
            used.insert(sid.to_owned());
        } else {
            assert!(!sid.starts_with("AnyResource"), "{role}: {sid} names its resources");
        }
    }
    assert_eq!(used.len(), reasons.len(), "a reason that nobody needs");
}

#[test]
fn t38_no_statement_names_any_action_or_everything_but() {
    for (role, statement) in statements(&Roles::of_exchange()) {
        for action in texts(&statement["Action"]) {
            assert!(!action.contains('*'), "{role}: {action}");
        }
        assert!(statement["NotAction"].is_null() && statement["NotResource"].is_null(), "{role}");
    }
}

#[test]
fn t38_partial_wildcards_are_ids_that_aws_gives_or_revisions() {
    let ends = [":*", "/*"];
    for (role, statement) in statements(&Roles::of_exchange()) {
        for resource in texts(&statement["Resource"]).into_iter().filter(|resource| *resource != "*") {
            let stars = resource.matches('*').count();
            assert!(
                stars == 0 || (stars == 1 && ends.iter().any(|end| resource.ends_with(end))),
                "{role}: {resource}"
            );
        }
    }
}

#[test]
fn t39_roles_trust_one_service_or_exact_roles() {
    let roles = Roles::of_exchange();
    for role in roles.names() {
        for statement in roles.trust(&role) {
            let principal = statement["Principal"].as_object().unwrap_or_else(|| panic!("{role}"));
            assert_eq!(statement["Action"], "sts:AssumeRole", "{role}");
            for (kind, who) in principal {
                for who in texts(who) {
                    match kind.as_str() {
                        "Service" => assert!(
                            ["lambda.amazonaws.com", "states.amazonaws.com"].contains(&who),
                            "{role}: {who}"
                        ),
                        "AWS" => assert!(
                            who.starts_with("arn:aws:iam::111122223333:role/gantry-exchange-")
                                && !who.contains('*'),
                            "{role}: {who}"
                        ),
                        other => panic!("{role}: {other}"),
                    }
                }
            }
            if principal.get("Service").and_then(Value::as_str) == Some("states.amazonaws.com") {
                let arn = &statement["Condition"]["ArnLike"]["aws:SourceArn"];
                assert!(arn.as_str().unwrap().ends_with(&format!(":stateMachine:{role}")), "{role}: {arn}");
                assert_eq!(
                    statement["Condition"]["StringEquals"]["aws:SourceAccount"], "111122223333",
                    "{role}"
                );
            }
        }
    }
}

#[test]
fn t07_few_functions_may_answer_task_tokens() {
    let roles = Roles::of_exchange();
    let may: BTreeSet<String> = roles
        .names()
        .into_iter()
        .filter(|role| {
            ["states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"]
                .into_iter()
                .any(|action| roles.allows(role, &call(action, "*")))
        })
        .collect();
    let named = [
        "acquire-lock",
        "ask-approval",
        "record-end",
        "release-lock",
        "slack-interactions",
        "sweep",
        "watch-executions",
    ];
    assert_eq!(may, named.map(|name| format!("gantry-exchange-{name}")).into());
}

#[test]
fn t07_few_functions_may_read_the_tables_that_hold_tokens() {
    let roles = Roles::of_exchange();
    let readers = |table: &str| -> Vec<String> {
        let arn = format!("arn:aws:dynamodb:us-west-2:111122223333:table/gantry-exchange-{table}");
        let mut readers: Vec<String> = roles
            .names()
            .into_iter()
            .filter(|role| {
                let read = ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:BatchGetItem"];
                read.into_iter().any(|action| roles.allows(role, &call(action, arn.clone())))
            })
            .map(|role| role.replace("gantry-exchange-", ""))
            .collect();
        readers.sort();
        readers
    };
    assert_eq!(
        readers("approvals"),
        ["ask-approval", "read-decision", "slack-interactions", "sweep", "watch-executions"]
    );
    assert_eq!(
        readers("locks"),
        [
            "acquire-lock",
            "claim-release",
            "plan-rollback",
            "plan-stage",
            "record-end",
            "release-lock",
            "start-deployments",
            "start-task",
            "sweep",
            "watch-executions"
        ]
    );
}
