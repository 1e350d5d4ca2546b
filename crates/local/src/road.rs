//! Releases as people follow them: which stage, which state, which step of a rollout, and how it ended.
//!
//! Read from the histories of the two state machines alone, so it shows what really happened and not what functions
//! recorded. The page and the terminal both tell it.

use gantry_domain::End;
use gantry_domain::Scale;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::executions::{Observed, Visit};

/// Name of the machine that carries a release through its stages.
pub const RELEASE: &str = "release";
/// Name of the machine that carries out one plan.
pub const ROLLOUT: &str = "rollout";

/// A release on its way.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Road {
    /// The release's id, or its execution's name as long as it has none.
    pub id: String,
    /// The execution.
    #[serde(skip)]
    pub execution: String,
    /// Its commit, once claimed.
    pub commit: Option<String>,
    /// World time.
    pub started_at: Timestamp,
    /// World time.
    pub ended_at: Option<Timestamp>,
    /// One of the five ends; for an execution that ended without one, Step Functions' word.
    pub end: Option<String>,
    /// Why it ended, unless it succeeded.
    pub reason: Option<String>,
    /// The stages it passes.
    pub stages: Vec<RoadStage>,
    /// States as visited, oldest first.
    pub states: Vec<RoadState>,
    /// Its rollouts, oldest first.
    pub rollouts: Vec<RoadRollout>,
}

/// A stage of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoadStage {
    /// Its name.
    pub name: String,
    /// Whether people decide before it.
    pub gate: bool,
}

/// A state that was visited.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoadState {
    /// Its name in the definition.
    pub name: String,
    /// `Task`, `Choice`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// The stage it was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// What it was about, in a rollout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// World time.
    pub entered_at: Timestamp,
    /// World time.
    pub left_at: Option<Timestamp>,
    /// `running`, `succeeded` or `failed`.
    pub status: &'static str,
}

/// A plan being carried out.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoadRollout {
    /// Its stage.
    pub stage: String,
    /// World time.
    pub started_at: Timestamp,
    /// World time.
    pub ended_at: Option<Timestamp>,
    /// `running`, `succeeded` or `failed`.
    pub status: &'static str,
    /// States as visited, oldest first.
    pub states: Vec<RoadState>,
}

/// All releases, newest first.
pub fn roads(sight: &[Observed], scale: Scale) -> Vec<Road> {
    let releases = sight.iter().rev().filter(|observed| observed.machine == RELEASE);
    releases.map(|release| road(release, sight, scale)).collect()
}

fn road(release: &Observed, sight: &[Observed], scale: Scale) -> Road {
    let execution = &release.execution;
    let claimed = claimed(&release.visits);
    let stages: Vec<RoadStage> = claimed["stages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|stage| RoadStage {
            name: text(&stage["name"]),
            gate: stage["gated"].as_bool().unwrap_or_default(),
        })
        .collect();
    let (end, reason) = end_of(release);
    let of_release = |rollout: &&Observed| {
        rollout.machine == ROLLOUT && rollout.execution.input["releaseExecution"] == execution.arn
    };
    Road {
        id: claimed["release"].as_str().unwrap_or(&execution.name).to_owned(),
        execution: execution.arn.clone(),
        commit: claimed["commit"].as_str().map(str::to_owned),
        started_at: scale.world(execution.started_at),
        ended_at: execution.ended_at.map(|at| scale.world(at)),
        end,
        reason,
        states: release_states(release, &stages),
        stages,
        rollouts: sight.iter().filter(of_release).map(|observed| rollout(observed, scale)).collect(),
    }
}

/// What the first state found out about the release.
fn claimed(visits: &[Visit]) -> Value {
    let claim = visits.iter().find(|visit| visit.state == "ClaimRelease");
    let output =
        claim.and_then(|claim| claim.output.as_deref()).and_then(|output| serde_json::from_str(output).ok());
    output.map_or(Value::Null, |output: Value| output["Payload"].clone())
}

/// How an execution ended, and why unless it succeeded.
fn end_of(release: &Observed) -> (Option<String>, Option<String>) {
    let execution = &release.execution;
    if execution.is_running() {
        return (None, None);
    }
    let named = |name: &str| End::ALL.iter().any(|end| end.as_str() == name);
    let end = [execution.output["end"].as_str(), execution.error.as_deref()]
        .into_iter()
        .flatten()
        .find(|name| named(name))
        .map_or_else(|| execution.status.clone(), str::to_owned);
    let reason = execution.output["reason"].as_str().map(str::to_owned).or_else(|| execution.cause.clone());
    let reason = reason.filter(|_| end != End::Succeeded.as_str());
    (Some(end), reason)
}

fn release_states(release: &Observed, stages: &[RoadStage]) -> Vec<RoadState> {
    let mut entered = 0;
    let mut stage = None;
    let mut states = Vec::new();
    for visit in &release.visits {
        match visit.state.as_str() {
            "EnterStage" => {
                stage = stages.get(entered).map(|stage| stage.name.clone());
                entered += 1;
            }
            "HasNextStage" => stage = None,
            _ => {}
        }
        states.push(RoadState { stage: stage.clone(), ..state(visit, release) });
    }
    states
}

fn rollout(observed: &Observed, scale: Scale) -> RoadRollout {
    let execution = &observed.execution;
    let mut step = 0;
    let mut states = Vec::new();
    for visit in &observed.visits {
        let label = execution.input["steps"][step]["label"].as_str().map(str::to_owned);
        let about_step = !matches!(visit.state.as_str(), "Begin" | "HasNextStep" | "RolloutSucceeded");
        if visit.state == "LeaveStep" {
            step += 1;
        }
        states.push(RoadState { label: label.filter(|_| about_step), ..state(visit, observed) });
    }
    let status = match (execution.status.as_str(), execution.output["outcome"].as_str()) {
        ("RUNNING", _) => "running",
        ("SUCCEEDED", Some("succeeded")) => "succeeded",
        _ => "failed",
    };
    RoadRollout {
        stage: text(&execution.input["stage"]),
        started_at: scale.world(execution.started_at),
        ended_at: execution.ended_at.map(|at| scale.world(at)),
        status,
        states,
    }
}

fn state(visit: &Visit, of: &Observed) -> RoadState {
    let status = match (visit.failed, visit.left_at) {
        (true, _) => "failed",
        (false, Some(_)) => "succeeded",
        (false, None) if of.execution.is_running() => "running",
        // A Fail state has no exit, and neither has the state an execution was stopped in.
        (false, None) => "failed",
    };
    RoadState {
        name: visit.state.clone(),
        kind: visit.kind.clone(),
        stage: None,
        label: None,
        entered_at: visit.entered_at,
        left_at: visit.left_at.or_else(|| (!of.execution.is_running()).then_some(visit.entered_at)),
        status,
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
