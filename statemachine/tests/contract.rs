//! The machines against the code: functions, error names and the five ends.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where its own ground is missing")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gantry_domain::{End, ErrorName};
use gantry_statemachine::{Machine, lint, release, rollout};
use serde_json::Value;

fn machines() -> [(&'static str, Machine); 2] {
    [("release", release().unwrap()), ("rollout", rollout().unwrap())]
}

/// `ClaimReleaseFunctionArn` → `claim-release`.
fn package_of(substitution: &str) -> String {
    let name = substitution
        .strip_suffix("FunctionArn")
        .unwrap_or_else(|| panic!("{substitution} names no function"));
    let mut package = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !package.is_empty() {
            package.push('-');
        }
        package.push(letter.to_ascii_lowercase());
    }
    package
}

#[test]
fn t26_both_machines_keep_our_rules() {
    for (name, machine) in machines() {
        let findings: Vec<String> = lint(&machine).iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{name}: {findings:#?}");
    }
}

#[test]
fn each_function_in_the_machines_has_a_package_and_a_step() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (name, machine) in machines() {
        for (state, substitution) in machine.functions() {
            let package = package_of(substitution);
            assert!(
                root.join("functions").join(&package).join("src/main.rs").is_file(),
                "{name}.{state}: {package}"
            );
            let module = root.join("crates/steps/src").join(package.replace('-', "_"));
            let found = module.with_extension("rs").is_file() || module.join("mod.rs").is_file();
            assert!(found, "{name}.{state}: no step module {}", module.display());
        }
    }
}

#[test]
fn every_task_that_is_no_child_execution_calls_a_function() {
    for (name, machine) in machines() {
        let called: BTreeSet<&str> = machine.functions().map(|(state, _)| state).collect();
        for (state, definition) in machine.states().filter(|(_, state)| state["Type"] == "Task") {
            let child = definition["Resource"] == "arn:aws:states:::states:startExecution.sync:2";
            assert!(child || called.contains(state), "{name}.{state}");
        }
    }
}

#[test]
fn the_errors_the_machines_retry_are_those_the_code_calls_retryable() {
    let retryable: BTreeSet<&str> =
        ErrorName::ALL.into_iter().filter(|error| error.is_retryable()).map(ErrorName::as_str).collect();
    let ours: BTreeSet<&str> = ErrorName::ALL.into_iter().map(ErrorName::as_str).collect();
    for (name, machine) in machines() {
        for (state, definition) in machine.states() {
            let errors = |field: &str| -> BTreeSet<&str> {
                let handlers = definition[field].as_array().into_iter().flatten();
                handlers
                    .flat_map(|handler| handler["ErrorEquals"].as_array().into_iter().flatten())
                    .filter_map(Value::as_str)
                    .collect()
            };
            for error in errors("Retry").union(&errors("Catch")).filter(|error| !error.contains('.')) {
                assert!(ours.contains(error), "{name}.{state} names {error}, which no step raises");
            }
            if definition.pointer("/Arguments/FunctionName").is_some() {
                let retried: BTreeSet<&str> =
                    errors("Retry").into_iter().filter(|error| !error.contains('.')).collect();
                assert_eq!(retried, retryable, "{name}.{state}");
            }
        }
    }
}

#[test]
fn every_release_ends_in_one_of_the_five_ends() {
    let machine = release().unwrap();
    let ends: BTreeSet<&str> = End::ALL.into_iter().map(End::as_str).collect();
    let last: BTreeSet<&str> = machine
        .states()
        .filter(|(_, state)| state["End"] == true || state["Type"] == "Fail" || state["Type"] == "Succeed")
        .map(|(name, _)| name)
        .collect();
    assert_eq!(last, ends);
}

#[test]
fn ends_that_need_no_attention_succeed_and_the_others_fail_by_their_name() {
    let machine = release().unwrap();
    for end in End::ALL {
        let state = machine.state(end.as_str()).unwrap();
        match end {
            End::Succeeded | End::Declined => assert_eq!(state["Type"], "Pass", "{end}"),
            End::RolledBack | End::FailedClean | End::FailedDirty => {
                assert_eq!(
                    (state["Type"].as_str(), state["Error"].as_str()),
                    (Some("Fail"), Some(end.as_str()))
                );
            }
        }
    }
}

#[test]
fn a_child_never_fails_for_a_deployment_that_failed() {
    let machine = rollout().unwrap();
    assert!(machine.states().all(|(_, state)| state["Type"] != "Fail"));
    let outcomes: BTreeMap<&str, &str> = machine
        .states()
        .filter(|(_, state)| state["End"] == true)
        .map(|(name, state)| (name, state["Output"]["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(outcomes, BTreeMap::from([("RolloutSucceeded", "succeeded"), ("RolloutFailed", "failed")]));
}

#[test]
fn t07_a_task_token_goes_to_the_function_that_keeps_it_and_nowhere_else() {
    for (name, machine) in machines() {
        for (state, definition) in machine.states() {
            let waits = definition["Resource"]
                .as_str()
                .is_some_and(|resource| resource.ends_with(".waitForTaskToken"));
            let mentions = definition.to_string().matches("Task.Token").count();
            assert_eq!(mentions, usize::from(waits), "{name}.{state}");
        }
    }
}
