//! A stage's image registry, as steps see it: read only. A tag is read at intake and never again.

use async_trait::async_trait;
use gantry_domain::names::{Digest, RepositoryName, Tag};
use jiff::Timestamp;

use super::{PortError, StageScope};

/// A tag and what it points at now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedImage {
    /// The tag.
    pub tag: Tag,
    /// What it points at.
    pub digest: Digest,
}

/// A tagged image as a registry lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedImage {
    /// Its digest.
    pub digest: Digest,
    /// All its tags.
    pub tags: Vec<Tag>,
    /// When its manifest was pushed. A tag that came later does not change it.
    pub pushed_at: Timestamp,
    /// The media type of its manifest, where the registry tells.
    pub manifest_media_type: Option<String>,
    /// The media type of what it holds, where the registry tells; an index has none.
    pub artifact_media_type: Option<String>,
}

/// An image: an index or a single manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryImage {
    /// Its digest.
    pub digest: Digest,
    /// All its tags.
    pub tags: Vec<Tag>,
    /// When it was pushed.
    pub pushed_at: Option<Timestamp>,
    /// What its manifest says it is.
    pub kind: ImageKind,
}

/// What a manifest says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageKind {
    /// Something a task can run: a manifest with an image configuration, or an index with children that are no
    /// attestations.
    Runnable {
        /// `os/architecture` of the children, for an index; empty for a single manifest, which does not tell.
        platforms: Vec<String>,
    },
    /// Something else: a signature, an attestation, a cache, with its media type.
    Other(String),
}

/// A registry in a stage's account and region. The scope's role must be the observing one; its cluster is not used.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Every tag of a repository. `None`: there is no such repository.
    async fn tags(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
    ) -> Result<Option<Vec<TaggedImage>>, PortError>;

    /// Every tagged image of a repository that can be pulled, in no order. `None`: there is no such repository.
    async fn tagged(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
    ) -> Result<Option<Vec<PushedImage>>, PortError>;

    /// What a tag points at. `None`: no such tag or repository.
    async fn resolve(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<Digest>, PortError>;

    /// The image of that digest. `None`: no such image or repository, or it is archived.
    async fn image(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<RegistryImage>, PortError>;
}
