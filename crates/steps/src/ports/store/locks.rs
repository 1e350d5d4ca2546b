//! Locks of stages, those who wait for them, and the tokens to wake them with.

use async_trait::async_trait;
use gantry_domain::lock::{Lock, Waiter};
use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, StageName, TaskArn};
use gantry_domain::plan::PlanKind;
use jiff::Timestamp;

use super::NewNotice;
use crate::ports::{PortError, TaskToken};

/// A lock as it is kept.
#[derive(Debug, Clone)]
pub struct StoredLock {
    /// The lock.
    pub lock: Lock,
    /// The owner's state that has not been told yet that the lock is its own.
    pub unanswered: Option<TaskToken>,
    /// The rollback that a person asked for and that waits for the owner to turn back.
    pub turn_back: Option<ReleaseId>,
}

/// Somebody waiting, as it is kept.
#[derive(Debug, Clone)]
pub struct StoredWaiter {
    /// Who waits, and since when.
    pub waiter: Waiter,
    /// The token of the state that waits.
    pub token: TaskToken,
}

/// What became of taking a lock.
#[derive(Debug, Clone)]
pub enum Taken {
    /// It is the asking execution's, by this call or an earlier one.
    Yours,
    /// Another execution has it.
    Held(Lock),
}

/// Did the write find the lock in the hands it expected?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fenced {
    /// It did, and was made.
    Written,
    /// It did not: nothing was written.
    Lost,
}

/// The locks.
#[async_trait]
pub trait Locks: Send + Sync {
    /// The stage's lock. `None`: free.
    async fn read(&self, stage: &StageName) -> Result<Option<StoredLock>, PortError>;

    /// Takes the lock of `lock.stage` if it is free; if it is already `lock.owner`'s, notes the token to answer.
    async fn take(&self, lock: &Lock, token: &TaskToken) -> Result<Taken, PortError>;

    /// Notes that the owner was told, with this token, that the lock is its own.
    async fn answered(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        token: &TaskToken,
    ) -> Result<(), PortError>;

    /// Lets an execution go on with what one that died had the lock for: rollout, plan and tasks stay noted. `Lost`
    /// unless `from` has the lock and it is not kept.
    async fn take_over(
        &self,
        stage: &StageName,
        from: &ExecutionArn,
        to: &ExecutionArn,
        token: &TaskToken,
    ) -> Result<Fenced, PortError>;

    /// Notes the execution that writes in the stage from now on, and the plan that it carries out, before it does.
    /// `Lost` unless `owner` has the lock and it is not kept; and for one that brings a release, if another one is noted:
    /// what puts the stage back takes over from what brought it there, never the other way round.
    async fn record_rollout(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        rollout: &ExecutionArn,
        plan: &PlanHash,
        kind: PlanKind,
    ) -> Result<Fenced, PortError>;

    /// Notes a task that was started. `Lost` unless the lock is the release's: also when another execution has taken it over
    /// between the start and this, or nobody would wait for the task.
    async fn record_task(
        &self,
        stage: &StageName,
        release: &ReleaseId,
        task: &TaskArn,
    ) -> Result<Fenced, PortError>;

    /// Keeps the lock on purpose, for a person to look at the stage. The first reason stays.
    async fn keep(&self, stage: &StageName, owner: &ExecutionArn, reason: &str) -> Result<Fenced, PortError>;

    /// Asks the owner to turn back before its next step: a person wants the stage put back. The first who asks is named.
    /// `Lost` unless `owner` has the lock.
    async fn turn_back(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        by: &ReleaseId,
    ) -> Result<Fenced, PortError>;

    /// Puts somebody in the queue with the notice that tells of it, or renews the token of somebody who is in it.
    async fn wait(&self, waiter: &Waiter, token: &TaskToken, notice: &NewNotice) -> Result<(), PortError>;

    /// The queue, oldest first.
    async fn waiters(&self, stage: &StageName) -> Result<Vec<StoredWaiter>, PortError>;

    /// Takes somebody out of the queue.
    async fn leave(&self, waiter: &Waiter) -> Result<(), PortError>;

    /// Frees a lock. `Lost` unless it is as it was seen: its owner's, not kept, and with the same rollout noted.
    async fn free(&self, seen: &Lock) -> Result<Fenced, PortError>;

    /// Frees a lock that is kept: a person has looked at the stage. `Lost` unless `owner` has it and it is kept.
    async fn free_kept(&self, stage: &StageName, owner: &ExecutionArn) -> Result<Fenced, PortError>;

    /// Passes the lock on in one transaction: from its owner (`None`: it was free) to somebody in the queue, who leaves
    /// it and is to be answered. `Lost` when the queue changed, or the lock is not as it was seen (see [`Self::free`]).
    async fn pass(&self, seen: Option<&Lock>, to: &StoredWaiter, at: Timestamp) -> Result<Fenced, PortError>;
}
