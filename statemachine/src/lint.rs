//! What `asl-validator` lets pass and we do not: rules that keep the machines meaning the same on every interpreter,
//! and that leave no failure unseen.
//!
//! It does not repeat the specification: `make lint` runs a validator for that.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;

use crate::machine::{Machine, assigned, edges, list, text};

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The state, or `(machine)`.
    pub state: String,
    /// What is wrong.
    pub problem: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.state, self.problem)
    }
}

/// All broken rules of a machine.
pub fn lint(machine: &Machine) -> Vec<Finding> {
    let mut findings = Vec::new();
    if text(machine.definition(), "QueryLanguage") != "JSONata" {
        findings.push(Finding {
            state: "(machine)".to_owned(),
            problem: "the query language is not JSONata".to_owned(),
        });
    }
    for (name, state) in machine.states() {
        let problems = state_problems(machine, state);
        findings.extend(problems.into_iter().map(|problem| Finding { state: name.to_owned(), problem }));
    }
    findings.extend(unreachable(machine));
    findings.extend(unassigned(machine));
    findings
}

fn state_problems(machine: &Machine, state: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if text(state, "Comment").is_empty() {
        problems.push("it has no Comment".to_owned());
    }
    for edge in edges(state) {
        if machine.state(edge.target).is_none() {
            problems.push(format!("it leads to {}, which is not a state", edge.target));
        }
    }
    match text(state, "Type") {
        "Task" => problems.extend(task_problems(state)),
        "Choice" if text(state, "Default").is_empty() => problems.push("it has no Default".to_owned()),
        "Succeed" if state.get("Output").is_some() => {
            problems.push("Output of Succeed is ignored by some interpreters: use Pass with End".to_owned());
        }
        kind @ ("Map" | "Parallel") => {
            problems
                .push(format!("{kind} means different things on different interpreters: loop over an index"));
        }
        _ => {}
    }
    for holder in std::iter::once(state).chain(list(state, "Choices")).chain(list(state, "Catch")) {
        problems.extend(assign_problems(holder));
    }
    problems
}

fn task_problems(state: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    if !state.get("TimeoutSeconds").is_some_and(Value::is_u64) {
        problems.push("it has no literal TimeoutSeconds: without one it may wait for a year".to_owned());
    }
    if list(state, "Retry").next().is_none() {
        problems.push("it has no Retry".to_owned());
    }
    for retrier in list(state, "Retry") {
        if list(retrier, "ErrorEquals").any(|error| error == "States.ALL") {
            problems.push("it retries States.ALL: list what is known to pass".to_owned());
        }
    }
    let catchers: Vec<&Value> = list(state, "Catch").collect();
    match catchers.split_last() {
        None => problems.push("it has no Catch".to_owned()),
        Some((last, before)) => {
            if last.get("ErrorEquals") != Some(&serde_json::json!(["States.ALL"])) {
                problems.push("its last Catch is not States.ALL alone".to_owned());
            }
            if before.iter().any(|catcher| list(catcher, "ErrorEquals").any(|error| error == "States.ALL")) {
                problems.push("a Catch of States.ALL hides those after it".to_owned());
            }
        }
    }
    problems
}

fn assign_problems(holder: &Value) -> Vec<String> {
    let own = assigned(holder);
    let mut problems = Vec::new();
    if own.contains("states") {
        problems.push("it assigns the reserved variable states".to_owned());
    }
    for (name, value) in holder.get("Assign").and_then(Value::as_object).into_iter().flatten() {
        let told = value.as_str().unwrap_or_default();
        if told.contains("$states.errorOutput.Cause") && !told.contains("$exists(") && !told.contains('&') {
            problems.push(format!("{name} reads a Cause, which not every error has: ask $exists"));
        }
        for used in variables(value) {
            if used != *name && own.contains(used.as_str()) {
                problems.push(format!(
                    "{name} reads ${used}, which the same Assign sets: the order differs by interpreter"
                ));
            }
        }
    }
    problems
}

fn unreachable(machine: &Machine) -> Vec<Finding> {
    let mut seen = BTreeSet::from([machine.start()]);
    let mut queue = VecDeque::from([machine.start()]);
    while let Some(name) = queue.pop_front() {
        for edge in machine.state(name).into_iter().flat_map(edges) {
            if seen.insert(edge.target) {
                queue.push_back(edge.target);
            }
        }
    }
    machine
        .states()
        .filter(|(name, _)| !seen.contains(name))
        .map(|(name, _)| Finding { state: name.to_owned(), problem: "no path leads to it".to_owned() })
        .collect()
}

/// Variables that some path reads before any state on it has assigned them.
fn unassigned(machine: &Machine) -> Vec<Finding> {
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([(machine.start(), BTreeSet::new())]);
    let mut queue = VecDeque::from([machine.start()]);
    while let Some(name) = queue.pop_front() {
        let before = known.get(name).cloned().unwrap_or_default();
        for edge in machine.state(name).into_iter().flat_map(edges) {
            let after: BTreeSet<&str> = before.union(&edge.assigns).copied().collect();
            let narrowed = match known.get(edge.target) {
                None => after,
                Some(old) => old.intersection(&after).copied().collect(),
            };
            if known.get(edge.target) != Some(&narrowed) {
                known.insert(edge.target, narrowed);
                queue.push_back(edge.target);
            }
        }
    }
    let mut findings = Vec::new();
    for (name, state) in machine.states() {
        let Some(known) = known.get(name) else { continue };
        for used in variables(state) {
            if !known.contains(used.as_str()) {
                let problem = format!("it reads ${used}, which is not assigned on every path to it");
                findings.push(Finding { state: name.to_owned(), problem });
            }
        }
    }
    findings
}

