//! Releases, outbox and plans in memory.

use async_trait::async_trait;
use gantry_domain::End;
use gantry_domain::names::{CommitSha, ComponentName, ExecutionArn, PipelineName, PlanHash, ReleaseId};
use gantry_domain::plan::Plan;
use gantry_domain::release::Release;
use jiff::Timestamp;

use super::MemoryStore;
use crate::ports::PortError;
use crate::ports::store::{
    ClaimMark, ClaimOutcome, Delivery, EndOutcome, Fenced, LogEntry, NewClaim, NewNotice, Outbox, Plans,
    Recorded, Releases, RunningRelease, StoredRelease,
};

#[async_trait]
impl Releases for MemoryStore {
    async fn claimed(
        &self,
        pipeline: &PipelineName,
        commit: &CommitSha,
    ) -> Result<Option<ClaimMark>, PortError> {
        self.faults.before("claimed").await?;
        Ok(self.state().claims.get(&(pipeline.clone(), commit.clone())).cloned())
    }

    async fn newest_push(
        &self,
        pipeline: &PipelineName,
        component: &ComponentName,
    ) -> Result<Option<Timestamp>, PortError> {
        self.faults.before("newest_push").await?;
        Ok(self.state().newest.get(&(pipeline.clone(), component.clone())).copied())
    }

    async fn claim(&self, claim: &NewClaim<'_>) -> Result<ClaimOutcome, PortError> {
        self.faults.before("claim_release").await?;
        let release = claim.release;
        let key = (claim.pipeline.clone(), release.commit.clone());
        {
            let mut state = self.state();
            if state.claims.get(&key) != claim.replaces || state.releases.contains_key(&release.id) {
                return Ok(ClaimOutcome::Changed);
            }
            let newest = |component: &ComponentName| (claim.pipeline.clone(), component.clone());
            if claim.pushed.iter().any(|(component, at)| state.newest.get(&newest(component)) > Some(at)) {
                return Ok(ClaimOutcome::Older);
            }
            for (component, at) in claim.pushed {
                state.newest.insert(newest(component), *at);
            }
            let mark = ClaimMark {
                execution: release.execution.clone(),
                release: release.id.clone(),
                attempt: release.attempt,
            };
            state.claims.insert(key, mark);
            let stored = StoredRelease::begun(release);
            state.releases.insert(release.id.clone(), stored);
            state.tell(&release.id, claim.notice);
        }
        self.faults.after("claim_release")?;
        Ok(ClaimOutcome::Claimed)
    }

    async fn claim_rollback(&self, release: &Release, notice: &NewNotice) -> Result<Recorded, PortError> {
        self.faults.before("claim_rollback").await?;
        let recorded = {
            let mut state = self.state();
            let stored = StoredRelease::begun(release);
            state.releases.entry(release.id.clone()).or_insert(stored);
            state.tell(&release.id, notice)
        };
        self.faults.after("claim_rollback")?;
        Ok(recorded)
    }

    async fn take_over(
        &self,
        release: &ReleaseId,
        from: &ExecutionArn,
        to: &ExecutionArn,
    ) -> Result<Fenced, PortError> {
        self.faults.before("take_over_release").await?;
        let fenced = match self.state().releases.get_mut(release) {
            Some(stored) if stored.ended.is_none() && stored.execution == *from => {
                stored.execution = to.clone();
                Fenced::Written
            }
            Some(_) | None => Fenced::Lost,
        };
        self.faults.after("take_over_release")?;
        Ok(fenced)
    }

    async fn find(&self, release: &ReleaseId) -> Result<Option<StoredRelease>, PortError> {
        self.faults.before("find_release").await?;
        Ok(self.state().releases.get(release).cloned())
    }

    async fn log(&self, release: &ReleaseId) -> Result<Vec<LogEntry>, PortError> {
        self.faults.before("log").await?;
        Ok(self.state().logs.get(release).cloned().unwrap_or_default())
    }

