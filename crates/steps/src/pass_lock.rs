//! How a lock changes hands: to the oldest waiter in one transaction, who is answered afterwards.
//!
//! Until the new owner's state has been answered its token stays in the lock's row, so a lost answer is sent again.

use gantry_domain::hold::{Hold, Passage};
use gantry_domain::lock::Lock;
use gantry_domain::names::{ExecutionArn, StageName};
use gantry_domain::release::Release;
use serde_json::json;

use crate::ports::store::{Fenced, Locks, Releases, Resumer, StoredLock, StoredWaiter};
use crate::ports::{Clock, PortError, TaskTokens};
use crate::resume::resume;

/// Passes locks on.
#[derive(Clone, Copy)]
pub struct PassLock<'a> {
    /// The locks and their queues.
    pub locks: &'a dyn Locks,
    /// What those who wait are, and which stages hold.
    pub releases: &'a dyn Releases,
    /// The waiting states.
    pub tokens: &'a dyn TaskTokens,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// How often a change of the queue under our hands is followed before the caller has to try again.
const ATTEMPTS: usize = 5;

impl PassLock<'_> {
    /// Passes on a lock, or frees it. `false`: its owner does not have it any more. An error, for the caller to look
    /// again, when a rollout has noted itself in it since it was seen.
    pub async fn pass_on(&self, seen: &Lock) -> Result<bool, PortError> {
        let Lock { stage, owner, .. } = seen;
        for _ in 0..ATTEMPTS {
            let Some(held) = self.locks.read(stage).await? else { return Ok(false) };
            if held.lock.owner != *owner {
                return Ok(false);
            }
            if held.lock.rollout != seen.rollout {
                let call = format!("passing on the lock of {stage}");
                return Err(PortError::Unavailable {
                    call,
                    source: "a rollout has just noted itself in it".into(),
                });
            }
            let next = self.next(stage, Some(owner)).await?;
            let fenced = match &next {
                Some(waiter) => self.hand_to(Some(seen), waiter).await?,
                None => self.locks.free(seen).await?,
            };
            if fenced == Fenced::Written {
                if next.is_none() {
                    // Somebody may have queued between our look at the queue and the lock becoming free.
                    self.wake(stage).await?;
                }
                return Ok(true);
            }
        }
        // Not `false`: the lock is still the owner's, and while it lives nobody else would pass it on.
        let call = format!("passing on the lock of {stage}");
        Err(PortError::Unavailable { call, source: "its row or its queue kept changing".into() })
    }

    /// Gives a free lock to the oldest waiter, if there is one.
    pub async fn wake(&self, stage: &StageName) -> Result<(), PortError> {
        if let Some(waiter) = self.next(stage, None).await? {
            self.hand_to(None, &waiter).await?;
        }
        Ok(())
    }

    /// Tells the owner that the lock is its own, if that has not been done. A state that does not wait any more counts
    /// as told.
    pub async fn answer(&self, stored: &StoredLock) -> Result<(), PortError> {
        let Some(token) = &stored.unanswered else { return Ok(()) };
        let lock = &stored.lock;
        let answered = self.tokens.succeed(token, &json!({ "stage": lock.stage })).await?;
        tracing::info!(stage = %lock.stage, release = %lock.release, ?answered, "the lock's owner was answered");
        self.locks.answered(&lock.stage, &lock.owner, token).await
    }

    /// As [`Self::answer`]; what does not arrive now is left to the sweeper, because the lock has changed hands.
    pub async fn answer_or_leave(&self, stage: &StageName) -> Result<(), PortError> {
        let Some(stored) = self.locks.read(stage).await? else { return Ok(()) };
        if let Err(error) = self.answer(&stored).await {
            tracing::warn!(%stage, %error, "the lock's owner could not be answered yet");
        }
        Ok(())
    }

    async fn hand_to(&self, seen: Option<&Lock>, waiter: &StoredWaiter) -> Result<Fenced, PortError> {
        let fenced = self.locks.pass(seen, waiter, self.clock.now()).await?;
        if fenced == Fenced::Written {
            self.end_hold(waiter).await?;
            self.answer_or_leave(&waiter.waiter.stage).await?;
        }
        Ok(fenced)
    }

    /// The oldest waiter that the stage lets in, one that puts something back before all others. The owner itself may
    /// have been left in the queue when it found the lock free after all; it is taken out wherever it stands, or the lock
    /// would come back to it when it no longer waits. A hold is read before the lock changes hands: only who has the lock
    /// puts a stage on hold.
    async fn next(
        &self,
        stage: &StageName,
        owner: Option<&ExecutionArn>,
    ) -> Result<Option<StoredWaiter>, PortError> {
        let waiters = self.locks.waiters(stage).await?;
        if waiters.is_empty() {
            return Ok(None);
        }
        let hold = self.releases.hold(stage).await?;
        let (mut rollback, mut oldest) = (None, None);
        for waiter in waiters {
            if Some(&waiter.waiter.execution) == owner {
                self.locks.leave(&waiter.waiter).await?;
                continue;
            }
            let release = self.releases.find(&waiter.waiter.release).await?.map(|stored| stored.release);
            let puts_back = release.as_ref().is_some_and(|release| release.undoes.is_some());
            if rollback.is_none() && puts_back {
                rollback = Some(waiter);
            } else if oldest.is_none() && lets(hold.as_ref(), release.as_ref()) {
                oldest = Some(waiter);
            }
        }
        Ok(rollback.or(oldest))
    }

    /// A release that a hold lets in because its commit is newer ends the hold.
    async fn end_hold(&self, waiter: &StoredWaiter) -> Result<(), PortError> {
        let Some(hold) = self.releases.hold(&waiter.waiter.stage).await? else { return Ok(()) };
        let release = self.releases.find(&waiter.waiter.release).await?;
        if release.is_some_and(|stored| hold.passage(&stored.release) == Passage::Ends) {
            let by = Resumer::Release(waiter.waiter.release.clone());
            resume(self.releases, self.clock, &hold, &by).await?;
        }
        Ok(())
    }
}

fn lets(hold: Option<&Hold>, release: Option<&Release>) -> bool {
    let passes = |hold: &Hold| release.is_some_and(|release| hold.passage(release) != Passage::Waits);
    hold.is_none_or(passes)
}

#[cfg(test)]
mod tests;
