//! State `AskApproval`: puts one question about one plan to people, and turns away what it supersedes.
//!
//! The waiting state is answered when the question is decided, by whoever decides it. Run again for the same plan it
//! finds its own question and gives it the new token.

mod question;

use std::time::Duration;

use gantry_domain::ErrorName;
use gantry_domain::approval::Approval;
use gantry_domain::names::{ApprovalId, ExecutionArn, NameError, PlanHash, ReleaseId, StageName};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::{ApprovalGate, Pipeline};
use gantry_domain::plan::Plan;
use gantry_domain::release::Release;
use jiff::SignedDuration;
use serde::Deserialize;

use crate::StepError;
use crate::decide::Decide;
use crate::ports::store::{
    Approvals, Asked, NewApproval, NewNotice, Plans, Releases, StoredApproval, StoredRelease, Verified,
};
use crate::ports::{Clock, Executions, PortError, TaskToken, TaskTokens};

/// What the state gives.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskApprovalInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
    /// What is agreed to.
    pub plan_hash: PlanHash,
    /// Of the state that waits.
    pub token: TaskToken,
}

/// Asks for approval.
pub struct AskApproval<'a> {
    /// The configuration: who decides, and until when.
    pub pipeline: &'a Pipeline,
    /// Releases and their logs.
    pub releases: &'a dyn Releases,
    /// Plans by hash.
    pub plans: &'a dyn Plans,
    /// What passed: tells the commits that run.
    pub verified: &'a dyn Verified,
    /// Questions and decisions.
    pub approvals: &'a dyn Approvals,
    /// How other releases' executions are doing.
    pub executions: &'a dyn Executions,
    /// The waiting states.
    pub tokens: &'a dyn TaskTokens,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// Why nobody could be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskApprovalError {
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The stage has no gate, or nobody is configured to open it.
    #[error("nobody can approve {stage}: {why}")]
    NoApprovers {
        /// The stage.
        stage: StageName,
        /// Why.
        why: &'static str,
    },
    /// Release, plan and stage do not belong together.
    #[error("{what} of {release} for {stage} is not on record")]
    Missing {
        /// What is not there.
        what: &'static str,
        /// The release.
        release: ReleaseId,
        /// The stage.
        stage: StageName,
    },
    /// No random id could be made.
    #[error("the system gave no random bits")]
    Random {
        /// The cause.
        #[source]
        source: getrandom::Error,
    },
    /// The id is malformed: a defect.
    #[error("the approval's id is malformed")]
    Id {
        /// The cause.
        #[source]
        source: NameError,
    },
}

impl StepError for AskApprovalError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Port(error) => error.name(),
            Self::NoApprovers { .. } => ErrorName::Misconfigured,
            Self::Random { .. } => ErrorName::Unavailable,
            Self::Missing { .. } | Self::Id { .. } => ErrorName::Inconsistent,
        }
    }
}