    async fn append(&self, release: &ReleaseId, notice: &NewNotice) -> Result<Recorded, PortError> {
        self.faults.before("append").await?;
        let recorded = self.state().tell(release, notice);
        self.faults.after("append")?;
        Ok(recorded)
    }

    async fn end(
        &self,
        release: &ReleaseId,
        end: End,
        reason: &str,
        notice: &NewNotice,
    ) -> Result<EndOutcome, PortError> {
        self.faults.before("end").await?;
        {
            let mut state = self.state();
            let now = Some((end, reason.to_owned()));
            let before = match state.releases.get_mut(release) {
                Some(stored) if stored.ended.is_none() => {
                    stored.ended = now;
                    None
                }
                Some(stored) => stored.ended.clone(),
                None => {
                    let before = state.refused.get(release).cloned();
                    state.refused.entry(release.clone()).or_insert((end, reason.to_owned()));
                    before
                }
            };
            if let Some((end, reason)) = before {
                return Ok(EndOutcome::Before(end, reason));
            }
            state.tell(release, notice);
        }
        self.faults.after("end")?;
        Ok(EndOutcome::Recorded)
    }

    async fn running(&self) -> Result<Vec<RunningRelease>, PortError> {
        self.faults.before("running").await?;
        let state = self.state();
        let running = state.releases.values().filter(|stored| stored.ended.is_none());
        Ok(running
            .map(|stored| RunningRelease {
                release: stored.release.id.clone(),
                execution: stored.execution.clone(),
            })
            .collect())
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn entries(&self, release: &ReleaseId) -> Result<Vec<LogEntry>, PortError> {
        self.log(release).await
    }

    async fn claim(
        &self,
        release: &ReleaseId,
        seq: u32,
        most: u32,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        self.faults.before("claim_notice").await?;
        let claimed = {
            let mut state = self.state();
            let log = state.logs.entry(release.clone()).or_default();
            let entry = log.iter_mut().find(|entry| entry.seq == seq).unwrap();
            match &mut entry.delivery {
                Delivery::Pending { attempts, next_attempt_at } if *attempts <= most => {
                    *attempts = most + 1;
                    *next_attempt_at = Some(until);
                    true
                }
                Delivery::Pending { .. } | Delivery::Delivered { .. } | Delivery::Dropped { .. } => false,
            }
        };
        self.faults.after("claim_notice")?;
        Ok(claimed)
    }

    async fn mark(&self, release: &ReleaseId, seq: u32, delivery: &Delivery) -> Result<bool, PortError> {
        self.faults.before("mark").await?;
        let marked = {
            let mut state = self.state();
            let log = state.logs.entry(release.clone()).or_default();
            let entry = log.iter_mut().find(|entry| entry.seq == seq).unwrap();
            let pending = !entry.delivery.is_settled();
            if pending {
                entry.delivery = delivery.clone();
            }
            pending
        };
        self.faults.after("mark")?;
        Ok(marked)
    }

    async fn settled(&self, release: &ReleaseId, last_seq: u32) -> Result<(), PortError> {
        self.faults.before("settled").await?;
        let mut state = self.state();
        if state.undelivered.get(release) == Some(&last_seq) {
            state.undelivered.remove(release);
        }
        Ok(())
    }

    async fn undelivered(&self) -> Result<Vec<ReleaseId>, PortError> {
        self.faults.before("undelivered").await?;
        Ok(self.state().undelivered.keys().cloned().collect())
    }
}

#[async_trait]
impl Plans for MemoryStore {
    async fn put(&self, plan: &Plan) -> Result<PlanHash, PortError> {
        self.faults.before("put_plan").await?;
        let hash = plan.terms.hash().unwrap();
        self.state().plans.entry(hash.clone()).or_insert_with(|| plan.clone());
        self.faults.after("put_plan")?;
        Ok(hash)
    }

    async fn get(&self, hash: &PlanHash) -> Result<Option<Plan>, PortError> {
        self.faults.before("get_plan").await?;
        Ok(self.state().plans.get(hash).cloned())
    }
}
