//! The sweeper: looks every minute for what an event that was lost, or a function that died, has left undone.
//!
//! Everything here is also done by somebody else at the right moment; nothing may depend on being done twice or once.

use std::collections::BTreeMap;
use std::time::Duration;

use gantry_domain::names::{ExecutionArn, StageName};
use gantry_domain::pipeline::Pipeline;
use gantry_domain::verdict::deadline;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::aftermath::Aftermath;
use crate::decide::Decide;
use crate::failures::Failures;
use crate::pass_lock::PassLock;
use crate::ports::store::{Deliver, Outbox, RunningRelease, StoredApproval};
use crate::ports::{ExecutionState, PortError};

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
    /// What dead executions left behind, and the ports to look for it.
    pub aftermath: Aftermath<'a>,
    /// What people have yet to be told.
    pub outbox: &'a dyn Outbox,
    /// Tells people.
    pub deliver: &'a dyn Deliver,
}

/// Step Functions describes an execution as of a moment ago: so long after it was seen at work, one that is not known
/// may only not be known yet.
const UNSEEN: Duration = Duration::from_secs(5 * 60);

/// Executions that something stands on record for, and when each was last seen at work.
type Seen = BTreeMap<ExecutionArn, Timestamp>;

impl Sweep<'_> {
    /// Looks at everything once; one bad row does not keep the rest from being looked at. What the dead left is put in
    /// order before the locks are passed on, and notices are delivered last.
    pub async fn run(&self) -> Result<SweepOutput, PortError> {
        let mut failures = Failures::default();
        let mut output = SweepOutput::default();

        let approvals = failures.some("approvals", self.aftermath.approvals.open().await);
        output.approvals = approvals.len();
        for stored in &approvals {
            failures.note("an approval", self.approval(stored).await);
        }
        let running = failures.some("releases", self.aftermath.releases.running().await);
        output.releases = running.len();

        let mut seen = Seen::new();
        for release in &running {
            let claimed_at = self.claimed_at(release).await;
            failures.note("a release", claimed_at.map(|at| see(&mut seen, &release.execution, at)));
        }
        for StoredApproval { approval, .. } in &approvals {
            see(&mut seen, &approval.execution, approval.asked_at);
        }
        for stage in self.stages() {
            failures.note("a lock", self.see_around(stage, &mut seen).await);
        }
        for (execution, at) in &seen {
            failures.note("an execution", self.execution(execution, *at).await);
        }
        for stage in self.stages() {
            match self.lock(stage).await {
                Ok(held) => output.locks += usize::from(held),
                Err(error) => failures.note("a lock", Err(error)),
            }
        }
        let undelivered = failures.some("notices", self.outbox.undelivered().await);
        output.undelivered = undelivered.len();
        failures.note("notices", self.deliver.deliver(&undelivered).await);
        failures.or(output)
    }

    /// Sends a recorded decision again, and lets a question lapse whose time has come.
    async fn approval(&self, stored: &StoredApproval) -> Result<(), PortError> {
        let Aftermath { approvals, tokens, clock, .. } = self.aftermath;
        let decide = Decide { approvals, tokens, clock };
        if stored.approval.decision.is_some() {
            decide.answer(stored).await
        } else {
            decide.expire(stored).await
        }
    }

    async fn claimed_at(&self, running: &RunningRelease) -> Result<Timestamp, PortError> {
        let stored = self.aftermath.releases.find(&running.release).await?;
        Ok(stored.map_or(Timestamp::UNIX_EPOCH, |stored| stored.release.claimed_at))
    }

    /// Who has a stage's lock, and who stands in line for it.
    async fn see_around(&self, stage: &StageName, seen: &mut Seen) -> Result<(), PortError> {
        let Aftermath { locks, .. } = self.aftermath;
        if let Some(stored) = locks.read(stage).await? {
            see(seen, &stored.lock.owner, stored.lock.acquired_at);
        }
        for stored in locks.waiters(stage).await? {
            see(seen, &stored.waiter.execution, stored.waiter.since);
        }
        Ok(())
    }

    /// Puts in order what an execution left behind, if it has ended.
    async fn execution(&self, execution: &ExecutionArn, seen: Timestamp) -> Result<(), PortError> {
        let state = self.aftermath.executions.state(execution).await?;
        let is_young = self.aftermath.clock.now() < deadline(seen, UNSEEN);
        if state == ExecutionState::Gone && is_young {
            return Ok(());
        }
        self.aftermath.of(execution, state).await
    }

    /// Wakes whoever is next for a free lock, or tells an owner who was never told. Has anybody the lock?
    async fn lock(&self, stage: &StageName) -> Result<bool, PortError> {
        let Aftermath { releases, locks, tokens, clock, .. } = self.aftermath;
        let pass = PassLock { locks, releases, tokens, clock };
        match locks.read(stage).await? {
            None => pass.wake(stage).await?,
            Some(stored) => {
                pass.answer(&stored).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn stages(&self) -> impl Iterator<Item = &StageName> {
        let pipeline: &Pipeline = self.aftermath.pipeline;
        pipeline.stages.iter().map(|stage| &stage.name)
    }
}

fn see(seen: &mut Seen, execution: &ExecutionArn, at: Timestamp) {
    let last = seen.entry(execution.clone()).or_insert(at);
    *last = at.max(*last);
}

#[cfg(test)]
mod tests;
