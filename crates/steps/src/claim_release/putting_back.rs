//! A release whose execution died while it was changing a stage: another execution takes the release over, puts the stage
//! back and gives the release its end.

use gantry_domain::claim::WantedPutBack;

use super::{ClaimRelease, ClaimReleaseError, ClaimReleaseInput, ClaimReleaseOutput, ClaimedStage};
use crate::ports::store::Fenced;

impl ClaimRelease<'_> {
    /// Takes the release over from an execution that has ended. The same execution finds it its own again.
    pub(super) async fn claim_put_back(
        &self,
        input: &ClaimReleaseInput,
        wanted: WantedPutBack,
    ) -> Result<ClaimReleaseOutput, ClaimReleaseError> {
        let WantedPutBack { stage, release: id } = wanted;
        let stored = self.releases.find(&id).await?;
        let Some(stored) = stored.filter(|stored| stored.ended.is_none()) else {
            return Err(ClaimReleaseError::NotUnderWay { release: id });
        };
        let release = stored.release;
        // Of the one that had it first: after a lost answer the release is ours, and people are told the same.
        let how = self.executions.state(&release.execution).await?;
        let is_ours = stored.execution == input.execution;
        if !is_ours {
            let state = self.executions.state(&stored.execution).await?;
            if state.may_go_on(release.claimed_at, self.clock.now()) {
                return Err(ClaimReleaseError::GoesOn { release: id, execution: stored.execution });
            }
        }
        let lock = self.locks.read(&stage).await?.map(|stored| stored.lock);
        if lock.is_none_or(|lock| lock.release != id) {
            return Err(ClaimReleaseError::NotThere { release: id, stage });
        }
        if !is_ours {
            let taken = self.releases.take_over(&id, &stored.execution, &input.execution).await?;
            if taken == Fenced::Lost {
                return Err(ClaimReleaseError::Contended { commit: release.commit });
            }
        }
        tracing::warn!(release = %id, %stage, "a release whose execution died is taken over");
        let died = format!("{} It was changing {stage}.", how.in_words());
        Ok(ClaimReleaseOutput {
            release: id,
            commit: release.commit,
            stage_count: 1,
            stages: vec![ClaimedStage { name: stage, gated: false }],
            is_rollback: true,
            died: Some(died),
        })
    }
}

#[cfg(test)]
mod tests;
