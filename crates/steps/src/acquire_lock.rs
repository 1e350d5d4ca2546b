//! State `AcquireLock`: takes the stage's lock and answers its own token, or joins the queue and leaves the answer to
//! whoever passes the lock on.

use gantry_domain::lock::{Lock, Waiter};
use gantry_domain::names::{ExecutionArn, ReleaseId, StageName};
use gantry_domain::notice::Notice;
use serde::Deserialize;

use crate::StepError;
use crate::pass_lock::PassLock;
use crate::ports::store::{Locks, NewNotice, Taken};
use crate::ports::{Clock, PortError, TaskToken, TaskTokens};

/// What the state gives.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcquireLockInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
    /// Of the state that waits.
    pub token: TaskToken,
}

/// Acquires a lock.
pub struct AcquireLock<'a> {
    /// The locks and their queues.
    pub locks: &'a dyn Locks,
    /// The waiting states.
    pub tokens: &'a dyn TaskTokens,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl AcquireLock<'_> {
    /// Takes the lock or joins the queue. If that fails, the waiting state is told so at once: an error of a function
    /// whose state waits for a token is not seen everywhere.
    pub async fn run(&self, input: AcquireLockInput) -> Result<(), PortError> {
        let acquired = self.acquire(&input).await;
        if let Err(error) = &acquired
            && let Err(unsent) = self.tokens.fail(&input.token, error.name(), &error.words()).await
        {
            tracing::warn!(error = %unsent, "the waiting state could not be told of the failure");
        }
        acquired
    }

    async fn acquire(&self, input: &AcquireLockInput) -> Result<(), PortError> {
        let Taken::Held(held) = self.take(input).await? else { return Ok(()) };
        let AcquireLockInput { execution, release, stage, token } = input.clone();
        let waiter = Waiter { stage: stage.clone(), execution, release, since: self.clock.now() };
        let notice = Notice::WaitingForLock { stage: stage.clone(), held_by: held.held_by() };
        self.locks.wait(&waiter, &token, &NewNotice::new(waiter.since, notice)).await?;
        // The lock may have become free before anybody could see us in the queue. Or it is ours already, handed to an
        // earlier run of this state: then the token that waits now is not the one that was answered.
        let held = self.locks.read(&stage).await?;
        if held.is_none_or(|held| held.lock.owner == input.execution) {
            self.take(input).await?;
        }
        Ok(())
    }

    async fn take(&self, input: &AcquireLockInput) -> Result<Taken, PortError> {
        let lock = Lock {
            stage: input.stage.clone(),
            owner: input.execution.clone(),
            release: input.release.clone(),
            rollout: None,
            tasks: Vec::new(),
            acquired_at: self.clock.now(),
            kept: None,
        };
        let taken = self.locks.take(&lock, &input.token).await?;
        if matches!(taken, Taken::Yours) {
            let Self { locks, tokens, clock } = *self;
            PassLock { locks, tokens, clock }.answer_or_leave(&input.stage).await?;
        }
        Ok(taken)
    }
}
