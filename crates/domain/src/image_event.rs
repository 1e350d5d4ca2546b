//! Which ECR events are about an image to deploy.
//!
//! One push of an index sends several events: for its children, its attestations, itself, and again without a tag
//! (FACTS "ECR"). Only a tagged, successful push of an image or index to a component's repository counts. The event is
//! not proof that the image exists; the registry is asked before a release uses it.

use serde::{Deserialize, Serialize};

use crate::names::{AccountId, CommitPrefix, ComponentName, Digest, Region, RepositoryName, Tag};
use crate::pipeline::Pipeline;

/// The detail of an `ECR Image Action` event. Fields that AWS adds are let pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EcrImageAction {
    /// `SUCCESS` or `FAILURE`.
    pub result: String,
    /// The repository, without registry.
    pub repository_name: String,
    /// The digest of the manifest the event is about.
    #[serde(default)]
    pub image_digest: String,
    /// `PUSH`, `DELETE` and others.
    pub action_type: String,
    /// Empty or absent for a manifest that was pushed without a tag.
    #[serde(default)]
    pub image_tag: String,
    /// Absent from AWS's documented sample, present in what it sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_media_type: Option<String>,
    /// Absent for an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_media_type: Option<String>,
}

/// An image to deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployableImage {
    /// Its component.
    pub component: ComponentName,
    /// Its repository.
    pub repository: RepositoryName,
    /// Its digest.
    pub digest: Digest,
    /// Its tag.
    pub tag: Tag,
    /// The commit the tag tells.
    pub commit: CommitPrefix,
}

/// What an event means for the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageEvent {
    /// An image to deploy arrived.
    Deployable(DeployableImage),
    /// Nothing to do.
    Ignored(&'static str),
}

/// Media types of a manifest or index that ECS can run.
const IMAGE_MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// Media types of a manifest's configuration that mean "an image", as opposed to a signature or a cache.
const IMAGE_CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// The commit in a tag of the form `sha-<7 to 40 digits>`.
pub fn commit_of_tag(tag: &str) -> Option<CommitPrefix> {
    tag.strip_prefix("sha-").and_then(|digits| CommitPrefix::new(digits).ok())
}

/// Decides what an event means. `account` and `region` are the event's own.
pub fn classify(
    pipeline: &Pipeline,
    account: &AccountId,
    region: &Region,
    event: &EcrImageAction,
) -> ImageEvent {
    let ours = |stage: &crate::pipeline::Stage| stage.account == *account && stage.region == *region;
    if !pipeline.stages.first().is_some_and(ours) {
        return ImageEvent::Ignored("it comes from an account or region that is not the first stage's");
    }
    if event.action_type != "PUSH" || event.result != "SUCCESS" {
        return ImageEvent::Ignored("it is not a successful push");
    }
    if event.image_tag.is_empty() {
        return ImageEvent::Ignored("it has no tag: a part of an index, or an attestation");
    }
    let manifest = event.manifest_media_type.as_deref();
    if manifest.is_some_and(|media_type| !IMAGE_MANIFESTS.contains(&media_type)) {
        return ImageEvent::Ignored("it is neither an image nor an index");
    }
    let config = event.artifact_media_type.as_deref().filter(|media_type| !media_type.is_empty());
    if config.is_some_and(|media_type| !IMAGE_CONFIGS.contains(&media_type)) {
        return ImageEvent::Ignored("it is an artifact, not an image");
    }
    let Ok(repository) = RepositoryName::new(event.repository_name.as_str()) else {
        return ImageEvent::Ignored("its repository's name is malformed");
    };
    let Some(component) = pipeline.component_of_repository(&repository) else {
        return ImageEvent::Ignored("its repository belongs to no component");
    };
    let (Ok(tag), Ok(digest)) =
        (Tag::new(event.image_tag.as_str()), Digest::new(event.image_digest.as_str()))
    else {
        return ImageEvent::Ignored("its tag or digest is malformed");
    };
    let Some(commit) = commit_of_tag(tag.as_str()) else {
        return ImageEvent::Ignored("its tag names no commit");
    };
    ImageEvent::Deployable(DeployableImage {
        component: component.name.clone(),
        repository,
        digest,
        tag,
        commit,
    })
}

#[cfg(test)]
mod tests;
