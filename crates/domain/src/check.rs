//! HTTP checks: what makes an answer good, and when enough good answers came in a row.
//!
//! An answer is untrusted: little of it is repeated, and quoted.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::CommitSha;
use crate::pipeline::HttpCheck;

/// An answer of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// Its status.
    pub status: u16,
    /// Its body.
    pub body: &'a [u8],
    /// Was the body longer than we read?
    pub cut: bool,
    /// From asking to the last byte, in real time.
    pub latency: Duration,
}

/// Which commit the version must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version<'a> {
    /// The release's build commit of the component.
    Known(&'a CommitSha),
    /// The component is carried from before Gantry and nobody knows its commit: any commit will do.
    Unknown,
}

/// Why an answer is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The status is another.
    #[error("it answered status {0}, not {1}")]
    Status(u16, u16),
    /// It took too long.
    #[error("it took {} ms, more than {} ms", .0.as_millis(), .1.as_millis())]
    Slow(Duration, Duration),
    /// Something in the body is looked at, and it is too long to read.
    #[error("its answer is too long to read")]
    TooLong,
    /// Something in the body is looked at, and it is not JSON.
    #[error("its answer is not JSON")]
    NotJson,
    /// A value is another, or missing.
    #[error("at {pointer} it says {found}, not {wanted}")]
    Value {
        /// Where.
        pointer: String,
        /// What stands there.
        found: String,
        /// What should.
        wanted: String,
    },
    /// There was no answer.
    #[error("{0}")]
    NoAnswer(String),
}

/// Looks at one answer.
pub fn look(check: &HttpCheck, version: Option<Version<'_>>, answer: Answer<'_>) -> Result<(), Flaw> {
    if answer.status != check.status {
        return Err(Flaw::Status(answer.status, check.status));
    }
    if answer.latency > check.latency_budget {
        return Err(Flaw::Slow(answer.latency, check.latency_budget));
    }
    if check.json.is_empty() && check.version.is_none() {
        return Ok(());
    }
    if answer.cut {
        return Err(Flaw::TooLong);
    }
    let body: Value = serde_json::from_slice(answer.body).map_err(|_| Flaw::NotJson)?;
    for expected in &check.json {
        let found = body.pointer(&expected.pointer);
        if found != Some(&expected.equals) {
            return Err(Flaw::Value {
                pointer: expected.pointer.clone(),
                found: quoted(found),
                wanted: quoted(Some(&expected.equals)),
            });
        }
    }
    match (&check.version, version) {
        (Some(expected), Some(version)) => {
            look_at_version(&expected.pointer, body.pointer(&expected.pointer), version)
        }
        (Some(expected), None) => Err(Flaw::Value {
            pointer: expected.pointer.clone(),
            found: quoted(body.pointer(&expected.pointer)),
            wanted: format!("the release's version of {}, which it does not hold", expected.component),
        }),
        (None, _) => Ok(()),
    }
}

/// The shortest abbreviation of a commit that proves anything.
const SHORTEST: usize = 7;

fn look_at_version(pointer: &str, found: Option<&Value>, version: Version<'_>) -> Result<(), Flaw> {
    let told = found.and_then(Value::as_str).map(str::to_ascii_lowercase).unwrap_or_default();
    let is_commit = (SHORTEST..=40).contains(&told.len()) && told.bytes().all(|b| b.is_ascii_hexdigit());
    let wanted = match version {
        Version::Known(commit) if is_commit && commit.as_str().starts_with(&told) => return Ok(()),
        Version::Unknown if is_commit => return Ok(()),
        Version::Known(commit) => commit.to_string(),
        Version::Unknown => "a commit".to_owned(),
    };
    Err(Flaw::Value { pointer: pointer.to_owned(), found: quoted(found), wanted })
}

/// At most this much of a value is repeated.
const QUOTED: usize = 80;

fn quoted(value: Option<&Value>) -> String {
    let Some(value) = value else {
        return "nothing".to_owned();
    };
    let text = value.to_string();
    if text.chars().count() > QUOTED { text.chars().take(QUOTED).chain(['…']).collect() } else { text }
}

/// How far a step's checks are. Carried in the state from one call to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CheckProgress {
    /// Which check of the step is looked at.
    pub check: usize,
    /// How many answers it has given.
    pub looked: u32,
    /// How many of the last ones were good.
    pub good: u32,
    /// What was wrong with the last one that was not.
    pub trouble: Option<String>,
    /// The next look is not before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// What one more answer made of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Look again after the check's interval.
    Again,
    /// The check passed; the progress is at the next one.
    Passed,
    /// The check failed, for this reason.
    Failed(String),
}

impl CheckProgress {
    /// Notes what one answer was like.
    pub fn note(&mut self, name: &str, check: &HttpCheck, answer: Result<(), Flaw>) -> Look {
        self.looked = self.looked.saturating_add(1);
        self.not_before = None;
        match answer {
            Ok(()) => self.good = self.good.saturating_add(1),
            Err(flaw) => {
                self.good = 0;
                self.trouble = Some(flaw.to_string());
            }
        }
        let wanted = check.samples.max(1);
        if self.good >= wanted {
            *self = Self { check: self.check + 1, ..Self::default() };
            return Look::Passed;
        }
        // The attempts that are left must still be enough for a full row.
        if self.looked.saturating_add(wanted - self.good) > check.attempts.max(wanted) {
            let trouble = self.trouble.as_deref().unwrap_or("it was never good often enough in a row");
            return Look::Failed(format!("check {name} failed after {} answers: {trouble}", self.looked));
        }
        Look::Again
    }
}

#[cfg(test)]
mod tests;
