//! Repositories, images, tags and blobs, with the rules by which ECR changes them.
//!
//! Pure state: no clock, no events, no wire format.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::blobs::Blob;
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
    /// Labels of its configuration; `None` where there is none, or none that can be read.
    labels: Option<BTreeMap<String, String>>,
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
    pub(super) blobs: BTreeMap<String, Blob>,
}

/// An image to be put.
#[derive(Debug, Clone)]
pub(super) struct NewImage<'a> {
    pub(super) manifest: &'a str,
    pub(super) media_type: Option<&'a str>,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

impl<'a> NewImage<'a> {
    /// A manifest that says itself what it is.
    pub(super) fn tagged(manifest: &'a str, tag: Option<&'a str>) -> Self {
        Self { manifest, media_type: None, tag, digest: None }
    }
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
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Layers that stay where their manifest says, beginnings of their media types.
const ELSEWHERE: [&str; 2] =
    ["application/vnd.docker.image.rootfs.foreign", "application/vnd.oci.image.layer.nondistributable"];

/// The largest configuration whose labels are read.
const CONFIG_LIMIT_BYTES: u64 = 1 << 20;

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

    /// Stores a configuration or a layer of the world's own making.
    pub(super) fn put_blob(&mut self, bytes: Vec<u8>) -> String {
        let (digest, blob) = Blob::of(bytes);
        self.blobs.insert(digest.clone(), blob);
        digest
    }

    /// A blob that another repository may take over: ECR wants an image here that consists of it.
    pub(super) fn mountable(&self, digest: &str) -> Option<Blob> {
        let consists = |image: &Image| {
            let manifest: Value = serde_json::from_str(&image.manifest).unwrap_or_default();
            config_digest(&manifest)
                .into_iter()
                .chain(references(&manifest, "layers"))
                .any(|one| one == digest)
        };
        self.blobs.get(digest).filter(|_| self.images.values().any(consists)).cloned()
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
        let mut image = Image {
            manifest: new.manifest.to_owned(),
            media_type,
            artifact_media_type: None,
            pushed_at,
            size_bytes: new.manifest.len() as u64,
            labels: None,
        };
        if is_index(&image.media_type) {
            image.size_bytes += self.size_of_children(name, &manifest)?;
        } else if [OCI_MANIFEST, DOCKER_MANIFEST].contains(&image.media_type.as_str()) {
            let config = manifest.get("config").ok_or_else(invalid)?;
            image.artifact_media_type = config.get("mediaType").and_then(Value::as_str).map(str::to_owned);
            let config = config_digest(&manifest).ok_or_else(invalid)?;
            image.size_bytes += self.size_of_blobs(name, config, &manifest)?;
            image.labels = self.labels_in(config);
        } else {
            return Err(refusal::unsupported_image_type());
        }
        Ok(image)
    }

    /// The children of an index must be there; how large they are.
    fn size_of_children(&self, name: &str, index: &Value) -> Result<u64, AwsError> {
        let (mut size_bytes, mut missing) = (0, Vec::new());
        for child in references(index, "manifests") {
            match self.images.get(child) {
                Some(image) => size_bytes += image.size_bytes,
                None => missing.push(child.to_owned()),
            }
        }
        if missing.is_empty() {
            Ok(size_bytes)
        } else {
            Err(refusal::referenced_images_not_found(name, &missing))
        }
    }

    /// The blobs of an image must be there; how large they are.
    fn size_of_blobs(&self, name: &str, config: &str, manifest: &Value) -> Result<u64, AwsError> {
        let (mut size_bytes, mut missing) = (0, Vec::new());
        for digest in std::iter::once(config).chain(references(manifest, "layers")) {
            match self.blobs.get(digest) {
                Some(blob) => size_bytes += blob.size_bytes,
                None => missing.push(digest.to_owned()),
            }
        }
        if missing.is_empty() { Ok(size_bytes) } else { Err(refusal::layers_not_found(name, &missing)) }
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
            return self.images.get(child)?.labels.clone();
        }
        image.labels.clone()
    }

    /// Labels in a configuration. One without labels has an empty set; Docker writes `null` for that.
    fn labels_in(&self, config: &str) -> Option<BTreeMap<String, String>> {
        let bytes = self.blobs.get(config)?.read(CONFIG_LIMIT_BYTES);
        let bytes =
            bytes.inspect_err(|error| tracing::warn!(%error, config, "a configuration is not read")).ok()?;
        let config: Value = serde_json::from_slice(&bytes).ok()?;
        match config.pointer("/config/Labels") {
            None | Some(Value::Null) => Some(BTreeMap::new()),
            Some(labels) => serde_json::from_value(labels.clone()).ok(),
        }
    }
}

fn config_digest(manifest: &Value) -> Option<&str> {
    manifest.pointer("/config/digest").and_then(Value::as_str)
}

/// The digests listed under `list`, without layers that are not kept in registries.
fn references<'a>(manifest: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    manifest
        .get(list)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter(|entry| {
            let media_type = entry.get("mediaType").and_then(Value::as_str).unwrap_or_default();
            !ELSEWHERE.iter().any(|kind| media_type.starts_with(kind))
        })
        .filter_map(|entry| entry.get("digest").and_then(Value::as_str))
}
