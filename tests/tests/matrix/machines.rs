//! The two definitions as the matrix runs them, and what stands in them about each Task.
//!
//! Two things are changed, by rule and not by name: every function is the player, told which state calls it, and the
//! one state that is under test takes another time (literal timeouts do not scale, see the design).

use std::collections::{BTreeMap, BTreeSet};

use gantry_statemachine::{Machine, release, rollout};
use serde_json::{Value, json};

/// What a state whose timeout is under test is given. Healthy calls of it have to be done by then on a busy machine.
const SHORT_SECONDS: u64 = 5;
/// What a Wait state in which an execution is to be found waiting is given, in scaled time: longer than any case takes.
const LONG_SECONDS: u64 = 2_000_000;

/// One of the two machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Which {
    Release,
    Rollout,
}

impl Which {
    pub(crate) const BOTH: [Self; 2] = [Self::Release, Self::Rollout];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Rollout => "rollout",
        }
    }

    fn machine(self) -> Machine {
        match self {
            Self::Release => release().unwrap(),
            Self::Rollout => rollout().unwrap(),
        }
    }
}

/// A Task state, as far as the matrix cares.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) machine: Which,
    pub(crate) name: String,
    /// The function it calls; `None`: it starts a child execution.
    pub(crate) function: Option<String>,
    /// Does it take something from the function's answer?
    pub(crate) takes: bool,
    /// The errors it is retried for.
    pub(crate) retried: BTreeSet<String>,
}

/// A state that takes another time in some cases.
#[derive(Debug, Clone)]
pub(crate) enum Timing {
    /// A Task with a short timeout.
    Short(Task),
    /// A Wait state of the release machine that waits until somebody stops the execution.
    Long(String),
}

impl Timing {
    fn is_at(&self, machine: Which, name: &str) -> bool {
        match self {
            Self::Short(task) => task.machine == machine && task.name == name,
            Self::Long(wait) => machine == Which::Release && wait == name,
        }
    }
}

/// The states in which the release machine lets time pass.
pub(crate) fn waits() -> Vec<String> {
    let machine = Which::Release.machine();
    let waits = machine.states().filter(|(_, state)| state["Type"] == "Wait");
    waits.map(|(name, _)| name.to_owned()).collect()
}

/// Every Task state of both machines.
pub(crate) fn tasks() -> Vec<Task> {
    let of = |machine: Which| {
        let definition = machine.machine();
        let functions: BTreeMap<String, String> = definition
            .functions()
            .map(|(state, name)| (state.to_owned(), name.strip_suffix("FunctionArn").unwrap().to_owned()))
            .collect();
        let states = definition.states().filter(|(_, state)| state["Type"] == "Task");
        let tasks = states.map(|(name, state)| {
            let retriers = state["Retry"].as_array().into_iter().flatten();
            let names = retriers.flat_map(|retrier| retrier["ErrorEquals"].as_array().into_iter().flatten());
            Task {
                machine,
                name: name.to_owned(),
                function: functions.get(name).cloned(),
                takes: state["Assign"].to_string().contains("$states.result.Payload."),
                retried: names.filter_map(Value::as_str).map(str::to_owned).collect(),
            }
        });
        tasks.collect::<Vec<_>>()
    };
    Which::BOTH.into_iter().flat_map(of).collect()
}

/// The definition with the player told who calls, and with one state that takes another time.
fn definition(machine: Which, timing: Option<&Timing>) -> Value {
    let mut definition = machine.machine().definition().clone();
    for (name, state) in definition["States"].as_object_mut().unwrap() {
        match timing.filter(|timing| timing.is_at(machine, name)) {
            Some(Timing::Short(_)) => state["TimeoutSeconds"] = json!(SHORT_SECONDS),
            Some(Timing::Long(_)) => state["Seconds"] = json!(LONG_SECONDS),
            None => {}
        }
        let Some(function) = state.pointer("/Arguments/FunctionName").and_then(Value::as_str) else {
            continue;
        };
        let function = function.trim_start_matches("${").trim_end_matches("FunctionArn}").to_owned();
        state["Arguments"]["FunctionName"] = json!("${Player}");
        let release = match machine {
            Which::Release => "{% $states.context.Execution.Id %}",
            Which::Rollout => "{% $releaseExecution %}",
        };
        state["Arguments"]["Payload"]["matrix"] = json!({
            "machine": machine.name(),
            "state": name,
            "function": function,
            "execution": "{% $states.context.Execution.Id %}",
            "release": release,
        });
    }
    definition
}

/// A pair of machines to deploy: as they are, or with one state that takes another time.
pub(crate) fn variant(timing: Option<&Timing>) -> String {
    match timing {
        None => "Plain".to_owned(),
        Some(Timing::Short(task)) => format!("Short{}", task.name),
        Some(Timing::Long(wait)) => format!("Long{wait}"),
    }
}

/// The template that deploys the player and the pairs of machines, and its files by name.
pub(crate) fn template(test: &str, timings: &[Timing]) -> (Value, BTreeMap<String, String>) {
    let role = |service: &str, action: &str| {
        json!({ "Type": "AWS::IAM::Role", "Properties": {
            "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }] },
            "Policies": [{ "PolicyName": "own", "PolicyDocument": { "Version": "2012-10-17", "Statement": [
                { "Effect": "Allow", "Action": action, "Resource": "*" }] } }],
        } })
    };
    let mut resources = json!({
        "PlayerRole": role("lambda.amazonaws.com", "logs:PutLogEvents"),
        "MachineRole": role("states.amazonaws.com", "*"),
        "Player": { "Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 120, "CodeUri": "player/",
            "Role": { "Fn::GetAtt": ["PlayerRole", "Arn"] },
            "Environment": { "Variables": { "MATRIX_TEST": test } },
        } },
    });
    let (mut outputs, mut files) = (json!({}), BTreeMap::new());
    for timing in std::iter::once(None).chain(timings.iter().map(Some)) {
        let name = variant(timing);
        // A rollout that is as it is anyway need not be deployed again.
        let in_rollout =
            |timing: &Timing| matches!(timing, Timing::Short(task) if task.machine == Which::Rollout);
        let own_rollout = timing.is_none_or(in_rollout);
        let rollout = if own_rollout { format!("{name}Rollout") } else { "PlainRollout".to_owned() };
        for machine in Which::BOTH {
            if machine == Which::Rollout && !own_rollout {
                continue;
            }
            let logical = match machine {
                Which::Release => format!("{name}Release"),
                Which::Rollout => rollout.clone(),
            };
            let file = format!("{logical}.asl.json");
            files.insert(file.clone(), definition(machine, timing).to_string());
            let mut substitutions = json!({ "Player": { "Fn::GetAtt": ["Player", "Arn"] } });
            if machine == Which::Release {
                substitutions["RolloutMachineArn"] = json!({ "Ref": rollout });
            }
            resources[&logical] = json!({ "Type": "AWS::Serverless::StateMachine", "Properties": {
                "DefinitionUri": file, "Role": { "Fn::GetAtt": ["MachineRole", "Arn"] },
                "DefinitionSubstitutions": substitutions,
            } });
        }
        outputs[&name] = json!({ "Value": { "Ref": format!("{name}Release") } });
    }
    let template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Resources": resources,
        "Outputs": outputs,
    });
    (template, files)
}
