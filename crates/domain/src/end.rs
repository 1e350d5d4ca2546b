//! The five ways a release ends.

use serde::{Deserialize, Serialize};

/// How a release ended. Every release ends in exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum End {
    /// Every stage runs the release, verified.
    Succeeded,
    /// Rejected, expired or superseded: nothing was wrong and nothing was promoted.
    Declined,
    /// Something failed and what had run before runs again, verified.
    RolledBack,
    /// Something failed before anything was changed in the stage.
    FailedClean,
    /// Something failed and the stage needs a person: its lock is kept, with the reason.
    FailedDirty,
}

impl End {
    /// All ends, for tables and tests.
    pub const ALL: [Self; 5] =
        [Self::Succeeded, Self::Declined, Self::RolledBack, Self::FailedClean, Self::FailedDirty];

    /// The word the state machine and the tables use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Declined => "Declined",
            Self::RolledBack => "RolledBack",
            Self::FailedClean => "FailedClean",
            Self::FailedDirty => "FailedDirty",
        }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
