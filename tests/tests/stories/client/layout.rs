//! Images on disk, made without Docker: OCI image layouts with a real layer, a configuration and what describes them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Files in a tar archive, and the archive itself, are filled up to this.
const BLOCK: usize = 512;

/// What an image is made of.
pub(super) struct Image<'a> {
    /// What its one file says.
    pub(super) content: &'a str,
    pub(super) labels: Vec<(&'a str, &'a str)>,
    /// Whether it is an index with an attestation beside the image.
    pub(super) attested: bool,
}

/// An image layout.
pub(super) struct Layout {
    folder: TempDir,
    digest: String,
}

impl Layout {
    pub(super) fn write(image: &Image<'_>) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for an image")?;
        let blobs = folder.path().join("blobs/sha256");
        std::fs::create_dir_all(&blobs)?;
        let labels: BTreeMap<_, _> = image.labels.iter().copied().collect();
        let described = of_platform(&blobs, "amd64", "linux", &json!({ "Labels": labels }), image.content)?;
        let described = if image.attested {
            let mut attestation =
                of_platform(&blobs, "unknown", "unknown", &json!({}), "{\"_type\": \"a statement\"}")?;
            attestation["annotations"] = json!({
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": described["digest"],
            });
            let index =
                json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [described, attestation] });
            put(&blobs, INDEX, index.to_string().as_bytes())?
        } else {
            described
        };
        let digest = described["digest"].as_str().unwrap_or_default().to_owned();
        std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let top = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [described] });
        std::fs::write(folder.path().join("index.json"), top.to_string())?;
        Ok(Self { folder, digest })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The digest that is to be deployed.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }
}

/// The digest of the only image in a layout.
pub(super) fn digest_in(layout: &Path) -> Result<String> {
    let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json"))?)?;
    let digest = index["manifests"][0]["digest"].as_str().context("an empty layout")?;
    Ok(digest.to_owned())
}

/// One image with one layer; its descriptor.
fn of_platform(blobs: &Path, architecture: &str, os: &str, config: &Value, content: &str) -> Result<Value> {
    let archive = tar("app/says.txt", content.as_bytes());
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(&archive)?;
    let layer = put(blobs, LAYER, &packed.finish()?)?;
    let config = json!({
        "architecture": architecture, "os": os, "config": config,
        "rootfs": { "type": "layers", "diff_ids": [digest_of(&archive)] },
    });
    let config = put(blobs, CONFIG, config.to_string().as_bytes())?;
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    let mut described = put(blobs, MANIFEST, manifest.to_string().as_bytes())?;
    described["platform"] = json!({ "architecture": architecture, "os": os });
    Ok(described)
}

fn put(blobs: &Path, media_type: &str, bytes: &[u8]) -> Result<Value> {
    let digest = digest_of(bytes);
    std::fs::write(blobs.join(digest.trim_start_matches("sha256:")), bytes)?;
    Ok(json!({ "mediaType": media_type, "digest": digest, "size": bytes.len() }))
}

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A tar archive (ustar) with one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0_u8; BLOCK];
    let mut field = |at: usize, value: &str| header[at..at + value.len()].copy_from_slice(value.as_bytes());
    field(0, name);
    field(100, "0000644\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{:011o}\0", content.len()));
    field(136, "00000000000\0");
    // The checksum is taken with blanks in its own place.
    field(148, "        ");
    field(156, "0");
    field(257, "ustar");
    field(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header;
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    archive
}
