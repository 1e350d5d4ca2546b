//! What every step's error can say to the state machine.

use gantry_domain::ErrorName;

use crate::ports::PortError;

/// An error of a step: a message for people (with its chain of sources) and a name for the state machine.
pub trait StepError: std::error::Error + Send + Sync + 'static {
    /// The name Step Functions sees. Implementations match exhaustively.
    fn name(&self) -> ErrorName;

    /// The whole chain of causes in one line, for people.
    fn words(&self) -> String
    where
        Self: Sized,
    {
        let mut words = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            words.push_str(": ");
            words.push_str(&error.to_string());
            cause = error.source();
        }
        words
    }
}

impl StepError for PortError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Throttled { .. } => ErrorName::Throttled,
            Self::Unavailable { .. } => ErrorName::Unavailable,
            Self::Denied { .. } => ErrorName::AccessDenied,
            Self::Rejected { .. } | Self::Malformed { .. } => ErrorName::Inconsistent,
        }
    }
}
