//! Plans, kept under their hash.

use async_trait::async_trait;
use gantry_domain::names::PlanHash;
use gantry_domain::plan::Plan;

use crate::ports::PortError;

/// Plans. Kept compressed; a plan that does not have the hash it is kept under is never returned.
#[async_trait]
pub trait Plans: Send + Sync {
    /// Keeps a plan under the hash of its terms. The first one of a hash stays: what a person was shown, and what was
    /// known before anything was written.
    async fn put(&self, plan: &Plan) -> Result<PlanHash, PortError>;

    /// The plan of that hash.
    async fn get(&self, hash: &PlanHash) -> Result<Option<Plan>, PortError>;
}
