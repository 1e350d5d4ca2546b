//! Releases: who owns which commit, what it brings, how it ended, and its log.

use async_trait::async_trait;
use gantry_domain::End;
use gantry_domain::names::{CommitSha, ComponentName, ExecutionArn, PipelineName, ReleaseId, StageName};
use gantry_domain::notice::Notice;
use gantry_domain::release::Release;
use jiff::Timestamp;

use super::{Fenced, Holds, LogEntry};
use crate::ports::PortError;

/// A notice to be recorded with a change. Its key names it within the release: what has been told is not told again.
#[derive(Debug, Clone, PartialEq)]
pub struct NewNotice {
    /// Unique within the release.
    pub key: String,
    /// When it happened, in world time.
    pub at: Timestamp,
    /// What happened.
    pub notice: Notice,
}

impl NewNotice {
    /// A notice under the key that its content gives it.
    pub fn new(at: Timestamp, notice: Notice) -> Self {
        let key = match &notice {
            Notice::Started { .. } => "started".to_owned(),
            Notice::StageVerified { stage, .. } => format!("stage-verified:{stage}"),
            Notice::ApprovalRequested { approval, .. } => format!("approval-requested:{approval}"),
            Notice::ApprovalDecided { approval, .. } => format!("approval-decided:{approval}"),
            Notice::ApprovalVoided { approval, .. } => format!("approval-voided:{approval}"),
            Notice::WaitingForLock { stage, .. } => format!("waiting-for-lock:{stage}"),
            Notice::RolledBack { stage, .. } => format!("rolled-back:{stage}"),
            Notice::Held { stage, after, .. } => format!("held:{stage}:{after}"),
            Notice::Resumed { hold, .. } => format!("resumed:{hold}"),
            Notice::Ended { .. } => "ended".to_owned(),
        };
        Self { key, at, notice }
    }
}

/// Was it written now, or had it been written before?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// Written by this call.
    Now,
    /// An earlier call wrote it; nothing changed.
    Before,
}

/// Which execution and attempt has a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimMark {
    /// The execution.
    pub execution: ExecutionArn,
    /// Its release.
    pub release: ReleaseId,
    /// Which attempt of the commit that is.
    pub attempt: u32,
}

/// A release as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRelease {
    /// The manifest. Never changed.
    pub release: Release,
    /// The execution that has it: the manifest's, or the one that took it over when that one had died.
    pub execution: ExecutionArn,
    /// How it ended, and why, once it did.
    pub ended: Option<(End, String)>,
    /// The stage that a person refused to open for it.
    pub rejected: Option<StageName>,
}

impl StoredRelease {
    /// As it is kept when it has just been claimed.
    pub fn begun(release: &Release) -> Self {
        let execution = release.execution.clone();
        Self { release: release.clone(), execution, ended: None, rejected: None }
    }
}

/// A release whose end is not recorded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningRelease {
    /// The release.
    pub release: ReleaseId,
    /// The execution that owns it.
    pub execution: ExecutionArn,
}

/// All that is written when a release is claimed, in one transaction.
#[derive(Debug, Clone)]
pub struct NewClaim<'a> {
    /// The pipeline.
    pub pipeline: &'a PipelineName,
    /// The manifest; its commit is what is claimed.
    pub release: &'a Release,
    /// The mark that this claim follows, as it was read.
    pub replaces: Option<&'a ClaimMark>,
    /// When the source of each new component was pushed, where known: the claim does not go back behind these.
    pub pushed: &'a [(ComponentName, Timestamp)],
    /// What people are told.
    pub notice: &'a NewNotice,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The release is this execution's.
    Claimed,
    /// The mark is not as it was read: look again.
    Changed,
    /// A newer push of one of the components was claimed before.
    Older,
}

/// What became of recording an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndOutcome {
    /// Written by this call, with the final notice.
    Recorded,
    /// The release had ended before; nothing changed.
    Before(End, String),
}

/// Releases and their logs. Whoever sees these also sees which stages hold.
#[async_trait]
pub trait Releases: Holds {
    /// Who has the commit.
    async fn claimed(
        &self,
        pipeline: &PipelineName,
        commit: &CommitSha,
    ) -> Result<Option<ClaimMark>, PortError>;

    /// When the newest source of a component was pushed that a release brought.
    async fn newest_push(
        &self,
        pipeline: &PipelineName,
        component: &ComponentName,
    ) -> Result<Option<Timestamp>, PortError>;

    /// Claims a commit: mark, manifest, first notice and push times, all or nothing.
    async fn claim(&self, claim: &NewClaim<'_>) -> Result<ClaimOutcome, PortError>;

    /// Claims a rollback that a person asked for: manifest and first notice. Nothing else is claimed by it.
    async fn claim_rollback(&self, release: &Release, notice: &NewNotice) -> Result<Recorded, PortError>;

    /// Gives a release that has not ended from an execution that died to one that ends it. `Lost` unless `from` has it.
    async fn take_over(
        &self,
        release: &ReleaseId,
        from: &ExecutionArn,
        to: &ExecutionArn,
    ) -> Result<Fenced, PortError>;

    /// The release. `None`: never claimed, or refused before it had a manifest.
    async fn find(&self, release: &ReleaseId) -> Result<Option<StoredRelease>, PortError>;

    /// Everything that was recorded for a release, oldest first.
    async fn log(&self, release: &ReleaseId) -> Result<Vec<LogEntry>, PortError>;

    /// Adds a notice to the log of a release that has a manifest.
    async fn append(&self, release: &ReleaseId, notice: &NewNotice) -> Result<Recorded, PortError>;

    /// Ends a release, with its final notice, exactly once. A release without a manifest gets its log with this.
    async fn end(
        &self,
        release: &ReleaseId,
        end: End,
        reason: &str,
        notice: &NewNotice,
    ) -> Result<EndOutcome, PortError>;

    /// Releases that have been claimed and not ended.
    async fn running(&self) -> Result<Vec<RunningRelease>, PortError>;
}
