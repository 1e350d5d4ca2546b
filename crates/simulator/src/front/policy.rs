//! Conditions of IAM statements, and role trust policies.
//!
//! Only operators and keys that are understood count: a condition is met, not met, or unknown, and unknown never grants.
//! Whether a statement's actions and resources match is not decided here (see `authorizer`), except for trust
//! policies, where the only action is `sts:AssumeRole` and there is no resource.

use std::collections::BTreeMap;

use serde_json::Value;

/// Condition keys with their values for one call; keys compare without case.
pub type Context = BTreeMap<String, String>;

/// A policy document we cannot read: nothing in it can be trusted to mean what we think.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON.
    #[error("policy {policy} is not valid JSON")]
    NotJson {
        /// Its name.
        policy: String,
    },
    /// An element is missing or has a shape IAM does not know.
    #[error("a statement of policy {policy} has no valid {element}")]
    Element {
        /// Its name.
        policy: String,
        /// For example `Resource`.
        element: &'static str,
    },
}

/// One statement, its condition apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Deny statements are kept in doubt, Allow statements dropped.
    pub denies: bool,
    /// The statement without `Condition`.
    pub bare: Value,
    condition: Option<Value>,
}

/// The outcome of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// All of it holds.
    Yes,
    /// Some of it is understood and does not hold.
    No,
    /// Some operator, key or value is not understood, or a key is absent.
    Unknown,
}

/// Reads the statements of a permissions policy.
pub fn statements(policy: &str, document: &str) -> Result<Vec<Statement>, PolicyError> {
    parse(policy, document, true)
}

fn parse(policy: &str, document: &str, with_resource: bool) -> Result<Vec<Statement>, PolicyError> {
    let document: Value =
        serde_json::from_str(document).map_err(|_| PolicyError::NotJson { policy: policy.to_owned() })?;
    let element = |element| PolicyError::Element { policy: policy.to_owned(), element };
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(statement @ Value::Object(_)) => vec![statement.clone()],
        _ => return Err(element("Statement")),
    };
    let mut read = Vec::with_capacity(statements.len());
    for mut bare in statements {
        let denies = match bare.get("Effect").and_then(Value::as_str) {
            Some("Allow") => false,
            Some("Deny") => true,
            _ => return Err(element("Effect")),
        };
        // An unresolved template function here would match everything in MiniStack's eyes.
        if !one_of(&bare, "Action", "NotAction") {
            return Err(element("Action"));
        }
        if with_resource && !one_of(&bare, "Resource", "NotResource") {
            return Err(element("Resource"));
        }
        let condition = bare.as_object_mut().and_then(|statement| statement.remove("Condition"));
        read.push(Statement { denies, bare, condition });
    }
    Ok(read)
}

/// Exactly one of the two elements, and it is a string or a list of strings.
fn one_of(statement: &Value, name: &str, negated: &str) -> bool {
    let strings = |value: &Value| strings(value).is_some_and(|strings| !strings.is_empty());
    match (statement.get(name), statement.get(negated)) {
        (Some(value), None) | (None, Some(value)) => strings(value),
        _ => false,
    }
}

