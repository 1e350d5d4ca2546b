//! What a look at an installation finds, and how that is told: a line for each, with what to do.

use std::fmt;

use gantry_steps::ports::PortError;

/// One thing that was looked at.
#[derive(Debug)]
pub(crate) enum Finding {
    /// It is as it should be.
    Good(String),
    /// Releases go on, and a person should know.
    Notable { what: String, next: String },
    /// Releases do not work, or not all of them.
    Wrong { what: String, next: String },
    /// It could not be looked at. Never taken for good.
    Unknown { what: String, why: PortError },
}

/// All of them, in the order they were looked at.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn good(&mut self, what: impl Into<String>) {
        self.0.push(Finding::Good(what.into()));
    }

    pub(crate) fn notable(&mut self, what: impl Into<String>, next: impl Into<String>) {
        self.0.push(Finding::Notable { what: what.into(), next: next.into() });
    }

    pub(crate) fn wrong(&mut self, what: impl Into<String>, next: impl Into<String>) {
        self.0.push(Finding::Wrong { what: what.into(), next: next.into() });
    }

    /// Gives what was asked for, or notes that it is not known.
    pub(crate) fn known<T>(&mut self, what: &str, answer: Result<T, PortError>) -> Option<T> {
        match answer {
            Ok(known) => Some(known),
            Err(why) => {
                self.0.push(Finding::Unknown { what: what.to_owned(), why });
                None
            }
        }
    }

    /// How many things are wrong or not known.
    pub(crate) fn bad(&self) -> usize {
        let bad = |finding: &&Finding| matches!(finding, Finding::Wrong { .. } | Finding::Unknown { .. });
        self.0.iter().filter(bad).count()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            match finding {
                Finding::Good(what) => writeln!(f, "good     {what}")?,
                Finding::Notable { what, next } => writeln!(f, "notable  {what}\n         {next}")?,
                Finding::Wrong { what, next } => writeln!(f, "WRONG    {what}\n         {next}")?,
                Finding::Unknown { what, why } => writeln!(f, "UNKNOWN  {what}: {}", chain(why))?,
            }
        }
        Ok(())
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_looked_at_is_never_good() {
        let mut findings = Findings::default();
        findings.good("the release machine is there");
        findings.notable("production holds", "gantry resume production");
        assert_eq!(findings.bad(), 0);
        let denied = || PortError::Denied { call: "sqs:GetQueueUrl q".to_owned(), source: "no".into() };
        assert_eq!(findings.known::<u64>("dead letters", Err(denied())), None);
        assert_eq!(findings.known("dead letters", Ok(1)), Some(1));
        findings.wrong("secret s has no value", "put it");
        assert_eq!(findings.bad(), 2);
        let told = findings.to_string();
        assert!(told.contains("UNKNOWN  dead letters: ") && told.contains(": no\n"), "{told}");
        assert!(told.contains("WRONG    secret s has no value\n         put it\n"), "{told}");
    }
}
