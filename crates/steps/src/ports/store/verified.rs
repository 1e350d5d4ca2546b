//! What passed in each stage, and what ran there before Gantry came.

use async_trait::async_trait;
use gantry_domain::names::{ComponentName, ReleaseId, ServiceName, StageName};
use gantry_domain::verified::{BaselineEntry, VerifiedEntry};

use super::{NewNotice, Recorded};
use crate::ports::PortError;

/// The append-only history of what passed.
#[async_trait]
pub trait Verified: Send + Sync {
    /// Adds the rows of a stage that passed with the notice that tells of it, all or nothing, once for each release
    /// and stage. Holds for up to 90 services.
    async fn record(
        &self,
        release: &ReleaseId,
        entries: &[VerifiedEntry],
        notice: &NewNotice,
    ) -> Result<Recorded, PortError>;

    /// What passed of a component in a stage, newest first, at most `limit` rows, rolled back ones included.
    async fn history(
        &self,
        stage: &StageName,
        component: &ComponentName,
        limit: u32,
    ) -> Result<Vec<VerifiedEntry>, PortError>;

    /// The newest row of a service that has not been rolled back.
    async fn newest(
        &self,
        stage: &StageName,
        component: &ComponentName,
        service: &ServiceName,
    ) -> Result<Option<VerifiedEntry>, PortError>;

    /// Notes what a service ran when Gantry first looked. The first note stays.
    async fn put_baseline(&self, entry: &BaselineEntry) -> Result<Recorded, PortError>;

    /// What a service ran when Gantry first looked.
    async fn baseline(
        &self,
        stage: &StageName,
        service: &ServiceName,
    ) -> Result<Option<BaselineEntry>, PortError>;
}
