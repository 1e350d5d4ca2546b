//! The sweeper: looks every minute for what an event that was lost, or a function that died, has left undone.
//!
//! Everything here is also done by somebody else at the right moment; nothing may depend on being done twice or once.

use std::time::Duration;

use gantry_domain::End;
use gantry_domain::approval::Decision;
use gantry_domain::lock::OwnerEnd;
use gantry_domain::names::{ExecutionArn, StageName};
use gantry_domain::pipeline::Pipeline;
use gantry_domain::record::EndInWords;
use gantry_domain::verdict::deadline;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::decide::Decide;
use crate::pass_lock::PassLock;
use crate::ports::store::{
    Approvals, Deliver, Locks, Outbox, Releases, RunningRelease, StoredApproval, StoredLock,
};
use crate::ports::{Clock, ExecutionState, Executions, PortError, TaskTokens};
use crate::record_end::RecordEnd;

/// What was looked at, for the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepOutput {
    /// Open approvals.
    pub approvals: usize,
    /// Releases without an end.
    pub releases: usize,
    /// Locks somebody has.
    pub locks: usize,
    /// Releases with undelivered notices.
    pub undelivered: usize,
}

/// Sweeps.
pub struct Sweep<'a> {
    /// The configuration: its stages.
    pub pipeline: &'a Pipeline,
    /// Releases and their logs.
    pub releases: &'a dyn Releases,
    /// What people have yet to be told.
    pub outbox: &'a dyn Outbox,
    /// Questions and decisions.
    pub approvals: &'a dyn Approvals,
    /// The locks and their queues.
    pub locks: &'a dyn Locks,
    /// How executions are doing.
    pub executions: &'a dyn Executions,
    /// The waiting states.
    pub tokens: &'a dyn TaskTokens,
    /// Tells people.
    pub deliver: &'a dyn Deliver,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// Step Functions describes an execution as of a moment ago: so long after it was seen at work, one that is not known
/// may only not be known yet.
const UNSEEN: Duration = Duration::from_secs(5 * 60);

/// Remembers the first failure, so that one bad row does not keep the rest from being looked at.
#[derive(Default)]
struct Failures {
    first: Option<PortError>,
}

impl Failures {
    fn note(&mut self, what: &str, result: Result<(), PortError>) {
        if let Err(error) = result {
            tracing::warn!(%error, what, "could not be swept this time");
            self.first.get_or_insert(error);
        }
    }

    fn some<T>(&mut self, what: &str, result: Result<Vec<T>, PortError>) -> Vec<T> {
        match result {
            Ok(items) => items,
            Err(error) => {
                self.note(what, Err(error));
                Vec::new()
            }
        }
    }
}

