//! State `WatchTask`: looks at a task until it stops, and saves why it failed. Never stops one: a migration that is cut
//! short is worse than a late one.

use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, StageName, TaskArn};
use gantry_domain::plan::{PlanStep, PlannedTask};
use gantry_domain::verdict::{Verdict, VerdictWord, deadline, judge_task};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::store::{Plans, Releases};
use crate::ports::{Clock, ObserveStage, ReadLogs, StageScope};
use crate::rollout::{RolloutError, StepAddress, Watch};
use crate::save_failures::SaveFailures;

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchTaskInput {
    /// The rollout machine's execution.
    pub execution: ExecutionArn,
    /// The release machine's execution.
    pub release_execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
    /// The plan.
    pub plan_hash: PlanHash,
    /// The plan's step, a task.
    pub step: usize,
    /// The task.
    pub task_arn: TaskArn,
    /// When it was started.
    pub started_at: Timestamp,
}

/// What the state gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchTaskOutput {
    /// On the task.
    pub verdict: VerdictWord,
    /// Why it is bad.
    pub reason: Option<String>,
}

/// Why a task could not be looked at.
pub type WatchTaskError = RolloutError;

/// Watches a task.
pub struct WatchTask<'a> {
    /// The plan.
    pub plans: &'a dyn Plans,
    /// The release's log.
    pub releases: &'a dyn Releases,
    /// The stage.
    pub observe: &'a dyn ObserveStage,
    /// What its containers print.
    pub logs: &'a dyn ReadLogs,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl WatchTask<'_> {
    /// Looks until the task has stopped, is late, or it is time to return.
    pub async fn run(&self, input: WatchTaskInput) -> Result<WatchTaskOutput, RolloutError> {
        let address = StepAddress {
            release: &input.release,
            stage: &input.stage,
            plan: &input.plan_hash,
            step: input.step,
        };
        let (plan, planned) = address.load(self.plans, "a task", planned_task).await?;
        let scope = StageScope::observing_plan(&plan.terms);
        let until = deadline(input.started_at, planned.timeout);
        let name = planned.name.as_str();
        let watch = Watch::begin(self.clock);
        let verdict = loop {
            let task = self.observe.task(&scope, &input.task_arn).await?;
            let verdict = judge_task(name, task.as_ref(), &planned.container, self.clock.now(), until);
            if verdict != Verdict::Pending || !watch.again().await {
                break verdict;
            }
        };
        let word = verdict.word();
        let reason = match verdict {
            Verdict::Pending | Verdict::Good => None,
            Verdict::Bad(failures) => {
                let Self { observe, logs, releases, clock, .. } = *self;
                Some(SaveFailures { observe, logs, releases, clock }.save(&address, &scope, failures).await)
            }
        };
        Ok(WatchTaskOutput { verdict: word, reason })
    }
}

fn planned_task(step: &PlanStep) -> Option<PlannedTask> {
    match step {
        PlanStep::Task(task) => Some(task.clone()),
        PlanStep::Wave { .. } | PlanStep::Checks { .. } => None,
    }
}

#[cfg(test)]
mod tests;
