//! Tells in lines of text what happens in a world, as it happens: one line for each step of a release, each
//! deployment's progress, each message in Slack.
//!
//! It compares what it sees with what it told last, and knows nothing of the future.

use std::collections::{BTreeMap, BTreeSet};

use gantry_simulator::ecs::Snapshot;
use gantry_simulator::slack::Message;

use crate::road::{Road, RoadRollout, RoadState};

/// States that are told, and how. Choices and bookkeeping are not.
const TOLD: [(&str, &str); 14] = [
    ("ClaimRelease", "claims the release"),
    ("PlanForApproval", "plans"),
    ("AskApproval", "asks for approval"),
    ("AcquireLock", "takes the lock"),
    ("PlanUnderLock", "plans under the lock"),
    ("ReleaseLockToAskAgain", "gives the lock back, the plan has changed"),
    ("RollOut", "rolls out"),
    ("PlanRollback", "finds the way back"),
    ("RollBack", "rolls back"),
    ("RecordRollback", "records what runs now, and holds the stage"),
    ("RecordStage", "records the stage as verified"),
    ("StartTask", "starts a task"),
    ("StartDeployments", "starts deployments"),
    ("RunChecks", "runs checks"),
];

/// What was told already.
#[derive(Debug, Default)]
pub struct Story {
    releases: BTreeMap<String, Told>,
    services: BTreeMap<String, String>,
    messages: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Told {
    states: usize,
    rollouts: Vec<RolloutTold>,
    ended: bool,
}

#[derive(Debug, Default)]
struct RolloutTold {
    states: usize,
    ended: bool,
    labels: BTreeSet<String>,
}

impl Story {
    /// What is new about releases.
    pub fn releases(&mut self, roads: &[Road]) -> Vec<String> {
        let mut lines = Vec::new();
        for road in roads.iter().rev() {
            let told = self.releases.entry(road.execution.clone()).or_default();
            for state in road.states.iter().skip(told.states) {
                if let Some(what) = told_as(&state.name) {
                    let stage = state.stage.as_deref().unwrap_or("release");
                    lines.push(format!("{stage:<14} {what}"));
                }
            }
            told.states = road.states.len();
            told.rollouts.resize_with(road.rollouts.len(), RolloutTold::default);
            for (rollout, told) in road.rollouts.iter().zip(&mut told.rollouts) {
                lines.extend(rollout_lines(rollout, told));
            }
            if let (Some(end), false) = (&road.end, told.ended) {
                told.ended = true;
                let why = road.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
                lines.push(format!("{:<14} {} ended {end}{why}", "release", road.id));
            }
        }
        lines
    }

    /// What is new about services: how many tasks of the newest deployment run.
    pub fn services(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let mut lines = Vec::new();
        for cluster in &snapshot.clusters {
            for service in &cluster.services {
                let new = service.tasks.iter().filter(|task| task.new && task.status == "RUNNING").count();
                let state = service.rollouts.first().map_or("", |rollout| rollout.state.as_str());
                let line = format!("{} {new}/{} {state}", service.name, service.desired);
                let key = format!("{}/{}", cluster.name, service.name);
                let known = self.services.insert(key, line.clone());
                // The first look is how the world began, not news.
                if known.is_some_and(|known| known != line) {
                    lines.push(format!("{:<14} {line}", cluster.name.rsplit('-').next().unwrap_or_default()));
                }
            }
        }
        lines
    }

    /// What is new in the channel: each message, and each change of one.
    pub fn messages(&mut self, messages: &[Message]) -> Vec<String> {
        let mut lines = Vec::new();
        for message in messages {
            let words = message.words();
            let known = self.messages.insert(message.ts.clone(), words.clone());
            if known.as_ref() == Some(&words) {
                continue;
            }
            // What changed stands at the top.
            let (head, shown) = if known.is_some() { ("Slack, changed", 3) } else { ("Slack", usize::MAX) };
            for (index, line) in words.lines().filter(|line| !line.trim().is_empty()).take(shown).enumerate()
            {
                lines.push(format!("{:<14} {}", if index == 0 { head } else { "" }, readable(line)));
            }
        }
        lines
    }
}

/// Slack's links and dates as their text.
fn readable(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let Some((inside, behind)) = after.split_once('>') else {
            text.push('<');
            rest = after;
            break;
        };
        text.push_str(inside.rsplit('|').next().unwrap_or(inside));
        rest = behind;
    }
    text.push_str(rest);
    text
}

fn told_as(state: &str) -> Option<&'static str> {
    TOLD.iter().find(|(name, _)| *name == state).map(|(_, what)| *what)
}

fn rollout_lines(rollout: &RoadRollout, told: &mut RolloutTold) -> Vec<String> {
    let mut lines = Vec::new();
    let about = |state: &RoadState| state.label.clone().unwrap_or_default();
    for state in rollout.states.iter().skip(told.states) {
        if let Some(what) = told_as(&state.name) {
            // A check that is looked at again and again is told once.
            if told.labels.insert(format!("{} {}", state.name, about(state))) {
                lines.push(format!("{:<14} {what}: {}", rollout.stage, about(state)));
            }
        }
    }
    told.states = rollout.states.len();
    if rollout.status != "running" && !told.ended {
        told.ended = true;
        lines.push(format!("{:<14} rollout {}", rollout.stage, rollout.status));
    }
    lines
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::road::RoadStage;

    fn state(name: &str, stage: Option<&str>, label: Option<&str>) -> RoadState {
        RoadState {
            name: name.to_owned(),
            kind: "Task".to_owned(),
            stage: stage.map(str::to_owned),
            label: label.map(str::to_owned),
            entered_at: Timestamp::UNIX_EPOCH,
            left_at: None,
            status: "running",
        }
    }

    #[test]
    fn links_and_dates_are_told_as_their_text() {
        let line =
            "<@U0ADA> may decide, until <!date^17^{date}|05:41 UTC> at <http://127.0.0.1/|here> if 1 < 2";
        assert_eq!(readable(line), "@U0ADA may decide, until 05:41 UTC at here if 1 < 2");
    }

    #[test]
    fn each_step_is_told_once_and_an_end_with_its_reason() {
        let mut road = Road {
            id: "exchange-4f2a9c1".to_owned(),
            execution: "arn".to_owned(),
            commit: None,
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
            end: None,
            reason: None,
            stages: vec![RoadStage { name: "production".to_owned(), gate: true }],
            states: vec![state("ClaimRelease", None, None), state("HasNextStage", None, None)],
            rollouts: Vec::new(),
        };
        let mut story = Story::default();
        assert_eq!(story.releases(std::slice::from_ref(&road)), ["release        claims the release"]);
        road.states.push(state("RollOut", Some("production"), None));
        road.rollouts.push(RoadRollout {
            stage: "production".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            ended_at: None,
            status: "running",
            states: vec![state("RunChecks", None, Some("health")), state("RunChecks", None, Some("health"))],
        });
        assert_eq!(
            story.releases(std::slice::from_ref(&road)),
            ["production     rolls out", "production     runs checks: health"]
        );
        (road.end, road.reason) = (Some("FailedClean".to_owned()), Some("no image".to_owned()));
        let told = story.releases(std::slice::from_ref(&road));
        assert_eq!(told, ["release        exchange-4f2a9c1 ended FailedClean: no image"]);
        assert_eq!(story.releases(&[road]), Vec::<String>::new());
    }
}
