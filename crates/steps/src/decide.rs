//! The one protocol by which any decision is made: a click, time, or a newer release.
//!
//! The row goes from undecided to decided once, together with the notice that tells of it; only then is the waiting
//! state answered. If that answer is lost, any later click or the sweeper sends the recorded decision again (T5, T27).

use gantry_domain::approval::{Approval, Approver, Choice, Decision, Outcome};
use gantry_domain::names::{ApprovalId, ReleaseId, SlackId};
use gantry_domain::notice::Notice;
use serde_json::json;

use crate::ports::store::{Approvals, DecideOutcome, NewNotice, StoredApproval};
use crate::ports::{Clock, PortError, TaskTokens};

/// Makes decisions and gives them to the states that wait for them.
#[derive(Clone, Copy)]
pub struct Decide<'a> {
    /// Where questions and decisions are kept.
    pub approvals: &'a dyn Approvals,
    /// The waiting states.
    pub tokens: &'a dyn TaskTokens,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// What a person who clicked should be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The click decided.
    Decided(Decision),
    /// Somebody, or something, had decided before: who and what.
    AlreadyDecided(Decision),
    /// The question lapsed.
    Expired,
    /// The person may not decide this.
    NotApprover,
    /// There is no such question.
    Unknown,
}

impl Decide<'_> {
    /// A person's click or form: looks whether the person may, then decides.
    pub async fn click(&self, id: &ApprovalId, person: &SlackId, choice: Choice) -> Result<Told, PortError> {
        match self.admit(id, person).await? {
            Ok(approver) => self.choose(&approver, choice).await,
            Err(told) => Ok(told),
        }
    }

    /// May this person decide this question now? If not, what to tell. Asked before a form for a reason is opened too.
    pub async fn admit(
        &self,
        id: &ApprovalId,
        person: &SlackId,
    ) -> Result<Result<Approver, Told>, PortError> {
        let Some(stored) = self.approvals.find(id).await? else {
            return Ok(Err(Told::Unknown));
        };
        let Some(approver) = stored.approval.approver(person) else {
            tracing::warn!(approval = %id, %person, "somebody who is no approver tried to decide");
            return Ok(Err(Told::NotApprover));
        };
        if let Some(decision) = &stored.approval.decision {
            self.answer_again(&stored).await;
            return Ok(Err(told_before(decision.clone())));
        }
        let now = self.clock.now();
        if stored.approval.is_expired(now) {
            let outcome = self.record(&stored, stored.approval.lapse(now)).await?;
            return Ok(Err(match outcome {
                DecideOutcome::Decided => Told::Expired,
                DecideOutcome::Before(earlier) => told_before(earlier),
            }));
        }
        Ok(Ok(approver))
    }

    /// Decides what an approver chose.
    pub async fn choose(&self, approver: &Approver, choice: Choice) -> Result<Told, PortError> {
        let Some(stored) = self.approvals.find(approver.approval()).await? else {
            return Ok(Told::Unknown);
        };
        if let Some(decision) = &stored.approval.decision {
            self.answer_again(&stored).await;
            return Ok(told_before(decision.clone()));
        }
        let Some(decision) = stored.approval.choose(approver, choice, self.clock.now()) else {
            return Ok(Told::NotApprover);
        };
        Ok(match self.record(&stored, decision.clone()).await? {
            DecideOutcome::Decided if decision.outcome == Outcome::Expired => Told::Expired,
            DecideOutcome::Decided => Told::Decided(decision),
            DecideOutcome::Before(earlier) => told_before(earlier),
        })
    }

    /// Lets a question lapse whose time has come; anything else stays as it is.
    pub async fn expire(&self, stored: &StoredApproval) -> Result<(), PortError> {
        let now = self.clock.now();
        if stored.approval.is_expired(now) {
            self.close(stored, stored.approval.lapse(now)).await
        } else {
            Ok(())
        }
    }

    /// Turns a release away because a newer one asks for the same stage.
    pub async fn supersede(&self, stored: &StoredApproval, newer: &ReleaseId) -> Result<(), PortError> {
        self.close(stored, stored.approval.supersede(newer, self.clock.now())).await
    }

    /// Records a decision that no person made, where none is.
    pub async fn close(&self, stored: &StoredApproval, decision: Decision) -> Result<(), PortError> {
        if stored.approval.decision.is_none() && decision.by.is_none() {
            self.record(stored, decision).await?;
        }
        Ok(())
    }

    /// Gives a recorded decision to the state that waits for it. A state that does not wait any more counts as told.
    pub async fn answer(&self, stored: &StoredApproval) -> Result<(), PortError> {
        if stored.answered || stored.approval.decision.is_none() {
            return Ok(());
        }
        let answered = self.tokens.succeed(&stored.token, &json!({ "approval": stored.approval.id })).await?;
        tracing::info!(approval = %stored.approval.id, ?answered, "the waiting state was answered");
        self.approvals.answered(&stored.approval.id, &stored.token).await
    }

    async fn record(&self, stored: &StoredApproval, decision: Decision) -> Result<DecideOutcome, PortError> {
        let approval = &stored.approval;
        let notice = NewNotice::new(decision.at, decided(approval, &decision));
        let outcome = self.approvals.decide(approval, &decision, &notice).await?;
        let standing = match &outcome {
            DecideOutcome::Decided => {
                tracing::info!(approval = %approval.id, release = %approval.release, outcome = %decision.outcome,
                    "an approval was decided");
                decision
            }
            DecideOutcome::Before(earlier) => earlier.clone(),
        };
        let approval = Approval { decision: Some(standing), ..approval.clone() };
        self.answer_again(&StoredApproval { approval, ..stored.clone() }).await;
        Ok(outcome)
    }

    /// The decision stands whether or not the answer arrives now: the sweeper sends it again.
    async fn answer_again(&self, stored: &StoredApproval) {
        if let Err(error) = self.answer(stored).await {
            tracing::warn!(approval = %stored.approval.id, %error, "the waiting state could not be answered yet");
        }
    }
}

fn decided(approval: &Approval, decision: &Decision) -> Notice {
    Notice::ApprovalDecided {
        approval: approval.id.clone(),
        stage: approval.stage.clone(),
        decision: decision.clone(),
    }
}

fn told_before(decision: Decision) -> Told {
    match decision.outcome {
        Outcome::Expired => Told::Expired,
        Outcome::Approved | Outcome::Rejected | Outcome::Superseded => Told::AlreadyDecided(decision),
    }
}

#[cfg(test)]
mod tests;