impl Sweep<'_> {
    /// Looks at everything once. Ends are recorded before locks are looked at, and notices are delivered last.
    pub async fn run(&self) -> Result<SweepOutput, PortError> {
        let mut failures = Failures::default();
        let mut output = SweepOutput::default();

        let approvals = failures.some("approvals", self.approvals.open().await);
        output.approvals = approvals.len();
        for stored in &approvals {
            failures.note("an approval", self.approval(stored).await);
        }
        let running = failures.some("releases", self.releases.running().await);
        output.releases = running.len();
        for release in &running {
            failures.note("a release", self.release(release).await);
        }
        for stage in &self.pipeline.stages {
            match self.lock(&stage.name).await {
                Ok(held) => output.locks += usize::from(held),
                Err(error) => failures.note("a lock", Err(error)),
            }
        }
        let undelivered = failures.some("notices", self.outbox.undelivered().await);
        output.undelivered = undelivered.len();
        for release in &undelivered {
            failures.note("notices of a release", self.deliver.deliver(release).await);
        }
        failures.first.map_or(Ok(output), Err)
    }

    /// Sends a recorded decision again, lets a question lapse whose time has come or that nobody waits for any more.
    async fn approval(&self, stored: &StoredApproval) -> Result<(), PortError> {
        let Self { approvals, tokens, clock, .. } = *self;
        let decide = Decide { approvals, tokens, clock };
        if stored.approval.decision.is_some() {
            return decide.answer(stored).await;
        }
        if stored.approval.is_expired(clock.now()) {
            return decide.expire(stored).await;
        }
        if self.has_ended(&stored.approval.execution, stored.approval.asked_at).await? {
            let reason = Some("its execution ended before anybody decided".to_owned());
            let decision = Decision { reason, ..stored.approval.lapse(clock.now()) };
            return decide.close(stored, decision).await;
        }
        Ok(())
    }

    /// Records the end of a release whose execution ended without doing so.
    async fn release(&self, running: &RunningRelease) -> Result<(), PortError> {
        let stored = self.releases.find(&running.release).await?;
        let claimed_at = stored.map_or(Timestamp::UNIX_EPOCH, |stored| stored.release.claimed_at);
        let how = match self.state(&running.execution, claimed_at).await? {
            ExecutionState::Running => return Ok(()),
            ExecutionState::Succeeded => "Its execution ended without recording an end.",
            ExecutionState::Failed => "Its execution died of an error it could not handle.",
            ExecutionState::TimedOut => "Its execution took longer than it may.",
            ExecutionState::Aborted => "Its execution was stopped by a person.",
            ExecutionState::Gone => "Its execution is not known to Step Functions any more.",
        };
        let lock = self.begun_by(&running.execution).await?;
        let words = match &lock {
            None => EndInWords {
                end: End::FailedClean,
                reason: format!("{how} No stage was being changed."),
                next: Some("Start the commit again if it is still wanted.".to_owned()),
            },
            Some(stage) => EndInWords {
                end: End::FailedDirty,
                reason: format!("{how} It was changing {stage}."),
                next: Some(format!("Look at {stage}. Its lock is kept until a person has made sure of it.")),
            },
        };
        let conclude = self.record_end();
        conclude.conclude(&running.execution, &running.release, lock.as_ref(), words).await?;
        Ok(())
    }

    /// The stage this execution has the lock of and has begun to change.
    async fn begun_by(&self, execution: &ExecutionArn) -> Result<Option<StageName>, PortError> {
        for stage in &self.pipeline.stages {
            let stored = self.locks.read(&stage.name).await?;
            if stored.is_some_and(|stored| stored.lock.owner == *execution && stored.lock.rollout.is_some()) {
                return Ok(Some(stage.name.clone()));
            }
        }
        Ok(None)
    }

    /// Clears the queue of those who are gone, then passes on, keeps, wakes or answers. Has anybody the lock?
    async fn lock(&self, stage: &StageName) -> Result<bool, PortError> {
        for stored in self.locks.waiters(stage).await? {
            if self.has_ended(&stored.waiter.execution, stored.waiter.since).await? {
                self.locks.leave(&stored.waiter).await?;
            }
        }
        let Self { locks, tokens, clock, .. } = *self;
        let pass = PassLock { locks, tokens, clock };
        let Some(stored) = self.locks.read(stage).await? else {
            pass.wake(stage).await?;
            return Ok(false);
        };
        if self.has_ended(&stored.lock.owner, stored.lock.acquired_at).await? {
            self.orphan(&stored).await?;
        } else {
            pass.answer(&stored).await?;
        }
        Ok(true)
    }

    /// A lock whose owner has ended.
    async fn orphan(&self, stored: &StoredLock) -> Result<(), PortError> {
        let release = self.releases.find(&stored.lock.release).await?;
        let ended = release.and_then(|release| release.ended);
        let ended = ended.as_ref().map_or(OwnerEnd::Died, |(end, reason)| OwnerEnd::Recorded(*end, reason));
        self.record_end().settle_lock(&stored.lock.stage, &stored.lock.owner, ended).await
    }

    /// How an execution is doing that was seen at work at that time.
    async fn state(&self, execution: &ExecutionArn, seen: Timestamp) -> Result<ExecutionState, PortError> {
        let state = self.executions.state(execution).await?;
        let young = self.clock.now() < deadline(seen, UNSEEN);
        Ok(if state == ExecutionState::Gone && young { ExecutionState::Running } else { state })
    }

    async fn has_ended(&self, execution: &ExecutionArn, seen: Timestamp) -> Result<bool, PortError> {
        Ok(!self.state(execution, seen).await?.is_running())
    }

    fn record_end(&self) -> RecordEnd<'_> {
        let Self { pipeline, releases, locks, tokens, clock, .. } = *self;
        RecordEnd { pipeline, releases, locks, tokens, clock }
    }
}

#[cfg(test)]
mod tests;
