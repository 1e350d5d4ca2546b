//! A stage's registry.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ecr::error::SdkError;
use aws_sdk_ecr::operation::batch_get_image::BatchGetImageError;
use aws_sdk_ecr::operation::describe_images::DescribeImagesError;
use aws_sdk_ecr::operation::list_images::ListImagesError;
use aws_sdk_ecr::types::{
    DescribeImagesFilter, ImageDetail, ImageFailureCode, ImageIdentifier, ImageStatus, ListImagesFilter,
    TagStatus,
};
use gantry_domain::names::{Digest, RepositoryName, Tag};
use gantry_steps::ports::{
    ImageKind, PortError, PushedImage, Registry, RegistryImage, StageScope, TaggedImage,
};
use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Unreadable, classify};
use crate::sts::StageSessions;

/// The most tags one call lists.
const PAGE: i32 = 1000;

/// What we can read: indexes and manifests, of OCI and of Docker.
const ACCEPTED: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// What the configuration of a container image is; signatures, charts and caches have others.
const CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];

/// ECR in the stages' accounts.
#[derive(Debug, Clone)]
pub struct EcrRegistry {
    sessions: Arc<StageSessions>,
}

impl EcrRegistry {
    /// Uses these sessions.
    pub fn new(sessions: Arc<StageSessions>) -> Self {
        Self { sessions }
    }

    async fn describe(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
        id: ImageIdentifier,
    ) -> Result<Option<ImageDetail>, PortError> {
        let ecr = self.sessions.session(scope).await?.ecr;
        let call = format!("ecr:DescribeImages {repository}");
        let request = ecr.describe_images().repository_name(repository.as_str()).image_ids(id);
        match request.send().await {
            Ok(answer) => Ok(answer.image_details.unwrap_or_default().into_iter().next()),
            Err(SdkError::ServiceError(error)) if is_no_image(error.err()) => Ok(None),
            Err(error) => Err(classify(call, error)),
        }
    }

    async fn manifest(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<(Option<String>, String)>, PortError> {
        let ecr = self.sessions.session(scope).await?.ecr;
        let call = format!("ecr:BatchGetImage {repository}@{digest}");
        let request = ecr
            .batch_get_image()
            .repository_name(repository.as_str())
            .image_ids(ImageIdentifier::builder().image_digest(digest.as_str()).build())
            .set_accepted_media_types(Some(ACCEPTED.map(str::to_owned).to_vec()));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), BatchGetImageError::RepositoryNotFoundException(_)) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(classify(call, error)),
        };
        if let Some(image) = answer.images.unwrap_or_default().into_iter().next() {
            let manifest = image.image_manifest.ok_or_else(|| Unreadable::Missing("manifest").of(&call))?;
            return Ok(Some((image.image_manifest_media_type, manifest)));
        }
        match answer.failures.unwrap_or_default().into_iter().next() {
            None => Ok(None),
            Some(failure) if failure.failure_code == Some(ImageFailureCode::ImageNotFound) => Ok(None),
            Some(failure) => {
                let reason = failure.failure_reason.unwrap_or_else(|| "no reason given".to_owned());
                Err(PortError::Rejected { call, source: reason.into() })
            }
        }
    }
}