impl AskApproval<'_> {
    /// Asks. If that fails, the waiting state is told so at once: an error of a function whose state waits for a token
    /// is not seen everywhere.
    pub async fn run(&self, input: AskApprovalInput) -> Result<(), AskApprovalError> {
        let asked = self.ask(&input).await;
        if let Err(error) = &asked
            && let Err(unsent) = self.tokens.fail(&input.token, error.name(), &error.words()).await
        {
            tracing::warn!(error = %unsent, "the waiting state could not be told of the failure");
        }
        asked
    }

    async fn ask(&self, input: &AskApprovalInput) -> Result<(), AskApprovalError> {
        let gate = self.gate(&input.stage)?;
        let release = self.release(input).await?;
        let before = self.approvals.of_plan(&input.release, &input.stage, &input.plan_hash).await?;
        let before = before.map(|stored| stored.approval);
        let mine = match &before {
            Some(approval) if !self.is_void(approval).await? => self.renew(approval, input).await?,
            Some(_) | None => None,
        };
        let mine = match mine {
            Some(stored) => stored,
            None => self.put(input, gate, &release, before.as_ref().map(|approval| &approval.id)).await?,
        };
        let decide = self.decide();
        decide.answer(&mine).await?;
        decide.expire(&mine).await?;
        if mine.approval.decision.is_none() {
            self.supersede(&mine, &release).await?;
        }
        Ok(())
    }

    /// The question this step put when it ran before, with the token that waits now.
    async fn renew(
        &self,
        approval: &Approval,
        input: &AskApprovalInput,
    ) -> Result<Option<StoredApproval>, PortError> {
        self.approvals.renew_token(&approval.id, &input.token).await
    }

    /// Were people told that their word no longer counts? It stays so when the stage comes back to what they agreed to.
    async fn is_void(&self, approval: &Approval) -> Result<bool, PortError> {
        let log = self.releases.log(&approval.release).await?;
        Ok(log.iter().any(
            |entry| matches!(&entry.notice, Notice::ApprovalVoided { approval: id, .. } if *id == approval.id),
        ))
    }

    /// Puts a question, in the place of one that is void.
    async fn put(
        &self,
        input: &AskApprovalInput,
        gate: &ApprovalGate,
        release: &Release,
        replaces: Option<&ApprovalId>,
    ) -> Result<StoredApproval, AskApprovalError> {
        let plan = self.plan(input).await?;
        let now = self.clock.now();
        let approval = Approval {
            id: random_id()?,
            release: input.release.clone(),
            execution: input.execution.clone(),
            stage: input.stage.clone(),
            plan: input.plan_hash.clone(),
            approvers: gate.approvers.clone(),
            asked_at: now,
            expires_at: now.saturating_add(span(gate.expires_after)).unwrap_or(now),
            decision: None,
        };
        let notice = NewNotice::new(now, self.question(&approval, &plan, release).await?);
        let new = NewApproval { approval: &approval, token: &input.token, replaces, notice: &notice };
        match self.approvals.ask(&new).await? {
            Asked::Now => {
                tracing::info!(approval = %approval.id, release = %approval.release, "people were asked");
                Ok(StoredApproval { approval, token: input.token.clone(), answered: false })
            }
            Asked::Before(stored) => {
                Ok(self.approvals.renew_token(&stored.approval.id, &input.token).await?.unwrap_or(*stored))
            }
        }
    }

    /// Of two releases that wait for one stage the older one is turned away, whichever asked first. One that died takes
    /// nobody's place, though its question stays open until the sweeper closes it.
    async fn supersede(&self, mine: &StoredApproval, release: &Release) -> Result<(), AskApprovalError> {
        let age = |release: &Release| (release.claimed_at, release.id.clone());
        for other in self.approvals.open().await? {
            let waits = other.approval.stage == mine.approval.stage && other.approval.decision.is_none();
            if !waits || other.approval.release == release.id {
                continue;
            }
            let Some(rival) = self.releases.find(&other.approval.release).await? else { continue };
            if age(&rival.release) < age(release) {
                self.decide().supersede(&other, &release.id).await?;
            } else if self.goes_on(&rival, &other.approval).await? {
                self.decide().supersede(mine, &rival.release.id).await?;
            }
        }
        Ok(())
    }

    /// Can a release that asked still come?
    async fn goes_on(&self, rival: &StoredRelease, asked: &Approval) -> Result<bool, PortError> {
        let running = self.executions.state(&rival.release.execution).await?;
        Ok(rival.ended.is_none() && running.may_go_on(asked.asked_at, self.clock.now()))
    }

    fn gate(&self, stage: &StageName) -> Result<&ApprovalGate, AskApprovalError> {
        let denied = |why| AskApprovalError::NoApprovers { stage: stage.clone(), why };
        let configured = self.pipeline.stage(stage).ok_or_else(|| denied("there is no such stage"))?;
        let gate = configured.approval.as_ref().ok_or_else(|| denied("it has no gate"))?;
        if gate.approvers.is_empty() { Err(denied("the list of approvers is empty")) } else { Ok(gate) }
    }

    async fn release(&self, input: &AskApprovalInput) -> Result<Release, AskApprovalError> {
        let stored = self.releases.find(&input.release).await?;
        stored.map(|stored| stored.release).ok_or_else(|| missing(input, "the manifest"))
    }

    async fn plan(&self, input: &AskApprovalInput) -> Result<Plan, AskApprovalError> {
        let plan = self.plans.get(&input.plan_hash).await?;
        plan.filter(|plan| plan.terms.release == input.release && plan.terms.stage == input.stage)
            .ok_or_else(|| missing(input, "the plan"))
    }

    fn decide(&self) -> Decide<'_> {
        let Self { approvals, tokens, clock, .. } = *self;
        Decide { approvals, tokens, clock }
    }
}

fn missing(input: &AskApprovalInput, what: &'static str) -> AskApprovalError {
    AskApprovalError::Missing { what, release: input.release.clone(), stage: input.stage.clone() }
}

fn span(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

fn random_id() -> Result<ApprovalId, AskApprovalError> {
    let mut bits = [0u8; 16];
    getrandom::fill(&mut bits).map_err(|source| AskApprovalError::Random { source })?;
    ApprovalId::new(hex::encode(bits)).map_err(|source| AskApprovalError::Id { source })
}

#[cfg(test)]
mod tests;