fn strings(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(list) => list.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

impl Statement {
    /// Does the statement count in this context? Allow only when its condition holds, Deny unless it certainly fails.
    ///
    /// A Deny on a key that a call lacks therefore denies where AWS would not: limit it to the actions that have the key.
    pub fn counts(&self, context: &Context) -> bool {
        match self.condition.as_ref().map_or(Met::Yes, |condition| met(condition, context)) {
            Met::Yes => true,
            Met::No => false,
            Met::Unknown => self.denies,
        }
    }
}

/// Evaluates a `Condition` element: all operators and all their keys must hold, one of the values each.
pub fn met(condition: &Value, context: &Context) -> Met {
    let Some(operators) = condition.as_object() else { return Met::Unknown };
    let mut outcome = Met::Yes;
    for (operator, keys) in operators {
        let Some(keys) = keys.as_object() else { return Met::Unknown };
        for (key, expected) in keys {
            match key_met(operator, key, expected, context) {
                Met::Yes => {}
                Met::No => return Met::No,
                Met::Unknown => outcome = Met::Unknown,
            }
        }
    }
    outcome
}

fn key_met(operator: &str, key: &str, expected: &Value, context: &Context) -> Met {
    let actual = context.iter().find_map(|(name, value)| name.eq_ignore_ascii_case(key).then_some(value));
    let expected = match expected {
        Value::Bool(flag) => Some(vec![if *flag { "true" } else { "false" }]),
        other => strings(other),
    };
    let (Some(actual), Some(expected)) = (actual, expected) else { return Met::Unknown };
    // Policy variables are not substituted.
    if expected.iter().any(|value| value.contains("${")) {
        return Met::Unknown;
    }
    let any = |matches: fn(&str, &str) -> bool| expected.iter().any(|value| matches(actual, value));
    let holds = match operator {
        "StringEquals" => any(|actual, value| actual == value),
        "StringNotEquals" => !any(|actual, value| actual == value),
        "StringLike" => any(wildcard),
        "StringNotLike" => !any(wildcard),
        "ArnEquals" | "ArnLike" => any(arn_like),
        "ArnNotEquals" | "ArnNotLike" => !any(arn_like),
        "Bool" => any(|actual, value| actual.eq_ignore_ascii_case(value)),
        _ => return Met::Unknown,
    };
    if holds { Met::Yes } else { Met::No }
}

/// `*` is any run of characters, `?` exactly one.
pub(crate) fn wildcard(actual: &str, pattern: &str) -> bool {
    let (actual, pattern): (Vec<char>, Vec<char>) = (actual.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < actual.len() {
        match pattern.get(in_pattern) {
            Some('*') => {
                retry = Some((at, in_pattern));
                in_pattern += 1;
            }
            Some(&expected) if expected == '?' || expected == actual[at] => {
                at += 1;
                in_pattern += 1;
            }
            _ => {
                let Some((start, star)) = retry else { return false };
                retry = Some((start + 1, star));
                at = start + 1;
                in_pattern = star + 1;
            }
        }
    }
    pattern[in_pattern..].iter().all(|&rest| rest == '*')
}

/// Each of the six parts of an ARN is matched on its own.
fn arn_like(actual: &str, pattern: &str) -> bool {
    let actual: Vec<&str> = actual.splitn(6, ':').collect();
    let pattern: Vec<&str> = pattern.splitn(6, ':').collect();
    actual.len() == pattern.len()
        && actual.iter().zip(&pattern).all(|(actual, pattern)| wildcard(actual, pattern))
}

/// Does a trust policy let this role in?
///
/// Only principals that are exactly the caller's role ARN let it in: not accounts, not `*`. A Deny statement that
/// might concern the caller keeps it out.
pub fn trusts(document: &str, caller_role_arn: &str, context: &Context) -> Result<bool, PolicyError> {
    let mut trusted = false;
    for statement in parse("AssumeRolePolicyDocument", document, false)? {
        if !statement.counts(context) {
            continue;
        }
        if statement.denies {
            if names_principal(&statement.bare, caller_role_arn).unwrap_or(true) {
                return Ok(false);
            }
        } else if names_principal(&statement.bare, caller_role_arn) == Some(true) {
            let actions = statement.bare.get("Action").and_then(strings).unwrap_or_default();
            trusted |= actions.iter().any(|action| action.eq_ignore_ascii_case("sts:AssumeRole"));
        }
    }
    Ok(trusted)
}

/// `None` when the principals are not a plain list of AWS ARNs or services.
fn names_principal(statement: &Value, caller_role_arn: &str) -> Option<bool> {
    let principals = statement.get("Principal")?.as_object()?;
    match principals.get("AWS") {
        None => Some(false),
        Some(arns) => {
            let arns = strings(arns)?;
            if arns.contains(&caller_role_arn) {
                return Some(true);
            }
            let plain = arns.iter().all(|arn| arn.contains(":role/") && !arn.contains('*'));
            plain.then_some(false)
        }
    }
}
