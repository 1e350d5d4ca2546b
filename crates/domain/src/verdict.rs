//! The verdict on our own deployment, and on a task. Never "the service is stable": that is also true after a rollback.
//!
//! Good needs all of: the deployment that brings our task definition ended `SUCCESSFUL`, nothing newer replaced it, its
//! revision holds our digests, and as many tasks as wanted run them, still so when it has soaked.

mod proof;
mod words;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ecs::{Controller, Deployment, DeploymentStatus, DeploymentSummary, Revision, ServiceEvent, Task};
use crate::names::{ContainerName, Digest, ServiceName, TaskDefinitionArn};
use crate::soak::Soak;
use proof::{Proof, prove, prove_tasks};
use words::{bad, cut};

/// What is known about a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not decided yet.
    Pending,
    /// It did what it was to do.
    Good,
    /// It did not, for this reason, in ECS's own words where it gives any.
    Bad(String),
}

/// A verdict as states carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum VerdictWord {
    /// Ask again.
    Pending,
    /// Go on.
    Good,
    /// Stop here.
    Bad,
}

impl Verdict {
    /// The verdict without its reason.
    pub fn word(&self) -> VerdictWord {
        match self {
            Self::Pending => VerdictWord::Pending,
            Self::Good => VerdictWord::Good,
            Self::Bad(_) => VerdictWord::Bad,
        }
    }

    /// Why it is bad.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Bad(reason) => Some(reason),
            Self::Pending | Self::Good => None,
        }
    }
}

/// What a service is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The task definition that was asked for.
    pub task_definition: TaskDefinitionArn,
    /// The digest of each container whose image was replaced.
    pub digests: BTreeMap<ContainerName, Digest>,
}

/// Our deployment of one service, as it looks at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentObservation {
    /// The service.
    pub service: ServiceName,
    /// What it is to run.
    pub wanted: Wanted,
    /// When the deployment was asked for.
    pub asked_at: Timestamp,
    /// The deployment that brings our task definition and was not known before we asked.
    pub own: Option<Deployment>,
    /// The revision it brings.
    pub revision: Option<Revision>,
    /// The newest deployment begun after ours (after we asked, when ours is not seen).
    pub newer: Option<DeploymentSummary>,
    /// `ACTIVE`, or what becomes of a service that somebody deletes.
    pub status: String,
    /// Who carries out its deployments.
    pub controller: Controller,
    /// What the service is to run, as the service itself tells it.
    pub current: Option<TaskDefinitionArn>,
    /// How many tasks the service wants.
    pub desired_count: u32,
    /// Its tasks that are to run; read once the deployment is successful.
    pub tasks: Vec<Task>,
    /// Tasks of our task definition that stopped or are stopping; read once the deployment is successful, or something
    /// is bad.
    pub stopped: Vec<Task>,
    /// The service's events since we asked, newest first.
    pub events: Vec<ServiceEvent>,
    /// What the service stands at, for a rollback: it asks what runs, not who brought it, because ECS may have gone
    /// back by itself. `None`: only a deployment of our own counts.
    pub standing: Option<Standing>,
}

/// What a service stands at, whoever brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// What it is to run.
    pub task_definition: Option<TaskDefinitionArn>,
    /// No deployment of it is under way, and the last one did not fail.
    pub settled: bool,
}

impl DeploymentObservation {
    /// Why nothing can come of it any more: the service is being deleted, or others carry out its deployments now.
    fn lost(&self) -> Option<String> {
        if self.status != "ACTIVE" {
            return Some(format!("the service is {}", self.status));
        }
        match &self.controller {
            Controller::Ecs => None,
            Controller::Other(who) => Some(format!("its deployments are carried out by {who} now")),
        }
    }

    /// Does the service stand at what is wanted, without a deployment of ours?
    pub fn stands(&self) -> Option<&Standing> {
        let standing = self.standing.as_ref().filter(|_| self.own.is_none());
        standing.filter(|standing| standing.task_definition.as_ref() == Some(&self.wanted.task_definition))
    }
}

/// How long a deployment may stay unseen while another one is there, because reads lag behind writes.
const UNSEEN: Duration = Duration::from_secs(60);

/// Judges our deployment. `deadline` is when a wave counts as failed; `soak` is how long a success must hold.
pub fn judge(seen: &DeploymentObservation, now: Timestamp, deadline: Timestamp, soak: Soak) -> Verdict {
    let late = now >= deadline;
    if let Some(reason) = seen.lost() {
        return bad(seen, &reason);
    }
    if let Some(standing) = seen.stands() {
        return judge_standing(seen, standing, late);
    }
    let Some(own) = &seen.own else {
        return judge_unseen(seen, now, late);
    };
    if let Some(newer) = &seen.newer {
        return bad(
            seen,
            &format!("another deployment replaced Gantry's ({}, {})", newer.arn, newer.status.as_str()),
        );
    }
    match &own.status {
        DeploymentStatus::Pending | DeploymentStatus::InProgress | DeploymentStatus::Unknown(_) if late => {
            bad(seen, &format!("not done in time, still {}", own.status.as_str()))
        }
        DeploymentStatus::Pending | DeploymentStatus::InProgress | DeploymentStatus::Unknown(_) => {
            Verdict::Pending
        }
        DeploymentStatus::Stopped
        | DeploymentStatus::StopRequested
        | DeploymentStatus::RollbackRequested
        | DeploymentStatus::RollbackInProgress
        | DeploymentStatus::RollbackSuccessful
        | DeploymentStatus::RollbackFailed => {
            bad(seen, &format!("its deployment is {}", own.status.as_str()))
        }
        DeploymentStatus::Successful => judge_success(seen, own, now, deadline, soak),
    }
}

