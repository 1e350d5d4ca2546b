//! State `ReleaseLock`: hands the stage's lock to whoever waits longest, or frees it. Doing it twice is doing it once.

use gantry_domain::names::{ExecutionArn, ReleaseId, StageName};
use serde::{Deserialize, Serialize};

use crate::pass_lock::PassLock;
use crate::ports::store::{Locks, Releases};
use crate::ports::{Clock, PortError, TaskTokens};

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseLockInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
}

/// What the state gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseLockOutput {
    /// Was it this execution's until now?
    pub released: bool,
}

/// Releases a lock.
pub struct ReleaseLock<'a> {
    /// The locks and their queues.
    pub locks: &'a dyn Locks,
    /// What those who wait are, and which stages hold.
    pub releases: &'a dyn Releases,
    /// The waiting states.
    pub tokens: &'a dyn TaskTokens,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl ReleaseLock<'_> {
    /// Passes the lock on if this execution has it. A lock that is kept stays: a person looks first.
    pub async fn run(&self, input: ReleaseLockInput) -> Result<ReleaseLockOutput, PortError> {
        let ReleaseLockInput { execution, stage, .. } = input;
        let lock = self.locks.read(&stage).await?.map(|stored| stored.lock);
        let Self { locks, releases, tokens, clock } = *self;
        let released = match lock.filter(|lock| lock.is_writable_by(&execution)) {
            Some(lock) => PassLock { locks, releases, tokens, clock }.pass_on(&lock).await?,
            None => false,
        };
        Ok(ReleaseLockOutput { released })
    }
}
