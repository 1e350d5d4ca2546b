//! What states send against what steps read, and what steps answer against what states take from it.
//!
//! Expressions are not evaluated here; each field of a payload gets a sample of what it holds at run time.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where its own ground is missing")]

use std::collections::BTreeSet;

use gantry_statemachine::{release, rollout};
use gantry_steps as steps;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// What a field of a payload holds at run time, by its name. Null where the machine may send null.
fn sample(field: &str) -> Value {
    let hash = "a".repeat(64);
    match field {
        "execution" | "releaseExecution" => {
            json!("arn:aws:states:us-west-2:111122223333:execution:gantry-exchange-release:exchange-1")
        }
        "executionName" | "release" => json!("exchange-aaaaaaaaaaaa-1"),
        "startedAt" => json!("2026-11-21T12:00:00Z"),
        "input" => json!({"commit": "aaaaaaa"}),
        "stage" => json!("production"),
        "planHash" | "failedPlan" => json!(hash),
        "underLock" => json!(true),
        "approvedHash" | "progress" | "error" | "cause" => Value::Null,
        "token" => json!("token"),
        "step" | "attempt" => json!(0),
        "taskArn" => json!("arn:aws:ecs:us-west-2:111122223333:task/cluster/0123"),
        "services" => json!([{"service": "web",
            "taskDefinition": "arn:aws:ecs:us-west-2:111122223333:task-definition/web:2"}]),
        "end" => json!("FailedClean"),
        "outcome" => {
            json!({"outcome": "failed", "wrote": false, "failedStep": 0, "reason": "why", "error": null})
        }
        "rollback" => json!({"error": "Irreversible", "cause": "why", "outcome": null}),
        "decision" => json!({"outcome": "rejected", "by": "U0LEAD", "reason": null}),
        other => panic!("no sample for field {other}: say here what it holds"),
    }
}

/// The payload as the function would get it.
fn payload(state: &Value) -> Value {
    let fields = state["Arguments"]["Payload"].as_object().unwrap();
    Value::Object(fields.keys().map(|field| (field.clone(), sample(field))).collect::<Map<_, _>>())
}

/// Reads a payload, and finds nothing in it that the step would drop.
fn reads<T: DeserializeOwned + Serialize>(payload: Value) -> Result<(), String> {
    let read: T = serde_json::from_value(payload.clone()).map_err(|error| error.to_string())?;
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
    let kept = keys(&serde_json::to_value(read).map_err(|error| error.to_string())?);
    let dropped: Vec<String> = keys(&payload).difference(&kept).cloned().collect();
    if dropped.is_empty() { Ok(()) } else { Err(format!("the step drops {dropped:?}")) }
}

/// Inputs that hold a task token cannot be written back.
fn reads_token<T: DeserializeOwned>(payload: Value) -> Result<(), String> {
    serde_json::from_value::<T>(payload).map(drop).map_err(|error| error.to_string())
}

#[test]
fn every_step_reads_what_its_states_send() {
    for machine in [release().unwrap(), rollout().unwrap()] {
        for (name, function) in machine.functions() {
            let payload = payload(machine.state(name).unwrap());
            let read = match function.strip_suffix("FunctionArn").unwrap() {
                "ClaimRelease" => reads::<steps::claim_release::ClaimReleaseInput>(payload),
                "PlanStage" => reads::<steps::plan_stage::PlanStageInput>(payload),
                "AskApproval" => reads_token::<steps::ask_approval::AskApprovalInput>(payload),
                "ReadDecision" => reads::<steps::read_decision::ReadDecisionInput>(payload),
                "AcquireLock" => reads_token::<steps::acquire_lock::AcquireLockInput>(payload),
                "ReleaseLock" => reads::<steps::release_lock::ReleaseLockInput>(payload),
                "StartTask" => reads::<steps::start_task::StartTaskInput>(payload),
                "WatchTask" => reads::<steps::watch_task::WatchTaskInput>(payload),
                "StartDeployments" => reads::<steps::start_deployments::StartDeploymentsInput>(payload),
                "WatchWave" => reads::<steps::watch_wave::WatchWaveInput>(payload),
                "RunChecks" => reads::<steps::run_checks::RunChecksInput>(payload),
                "RecordStage" => reads::<steps::record_stage::RecordStageInput>(payload),
                "PlanRollback" => reads::<steps::plan_rollback::PlanRollbackInput>(payload),
                "RecordRollback" => reads::<steps::record_rollback::RecordRollbackInput>(payload),
                "RecordEnd" => reads::<steps::record_end::RecordEndInput>(payload),
                other => panic!("{name} calls {other}: say here what its step reads"),
            };
            assert_eq!(read, Ok(()), "{name}");
        }
    }
}