/// ECS calls it a success: is it one, and has it held?
fn judge_success(
    seen: &DeploymentObservation,
    own: &Deployment,
    now: Timestamp,
    deadline: Timestamp,
    soak: Soak,
) -> Verdict {
    let begun = own.finished_at.unwrap_or(seen.asked_at);
    let proof = prove(seen);
    if let Proof::Wrong(reason) = &proof {
        return bad(seen, reason);
    }
    let crashes: Vec<Timestamp> = seen
        .stopped
        .iter()
        .filter(|task| task.task_definition == seen.wanted.task_definition && task.crashed())
        .filter_map(|task| task.stopped_at.filter(|at| *at >= begun))
        .collect();
    if crashes.len() >= soak.limit_for(seen.desired_count) {
        return bad(seen, &format!("{} of its tasks stopped after ECS called it a success", crashes.len()));
    }
    let complete_since = match proof {
        Proof::Wrong(reason) => return bad(seen, &reason),
        Proof::Missing(reason) if now >= deadline => return bad(seen, &reason),
        Proof::Missing(_) => return Verdict::Pending,
        Proof::Complete(since) => since,
    };
    // It begins anew with every task that had to be replaced, but not for ever.
    let restarted = crashes.into_iter().chain(complete_since).fold(begun, Timestamp::max);
    let longest = later(later(begun, soak.lasts).max(deadline), soak.lasts);
    if now < later(restarted, soak.lasts) && now < longest { Verdict::Pending } else { Verdict::Good }
}

/// ECS went back by itself, or never left: what runs there decides.
fn judge_standing(seen: &DeploymentObservation, standing: &Standing, late: bool) -> Verdict {
    if !standing.settled {
        return if late { bad(seen, "it did not come back in time") } else { Verdict::Pending };
    }
    match prove_tasks(seen) {
        Proof::Wrong(reason) => bad(seen, &reason),
        Proof::Missing(reason) if late => bad(seen, &reason),
        Proof::Missing(_) => Verdict::Pending,
        Proof::Complete(_) => Verdict::Good,
    }
}

fn judge_unseen(seen: &DeploymentObservation, now: Timestamp, late: bool) -> Verdict {
    match &seen.newer {
        Some(newer) if late || now >= later(seen.asked_at, UNSEEN) => bad(
            seen,
            &format!(
                "another deployment took the place of Gantry's ({}, {})",
                newer.arn,
                newer.status.as_str()
            ),
        ),
        None if late => bad(seen, "ECS never showed the deployment that was asked for"),
        Some(_) | None => Verdict::Pending,
    }
}

fn later(at: Timestamp, span: Duration) -> Timestamp {
    SignedDuration::try_from(span).ok().and_then(|span| at.checked_add(span).ok()).unwrap_or(Timestamp::MAX)
}

/// Judges a task that was to run to its end. `container` is the one whose exit code counts.
pub fn judge_task(
    name: &str,
    task: Option<&Task>,
    container: &ContainerName,
    now: Timestamp,
    deadline: Timestamp,
) -> Verdict {
    let late = now >= deadline;
    match task {
        None if late => Verdict::Bad(format!("{name}: ECS does not know its task")),
        None => Verdict::Pending,
        Some(task) if task.is_stopped() => {
            let code =
                task.containers.iter().find(|one| one.name == *container).and_then(|one| one.exit_code);
            if code == Some(0) {
                return Verdict::Good;
            }
            let why = task.why_stopped().unwrap_or_else(|| "ECS gives no reason".to_owned());
            Verdict::Bad(cut(&format!("{name} failed: {why}")))
        }
        Some(task) if late => Verdict::Bad(format!(
            "{name} was not done in time and goes on: {} is {}",
            task.arn, task.last_status
        )),
        Some(_) => Verdict::Pending,
    }
}

/// Judges a whole wave: bad as soon as one is bad, good when all are.
pub fn judge_wave(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let mut reasons = Vec::new();
    let mut pending = false;
    for verdict in verdicts {
        match verdict {
            Verdict::Good => {}
            Verdict::Pending => pending = true,
            Verdict::Bad(reason) => reasons.push(reason),
        }
    }
    match (reasons.is_empty(), pending) {
        (false, _) => Verdict::Bad(cut(&reasons.join("\n"))),
        (true, true) => Verdict::Pending,
        (true, false) => Verdict::Good,
    }
}

/// When a span that began then is over.
pub fn deadline(began: Timestamp, span: Duration) -> Timestamp {
    later(began, span)
}

#[cfg(test)]
mod soaking;
#[cfg(test)]
mod tests;