#[async_trait]
impl Registry for EcrRegistry {
    async fn tags(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
    ) -> Result<Option<Vec<TaggedImage>>, PortError> {
        let ecr = self.sessions.session(scope).await?.ecr;
        let call = format!("ecr:ListImages {repository}");
        let filter = ListImagesFilter::builder().tag_status(TagStatus::Tagged).build();
        let mut tagged = Vec::new();
        let mut next = None;
        loop {
            let request = ecr
                .list_images()
                .repository_name(repository.as_str())
                .filter(filter.clone())
                .max_results(PAGE)
                .set_next_token(next.take());
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(SdkError::ServiceError(error))
                    if matches!(error.err(), ListImagesError::RepositoryNotFoundException(_)) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(classify(call, error)),
            };
            for id in answer.image_ids.unwrap_or_default() {
                let (Some(tag), Some(digest)) = (id.image_tag, id.image_digest) else { continue };
                let Ok(tag) = Tag::new(tag) else { continue };
                tagged.push(TaggedImage { tag, digest: readable(&call, digest)? });
            }
            match answer.next_token {
                Some(token) => next = Some(token),
                None => return Ok(Some(tagged)),
            }
        }
    }

    async fn tagged(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
    ) -> Result<Option<Vec<PushedImage>>, PortError> {
        let ecr = self.sessions.session(scope).await?.ecr;
        let call = format!("ecr:DescribeImages {repository}");
        let filter = DescribeImagesFilter::builder().tag_status(TagStatus::Tagged).build();
        let mut images = Vec::new();
        let mut next = None;
        loop {
            let request = ecr
                .describe_images()
                .repository_name(repository.as_str())
                .filter(filter.clone())
                .max_results(PAGE)
                .set_next_token(next.take());
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(SdkError::ServiceError(error)) if is_no_image(error.err()) => return Ok(None),
                Err(error) => return Err(classify(call, error)),
            };
            for detail in answer.image_details.unwrap_or_default() {
                images.extend(pushed(&call, detail)?);
            }
            match answer.next_token {
                Some(token) => next = Some(token),
                None => return Ok(Some(images)),
            }
        }
    }

    async fn resolve(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<Digest>, PortError> {
        let id = ImageIdentifier::builder().image_tag(tag.as_str()).build();
        let Some(detail) = self.describe(scope, repository, id).await? else {
            return Ok(None);
        };
        let call = format!("ecr:DescribeImages {repository}");
        let digest = detail.image_digest.ok_or_else(|| Unreadable::Missing("digest").of(&call))?;
        readable(&call, digest).map(Some)
    }

    async fn image(
        &self,
        scope: &StageScope,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<RegistryImage>, PortError> {
        let id = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let Some(detail) = self.describe(scope, repository, id).await? else {
            return Ok(None);
        };
        if !can_be_pulled(&detail) {
            return Ok(None);
        }
        let Some((media_type, manifest)) = self.manifest(scope, repository, digest).await? else {
            return Ok(None);
        };
        let kind = kind_of(media_type, &manifest).map_err(|error| {
            Unreadable::invalid("manifest", error).of(format!("ecr:BatchGetImage {repository}@{digest}"))
        })?;
        let tags = detail.image_tags.unwrap_or_default();
        Ok(Some(RegistryImage {
            digest: digest.clone(),
            tags: nameable(tags),
            pushed_at: detail.image_pushed_at.and_then(|at| Timestamp::from_second(at.secs()).ok()),
            kind,
        }))
    }
}

/// An image of a list; `None` for one that cannot be pulled.
fn pushed(call: &str, detail: ImageDetail) -> Result<Option<PushedImage>, PortError> {
    if !can_be_pulled(&detail) {
        return Ok(None);
    }
    let digest = detail.image_digest.ok_or_else(|| Unreadable::Missing("digest").of(call))?;
    let pushed_at = detail.image_pushed_at.and_then(|at| Timestamp::from_second(at.secs()).ok());
    Ok(Some(PushedImage {
        digest: readable(call, digest)?,
        tags: nameable(detail.image_tags.unwrap_or_default()),
        pushed_at: pushed_at.ok_or_else(|| Unreadable::Missing("imagePushedAt").of(call))?,
        manifest_media_type: detail.image_manifest_media_type,
        artifact_media_type: detail.artifact_media_type,
    }))
}

/// Archived images stay listed and cannot be pulled.
fn can_be_pulled(detail: &ImageDetail) -> bool {
    detail.image_status.as_ref().is_none_or(|status| *status == ImageStatus::Active)
}

/// Tags that Gantry cannot name are nothing it could be asked for.
fn nameable(tags: Vec<String>) -> Vec<Tag> {
    tags.into_iter().filter_map(|tag| Tag::new(tag).ok()).collect()
}

fn readable(call: &str, digest: String) -> Result<Digest, PortError> {
    Digest::new(digest).map_err(|error| Unreadable::invalid("digest", error).of(call))
}

fn is_no_image(error: &DescribeImagesError) -> bool {
    matches!(
        error,
        DescribeImagesError::ImageNotFoundException(_) | DescribeImagesError::RepositoryNotFoundException(_)
    )
}

/// What a manifest says it is. Children of an index that are attestations have the platform `unknown/unknown`.
fn kind_of(media_type: Option<String>, manifest: &str) -> Result<ImageKind, serde_json::Error> {
    let manifest: Value = serde_json::from_str(manifest)?;
    let text =
        |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    if let Some(children) = manifest.get("manifests").and_then(Value::as_array) {
        let platforms: Vec<String> = children
            .iter()
            .filter_map(|child| {
                let (os, architecture) =
                    (text(child, "/platform/os")?, text(child, "/platform/architecture")?);
                (os != "unknown" && architecture != "unknown").then(|| format!("{os}/{architecture}"))
            })
            .collect();
        if !platforms.is_empty() {
            return Ok(ImageKind::Runnable { platforms });
        }
    }
    let config = text(&manifest, "/config/mediaType");
    let is_artifact = manifest.get("artifactType").is_some() || manifest.get("subject").is_some();
    if !is_artifact && config.as_deref().is_some_and(|config| CONFIGS.contains(&config)) {
        return Ok(ImageKind::Runnable { platforms: Vec::new() });
    }
    let named = text(&manifest, "/artifactType").or(config).or(media_type).or(text(&manifest, "/mediaType"));
    Ok(ImageKind::Other(named.unwrap_or_else(|| "an unknown media type".to_owned())))
}

#[cfg(test)]
mod tests;