/// Names of the variables that expressions in a value read; functions and `$states` are not variables.
fn variables(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    match value {
        Value::String(text) if text.starts_with("{%") => {
            let mut rest = text.as_str();
            while let Some(at) = rest.find('$') {
                rest = &rest[at + 1..];
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                if !name.is_empty() && name != "states" && !after.starts_with('(') {
                    names.insert(name.to_owned());
                }
                rest = after;
            }
        }
        Value::Array(items) => names.extend(items.iter().flat_map(variables)),
        Value::Object(fields) => names.extend(fields.values().flat_map(variables)),
        _ => {}
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A machine without fault, with one change made to it.
    fn with(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut definition = json!({"QueryLanguage": "JSONata", "StartAt": "Begin", "States": {
            "Begin": {"Type": "Pass", "Comment": "c", "Assign": {"a": 1}, "Next": "Work"},
            "Work": {"Type": "Task", "Comment": "c", "Arguments": {"x": "{% $a %}"}, "TimeoutSeconds": 5,
                "Retry": [{"ErrorEquals": ["Throttled"]}],
                "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "End"}, {"ErrorEquals": ["States.ALL"], "Next": "End"}],
                "Assign": {"b": "{% $states.result %}"}, "Next": "IsGood"},
            "IsGood": {"Type": "Choice", "Comment": "c", "Choices": [{"Condition": "{% $b %}", "Next": "End"}], "Default": "End"},
            "End": {"Type": "Pass", "Comment": "c", "Output": "{% $string($a) %}", "End": true},
        }});
        change(&mut definition);
        let machine = Machine::parse(&definition.to_string()).unwrap();
        lint(&machine).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_machine_without_fault_has_no_finding() {
        assert_eq!(with(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn t26_each_fault_is_found() {
        type Case = (&'static str, fn(&mut Value));
        let cases: [Case; 15] = [
            ("Work: it has no literal TimeoutSeconds", |m| {
                drop(m["States"]["Work"].as_object_mut().unwrap().remove("TimeoutSeconds"))
            }),
            ("Work: it has no literal TimeoutSeconds", |m| {
                m["States"]["Work"]["TimeoutSeconds"] = json!("{% 5 %}")
            }),
            ("Work: it has no Catch", |m| drop(m["States"]["Work"].as_object_mut().unwrap().remove("Catch"))),
            ("Work: it has no Retry", |m| m["States"]["Work"]["Retry"] = json!([])),
            ("Work: it retries States.ALL", |m| {
                m["States"]["Work"]["Retry"][0]["ErrorEquals"] = json!(["States.ALL"])
            }),
            ("Work: its last Catch is not", |m| {
                m["States"]["Work"]["Catch"][1]["ErrorEquals"] = json!(["X", "States.ALL"])
            }),
            ("Work: a Catch of States.ALL hides", |m| {
                m["States"]["Work"]["Catch"][0]["ErrorEquals"] = json!(["States.ALL"])
            }),
            ("IsGood: it has no Default", |m| {
                drop(m["States"]["IsGood"].as_object_mut().unwrap().remove("Default"))
            }),
            ("Begin: it has no Comment", |m| m["States"]["Begin"]["Comment"] = json!("")),
            ("Begin: it leads to Nowhere", |m| m["States"]["Begin"]["Next"] = json!("Nowhere")),
            ("Begin: it assigns the reserved", |m| {
                m["States"]["Begin"]["Assign"] = json!({"a": 1, "states": 2})
            }),
            ("Work: cause reads a Cause", |m| {
                m["States"]["Work"]["Catch"][1]["Assign"] =
                    json!({"cause": "{% $states.errorOutput.Cause %}"})
            }),
            ("Begin: b reads $a", |m| m["States"]["Begin"]["Assign"] = json!({"a": 1, "b": "{% $a %}"})),
            ("Lost: no path leads to it", |m| {
                m["States"]["Lost"] = json!({"Type": "Pass", "Comment": "c", "End": true})
            }),
            ("End: it reads $b, which is not assigned on every path", |m| {
                m["States"]["End"]["Output"] = json!("{% $b %}")
            }),
        ];
        for (expected, change) in cases {
            let findings = with(change);
            assert!(findings.iter().any(|finding| finding.starts_with(expected)), "{expected}: {findings:?}");
        }
    }

    #[test]
    fn states_that_differ_by_interpreter_are_refused() {
        for kind in ["Map", "Parallel"] {
            assert!(
                with(|m| m["States"]["Begin"]["Type"] = json!(kind))
                    .iter()
                    .any(|finding| finding.contains(kind))
            );
        }
        let succeed = with(|m| m["States"]["End"] = json!({"Type": "Succeed", "Comment": "c", "Output": 1}));
        assert!(succeed.iter().any(|finding| finding.contains("Output of Succeed")), "{succeed:?}");
    }
}
