//! An approval: a decision by named people about one plan hash, made once.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{ApprovalId, ExecutionArn, PlanHash, ReleaseId, SlackId, StageName};

/// What was decided, by whom, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The outcome.
    pub outcome: Outcome,
    /// The person; `None` when time or a newer release decided.
    pub by: Option<SlackId>,
    /// In world time.
    pub at: Timestamp,
    /// The person's reason for a rejection, or what superseded the release. Untrusted text.
    pub reason: Option<String>,
}

/// How a question can end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Go on.
    Approved,
    /// A person said no.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// A newer release asks for the same stage.
    Superseded,
}

/// A question put to people. The row is the truth: what comes back through a task token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The release.
    pub release: ReleaseId,
    /// The execution that waits.
    pub execution: ExecutionArn,
    /// The stage it opens.
    pub stage: StageName,
    /// What is agreed to.
    pub plan: PlanHash,
    /// Who may decide, as configured when it was asked.
    pub approvers: Vec<SlackId>,
    /// When it was asked, in world time.
    pub asked_at: Timestamp,
    /// When it lapses, in world time.
    pub expires_at: Timestamp,
    /// The decision, once made. Never changed.
    pub decision: Option<Decision>,
}
