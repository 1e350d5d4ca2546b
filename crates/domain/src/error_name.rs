//! The closed set of errors a step may raise, named by what the state machine does about them.

use serde::{Deserialize, Serialize};

/// What Step Functions sees as the error of a Task.
///
/// `docs/errors.md` lists for each who raises it, whether it is retried, where it ends and what a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorName {
    /// The execution's input, or a step's, is not what the step accepts. Never retried.
    InvalidInput,
    /// Another execution has this release, or it ended already.
    ReleaseAlreadyClaimed,
    /// Images or checks of the commit are missing.
    NotReady,
    /// The release carries an image that was rolled back or refused after it was claimed.
    Withdrawn,
    /// The registry has no such image, or it cannot be used.
    ImageNotFound,
    /// The stage's services are not such that Gantry can deploy them; nothing was changed.
    UnsupportedService,
    /// The lock does not name this execution: nothing may be written.
    LockLost,
    /// The configuration in the function is unreadable, or a setting is missing.
    Misconfigured,
    /// AWS refused the call for lack of permission.
    AccessDenied,
    /// AWS or a vendor asks to slow down. Retried.
    Throttled,
    /// A network or service failure that may pass. Retried.
    Unavailable,
    /// The recorded facts contradict each other: a defect. Never retried.
    Inconsistent,
    /// The stage cannot be put back by itself: what ran before would not run any more.
    Irreversible,
}

impl ErrorName {
    /// All names, for tables and tests.
    pub const ALL: [Self; 13] = [
        Self::InvalidInput,
        Self::ReleaseAlreadyClaimed,
        Self::NotReady,
        Self::Withdrawn,
        Self::ImageNotFound,
        Self::UnsupportedService,
        Self::LockLost,
        Self::Misconfigured,
        Self::AccessDenied,
        Self::Throttled,
        Self::Unavailable,
        Self::Inconsistent,
        Self::Irreversible,
    ];

    /// The text in `ErrorEquals`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidInput => "InvalidInput",
            Self::ReleaseAlreadyClaimed => "ReleaseAlreadyClaimed",
            Self::NotReady => "NotReady",
            Self::Withdrawn => "Withdrawn",
            Self::ImageNotFound => "ImageNotFound",
            Self::UnsupportedService => "UnsupportedService",
            Self::LockLost => "LockLost",
            Self::Misconfigured => "Misconfigured",
            Self::AccessDenied => "AccessDenied",
            Self::Throttled => "Throttled",
            Self::Unavailable => "Unavailable",
            Self::Inconsistent => "Inconsistent",
            Self::Irreversible => "Irreversible",
        }
    }

    /// May the same call succeed a little later?
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable)
    }
}

impl std::fmt::Display for ErrorName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
