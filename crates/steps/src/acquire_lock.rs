//! State `AcquireLock`: takes the stage's lock and answers its own token, or joins the queue and leaves the answer to
//! whoever passes the lock on.

use gantry_domain::ErrorName;
use gantry_domain::hold::{Hold, Passage};
use gantry_domain::lock::{Lock, Waiter};
use gantry_domain::names::{ExecutionArn, ReleaseId, StageName};
use gantry_domain::notice::Notice;
use serde::Deserialize;

use crate::StepError;
use crate::pass_lock::PassLock;
use crate::ports::store::{Fenced, Locks, NewNotice, Releases, Resumer, StoredLock, Taken};
use crate::ports::{Clock, PortError, TaskToken, TaskTokens};
use crate::resume::resume;

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
    /// What the release is, and which stages hold.
    pub releases: &'a dyn Releases,
    /// The waiting states.
    pub tokens: &'a dyn TaskTokens,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// Why a lock is neither taken nor waited for.
#[derive(Debug, thiserror::Error)]
pub enum AcquireLockError {
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Somebody started an execution again whose release has ended, or was taken over by another.
    #[error(
        "release {release} is not this execution's any more: it has ended, or another execution goes on with it"
    )]
    NotIts {
        /// The release.
        release: ReleaseId,
    },
    /// There is nothing to put back.
    #[error("release {release} has not left {stage} behind: its lock is free, or somebody else's")]
    NotLeft {
        /// The release that was taken over.
        release: ReleaseId,
        /// The stage.
        stage: StageName,
    },
}

impl StepError for AcquireLockError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Port(error) => error.name(),
            Self::NotIts { .. } => ErrorName::ReleaseAlreadyClaimed,
            Self::NotLeft { .. } => ErrorName::LockLost,
        }
    }
}

impl AcquireLock<'_> {
    /// Takes the lock or joins the queue. If that fails, the waiting state is told so at once: an error of a function
    /// whose state waits for a token is not seen everywhere.
    pub async fn run(&self, input: AcquireLockInput) -> Result<(), AcquireLockError> {
        let acquired = self.acquire(&input).await;
        if let Err(error) = &acquired
            && let Err(unsent) = self.tokens.fail(&input.token, error.name(), &error.words()).await
        {
            tracing::warn!(error = %unsent, "the waiting state could not be told of the failure");
        }
        acquired
    }

    async fn acquire(&self, input: &AcquireLockInput) -> Result<(), AcquireLockError> {
        if let Some(stored) = self.releases.find(&input.release).await? {
            // T28: a redrive begins where an execution died, whatever has become of its release since.
            if stored.ended.is_some() || stored.execution != input.execution {
                return Err(AcquireLockError::NotIts { release: input.release.clone() });
            }
            if stored.execution != stored.release.execution {
                return self.take_over(input).await;
            }
        }
        let held = match self.take(input).await? {
            Came::In => return Ok(()),
            Came::Held(held) => {
                Notice::WaitingForLock { stage: input.stage.clone(), held_by: held.held_by() }
            }
            Came::OnHold(hold) => Notice::Held { stage: hold.stage, after: hold.release, until: hold.until },
        };
        let AcquireLockInput { execution, release, stage, token } = input.clone();
        let waiter = Waiter { stage: stage.clone(), execution, release, since: self.clock.now() };
        self.locks.wait(&waiter, &token, &NewNotice::new(waiter.since, held)).await?;
        // The lock may have become free, or the hold over, before anybody could see us in the queue. Or it is ours already,
        // handed to an earlier run of this state: then the token that waits now is not the one that was answered.
        match self.locks.read(&stage).await? {
            Some(held) if held.lock.owner != input.execution => self.turn_back(input, &held).await,
            _ => Ok(self.take(input).await.map(drop)?),
        }
    }

    /// A rollback that a person asked for does not wait until the release at work has gone all the way.
    async fn turn_back(&self, input: &AcquireLockInput, held: &StoredLock) -> Result<(), AcquireLockError> {
        let asks = self.releases.find(&input.release).await?;
        if asks.is_some_and(|stored| stored.release.undoes.is_some()) && held.lock.kept.is_none() {
            let asked = self.locks.turn_back(&input.stage, &held.lock.owner, &input.release).await?;
            tracing::info!(stage = %input.stage, owner = %held.lock.release, ?asked, "the owner is to turn back");
        }
        Ok(())
    }

    /// Takes the lock, unless the stage holds. The hold is looked at again once the lock is ours: only who has the lock
    /// puts a stage on hold, so then it is sure.
    async fn take(&self, input: &AcquireLockInput) -> Result<Came, PortError> {
        if let (Some(hold), Passage::Waits) = self.hold(input).await? {
            return Ok(Came::OnHold(hold));
        }
        let lock = Lock {
            stage: input.stage.clone(),
            owner: input.execution.clone(),
            release: input.release.clone(),
            rollout: None,
            plan: None,
            tasks: Vec::new(),
            acquired_at: self.clock.now(),
            kept: None,
        };
        if let Taken::Held(held) = self.locks.take(&lock, &input.token).await? {
            return Ok(Came::Held(held));
        }
        match self.hold(input).await? {
            (Some(hold), Passage::Waits) => {
                self.locks.free(&lock).await?;
                return Ok(Came::OnHold(hold));
            }
            (Some(hold), Passage::Ends) => {
                let by = Resumer::Release(input.release.clone());
                resume(self.releases, self.clock, &hold, &by).await?;
            }
            (Some(_), Passage::Passes) | (None, _) => {}
        }
        let Self { locks, releases, tokens, clock } = *self;
        PassLock { locks, releases, tokens, clock }.answer_or_leave(&input.stage).await?;
        Ok(Came::In)
    }

    /// An execution that goes on with a release has what the one before it had: not only the lock, also what is noted there
    /// of the rollout that died with it. It takes no lock that is free, and no hold keeps it: it puts back.
    async fn take_over(&self, input: &AcquireLockInput) -> Result<(), AcquireLockError> {
        let AcquireLockInput { execution, release, stage, token } = input;
        let held = self.locks.read(stage).await?.map(|stored| stored.lock);
        let taken = match held.filter(|held| held.release == *release) {
            Some(held) => self.locks.take_over(stage, &held.owner, execution, token).await?,
            None => Fenced::Lost,
        };
        if taken == Fenced::Lost {
            let (release, stage) = (release.clone(), stage.clone());
            return Err(AcquireLockError::NotLeft { release, stage });
        }
        let Self { locks, releases, tokens, clock } = *self;
        Ok(PassLock { locks, releases, tokens, clock }.answer_or_leave(stage).await?)
    }

    /// The stage's hold, and whether it lets this release in.
    async fn hold(&self, input: &AcquireLockInput) -> Result<(Option<Hold>, Passage), PortError> {
        let Some(hold) = self.releases.hold(&input.stage).await? else {
            return Ok((None, Passage::Passes));
        };
        let release = self.releases.find(&input.release).await?;
        let passage = release.map_or(Passage::Waits, |stored| hold.passage(&stored.release));
        Ok((Some(hold), passage))
    }
}

/// How far somebody who wants the lock came.
enum Came {
    In,
    Held(Lock),
    OnHold(Hold),
}
