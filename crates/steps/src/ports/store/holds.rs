//! Holds of stages, and the one write that puts a stage on hold.

use async_trait::async_trait;
use gantry_domain::hold::Hold;
use gantry_domain::names::{ReleaseId, SlackId, StageName};
use gantry_domain::verified::VerifiedEntry;

use super::{NewNotice, Recorded};
use crate::ports::PortError;

/// Who ended a hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resumer {
    /// A person in the chat.
    Person(SlackId),
    /// A person with access to the account, by the name that AWS knows them by.
    Operator(String),
    /// A release of a newer commit.
    Release(ReleaseId),
}

/// All that is written once a stage has been put back.
#[derive(Debug, Clone, Copy)]
pub struct PutBack<'a> {
    /// The release that was rolled back, or that rolled back: its log tells of it.
    pub release: &'a ReleaseId,
    /// Rows of the history that are never chosen again.
    pub undone: &'a [VerifiedEntry],
    /// Rows of what failed before it had any: marked from the beginning.
    pub failed: &'a [VerifiedEntry],
    /// The stage holds from now on.
    pub hold: &'a Hold,
    /// What people are told.
    pub notice: &'a NewNotice,
}

/// The holds.
#[async_trait]
pub trait Holds: Send + Sync {
    /// The stage's hold. `None`: it lets releases in.
    async fn hold(&self, stage: &StageName) -> Result<Option<Hold>, PortError>;

    /// Marks rows, adds rows, puts the stage on hold and tells people; once for each release and stage.
    async fn put_back(&self, put_back: &PutBack<'_>) -> Result<Recorded, PortError>;

    /// Ends exactly this hold, with the notice in the log of its release. `Before`: it is over, or another one holds.
    async fn resume(&self, hold: &Hold, by: &Resumer, notice: &NewNotice) -> Result<Recorded, PortError>;
}
