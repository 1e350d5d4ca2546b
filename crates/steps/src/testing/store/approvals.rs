//! Approvals in memory.

use async_trait::async_trait;
use gantry_domain::approval::{Approval, Decision, Outcome};
use gantry_domain::names::{ApprovalId, PlanHash, ReleaseId, StageName};

use super::MemoryStore;
use crate::ports::store::{Approvals, Asked, DecideOutcome, NewApproval, NewNotice, StoredApproval};
use crate::ports::{PortError, TaskToken};

#[async_trait]
impl Approvals for MemoryStore {
    async fn find(&self, id: &ApprovalId) -> Result<Option<StoredApproval>, PortError> {
        self.faults.before("find_approval").await?;
        Ok(self.state().approvals.get(id).cloned())
    }

    async fn of_plan(
        &self,
        release: &ReleaseId,
        stage: &StageName,
        plan: &PlanHash,
    ) -> Result<Option<StoredApproval>, PortError> {
        self.faults.before("of_plan").await?;
        let state = self.state();
        let id = state.gates.get(&(release.clone(), stage.clone(), plan.clone()));
        Ok(id.and_then(|id| state.approvals.get(id)).cloned())
    }

    async fn ask(&self, new: &NewApproval<'_>) -> Result<Asked, PortError> {
        self.faults.before("ask").await?;
        {
            let mut state = self.state();
            let Approval { id, release, stage, plan, .. } = new.approval.clone();
            let gate = (release, stage, plan);
            let before = state.gates.get(&gate);
            if before != new.replaces {
                let stored = before.and_then(|id| state.approvals.get(id)).unwrap();
                return Ok(Asked::Before(Box::new(stored.clone())));
            }
            state.gates.insert(gate, id);
            let stored =
                StoredApproval { approval: new.approval.clone(), token: new.token.clone(), answered: false };
            state.approvals.insert(new.approval.id.clone(), stored);
            state.open.insert(new.approval.id.clone());
            state.tell(&new.approval.release, new.notice);
        }
        self.faults.after("ask")?;
        Ok(Asked::Now)
    }

    async fn renew_token(
        &self,
        id: &ApprovalId,
        token: &TaskToken,
    ) -> Result<Option<StoredApproval>, PortError> {
        self.faults.before("renew_token").await?;
        let mut state = self.state();
        let Some(stored) = state.approvals.get_mut(id) else { return Ok(None) };
        stored.token = token.clone();
        stored.answered = false;
        let stored = stored.clone();
        state.open.insert(id.clone());
        Ok(Some(stored))
    }

    async fn decide(
        &self,
        approval: &Approval,
        decision: &Decision,
        notice: &NewNotice,
    ) -> Result<DecideOutcome, PortError> {
        self.faults.before("decide").await?;
        {
            let mut state = self.state();
            let stored = state.approvals.get_mut(&approval.id).unwrap();
            if let Some(earlier) = &stored.approval.decision {
                return Ok(DecideOutcome::Before(earlier.clone()));
            }
            stored.approval.decision = Some(decision.clone());
            if decision.outcome == Outcome::Rejected {
                let release = state.releases.get_mut(&approval.release).unwrap();
                release.rejected = Some(approval.stage.clone());
            }
            state.tell(&approval.release, notice);
        }
        self.faults.after("decide")?;
        Ok(DecideOutcome::Decided)
    }

    async fn answered(&self, id: &ApprovalId, token: &TaskToken) -> Result<(), PortError> {
        self.faults.before("approval_answered").await?;
        let mut state = self.state();
        let Some(stored) = state.approvals.get_mut(id) else { return Ok(()) };
        if stored.token.expose() == token.expose() && stored.approval.decision.is_some() {
            stored.answered = true;
            state.open.remove(id);
        }
        Ok(())
    }

    async fn open(&self) -> Result<Vec<StoredApproval>, PortError> {
        self.faults.before("open").await?;
        let state = self.state();
        Ok(state.open.iter().filter_map(|id| state.approvals.get(id)).cloned().collect())
    }
}
