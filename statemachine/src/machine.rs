//! A state machine's definition as a graph.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A parsed definition.
#[derive(Debug, Clone)]
pub struct Machine {
    definition: Value,
}

/// The machine that takes a release from claim to one of its five ends.
pub fn release() -> Result<Machine, serde_json::Error> {
    Machine::parse(include_str!("../release.asl.json"))
}

/// The machine that carries one plan out in one stage.
pub fn rollout() -> Result<Machine, serde_json::Error> {
    Machine::parse(include_str!("../rollout.asl.json"))
}

/// Where a state may go next, and what it has assigned by then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Edge<'a> {
    pub(crate) target: &'a str,
    pub(crate) assigns: BTreeSet<&'a str>,
}

impl Machine {
    /// Reads a definition in JSON.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        Ok(Self { definition: serde_json::from_str(text)? })
    }

    /// The whole definition.
    pub fn definition(&self) -> &Value {
        &self.definition
    }

    /// The first state's name; empty when the definition has none.
    pub fn start(&self) -> &str {
        text(&self.definition, "StartAt")
    }

    /// All states by name.
    pub fn states(&self) -> impl Iterator<Item = (&str, &Value)> {
        let states: Option<&Map<String, Value>> = self.definition.get("States").and_then(Value::as_object);
        states.into_iter().flatten().map(|(name, state)| (name.as_str(), state))
    }

    /// The state of that name.
    pub fn state(&self, name: &str) -> Option<&Value> {
        self.definition.get("States").and_then(|states| states.get(name))
    }

    /// Task states with the substitution that names their function, for example `ClaimReleaseFunctionArn`.
    pub fn functions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.states().filter_map(|(name, state)| {
            let function = state.pointer("/Arguments/FunctionName")?.as_str()?;
            Some((name, function.strip_prefix("${")?.strip_suffix('}')?))
        })
    }
}

/// A text field; empty when absent.
pub(crate) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The keys a state, rule or catcher assigns.
pub(crate) fn assigned(value: &Value) -> BTreeSet<&str> {
    value
        .get("Assign")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The elements of a list field; none when absent.
pub(crate) fn list<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> {
    value.get(field).and_then(Value::as_array).into_iter().flatten()
}

/// All ways out of a state.
pub(crate) fn edges(state: &Value) -> Vec<Edge<'_>> {
    let mut ways = Vec::new();
    if let Some(next) = state.get("Next").and_then(Value::as_str) {
        ways.push(Edge { target: next, assigns: assigned(state) });
    }
    if let Some(default) = state.get("Default").and_then(Value::as_str) {
        ways.push(Edge { target: default, assigns: assigned(state) });
    }
    for way in list(state, "Choices").chain(list(state, "Catch")) {
        if let Some(next) = way.get("Next").and_then(Value::as_str) {
            ways.push(Edge { target: next, assigns: assigned(way) });
        }
    }
    ways
}
