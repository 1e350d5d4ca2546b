//! State `ReadDecision`: what the row says about the question, whatever came back through the task token.

use gantry_domain::ErrorName;
use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, SlackId, StageName};
use serde::{Deserialize, Serialize};

use crate::StepError;
use crate::ports::PortError;
use crate::ports::store::Approvals;

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadDecisionInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
    /// The plan that was asked about.
    pub plan_hash: PlanHash,
}

/// What the state gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadDecisionOutput {
    /// `approved`, `rejected`, `expired`, `superseded`, or `pending`.
    pub outcome: String,
    /// Who decided, if a person did.
    pub by: Option<SlackId>,
    /// The reason given.
    pub reason: Option<String>,
}

/// Reads the decision.
pub struct ReadDecision<'a> {
    /// Where decisions are kept.
    pub approvals: &'a dyn Approvals,
}

/// Why the decision could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadDecisionError {
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The question belongs to another execution.
    #[error("approval of {release} for {stage} belongs to another execution")]
    OtherExecution {
        /// The release.
        release: ReleaseId,
        /// The stage.
        stage: StageName,
    },
}

impl StepError for ReadDecisionError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Port(error) => error.name(),
            Self::OtherExecution { .. } => ErrorName::Inconsistent,
        }
    }
}

impl ReadDecision<'_> {
    /// Reads the row of exactly this release, stage and plan.
    pub async fn run(&self, input: ReadDecisionInput) -> Result<ReadDecisionOutput, ReadDecisionError> {
        let ReadDecisionInput { execution, release, stage, plan_hash } = input;
        let stored = self.approvals.of_plan(&release, &stage, &plan_hash).await?;
        let Some(approval) = stored.map(|stored| stored.approval) else {
            return Ok(pending());
        };
        if approval.execution != execution {
            return Err(ReadDecisionError::OtherExecution { release, stage });
        }
        Ok(approval.decision.map_or_else(pending, |decision| ReadDecisionOutput {
            outcome: decision.outcome.as_str().to_owned(),
            by: decision.by,
            reason: decision.reason,
        }))
    }
}

fn pending() -> ReadDecisionOutput {
    ReadDecisionOutput { outcome: "pending".to_owned(), by: None, reason: None }
}
