//! What an execution of the release machine leaves behind when it dies without recording its end.
//!
//! One routine, for the watcher that hears of the death at once and for the sweeper that looks every minute.
//!
//! Doing it twice, or from both sides at once, is doing it once: each part is a conditional write of its own.

use gantry_domain::End;
use gantry_domain::approval::Decision;
use gantry_domain::lock::{Lock, OwnerEnd};
use gantry_domain::names::{ExecutionArn, ReleaseId, StageName};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::record::EndInWords;
use serde_json::json;

use crate::decide::Decide;
use crate::pass_lock::PassLock;
use crate::ports::store::{Approvals, Locks, Plans, Releases, StoredLock};
use crate::ports::{
    Clock, ExecutionState, Executions, PortError, StartRelease, Started, StopExecutions, TaskTokens,
};
use crate::record_end::RecordEnd;

/// Why a rollout is stopped, as the console shows it.
const STOPPED: &str = "The release that it belongs to has ended.";

/// Puts in order what dead executions left behind.
#[derive(Clone, Copy)]
pub struct Aftermath<'a> {
    /// The configuration: its stages.
    pub pipeline: &'a Pipeline,
    /// Releases and their logs.
    pub releases: &'a dyn Releases,
    /// What a dead release's rollout carried out.
    pub plans: &'a dyn Plans,
    /// Questions and decisions.
    pub approvals: &'a dyn Approvals,
    /// The locks and their queues.
    pub locks: &'a dyn Locks,
    /// How executions are doing.
    pub executions: &'a dyn Executions,
    /// Starts what puts a stage back.
    pub start: &'a dyn StartRelease,
    /// Stops the rollout that a dead release left running.
    pub stop: &'a dyn StopExecutions,
    /// The waiting states.
    pub tokens: &'a dyn TaskTokens,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// What the execution is called that puts back what a dead execution of the release had changed.
pub(crate) fn put_back_name(release: &ReleaseId) -> String {
    format!("{release}-put-back")
}

