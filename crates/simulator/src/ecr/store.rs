//! Repositories, images, tags and blobs, with the rules by which ECR changes them.
//!
//! Pure state: no clock, no events, no wire format.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::refusal;
use crate::aws::AwsError;
use crate::front::policy::wildcard;

/// May a tag be moved to another digest?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagMutability {
    /// Tags move.
    Mutable,
    /// A tag stays where it was put.
    Immutable,
    /// A tag stays where it was put unless one of these patterns (`branch-*`) matches it.
    ImmutableExcept(Vec<String>),
}

impl TagMutability {
    /// As the API spells it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Mutable => "MUTABLE",
            Self::Immutable => "IMMUTABLE",
            Self::ImmutableExcept(_) => "IMMUTABLE_WITH_EXCLUSION",
        }
    }

    fn may_move(&self, tag: &str) -> bool {
        match self {
            Self::Mutable => true,
            Self::Immutable => false,
            Self::ImmutableExcept(patterns) => patterns.iter().any(|pattern| wildcard(tag, pattern)),
        }
    }

    /// The patterns of tags that move all the same.
    pub(super) fn exclusions(&self) -> &[String] {
        match self {
            Self::ImmutableExcept(patterns) => patterns,
            Self::Mutable | Self::Immutable => &[],
        }
    }
}

/// An image, an index or an artifact: whatever a manifest describes.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) manifest: String,
    pub(super) media_type: String,
    /// The configuration's media type; an index has none.
    pub(super) artifact_media_type: Option<String>,
    pub(super) pushed_at: Timestamp,
    pub(super) size_bytes: u64,
}

/// One repository.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) created_at: Timestamp,
    pub(super) mutability: TagMutability,
    /// By digest.
    pub(super) images: BTreeMap<String, Image>,
    /// Tag to digest.
    pub(super) tags: BTreeMap<String, String>,
    /// Configurations and layers by digest.
    pub(super) blobs: BTreeMap<String, Vec<u8>>,
}

/// An image to be put.
#[derive(Debug, Clone)]
pub(super) struct NewImage<'a> {
    pub(super) manifest: &'a str,
    pub(super) media_type: Option<&'a str>,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

/// All repositories by name.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) repositories: BTreeMap<String, Repository>,
}

pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// `sha256:…` of some bytes.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

pub(super) fn is_index(media_type: &str) -> bool {
    media_type == OCI_INDEX || media_type == DOCKER_LIST
}

impl Repository {
    pub(super) fn new(mutability: TagMutability, created_at: Timestamp) -> Self {
        Self {
            created_at,
            mutability,
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
            blobs: BTreeMap::new(),
        }
    }

    /// Stores a configuration or a layer.
    pub(super) fn put_blob(&mut self, bytes: Vec<u8>) -> String {
        let digest = digest_of(&bytes);
        self.blobs.insert(digest.clone(), bytes);
        digest
    }

    /// Stores a manifest, moves its tag, and returns its digest.
    pub(super) fn put(&mut self, name: &str, new: &NewImage<'_>, now: Timestamp) -> Result<String, AwsError> {
        let digest = digest_of(new.manifest.as_bytes());
        if new.digest.is_some_and(|claimed| claimed != digest) {
            return Err(refusal::digest_does_not_match());
        }
        let image = self.read_manifest(name, new, now)?;
        let current = new.tag.and_then(|tag| self.tags.get(tag));
        if self.images.contains_key(&digest) && (new.tag.is_none() || current == Some(&digest)) {
            return Err(refusal::image_already_exists(name, &digest, new.tag));
        }
        if let (Some(tag), Some(_)) = (new.tag, current)
            && !self.mutability.may_move(tag)
        {
            return Err(refusal::tag_already_exists(name, tag));
        }
        self.images.entry(digest.clone()).or_insert(image);
        if let Some(tag) = new.tag {
            self.tags.insert(tag.to_owned(), digest.clone());
        }
        Ok(digest)
    }

