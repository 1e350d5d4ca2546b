//! What is known of commits that may become releases.

use async_trait::async_trait;
use gantry_domain::candidate::{ImageFact, PushFact, WorkflowFact};
use gantry_domain::names::{BranchName, CommitPrefix, CommitSha, PipelineName};

use crate::ports::PortError;

/// Facts about commits. Writing one again, or in another order, ends in the same.
#[async_trait]
pub trait Candidates: Send + Sync {
    /// Keeps a push. The first one of a commit to a branch stays.
    async fn put_push(&self, pipeline: &PipelineName, push: &PushFact) -> Result<(), PortError>;

    /// Keeps an image. Of several with one commit and component the one pushed last stays.
    async fn put_image(&self, pipeline: &PipelineName, image: &ImageFact) -> Result<(), PortError>;

    /// Keeps the state of a workflow. Of several with one commit and path the newest run and attempt stays.
    async fn put_workflow(&self, pipeline: &PipelineName, workflow: &WorkflowFact) -> Result<(), PortError>;

    /// Pushes of commits that begin so: one entry for each commit and branch.
    async fn pushes(
        &self,
        pipeline: &PipelineName,
        commit: &CommitPrefix,
    ) -> Result<Vec<PushFact>, PortError>;

    /// The push of the branch that was heard of last.
    async fn newest_push(
        &self,
        pipeline: &PipelineName,
        branch: &BranchName,
    ) -> Result<Option<PushFact>, PortError>;

    /// Images whose tag names this commit, in full or short.
    async fn images(&self, pipeline: &PipelineName, commit: &CommitSha) -> Result<Vec<ImageFact>, PortError>;

    /// Images whose tag names a commit in just this way: one for each component.
    async fn images_tagged(
        &self,
        pipeline: &PipelineName,
        commit: &CommitPrefix,
    ) -> Result<Vec<ImageFact>, PortError>;

    /// Workflows that ran on this commit.
    async fn workflows(
        &self,
        pipeline: &PipelineName,
        commit: &CommitSha,
    ) -> Result<Vec<WorkflowFact>, PortError>;
}