/// The fields that states take from a function's answer: `$states.result.Payload.<field>`.
fn taken(state: &Value) -> BTreeSet<String> {
    let text = state.to_string();
    text.split("$states.result.Payload.")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect())
        .collect()
}

fn fields(value: impl Serialize) -> BTreeSet<String> {
    serde_json::to_value(value).unwrap().as_object().unwrap().keys().cloned().collect()
}

/// A sample of what each step answers, read by the step's own type, so that an absent field shows.
fn answers(function: &str) -> BTreeSet<String> {
    fn of<T: DeserializeOwned + Serialize>(sample: Value) -> BTreeSet<String> {
        fields(serde_json::from_value::<T>(sample).unwrap())
    }
    let hash = "a".repeat(64);
    let verdict = json!({"verdict": "pending", "reason": null, "progress": {"check": 0, "looked": 1, "good": 1, "trouble": null}});
    match function {
        "ClaimRelease" => of::<steps::claim_release::ClaimReleaseOutput>(
            json!({"release": "exchange-a-1", "commit": "a".repeat(40), "stages": [], "stageCount": 0, "isRollback": false}),
        ),
        "PlanStage" => of::<steps::plan_stage::PlanStageOutput>(
            json!({"planHash": hash, "steps": [], "stepCount": 0, "changes": 0, "moved": []}),
        ),
        "PlanRollback" => of::<steps::plan_rollback::PlanRollbackOutput>(
            json!({"planHash": hash, "steps": [], "stepCount": 0}),
        ),
        "ReadDecision" => of::<steps::read_decision::ReadDecisionOutput>(
            json!({"outcome": "pending", "by": null, "reason": null}),
        ),
        "StartTask" => of::<steps::start_task::StartTaskOutput>(
            json!({"taskArn": sample("taskArn"), "startedAt": sample("startedAt")}),
        ),
        "StartDeployments" => of::<steps::start_deployments::StartDeploymentsOutput>(
            json!({"services": sample("services"), "startedAt": sample("startedAt")}),
        ),
        "WatchTask" => of::<steps::watch_task::WatchTaskOutput>(verdict),
        "WatchWave" => of::<steps::watch_wave::WatchWaveOutput>(verdict),
        "RunChecks" => of::<steps::run_checks::RunChecksOutput>(verdict),
        "RecordEnd" => of::<steps::record_end::RecordEndOutput>(json!({"end": "Declined", "reason": "why"})),
        _ => BTreeSet::new(),
    }
}

#[test]
fn every_state_takes_only_what_its_step_always_answers() {
    for machine in [release().unwrap(), rollout().unwrap()] {
        for (name, function) in machine.functions() {
            let taken = taken(machine.state(name).unwrap());
            let answers = answers(function.strip_suffix("FunctionArn").unwrap());
            let missing: Vec<&String> = taken.difference(&answers).collect();
            assert!(missing.is_empty(), "{name} takes {missing:?}, of {answers:?}");
        }
    }
}

#[test]
fn labels_of_steps_hold_what_the_rollout_reads() {
    let label =
        steps::plan_stage::StepLabel { kind: "wave".to_owned(), label: "web".to_owned(), writes: true };
    let known = fields(label);
    let text = rollout().unwrap().definition().to_string();
    let read: BTreeSet<String> = text
        .split("$steps[$step].")
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect())
        .collect();
    assert_eq!(read, BTreeSet::from(["kind".to_owned(), "writes".to_owned()]));
    assert!(read.is_subset(&known), "{read:?} of {known:?}");
}
