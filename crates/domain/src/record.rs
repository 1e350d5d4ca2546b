//! How what a state machine knows about its end becomes words for people: what happened, and what to do next.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::Outcome;
use crate::end::End;
use crate::error_name::ErrorName;
use crate::names::StageName;

mod on_record;

pub use on_record::end_on_record;

/// What the rollout machine returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutOutcome {
    /// `succeeded` or `failed`.
    pub outcome: String,
    /// Was the stage written to?
    pub wrote: bool,
    /// The step that failed, by its index.
    pub failed_step: Option<u32>,
    /// Why, in sentences or as a cause.
    pub reason: Option<String>,
    /// The error, if it was one and not a bad verdict.
    pub error: Option<String>,
}

/// Everything the release machine knows when it ends.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The end it asks for.
    pub end: End,
    /// The stage it was in.
    pub stage: Option<&'a StageName>,
    /// The error of a state, as Step Functions names it.
    pub error: Option<&'a str>,
    /// Its cause: the JSON of a function's error, or plain text.
    pub cause: Option<&'a str>,
    /// What the stage's rollout returned.
    pub outcome: Option<&'a RolloutOutcome>,
    /// What was decided about the stage, with the reason given.
    pub decision: Option<(Outcome, Option<&'a str>)>,
    /// What became of putting the stage back, where that did not work.
    pub rollback: Option<&'a RollbackTrouble>,
}

/// Why a stage was not put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackTrouble {
    /// The error of a state.
    pub error: Option<String>,
    /// Its cause.
    pub cause: Option<String>,
    /// What the rollback's rollout returned.
    pub outcome: Option<RolloutOutcome>,
}

impl RollbackTrouble {
    /// In a sentence. `None`: nothing was tried.
    fn in_words(&self) -> Option<String> {
        if self.error.is_none() && self.outcome.is_none() {
            return None;
        }
        let facts = Facts {
            end: End::FailedDirty,
            stage: None,
            error: self.error.as_deref(),
            cause: self.cause.as_deref(),
            outcome: self.outcome.as_ref(),
            decision: None,
            rollback: None,
        };
        let why = why(&facts);
        Some(match self.error.as_deref() {
            Some(error) if error == ErrorName::Irreversible.as_str() => {
                format!("It was not rolled back by itself: {why}")
            }
            Some(_) | None => format!("Rolling back did not work either: {why}"),
        })
    }
}

/// An end in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndInWords {
    /// The end.
    pub end: End,
    /// Why, in sentences.
    pub reason: String,
    /// What a person should do next, if anything.
    pub next: Option<String>,
}

/// Texts from outside are cut to this many characters.
const LONGEST: usize = 1200;

/// Puts an end into words. A stage that was written to is never called clean.
pub fn in_words(facts: &Facts<'_>) -> EndInWords {
    let wrote = facts.outcome.is_some_and(|outcome| outcome.outcome != "succeeded" && outcome.wrote);
    let end = if facts.end == End::FailedClean && wrote { End::FailedDirty } else { facts.end };
    let stage = facts.stage.map_or("the stage", StageName::as_str);
    match end {
        End::Succeeded => EndInWords { end, reason: "Every stage runs the release.".to_owned(), next: None },
        End::Declined => declined(facts, stage),
        End::RolledBack if !failed(facts) => {
            EndInWords { end, reason: "A person asked for it.".to_owned(), next: None }
        }
        End::RolledBack => EndInWords { end, reason: why(facts), next: None },
        End::FailedClean => EndInWords { end, reason: why(facts), next: advice(facts) },
        End::FailedDirty => EndInWords {
            end,
            reason: dirty(facts),
            next: Some(format!(
                "Look at {stage}: it was being changed. Its lock is kept until a person has made sure of it."
            )),
        },
    }
}

