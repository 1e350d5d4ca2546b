//! Locks and their queues in memory.

use async_trait::async_trait;
use gantry_domain::lock::{Lock, Waiter};
use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, StageName, TaskArn};
use gantry_domain::plan::PlanKind;
use jiff::Timestamp;

use super::MemoryStore;
use crate::ports::store::{Fenced, Locks, NewNotice, StoredLock, StoredWaiter, Taken};
use crate::ports::{PortError, TaskToken};

impl MemoryStore {
    async fn fenced(
        &self,
        call: &'static str,
        stage: &StageName,
        owner: &ExecutionArn,
        change: impl FnOnce(&mut StoredLock) -> bool + Send,
    ) -> Result<Fenced, PortError> {
        self.faults.before(call).await?;
        let written = self
            .state()
            .locks
            .get_mut(stage)
            .is_some_and(|stored| stored.lock.owner == *owner && change(stored));
        let fenced = if written { Fenced::Written } else { Fenced::Lost };
        self.faults.after(call)?;
        Ok(fenced)
    }
}

#[async_trait]
impl Locks for MemoryStore {
    async fn read(&self, stage: &StageName) -> Result<Option<StoredLock>, PortError> {
        self.faults.before("read_lock").await?;
        Ok(self.state().locks.get(stage).cloned())
    }

    async fn take(&self, lock: &Lock, token: &TaskToken) -> Result<Taken, PortError> {
        self.faults.before("take").await?;
        {
            let mut state = self.state();
            let held = state.locks.entry(lock.stage.clone());
            let stored =
                held.or_insert_with(|| StoredLock { lock: lock.clone(), unanswered: None, turn_back: None });
            if stored.lock.owner != lock.owner {
                return Ok(Taken::Held(stored.lock.clone()));
            }
            stored.unanswered = Some(token.clone());
        }
        self.faults.after("take")?;
        Ok(Taken::Yours)
    }

    async fn answered(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        token: &TaskToken,
    ) -> Result<(), PortError> {
        let same = |stored: &mut StoredLock| {
            let same = stored.unanswered.as_ref().is_some_and(|noted| noted.expose() == token.expose());
            if same {
                stored.unanswered = None;
            }
            same
        };
        self.fenced("lock_answered", stage, owner, same).await.map(drop)
    }

    async fn take_over(
        &self,
        stage: &StageName,
        from: &ExecutionArn,
        to: &ExecutionArn,
        token: &TaskToken,
    ) -> Result<Fenced, PortError> {
        let note = |stored: &mut StoredLock| {
            let may_go_on = stored.lock.kept.is_none();
            if may_go_on {
                stored.lock.owner = to.clone();
                stored.unanswered = Some(token.clone());
            }
            may_go_on
        };
        self.fenced("take_over_lock", stage, from, note).await
    }

    async fn record_rollout(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        rollout: &ExecutionArn,
        plan: &PlanHash,
        kind: PlanKind,
    ) -> Result<Fenced, PortError> {
        let note = |stored: &mut StoredLock| {
            let other = stored.lock.rollout.as_ref().is_some_and(|noted| noted != rollout);
            let free_to_write = stored.lock.kept.is_none() && !(other && kind.is_release());
            if free_to_write {
                stored.lock.rollout = Some(rollout.clone());
                stored.lock.plan = Some(plan.clone());
            }
            free_to_write
        };
        self.fenced("record_rollout", stage, owner, note).await
    }

    async fn record_task(
        &self,
        stage: &StageName,
        release: &ReleaseId,
        task: &TaskArn,
    ) -> Result<Fenced, PortError> {
        self.faults.before("record_task").await?;
        let fenced = match self.state().locks.get_mut(stage) {
            Some(stored) if stored.lock.release == *release => {
                if !stored.lock.tasks.contains(task) {
                    stored.lock.tasks.push(task.clone());
                }
                Fenced::Written
            }
            Some(_) | None => Fenced::Lost,
        };
        self.faults.after("record_task")?;
        Ok(fenced)
    }

    async fn keep(&self, stage: &StageName, owner: &ExecutionArn, reason: &str) -> Result<Fenced, PortError> {
        let note = |stored: &mut StoredLock| {
            stored.lock.kept.get_or_insert_with(|| reason.to_owned());
            true
        };
        self.fenced("keep", stage, owner, note).await
    }

