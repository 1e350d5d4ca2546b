//! The log as an outbox: what people have yet to be told.

use async_trait::async_trait;
use gantry_domain::names::ReleaseId;
use gantry_domain::notice::Notice;
use jiff::Timestamp;

use crate::ports::{MessageAt, PortError};

/// One entry of a release's log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogEntry {
    /// Its place in the log, from 1, without gaps.
    pub seq: u32,
    /// Unique within the release.
    pub key: String,
    /// When it happened, in world time.
    pub at: Timestamp,
    /// What happened.
    pub notice: Notice,
    /// Have people been told?
    pub delivery: Delivery,
}

/// How far a notice has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Not told yet.
    Pending {
        /// How often it was tried.
        attempts: u32,
        /// Not to be tried again before this, in world time.
        next_attempt_at: Option<Timestamp>,
    },
    /// Told.
    Delivered {
        /// The message that tells it, where it has one.
        message: Option<MessageAt>,
    },
    /// Given up, with the reason.
    Dropped {
        /// Why.
        reason: String,
    },
}

impl Delivery {
    /// Is there nothing left to do?
    pub fn is_settled(&self) -> bool {
        !matches!(self, Self::Pending { .. })
    }
}

/// The state of delivery. Only what delivers writes here.
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Everything that was recorded for a release, oldest first: what was told holds the places of earlier messages.
    async fn entries(&self, release: &ReleaseId) -> Result<Vec<LogEntry>, PortError>;

    /// Takes a pending notice for one sender until then, counting one more attempt. `false`: it is settled, or was tried
    /// more than `attempts` times by now, so another sender has it. Stream and sweeper may run side by side.
    async fn claim(
        &self,
        release: &ReleaseId,
        seq: u32,
        attempts: u32,
        until: Timestamp,
    ) -> Result<bool, PortError>;

    /// Notes how far a notice has come. Settled entries stay as they are: `false`, another sender was faster.
    async fn mark(&self, release: &ReleaseId, seq: u32, delivery: &Delivery) -> Result<bool, PortError>;

    /// Takes a release off the list of undelivered ones, unless its log has grown beyond `last_seq`.
    async fn settled(&self, release: &ReleaseId, last_seq: u32) -> Result<(), PortError>;

    /// Releases with notices that may be undelivered.
    async fn undelivered(&self) -> Result<Vec<ReleaseId>, PortError>;
}

/// Tells everybody what they have not been told of releases. The sweeper calls what the stream calls.
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Delivers what is due, in order for each release and vendor. A vendor that is down is not an error: it is noted for
    /// later, and holds up no other.
    async fn deliver(&self, releases: &[ReleaseId]) -> Result<(), PortError>;
}