fn declined(facts: &Facts<'_>, stage: &str) -> EndInWords {
    let said = |text: Option<&str>| text.map(|text| format!(": {}", cut(text))).unwrap_or_default();
    let (reason, next) = match facts.decision {
        Some((Outcome::Rejected, reason)) => (format!("{stage} was refused{}", said(reason)), None),
        Some((Outcome::Expired, None)) => (
            format!("Nobody decided about {stage} in time."),
            Some("Start the commit again to be asked again.".to_owned()),
        ),
        Some((Outcome::Expired, reason)) => {
            (format!("The question about {stage} lapsed{}", said(reason)), None)
        }
        Some((Outcome::Superseded, reason)) => {
            (format!("A newer release takes its place{}", said(reason)), None)
        }
        Some((Outcome::Approved, _)) | None => (format!("{stage} was not opened."), None),
    };
    EndInWords { end: End::Declined, reason, next }
}

/// Did the release itself fail, before anything was put back?
fn failed(facts: &Facts<'_>) -> bool {
    facts.error.is_some() || facts.outcome.is_some()
}

/// What failed, and why that was not put back.
fn dirty(facts: &Facts<'_>) -> String {
    let trouble = facts.rollback.filter(|_| failed(facts)).and_then(RollbackTrouble::in_words);
    [Some(why(facts)), trouble].into_iter().flatten().collect::<Vec<_>>().join("\n")
}

/// What went wrong, best source first: a rollout's own words, then the error of a state.
pub fn why(facts: &Facts<'_>) -> String {
    let failed = facts.outcome.filter(|outcome| outcome.outcome != "succeeded" && facts.error.is_none());
    if let Some(outcome) = failed {
        return match (&outcome.reason, &outcome.error) {
            (Some(reason), _) => words_of(reason),
            (None, Some(error)) => words_of_error(error).to_owned(),
            (None, None) => "The rollout failed without a reason.".to_owned(),
        };
    }
    match (facts.error, facts.cause) {
        (Some("States.Timeout"), _) => "A step took longer than it may.".to_owned(),
        (_, Some(cause)) if !cause.trim().is_empty() => words_of(cause),
        (Some(error), _) => words_of_error(error).to_owned(),
        (None, _) => facts
            .rollback
            .and_then(RollbackTrouble::in_words)
            .unwrap_or_else(|| "It failed without a reason.".to_owned()),
    }
}

/// The message in a cause: a function's error is JSON, a nested execution's is JSON about it.
fn words_of(cause: &str) -> String {
    match serde_json::from_str::<Value>(cause) {
        Ok(Value::Object(fields)) => ["errorMessage", "cause", "Cause", "error", "Error", "errorType"]
            .iter()
            .find_map(|field| fields.get(*field).and_then(Value::as_str).filter(|text| !text.is_empty()))
            .map_or_else(|| cut(cause), |text| if text == cause { cut(text) } else { words_of(text) }),
        _ => cut(cause),
    }
}

fn words_of_error(error: &str) -> &str {
    match error {
        "States.Timeout" => "A step took longer than it may.",
        "States.DataLimitExceeded" => "A state's output was larger than Step Functions allows.",
        other => other,
    }
}

/// What a person does about an error, when nothing was changed.
fn advice(facts: &Facts<'_>) -> Option<String> {
    let error = facts.error.or_else(|| facts.outcome.and_then(|outcome| outcome.error.as_deref()))?;
    let name = ErrorName::ALL.into_iter().find(|name| name.as_str() == error);
    let advice = match name {
        Some(ErrorName::InvalidInput) => "Start again with input that is accepted.",
        Some(ErrorName::ReleaseAlreadyClaimed) => return None,
        Some(ErrorName::NotReady) => "Wait for what is missing; the release then starts by itself.",
        Some(ErrorName::Withdrawn) => "Start the commit again: it then carries what is verified now.",
        Some(ErrorName::ImageNotFound) => "Build and push the image, then start again.",
        Some(ErrorName::UnsupportedService) => "Change the service or the configuration as the message says.",
        Some(ErrorName::LockLost) => "Look at who has the stage's lock, then start again.",
        Some(ErrorName::Misconfigured) => "Correct the configuration and deploy the stack again.",
        Some(ErrorName::AccessDenied) => "Compare the function's role with the template, then start again.",
        Some(ErrorName::Throttled | ErrorName::Unavailable) => "Start again; it may pass.",
        Some(ErrorName::Irreversible) => "Look at the stage; it is not rolled back by itself.",
        Some(ErrorName::Inconsistent) => {
            "This is a defect in Gantry: keep the execution's history and report it."
        }
        None => "Look at the execution's history, then start again.",
    };
    Some(advice.to_owned())
}