impl Aftermath<'_> {
    /// Everything that this execution left behind, given how it ended: its rollout is stopped, its questions are closed,
    /// its release ends with its one final notice, it leaves the queues, and its locks are passed on or kept. A release
    /// that was changing a stage is not ended here, but by another execution that takes it over and puts the stage back.
    /// An execution that recorded its end has left nothing, and nothing is changed.
    pub async fn of(&self, execution: &ExecutionArn, how: ExecutionState) -> Result<(), PortError> {
        if how.is_running() {
            return Ok(());
        }
        // First of all: what is decided about a lock must not be overtaken by a rollout that goes on.
        self.stop_rollouts(execution).await?;
        self.close_questions(execution).await?;
        for running in self.releases.running().await? {
            if running.execution == *execution {
                self.end(execution, &running.release, how).await?;
            }
        }
        for stage in &self.pipeline.stages {
            self.leave_stage(&stage.name, execution).await?;
        }
        Ok(())
    }

    /// Stops what the execution started and can no longer wait for. Tasks are left to end by themselves: a migration is
    /// never stopped. A rollout that has not noted itself in the lock has not written either, and will find that it may
    /// not.
    async fn stop_rollouts(&self, execution: &ExecutionArn) -> Result<(), PortError> {
        for stage in &self.pipeline.stages {
            let Some(stored) = self.held(&stage.name, execution).await? else { continue };
            let Some(rollout) = &stored.lock.rollout else { continue };
            if self.executions.state(rollout).await?.is_running() {
                self.stop.stop(rollout, STOPPED).await?;
                tracing::warn!(stage = %stage.name, %rollout, "a rollout that nobody waits for was stopped");
            }
        }
        Ok(())
    }

    async fn close_questions(&self, execution: &ExecutionArn) -> Result<(), PortError> {
        let Self { approvals, tokens, clock, .. } = *self;
        let decide = Decide { approvals, tokens, clock };
        for stored in approvals.open().await? {
            if stored.approval.execution != *execution || stored.approval.decision.is_some() {
                continue;
            }
            let reason = Some("its execution ended before anybody decided".to_owned());
            let decision = Decision { reason, ..stored.approval.lapse(clock.now()) };
            decide.close(&stored, decision).await?;
        }
        Ok(())
    }

    /// Records the end of a release whose execution did not: the one it had come to, if that can be read back.
    async fn end(
        &self,
        execution: &ExecutionArn,
        release: &ReleaseId,
        how: ExecutionState,
    ) -> Result<(), PortError> {
        let begun = self.begun_by(release).await?;
        let writing = begun.as_ref().map(|stored| &stored.lock.stage);
        if let Some((words, stage)) = self.record_end().on_record(release, writing).await? {
            let recorded = self.record_end().conclude(execution, release, stage.as_ref(), words).await?;
            if let Some(held) = begun {
                // Still the first one's, if who took the release over died before it took the lock over too.
                let ended = OwnerEnd::Recorded(recorded.end, &recorded.reason);
                self.record_end().settle_lock(&held.lock.stage, &held.lock.owner, ended).await?;
            }
            return Ok(());
        }
        match begun {
            None => {
                self.let_go(release).await?;
                let words = EndInWords {
                    end: End::FailedClean,
                    reason: format!("{} No stage was being changed.", how.in_words()),
                    next: Some("Start the commit again if it is still wanted.".to_owned()),
                };
                self.record_end().conclude(execution, release, None, words).await?;
                Ok(())
            }
            Some(stored) if self.is_put_back(execution, release, &stored).await? => Ok(()),
            Some(stored) => self.end_in_the_middle(execution, release, &stored, how).await,
        }
    }

    /// Passes on what the release has a lock of and has not begun to change. Before its end is recorded: a rollout that
    /// it had started, and that is about to note itself, finds the lock gone then, or makes this be looked at again.
    async fn let_go(&self, release: &ReleaseId) -> Result<(), PortError> {
        let Self { pipeline, releases, locks, tokens, clock, .. } = *self;
        for stage in &pipeline.stages {
            let lock = locks.read(&stage.name).await?.map(|stored| stored.lock);
            let idle =
                |lock: &Lock| lock.release == *release && lock.rollout.is_none() && lock.kept.is_none();
            if let Some(lock) = lock.filter(idle) {
                PassLock { locks, releases, tokens, clock }.pass_on(&lock).await?;
            }
        }
        Ok(())
    }

    /// Starts the execution that puts back what the release had changed, and gives it its end. `false`: there is none, or
    /// it has died as well. A rollback is never rolled back: neither one that a person asked for, nor the release's own,
    /// nor that of the execution that took it over.
    async fn is_put_back(
        &self,
        execution: &ExecutionArn,
        release: &ReleaseId,
        held: &StoredLock,
    ) -> Result<bool, PortError> {
        let stored = self.releases.find(release).await?;
        if stored.as_ref().is_some_and(|stored| stored.execution != *execution) {
            // Taken over since this look at it began: whoever did gives it its end.
            return Ok(true);
        }
        let brings = stored.is_some_and(|stored| {
            stored.release.undoes.is_none() && stored.execution == stored.release.execution
        });
        if !brings || !self.brought(held).await? {
            return Ok(false);
        }
        let stage = &held.lock.stage;
        let name = put_back_name(release);
        let input = json!({ "rollback": { "stage": stage, "release": release } });
        let started = match self.start.start(&name, &input).await {
            Err(error @ PortError::Denied { .. }) => {
                tracing::error!(%release, %stage, %error, "nothing may be started to put the stage back");
                return Ok(false);
            }
            started => started?,
        };
        if started == Started::Now {
            tracing::warn!(%release, %stage, "an execution was started to put the stage back");
            return Ok(true);
        }
        let Ok(successor) = held.lock.owner.sibling(&name) else { return Ok(false) };
        // One that was started a moment ago may not be known yet.
        let state = self.executions.state(&successor).await?;
        Ok(matches!(state, ExecutionState::Running | ExecutionState::Gone))
    }

    /// A release that died while it was changing a stage, and that nothing puts back.
    async fn end_in_the_middle(
        &self,
        execution: &ExecutionArn,
        release: &ReleaseId,
        held: &StoredLock,
        how: ExecutionState,
    ) -> Result<(), PortError> {
        let stage = &held.lock.stage;
        let words = EndInWords {
            end: End::FailedDirty,
            reason: format!("{} It was changing {stage}.", how.in_words()),
            next: Some(format!("Look at {stage}. Its lock is kept until a person has made sure of it.")),
        };
        let recorded = self.record_end().conclude(execution, release, Some(stage), words).await?;
        // Still the first one's, if who took the release over died before it took the lock over too.
        let ended = OwnerEnd::Recorded(recorded.end, &recorded.reason);
        self.record_end().settle_lock(stage, &held.lock.owner, ended).await
    }

    /// The lock of the stage that the release has begun to change.
    async fn begun_by(&self, release: &ReleaseId) -> Result<Option<StoredLock>, PortError> {
        for stage in &self.pipeline.stages {
            let stored = self.locks.read(&stage.name).await?;
            let begun =
                |stored: &StoredLock| stored.lock.release == *release && stored.lock.rollout.is_some();
            if let Some(stored) = stored.filter(begun)
                && !self.is_whole(&stored).await?
            {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }

    /// Was the rollout that is noted in the lock one that brings something, and not one that puts back?
    async fn brought(&self, held: &StoredLock) -> Result<bool, PortError> {
        let Some(hash) = &held.lock.plan else { return Ok(false) };
        Ok(self.plans.get(hash).await?.is_some_and(|plan| plan.terms.kind.is_release()))
    }

    /// Did the stage pass before the release died? Nothing of it is put back then, unless that had begun: from there on the
    /// lock names the release's execution itself as the one that writes, or the rollout that puts back.
    async fn is_whole(&self, held: &StoredLock) -> Result<bool, PortError> {
        if held.lock.rollout.as_ref() == Some(&held.lock.owner) || !self.brought(held).await? {
            return Ok(false);
        }
        let log = self.releases.log(&held.lock.release).await?;
        Ok(log.iter().any(
            |entry| matches!(&entry.notice, Notice::StageVerified { stage, .. } if *stage == held.lock.stage),
        ))
    }

    /// Out of the queue, and the lock passed on or kept if the release's end left it.
    async fn leave_stage(&self, stage: &StageName, execution: &ExecutionArn) -> Result<(), PortError> {
        let waiters = self.locks.waiters(stage).await?;
        for stored in waiters.iter().filter(|stored| stored.waiter.execution == *execution) {
            self.locks.leave(&stored.waiter).await?;
        }
        if let Some(stored) = self.held(stage, execution).await? {
            let release = self.releases.find(&stored.lock.release).await?;
            if release.as_ref().is_some_and(|release| release.ended.is_none()) {
                // Another execution goes on with the release: it needs what is noted in the lock.
                return Ok(());
            }
            let ended = release.and_then(|release| release.ended);
            let ended =
                ended.as_ref().map_or(OwnerEnd::Died, |(end, reason)| OwnerEnd::Recorded(*end, reason));
            self.record_end().settle_lock(stage, execution, ended).await?;
        } else if !waiters.is_empty() && self.locks.read(stage).await?.is_none() {
            // It may have stood first in the line for a lock that is free.
            let Self { releases, locks, tokens, clock, .. } = *self;
            PassLock { locks, releases, tokens, clock }.wake(stage).await?;
        }
        Ok(())
    }

    /// The stage's lock, if this execution has it.
    async fn held(
        &self,
        stage: &StageName,
        execution: &ExecutionArn,
    ) -> Result<Option<StoredLock>, PortError> {
        Ok(self.locks.read(stage).await?.filter(|stored| stored.lock.owner == *execution))
    }

    fn record_end(&self) -> RecordEnd<'_> {
        let Self { pipeline, releases, locks, tokens, clock, .. } = *self;
        RecordEnd { pipeline, releases, locks, tokens, clock }
    }
}