    /// Checks a manifest and what it refers to.
    fn read_manifest(&self, name: &str, new: &NewImage<'_>, pushed_at: Timestamp) -> Result<Image, AwsError> {
        let invalid = || refusal::invalid_parameter("imageManifest", "must be a valid image manifest");
        let manifest: Value = serde_json::from_str(new.manifest).map_err(|_| invalid())?;
        let stated = manifest.get("mediaType").and_then(Value::as_str);
        let media_type = new.media_type.or(stated).ok_or_else(invalid)?.to_owned();
        if stated.is_some_and(|stated| stated != media_type) {
            return Err(invalid());
        }
        let mut size_bytes = new.manifest.len() as u64;
        let mut artifact_media_type = None;
        let mut missing = Vec::new();
        if is_index(&media_type) {
            for child in references(&manifest, "manifests") {
                match self.images.get(child) {
                    Some(image) => size_bytes += image.size_bytes,
                    None => missing.push(child.to_owned()),
                }
            }
            if !missing.is_empty() {
                return Err(refusal::referenced_images_not_found(name, &missing));
            }
        } else {
            let config = manifest.get("config").ok_or_else(invalid)?;
            artifact_media_type = config.get("mediaType").and_then(Value::as_str).map(str::to_owned);
            let config = config.get("digest").and_then(Value::as_str).ok_or_else(invalid)?;
            for blob in std::iter::once(config).chain(references(&manifest, "layers")) {
                match self.blobs.get(blob) {
                    Some(bytes) => size_bytes += bytes.len() as u64,
                    None => missing.push(blob.to_owned()),
                }
            }
            if !missing.is_empty() {
                return Err(refusal::layers_not_found(name, &missing));
            }
        }
        Ok(Image {
            manifest: new.manifest.to_owned(),
            media_type,
            artifact_media_type,
            pushed_at,
            size_bytes,
        })
    }

    /// The tags of a digest.
    pub(super) fn tags_of(&self, digest: &str) -> Vec<&str> {
        self.tags.iter().filter(|(_, tagged)| *tagged == digest).map(|(tag, _)| tag.as_str()).collect()
    }

    /// Indexes that refer to a digest.
    pub(super) fn referrers(&self, digest: &str) -> Vec<String> {
        let refers = |image: &Image| {
            let manifest: Value = serde_json::from_str(&image.manifest).unwrap_or_default();
            references(&manifest, "manifests").any(|child| child == digest)
        };
        let indexes = self.images.iter().filter(|(_, image)| is_index(&image.media_type) && refers(image));
        indexes.map(|(digest, _)| digest.clone()).collect()
    }

    /// Removes an image and its tags; returns the tags.
    pub(super) fn remove(&mut self, digest: &str) -> BTreeSet<String> {
        self.images.remove(digest);
        let removed = self.tags_of(digest).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        self.tags.retain(|tag, _| !removed.contains(tag));
        removed
    }

    /// Labels of an image's configuration; for an index those of the first child that is an image, preferring
    /// `linux/amd64`.
    pub(super) fn labels(&self, digest: &str) -> Option<BTreeMap<String, String>> {
        let image = self.images.get(digest)?;
        let manifest: Value = serde_json::from_str(&image.manifest).ok()?;
        if is_index(&image.media_type) {
            let children = manifest.get("manifests")?.as_array()?;
            let architecture = |child: &&Value| {
                child.pointer("/platform/architecture").and_then(Value::as_str).map(str::to_owned)
            };
            let child = children
                .iter()
                .find(|child| architecture(child).as_deref() == Some("amd64"))
                .or_else(|| {
                    children.iter().find(|child| architecture(child).is_some_and(|name| name != "unknown"))
                })?;
            let child = child.get("digest")?.as_str()?;
            // A child that is an index again would be no image; one step is all there is.
            let child = self.images.get(child).filter(|child| !is_index(&child.media_type))?;
            return self.config_labels(&serde_json::from_str(&child.manifest).ok()?);
        }
        self.config_labels(&manifest)
    }

    fn config_labels(&self, manifest: &Value) -> Option<BTreeMap<String, String>> {
        let digest = manifest.pointer("/config/digest")?.as_str()?;
        let config: Value = serde_json::from_slice(self.blobs.get(digest)?).ok()?;
        let labels = config
            .pointer("/config/Labels")
            .cloned()
            .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        serde_json::from_value(labels).ok()
    }
}

/// The digests listed under `list`.
fn references<'a>(manifest: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    manifest
        .get(list)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.get("digest").and_then(Value::as_str))
}