    async fn turn_back(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        by: &ReleaseId,
    ) -> Result<Fenced, PortError> {
        let note = |stored: &mut StoredLock| {
            stored.turn_back.get_or_insert_with(|| by.clone());
            true
        };
        self.fenced("turn_back", stage, owner, note).await
    }

    async fn wait(&self, waiter: &Waiter, token: &TaskToken, notice: &NewNotice) -> Result<(), PortError> {
        self.faults.before("wait").await?;
        {
            let mut state = self.state();
            let queue = state.waiters.entry(waiter.stage.clone()).or_default();
            match queue.iter_mut().find(|stored| stored.waiter.execution == waiter.execution) {
                Some(mine) => mine.token = token.clone(),
                None => {
                    queue.push(StoredWaiter { waiter: waiter.clone(), token: token.clone() });
                    queue.sort_by_key(|stored| (stored.waiter.since, stored.waiter.release.clone()));
                    state.tell(&waiter.release, notice);
                }
            }
        }
        self.faults.after("wait")
    }

    async fn waiters(&self, stage: &StageName) -> Result<Vec<StoredWaiter>, PortError> {
        self.faults.before("waiters").await?;
        Ok(self.state().waiters.get(stage).cloned().unwrap_or_default())
    }

    async fn leave(&self, waiter: &Waiter) -> Result<(), PortError> {
        self.faults.before("leave").await?;
        if let Some(queue) = self.state().waiters.get_mut(&waiter.stage) {
            queue.retain(|stored| stored.waiter != *waiter);
        }
        Ok(())
    }

    async fn free(&self, seen: &Lock) -> Result<Fenced, PortError> {
        self.faults.before("free").await?;
        let fenced = {
            let mut state = self.state();
            let held = state.locks.get(&seen.stage).map(|stored| &stored.lock);
            if held.is_some_and(|lock| is_as_seen(lock, seen)) {
                state.locks.remove(&seen.stage);
                Fenced::Written
            } else {
                Fenced::Lost
            }
        };
        self.faults.after("free")?;
        Ok(fenced)
    }

    async fn free_kept(&self, stage: &StageName, owner: &ExecutionArn) -> Result<Fenced, PortError> {
        self.faults.before("free_kept").await?;
        let mut state = self.state();
        let held = state.locks.get(stage).map(|stored| &stored.lock);
        if held.is_some_and(|lock| lock.owner == *owner && lock.kept.is_some()) {
            state.locks.remove(stage);
            return Ok(Fenced::Written);
        }
        Ok(Fenced::Lost)
    }

    async fn pass(&self, seen: Option<&Lock>, to: &StoredWaiter, at: Timestamp) -> Result<Fenced, PortError> {
        self.faults.before("pass").await?;
        {
            let mut state = self.state();
            let stage = &to.waiter.stage;
            let held = state.locks.get(stage).map(|stored| &stored.lock);
            let expected = match (held, seen) {
                (None, None) => true,
                (Some(held), Some(seen)) => is_as_seen(held, seen),
                (Some(_), None) | (None, Some(_)) => false,
            };
            let queue = state.waiters.entry(stage.clone()).or_default();
            let waits = |stored: &StoredWaiter| {
                stored.waiter == to.waiter && stored.token.expose() == to.token.expose()
            };
            if !expected || !queue.iter().any(waits) {
                return Ok(Fenced::Lost);
            }
            queue.retain(|stored| !waits(stored));
            let lock = Lock {
                stage: stage.clone(),
                owner: to.waiter.execution.clone(),
                release: to.waiter.release.clone(),
                rollout: None,
                plan: None,
                tasks: Vec::new(),
                acquired_at: at,
                kept: None,
            };
            state.locks.insert(
                stage.clone(),
                StoredLock { lock, unanswered: Some(to.token.clone()), turn_back: None },
            );
        }
        self.faults.after("pass")?;
        Ok(Fenced::Written)
    }
}

fn is_as_seen(lock: &Lock, seen: &Lock) -> bool {
    lock.owner == seen.owner && lock.kept.is_none() && lock.rollout == seen.rollout
}
