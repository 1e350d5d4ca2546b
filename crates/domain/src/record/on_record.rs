//! The end of a release that nobody recorded, read back from its log. What the log does not show is not guessed.

use super::{EndInWords, Facts, in_words};
use crate::approval::Outcome;
use crate::end::End;
use crate::names::StageName;
use crate::notice::Notice;

/// The end that a release has come to by what people were told of it, with the stage that it is about.
///
/// `writing`: the stage that it had begun to change and has not left. Of that, only a finished rollback is known to be
/// whole.
pub fn end_on_record<'a>(
    stages: &[&StageName],
    told: impl Iterator<Item = &'a Notice> + Clone,
    writing: Option<&StageName>,
) -> Option<(EndInWords, Option<StageName>)> {
    let put_back = told.clone().find_map(|notice| match notice {
        Notice::RolledBack { stage, reason, .. } if writing.is_none_or(|writing| writing == stage) => {
            Some((stage.clone(), reason.clone()))
        }
        _ => None,
    });
    if let Some((stage, reason)) = put_back {
        return Some((EndInWords { end: End::RolledBack, reason, next: None }, Some(stage)));
    }
    if writing.is_some() {
        return None;
    }
    let passed = |name: &&StageName| {
        told.clone().any(|notice| matches!(notice, Notice::StageVerified { stage, .. } if stage == *name))
    };
    let facts = Facts {
        end: End::Succeeded,
        stage: None,
        error: None,
        cause: None,
        outcome: None,
        decision: None,
        rollback: None,
    };
    if !stages.is_empty() && stages.iter().all(passed) {
        return Some((in_words(&facts), None));
    }
    told.clone().find_map(|notice| {
        let Notice::ApprovalDecided { approval, stage, decision } = notice else { return None };
        let turned_away = match decision.outcome {
            Outcome::Approved => false,
            Outcome::Rejected | Outcome::Superseded => true,
            // A question is also closed because nobody waits for its answer any more, before its time.
            Outcome::Expired => told.clone().any(|notice| {
                matches!(notice, Notice::ApprovalRequested { approval: asked, expires_at, .. }
                    if asked == approval && decision.at >= *expires_at)
            }),
        };
        let read = Some((decision.outcome, decision.reason.as_deref()));
        let facts = Facts { end: End::Declined, stage: Some(stage), decision: read, ..facts };
        turned_away.then(|| (in_words(&facts), Some(stage.clone())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::Decision;
    use crate::hold::HoldEnds;

    fn stage(name: &str) -> StageName {
        StageName::new(name).unwrap()
    }

    fn verified(name: &str) -> Notice {
        Notice::StageVerified { stage: stage(name), deployed: vec![], unchanged: vec![], passed: vec![] }
    }

    fn put_back(name: &str) -> Notice {
        Notice::RolledBack {
            stage: stage(name),
            hold: "0".repeat(32).parse().unwrap(),
            until: HoldEnds::Resumed,
            resumers: vec![],
            reason: "web never started".to_owned(),
            services: vec![],
        }
    }

    fn asked() -> Notice {
        Notice::ApprovalRequested {
            approval: "1".repeat(32).parse().unwrap(),
            stage: stage("production"),
            plan: "d".repeat(64).parse().unwrap(),
            changes: vec![],
            commits: vec![],
            passed: vec![],
            look_at: vec![],
            approvers: vec![],
            expires_at: "2026-11-21T16:00:00Z".parse().unwrap(),
        }
    }

    fn decided(outcome: Outcome, at: &str) -> Notice {
        Notice::ApprovalDecided {
            approval: "1".repeat(32).parse().unwrap(),
            stage: stage("production"),
            decision: Decision { outcome, by: None, at: at.parse().unwrap(), reason: None },
        }
    }

    fn end(told: &[Notice], writing: Option<&str>) -> Option<End> {
        let stages = [stage("preproduction"), stage("production")];
        let writing = writing.map(stage);
        let stages: Vec<&StageName> = stages.iter().collect();
        end_on_record(&stages, told.iter(), writing.as_ref()).map(|(words, _)| words.end)
    }

    #[test]
    fn a_release_that_passed_every_stage_has_succeeded_unless_one_is_being_changed_again() {
        let all = [verified("preproduction"), verified("production")];
        assert_eq!(end(&all, None), Some(End::Succeeded));
        assert_eq!(end(&all[..1], None), None);
        assert_eq!(end(&all, Some("production")), None, "a rollback may have begun");
        assert_eq!(end(&[], None), None);
    }

    #[test]
    fn a_stage_that_was_put_back_is_whole_and_another_one_is_not() {
        let told = [verified("preproduction"), verified("production"), put_back("production")];
        assert_eq!(end(&told, None), Some(End::RolledBack));
        assert_eq!(end(&told, Some("production")), Some(End::RolledBack));
        assert_eq!(end(&told, Some("preproduction")), None);
    }

    #[test]
    fn a_release_that_was_turned_away_is_declined_but_not_one_whose_question_was_closed_early() {
        let (early, late) = ("2026-11-21T12:00:00Z", "2026-11-21T16:00:00Z");
        for outcome in [Outcome::Rejected, Outcome::Superseded] {
            assert_eq!(end(&[asked(), decided(outcome, early)], None), Some(End::Declined), "{outcome}");
        }
        assert_eq!(end(&[asked(), decided(Outcome::Expired, late)], None), Some(End::Declined));
        assert_eq!(end(&[asked(), decided(Outcome::Expired, early)], None), None);
        assert_eq!(end(&[asked(), decided(Outcome::Approved, early)], None), None);
    }
}
