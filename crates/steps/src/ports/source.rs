//! The place the code comes from, as far as intake asks it.

use async_trait::async_trait;
use gantry_domain::changes::ChangedPaths;
use gantry_domain::names::{CommitSha, GitHubRepository};

use super::PortError;

/// What changed between two commits.
#[async_trait]
pub trait Compare: Send + Sync {
    /// The paths that differ between `base` and `head`. Unclear where that cannot be told for certain: a list that was
    /// cut, commits that do not descend from each other or are not known.
    async fn changed_paths(
        &self,
        repository: &GitHubRepository,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<ChangedPaths, PortError>;
}
