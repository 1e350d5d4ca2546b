//! Approvals, with the tokens of the executions that wait for them. Only what asks or decides holds this port.

use async_trait::async_trait;
use gantry_domain::approval::{Approval, Decision};
use gantry_domain::names::{ApprovalId, PlanHash, ReleaseId, StageName};

use super::NewNotice;
use crate::ports::{PortError, TaskToken};

/// An approval as it is kept.
#[derive(Debug, Clone)]
pub struct StoredApproval {
    /// The question, and its decision once made.
    pub approval: Approval,
    /// The token of the state that waits.
    pub token: TaskToken,
    /// Was the waiting state given the decision?
    pub answered: bool,
}

/// All that is written when a question is put, in one transaction.
#[derive(Debug, Clone)]
pub struct NewApproval<'a> {
    /// The question, undecided.
    pub approval: &'a Approval,
    /// The token of the state that waits.
    pub token: &'a TaskToken,
    /// The question about the same plan that this one takes the place of.
    pub replaces: Option<&'a ApprovalId>,
    /// What people are asked.
    pub notice: &'a NewNotice,
}

/// What became of a question.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Put by this call.
    Now,
    /// The release had asked about this plan in this stage before.
    Before(Box<StoredApproval>),
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecideOutcome {
    /// Made by this call, with its notice.
    Decided,
    /// Made before; nothing changed.
    Before(Decision),
}

/// Questions to people.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// The approval of that id.
    async fn find(&self, id: &ApprovalId) -> Result<Option<StoredApproval>, PortError>;

    /// What a release asked last about a plan in a stage.
    async fn of_plan(
        &self,
        release: &ReleaseId,
        stage: &StageName,
        plan: &PlanHash,
    ) -> Result<Option<StoredApproval>, PortError>;

    /// Puts a question, once for each release, stage and plan, or once more for the one that it replaces.
    async fn ask(&self, new: &NewApproval<'_>) -> Result<Asked, PortError>;

    /// Notes another token for an approval (a repeated step waits with a new one) and returns it as it is then, to be
    /// answered.
    async fn renew_token(
        &self,
        id: &ApprovalId,
        token: &TaskToken,
    ) -> Result<Option<StoredApproval>, PortError>;

    /// Decides an approval that is undecided, with the notice that tells of it. A rejection is noted at the release too.
    async fn decide(
        &self,
        approval: &Approval,
        decision: &Decision,
        notice: &NewNotice,
    ) -> Result<DecideOutcome, PortError>;

    /// Notes that the holder of this token was given the decision. Does nothing if another token is waiting by now.
    async fn answered(&self, id: &ApprovalId, token: &TaskToken) -> Result<(), PortError>;

    /// Approvals that are undecided, or whose decision has not been given to the waiting state.
    async fn open(&self) -> Result<Vec<StoredApproval>, PortError>;
}