fn cut(text: &str) -> String {
    let text = text.trim();
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(LONGEST).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> = Facts {
        end: End::FailedClean,
        stage: None,
        error: None,
        cause: None,
        outcome: None,
        decision: None,
        rollback: None,
    };

    fn outcome(wrote: bool, reason: Option<&str>) -> RolloutOutcome {
        RolloutOutcome {
            outcome: "failed".to_owned(),
            wrote,
            failed_step: Some(2),
            reason: reason.map(str::to_owned),
            error: None,
        }
    }

    #[test]
    fn a_functions_message_is_taken_out_of_its_json() {
        let cause = r#"{"errorType": "InvalidInput", "errorMessage": "field `comit` is unknown"}"#;
        let words = in_words(&Facts { error: Some("InvalidInput"), cause: Some(cause), ..FACTS });
        assert_eq!(words.end, End::FailedClean);
        assert_eq!(words.reason, "field `comit` is unknown");
        assert_eq!(words.next.as_deref(), Some("Start again with input that is accepted."));
    }

    #[test]
    fn a_nested_executions_cause_is_opened_until_words_appear() {
        let inner = r#"{"errorType":"AccessDenied","errorMessage":"ecs:UpdateService web was denied"}"#;
        let outer =
            serde_json::json!({ "error": "AccessDenied", "cause": inner, "status": "FAILED" }).to_string();
        let words = in_words(&Facts { error: Some("States.TaskFailed"), cause: Some(&outer), ..FACTS });
        assert_eq!(words.reason, "ecs:UpdateService web was denied");
    }

    #[test]
    fn a_stage_that_was_written_to_is_never_called_clean() {
        let rollout = outcome(true, Some("web: 3 tasks failed"));
        let production = StageName::new("production").unwrap();
        let words = in_words(&Facts { outcome: Some(&rollout), stage: Some(&production), ..FACTS });
        assert_eq!(words.end, End::FailedDirty);
        assert_eq!(words.reason, "web: 3 tasks failed");
        assert!(words.next.unwrap().contains("production"));
    }

    #[test]
    fn a_failed_backup_before_anything_was_written_is_clean() {
        let rollout = outcome(false, Some("backup: exit code 1"));
        let words = in_words(&Facts { outcome: Some(&rollout), ..FACTS });
        assert_eq!((words.end, words.reason.as_str()), (End::FailedClean, "backup: exit code 1"));
    }

    #[test]
    fn every_way_to_decline_says_which_and_why() {
        let production = StageName::new("production").unwrap();
        let reason_of = |decision| {
            let facts =
                Facts { end: End::Declined, stage: Some(&production), decision: Some(decision), ..FACTS };
            in_words(&facts).reason
        };
        assert_eq!(
            reason_of((Outcome::Rejected, Some("prices are wrong"))),
            "production was refused: prices are wrong"
        );
        assert_eq!(reason_of((Outcome::Expired, None)), "Nobody decided about production in time.");
        assert_eq!(
            reason_of((Outcome::Superseded, Some("exchange-b-1 asks for production"))),
            "A newer release takes its place: exchange-b-1 asks for production"
        );
    }

    #[test]
    fn every_end_and_every_error_has_words_of_bounded_length() {
        let long = "x".repeat(50_000);
        for end in End::ALL {
            for error in
                ErrorName::ALL.map(ErrorName::as_str).into_iter().chain(["States.Timeout", "Lambda.Unknown"])
            {
                let words = in_words(&Facts { end, error: Some(error), cause: Some(&long), ..FACTS });
                assert!(!words.reason.is_empty() && words.reason.len() < 2000, "{end} {error}");
                let none = in_words(&Facts { end, error: Some(error), ..FACTS });
                assert!(!none.reason.is_empty(), "{end} {error}");
            }
        }
    }
}
