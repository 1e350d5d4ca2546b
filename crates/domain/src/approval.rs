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

/// A person who may decide one approval. Nothing else makes a decision of a person, and there is no other way to have
/// one than [`Approval::approver`] (T4).
///
/// ```compile_fail
/// use gantry_domain::approval::Approver;
/// use gantry_domain::names::{ApprovalId, SlackId};
///
/// fn forge(approval: ApprovalId, person: SlackId) -> Approver {
///     Approver { approval, person }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approver {
    approval: ApprovalId,
    person: SlackId,
}

impl Approver {
    /// The approval this person may decide.
    pub fn approval(&self) -> &ApprovalId {
        &self.approval
    }

    /// The person.
    pub fn person(&self) -> &SlackId {
        &self.person
    }
}

/// What a person may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Go on.
    Approve,
    /// Do not, for this reason. Untrusted text.
    Reject {
        /// The reason.
        reason: String,
    },
}

/// Reasons are cut to this many characters.
const LONGEST_REASON: usize = 500;

impl Approval {
    /// The person, if configured as an approver when the question was put. An empty list denies everybody.
    pub fn approver(&self, person: &SlackId) -> Option<Approver> {
        self.approvers
            .contains(person)
            .then(|| Approver { approval: self.id.clone(), person: person.clone() })
    }

    /// Has the question lapsed? At the very moment it does, it has.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    /// What a person's choice decides now: too late, it decides that the question lapsed. `None` when the approver was
    /// made for another approval.
    pub fn choose(&self, approver: &Approver, choice: Choice, now: Timestamp) -> Option<Decision> {
        if approver.approval != self.id {
            return None;
        }
        if self.is_expired(now) {
            return Some(self.lapse(now));
        }
        let (outcome, reason) = match choice {
            Choice::Approve => (Outcome::Approved, None),
            Choice::Reject { reason } => {
                (Outcome::Rejected, Some(reason.trim().chars().take(LONGEST_REASON).collect()))
            }
        };
        Some(Decision { outcome, by: Some(approver.person.clone()), at: now, reason })
    }

    /// The decision that time makes.
    pub fn lapse(&self, now: Timestamp) -> Decision {
        Decision { outcome: Outcome::Expired, by: None, at: now, reason: None }
    }

    /// The decision that a newer release makes.
    pub fn supersede(&self, newer: &ReleaseId, now: Timestamp) -> Decision {
        let reason = format!("{newer} asks for {}", self.stage);
        Decision { outcome: Outcome::Superseded, by: None, at: now, reason: Some(reason) }
    }
}

impl Outcome {
    /// The word that tables and the state machine use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(approvers: &[&str]) -> Approval {
        Approval {
            id: ApprovalId::new("0123456789abcdef0123456789abcdef").unwrap(),
            release: ReleaseId::new("exchange-4f2a9c1-1").unwrap(),
            execution: ExecutionArn::new("arn:aws:states:us-west-2:111122223333:execution:release:one")
                .unwrap(),
            stage: StageName::new("production").unwrap(),
            plan: PlanHash::new("a".repeat(64)).unwrap(),
            approvers: approvers.iter().map(|id| person(id)).collect(),
            asked_at: "2026-11-21T12:00:00Z".parse().unwrap(),
            expires_at: "2026-11-21T16:00:00Z".parse().unwrap(),
            decision: None,
        }
    }

    fn person(id: &str) -> SlackId {
        SlackId::new(id).unwrap()
    }

    #[test]
    fn t03_only_configured_people_approve_and_an_empty_list_denies_everybody() {
        assert!(approval(&["U1", "U2"]).approver(&person("U2")).is_some());
        assert!(approval(&["U1", "U2"]).approver(&person("U3")).is_none());
        assert!(approval(&[]).approver(&person("U1")).is_none());
    }

    #[test]
    fn t06_an_approver_of_one_approval_does_not_decide_another() {
        let shown = approval(&["U1"]);
        let mut other = approval(&["U1"]);
        other.id = ApprovalId::new("f".repeat(32)).unwrap();
        let approver = shown.approver(&person("U1")).unwrap();
        assert_eq!(other.choose(&approver, Choice::Approve, other.asked_at), None);
    }

    #[test]
    fn t27_a_click_counts_until_just_before_the_question_lapses() {
        let approval = approval(&["U1"]);
        let approver = approval.approver(&person("U1")).unwrap();
        let outcome_at = |at: &str| {
            approval.choose(&approver, Choice::Approve, at.parse().unwrap()).map(|decision| decision.outcome)
        };
        assert_eq!(outcome_at("2026-11-21T15:59:59Z"), Some(Outcome::Approved));
        assert_eq!(outcome_at("2026-11-21T16:00:00Z"), Some(Outcome::Expired));
        assert_eq!(outcome_at("2026-11-21T16:00:01Z"), Some(Outcome::Expired));
    }

    #[test]
    fn a_rejection_keeps_its_reason_but_no_novel() {
        let approval = approval(&["U1"]);
        let approver = approval.approver(&person("U1")).unwrap();
        let reason = format!("  {}  ", "ä".repeat(2000));
        let decision = approval.choose(&approver, Choice::Reject { reason }, approval.asked_at).unwrap();
        assert_eq!(decision.reason.unwrap().chars().count(), LONGEST_REASON);
        assert_eq!(decision.by, Some(person("U1")));
    }

    #[test]
    fn the_word_of_an_outcome_is_the_one_that_is_stored_and_chosen_by() {
        for outcome in [Outcome::Approved, Outcome::Rejected, Outcome::Expired, Outcome::Superseded] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
            assert_eq!(outcome.to_string(), outcome.as_str());
        }
    }
}
