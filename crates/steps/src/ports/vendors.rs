//! Vendors that show how a release stands: GitHub beside its commit, Monday as a row of a board.

use async_trait::async_trait;
use gantry_domain::course::Course;
use gantry_domain::names::{ExecutionArn, ReleaseId};

use super::ChatError;

/// How a vendor can fail to be told. The same kinds as a chat's.
pub type VendorError = ChatError;

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VendorName {
    /// Statuses and deployments of a commit.
    GitHub,
    /// Items of a board.
    Monday,
}

impl VendorName {
    /// The word for it in rows and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::Monday => "monday",
        }
    }
}

impl std::fmt::Display for VendorName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One notice of a release, as the step it is in the release's course.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bulletin<'a> {
    /// The release.
    pub release: &'a ReleaseId,
    /// Its execution, for links.
    pub execution: Option<&'a ExecutionArn>,
    /// The notice's place in the release's log.
    pub seq: u32,
    /// How the release stood before the notice.
    pub before: &'a Course<'a>,
    /// How it stands with it.
    pub now: &'a Course<'a>,
    /// It was tried before, and may have had its effect: look before writing.
    pub again: bool,
    /// How often the vendor has given a definite no. A request that is repeated because its answer was lost keeps this.
    pub refusals: u32,
}

/// A vendor that is told.
#[async_trait]
pub trait Vendor: Send + Sync {
    /// Which one.
    fn name(&self) -> VendorName;

    /// Shows what a notice changed. Has the effect of once, however often it is called for the same bulletin.
    async fn tell(&self, bulletin: &Bulletin<'_>) -> Result<(), VendorError>;
}
