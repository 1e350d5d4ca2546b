//! Desks: one for each vendor. Whoever sits at it is the only one who writes to the vendor, and notes how far it was told.

use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::names::ReleaseId;
use jiff::Timestamp;

use crate::ports::{PortError, VendorName};

/// How far a vendor has been told of one release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// The last notice that is settled; 0: none.
    pub up_to: u32,
    /// How often the next one was tried.
    pub attempts: u32,
    /// How often the vendor has said no to the next one.
    pub refusals: u32,
    /// The next one is not to be tried before this, in world time.
    pub next_attempt_at: Option<Timestamp>,
}

/// What became of sitting down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// The desk is ours.
    Taken,
    /// The desk is ours. The vendor has asked to be left alone until then, in world time; that may be over.
    Resting(Timestamp),
    /// Another sender is at work. It looks for new notices once more after it got up.
    Occupied,
}

/// A release with notices that may be untold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    /// The release.
    pub release: ReleaseId,
    /// Its newest notice.
    pub newest: u32,
}

/// The desks. Only what delivers sits there.
#[async_trait]
pub trait Desks: Send + Sync {
    /// Sits down, for no longer than `at_most` of real time: whoever died at the desk no longer has it then.
    async fn sit_down(&self, vendor: VendorName, who: &str, at_most: Duration) -> Result<Seat, PortError>;

    /// Gets up. With a time: nobody is to write to the vendor before it, in world time.
    async fn get_up(
        &self,
        vendor: VendorName,
        who: &str,
        rest_until: Option<Timestamp>,
    ) -> Result<(), PortError>;

    /// Releases with notices that may be untold, to whomever.
    async fn untold(&self) -> Result<Vec<Untold>, PortError>;

    /// How far a vendor has been told of a release.
    async fn told(&self, release: &ReleaseId, vendor: VendorName) -> Result<Told, PortError>;

    /// Notes how far a vendor has been told, where it still stands as it was read. `false`: it does not.
    async fn note(
        &self,
        release: &ReleaseId,
        vendor: VendorName,
        was: &Told,
        now: &Told,
    ) -> Result<bool, PortError>;
}
