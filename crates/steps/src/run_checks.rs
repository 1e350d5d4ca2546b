//! State `RunChecks`: asks the HTTP endpoints of one step until each was good often enough in a row. Changes nothing.

use std::time::Duration;

use gantry_domain::check::{Answer, CheckProgress, Flaw, Look, Version, look};
use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, StageName};
use gantry_domain::pipeline::{Check, CheckKind, HttpCheck};
use gantry_domain::plan::PlanStep;
use gantry_domain::release::Release;
use gantry_domain::verdict::{VerdictWord, deadline};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::store::{Plans, Releases};
use crate::ports::{Clock, HttpProbe, ProbeAnswer, ProbeRequest};
use crate::rollout::{RolloutError, StepAddress};

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunChecksInput {
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
    /// The plan's step, of checks.
    pub step: usize,
    /// What an earlier call came to.
    #[serde(default)]
    pub progress: Option<CheckProgress>,
}

/// What the state gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunChecksOutput {
    /// On all checks of the step.
    pub verdict: VerdictWord,
    /// Why it is bad.
    pub reason: Option<String>,
    /// To be given to the next call.
    pub progress: CheckProgress,
}

/// Why the checks could not be run.
pub type RunChecksError = RolloutError;

/// How long one call asks: its function is stopped after 60 seconds.
const ASK: Duration = Duration::from_secs(40);

/// The longest wait for one answer, in real time.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// No more of an answer is read.
const BODY_LIMIT: usize = 64 * 1024;

/// Runs checks.
pub struct RunChecks<'a> {
    /// The plan.
    pub plans: &'a dyn Plans,
    /// The manifest, for the version that must answer.
    pub releases: &'a dyn Releases,
    /// The endpoints.
    pub probe: &'a dyn HttpProbe,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl RunChecks<'_> {
    /// Asks until a check failed, all passed, or it is time to return.
    pub async fn run(&self, input: RunChecksInput) -> Result<RunChecksOutput, RolloutError> {
        let address = StepAddress {
            release: &input.release,
            stage: &input.stage,
            plan: &input.plan_hash,
            step: input.step,
        };
        let (plan, checks) = address.load(self.plans, "a step of checks", http_checks).await?;
        let release = self.releases.find(&input.release).await?.map(|stored| stored.release);
        let release = release.ok_or_else(|| RolloutError::NoRelease(input.release.clone()))?;
        let mut progress = input.progress.unwrap_or_default();
        let over = deadline(self.clock.now(), ASK);
        let pending = |progress| RunChecksOutput { verdict: VerdictWord::Pending, reason: None, progress };
        while let Some((check, http)) = checks.get(progress.check) {
            if !self.wait(progress.not_before, over).await {
                return Ok(pending(progress));
            }
            let answer = self.ask(http, &release, &plan.terms.private_hosts).await;
            let outcome = match answer {
                Ok(answer) => progress.note(check.name.as_str(), http, answer),
                Err(forbidden) => Look::Failed(format!("check {}: {forbidden}", check.name)),
            };
            match outcome {
                Look::Failed(reason) => {
                    return Ok(RunChecksOutput { verdict: VerdictWord::Bad, reason: Some(reason), progress });
                }
                Look::Passed if progress.check == checks.len() => break,
                Look::Passed => {}
                // Also across calls: an interval may be longer than one of them.
                Look::Again => progress.not_before = Some(deadline(self.clock.now(), http.interval)),
            }
            if self.clock.now() > over {
                return Ok(pending(progress));
            }
        }
        Ok(RunChecksOutput { verdict: VerdictWord::Good, reason: None, progress })
    }

    /// Waits until it is time to ask, but not longer than this call may. `false`: it is not time yet.
    async fn wait(&self, not_before: Option<Timestamp>, over: Timestamp) -> bool {
        let Some(at) = not_before else { return true };
        let left = self.clock.now().duration_until(at.min(over));
        if let Ok(left) = Duration::try_from(left) {
            self.clock.sleep(left).await;
        }
        at <= over
    }

    /// One answer, looked at. `Err`: the address may not be asked at all.
    async fn ask(
        &self,
        http: &HttpCheck,
        release: &Release,
        private_hosts: &[String],
    ) -> Result<Result<(), Flaw>, String> {
        let timeout = http.latency_budget.min(LONGEST_WAIT);
        let request = ProbeRequest { url: &http.url, timeout, body_limit: BODY_LIMIT, private_hosts };
        match self.probe.get(request).await {
            ProbeAnswer::Answered { status, body, cut, latency } => {
                let answer = Answer { status, body: &body, cut, latency };
                Ok(look(http, version(http, release), answer))
            }
            ProbeAnswer::Failed { reason } => Ok(Err(Flaw::NoAnswer(reason))),
            ProbeAnswer::Forbidden { reason } => Err(reason),
        }
    }
}

fn version<'a>(http: &HttpCheck, release: &'a Release) -> Option<Version<'a>> {
    let component = release.components.get(&http.version.as_ref()?.component)?;
    Some(component.commit.as_ref().map_or(Version::Unknown, Version::Known))
}

fn http_checks(step: &PlanStep) -> Option<Vec<(Check, HttpCheck)>> {
    let PlanStep::Checks { checks, .. } = step else {
        return None;
    };
    let http = checks.iter().filter_map(|check| match &check.kind {
        CheckKind::Http(http) => Some((check.clone(), http.clone())),
        CheckKind::Task(_) => None,
    });
    Some(http.collect())
}

#[cfg(test)]
mod tests;
