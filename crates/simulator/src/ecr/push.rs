//! What `docker buildx build --push` leaves in a registry: configurations, manifests, attestations and an index.
//!
//! The same image described twice has the same digest, because no time of day goes into it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::events::ImageAction;
use super::operations::pushed;
use super::refusal;
use super::store::{NewImage, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Repository, digest_of};
use crate::aws::AwsError;

/// An image that a developer's CI pushes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedImage {
    /// Name of the repository.
    pub repository: String,
    /// Tags it gets, in this order.
    pub tags: Vec<String>,
    /// Label `org.opencontainers.image.version`.
    pub version: String,
    /// Label `org.opencontainers.image.revision`: the commit it was built from.
    pub revision: String,
    /// Further labels, for example `gantry.simulator.*`.
    pub labels: BTreeMap<String, String>,
    /// For example `linux/amd64`; one platform without attestations makes a plain manifest, anything else an index.
    pub platforms: Vec<String>,
    /// Adds a provenance attestation for each platform, as buildx does by default.
    pub attestations: bool,
}

impl PushedImage {
    /// An image as buildx makes it: one platform, with its attestation, under an index.
    pub fn new(
        repository: impl Into<String>,
        tags: impl IntoIterator<Item = impl Into<String>>,
        version: impl Into<String>,
        revision: impl Into<String>,
    ) -> Self {
        Self {
            repository: repository.into(),
            tags: tags.into_iter().map(Into::into).collect(),
            version: version.into(),
            revision: revision.into(),
            labels: BTreeMap::new(),
            platforms: vec!["linux/amd64".to_owned()],
            attestations: true,
        }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Stores the blobs; returns the manifests in the order in which they must be put, the tagged one last.
    pub(super) fn manifests(&self, repository: &mut Repository) -> Vec<String> {
        let images: Vec<(Value, String)> = self
            .platforms
            .iter()
            .map(|platform| {
                let described = self.describe_platform(platform);
                let manifest = self.image_manifest(repository, &described);
                (described, manifest)
            })
            .collect();
        if let ([(_, only)], false) = (&images[..], self.attestations) {
            return vec![only.clone()];
        }
        let mut manifests = Vec::new();
        let mut entries = Vec::new();
        for (platform, manifest) in &images {
            let mut entry = descriptor(OCI_MANIFEST, manifest.as_bytes());
            entry["platform"] = platform.clone();
            entries.push(entry);
            manifests.push(manifest.clone());
        }
        if self.attestations {
            for (_, image) in &images {
                let manifest = self.attestation_manifest(repository, image);
                let mut entry = descriptor(OCI_MANIFEST, manifest.as_bytes());
                entry["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
                entry["annotations"] = json!({
                    "vnd.docker.reference.digest": digest_of(image.as_bytes()),
                    "vnd.docker.reference.type": "attestation-manifest",
                });
                entries.push(entry);
                manifests.push(manifest);
            }
        }
        manifests
            .push(json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries }).to_string());
        manifests
    }

    fn describe_platform(&self, platform: &str) -> Value {
        let mut parts = platform.split('/');
        let os = parts.next().unwrap_or("linux");
        let architecture = parts.next().unwrap_or("amd64");
        match parts.next() {
            Some(variant) => json!({ "architecture": architecture, "os": os, "variant": variant }),
            None => json!({ "architecture": architecture, "os": os }),
        }
    }

    fn image_manifest(&self, repository: &mut Repository, platform: &Value) -> String {
        let layer = format!("layer of {} at {} for {platform}", self.repository, self.revision).into_bytes();
        let mut labels = self.labels.clone();
        labels.insert("org.opencontainers.image.version".to_owned(), self.version.clone());
        labels.insert("org.opencontainers.image.revision".to_owned(), self.revision.clone());
        let mut config = platform.clone();
        config["config"] = json!({ "Labels": labels, "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"] });
        config["rootfs"] = json!({ "type": "layers", "diff_ids": [digest_of(&layer)] });
        self.manifest(repository, &config, layer, "application/vnd.oci.image.layer.v1.tar+gzip")
    }

    /// An attestation looks like an image, down to its configuration's media type.
    fn attestation_manifest(&self, repository: &mut Repository, image: &str) -> String {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": "https://slsa.dev/provenance/v0.2",
            "subject": [{ "name": self.repository, "digest": { "sha256": digest_of(image.as_bytes())[7..] } }],
            "predicate": { "materials": [{ "uri": format!("git@{}", self.revision) }] },
        })
        .to_string()
        .into_bytes();
        let config = json!({
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [digest_of(&statement)] },
        });
        self.manifest(repository, &config, statement, "application/vnd.in-toto+json")
    }

    fn manifest(
        &self,
        repository: &mut Repository,
        config: &Value,
        layer: Vec<u8>,
        layer_type: &str,
    ) -> String {
        let config = config.to_string().into_bytes();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor(OCI_CONFIG, &config),
            "layers": [descriptor(layer_type, &layer)],
        });
        repository.put_blob(config);
        repository.put_blob(layer);
        manifest.to_string()
    }
}

impl Repository {
    /// Puts children, then what carries the tags; notes what happened as it goes.
    pub(super) fn put_all(
        &mut self,
        image: &PushedImage,
        manifests: &[String],
        now: Timestamp,
        actions: &mut Vec<ImageAction>,
    ) -> Result<String, AwsError> {
        let name = image.repository.as_str();
        let (top, children) = manifests
            .split_last()
            .ok_or_else(|| refusal::invalid_parameter("platforms", "must not be empty"))?;
        for child in children {
            actions.extend(self.put_if_absent(name, &NewImage::tagged(child, None), now)?);
        }
        let before = actions.len();
        if image.tags.is_empty() {
            actions.extend(self.put_if_absent(name, &NewImage::tagged(top, None), now)?);
        }
        for tag in &image.tags {
            actions.extend(self.put_if_absent(name, &NewImage::tagged(top, Some(tag)), now)?);
        }
        let tagged = actions.get(before..).and_then(<[_]>::last).filter(|last| !last.tag.is_empty()).cloned();
        if let Some(last) = tagged.filter(|_| !children.is_empty()) {
            actions.push(ImageAction { tag: String::new(), ..last });
        }
        Ok(digest_of(top.as_bytes()))
    }

    /// Puts a manifest unless it is there already, as a registry client does; returns what happened.
    pub(super) fn put_if_absent(
        &mut self,
        name: &str,
        new: &NewImage<'_>,
        now: Timestamp,
    ) -> Result<Option<ImageAction>, AwsError> {
        match self.put(name, new, now) {
            Ok(digest) => {
                Ok(self.images.get(&digest).map(|image| pushed(&digest, new.tag.unwrap_or_default(), image)))
            }
            Err(error) if error.code == "ImageAlreadyExistsException" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len() })
}
