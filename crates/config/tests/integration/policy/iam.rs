//! IAM's decision, as far as our policies go: explicit denials first, then allowances; conditions on keys of the call.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::resolve::{ACCOUNT, resources};

/// One call: what, to what, with which condition keys.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) action: &'static str,
    pub(super) resource: String,
    pub(super) context: BTreeMap<&'static str, String>,
}

/// A call without condition keys.
pub(super) fn call(action: &'static str, resource: impl Into<String>) -> Call {
    Call { action, resource: resource.into(), context: BTreeMap::new() }
}

impl Call {
    pub(super) fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.insert(key, value.into());
        self
    }
}

/// The stack's roles.
pub(super) struct Roles(Map<String, Value>);

impl Roles {
    pub(super) fn of_exchange() -> Self {
        Self(resources())
    }

    fn role(&self, name: &str) -> &Value {
        let role = self.0.values().find(|resource| {
            resource["Type"] == "AWS::IAM::Role" && resource["Properties"]["RoleName"] == name
        });
        &role.unwrap_or_else(|| panic!("no role {name}"))["Properties"]
    }

    pub(super) fn names(&self) -> Vec<String> {
        let roles = self.0.values().filter(|resource| resource["Type"] == "AWS::IAM::Role");
        roles.map(|role| role["Properties"]["RoleName"].as_str().unwrap().to_owned()).collect()
    }

    pub(super) fn statements(&self, name: &str) -> Vec<Value> {
        let policies = self.role(name)["Policies"].as_array().unwrap();
        policies
            .iter()
            .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap().clone())
            .collect()
    }

    pub(super) fn trust(&self, name: &str) -> Vec<Value> {
        self.role(name)["AssumeRolePolicyDocument"]["Statement"].as_array().unwrap().clone()
    }

    /// May the role make the call?
    pub(super) fn allows(&self, role: &str, call: &Call) -> bool {
        let statements = self.statements(role);
        let matching = |effect: &str| {
            statements.iter().any(|statement| statement["Effect"] == effect && applies(statement, call))
        };
        !matching("Deny") && matching("Allow")
    }

    /// May the one role take on the other? Both sides must say so.
    pub(super) fn assumes(&self, from: &str, to: &str) -> bool {
        let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        let trusted = self.trust(to).iter().any(|statement| {
            texts(&statement["Principal"]["AWS"]).contains(&arn(from).as_str())
                && statement["Effect"] == "Allow"
        });
        trusted && self.allows(from, &call("sts:AssumeRole", arn(to)))
    }
}

fn applies(statement: &Value, call: &Call) -> bool {
    texts(&statement["Action"]).iter().any(|action| like(call.action, action))
        && texts(&statement["Resource"]).iter().any(|resource| like(&call.resource, resource))
        && statement["Condition"].as_object().into_iter().flatten().all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, expected)| {
                let Some(actual) = call.context.get(key.as_str()) else { return false };
                texts(expected).iter().any(|expected| match operator.as_str() {
                    "StringEquals" | "ArnEquals" => actual == expected,
                    "ArnLike" => like(actual, expected),
                    other => panic!("operator {other} is not known here"),
                })
            })
        })
}

pub(super) fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().map(|value| value.as_str().unwrap()).collect(),
        _ => Vec::new(),
    }
}

/// `*` stands for any run of characters.
fn like(actual: &str, pattern: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return actual == pattern };
    let Some(mut left) = actual.strip_prefix(first) else { return false };
    loop {
        if like(left, rest) {
            return true;
        }
        let Some(next) = left.chars().next() else { return false };
        left = &left[next.len_utf8()..];
    }
}

#[test]
fn the_evaluator_knows_wildcards() {
    assert!(like("arn:a:b/c:3", "arn:a:*:*"));
    assert!(like("x", "*"));
    assert!(like("", "*"));
    assert!(!like("exchange-prod2-web-copy:1", "exchange-prod2-web:*"));
    assert!(!like("xy", "x"));
}
