//! Configurations and layers: in memory when the world made them itself, in files when somebody uploaded them.
//!
//! Whatever is uploaded is counted against two limits before it is written, and hashed while it is. A file goes with the
//! last blob that refers to it. Nothing here knows repositories or HTTP.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncReadExt as _;

use super::store::digest_of;

/// So much of a file is in memory while it is sent.
const READ_BYTES: usize = 64 * 1024;

/// How much the registry takes. ECR takes more; this one lives on somebody's disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// The largest blob.
    pub(super) blob_bytes: u64,
    /// All uploaded blobs and all unfinished uploads together.
    pub(super) total_bytes: u64,
    /// Unfinished uploads; with one more, the one that was touched longest ago is forgotten.
    pub(super) uploads: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { blob_bytes: 2 << 30, total_bytes: 8 << 30, uploads: 100 }
    }
}

/// Why an upload does not become a blob.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    #[error("a blob of more than {limit} bytes is not taken here")]
    TooLarge { limit: u64 },
    #[error("the registry holds {limit} bytes of uploads, and has no room for more")]
    Full { limit: u64 },
    #[error("the digest {claimed} was given, but what was uploaded has {calculated}")]
    DigestMismatch { claimed: String, calculated: String },
    #[error("the upload could not be written")]
    Io(#[source] io::Error),
}

/// Where uploads are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    /// The system's folder for temporary files, unless this is given.
    pub(super) folder: Option<PathBuf>,
    pub(super) limits: Limits,
    used: Arc<AtomicU64>,
}

/// Bytes that count against the registry's limit until this goes.
#[derive(Debug)]
struct Space {
    bytes: u64,
    used: Arc<AtomicU64>,
}

/// A blob on its way in.
#[derive(Debug)]
pub(super) struct Upload {
    file: NamedTempFile,
    hasher: Sha256,
    space: Space,
    limits: Limits,
}

/// A configuration or a layer.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) size_bytes: u64,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Memory(Arc<[u8]>),
    File(Arc<StoredFile>),
}

#[derive(Debug)]
struct StoredFile {
    path: TempPath,
    _space: Space,
}

impl Disk {
    pub(super) fn begin(&self) -> Result<Upload, UploadError> {
        let file = match &self.folder {
            Some(folder) => NamedTempFile::new_in(folder),
            None => NamedTempFile::new(),
        };
        Ok(Upload {
            file: file.map_err(UploadError::Io)?,
            hasher: Sha256::new(),
            space: Space { bytes: 0, used: Arc::clone(&self.used) },
            limits: self.limits,
        })
    }
}

impl Space {
    fn grow(&mut self, by: u64, limit: u64) -> Result<(), UploadError> {
        let room = |used: u64| used.checked_add(by).filter(|total| *total <= limit);
        let grown = self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room);
        grown.map_err(|_| UploadError::Full { limit })?;
        self.bytes += by;
        Ok(())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Upload {
    pub(super) fn written(&self) -> u64 {
        self.space.bytes
    }

    /// Whether so many bytes more may come.
    pub(super) fn takes(&self, more: u64) -> Result<(), UploadError> {
        let limit = self.limits.blob_bytes;
        match self.written().checked_add(more) {
            Some(total) if total <= limit => Ok(()),
            _ => Err(UploadError::TooLarge { limit }),
        }
    }

    /// Appends what came. File, hash and count never part, because nothing is awaited between them.
    pub(super) fn append(&mut self, chunk: &[u8]) -> Result<(), UploadError> {
        let bytes = chunk.len() as u64;
        self.takes(bytes)?;
        self.space.grow(bytes, self.limits.total_bytes)?;
        self.file.write_all(chunk).map_err(UploadError::Io)?;
        self.hasher.update(chunk);
        Ok(())
    }

    /// The blob, if it is the one that the digest names.
    pub(super) fn finish(self, claimed: &str) -> Result<Blob, UploadError> {
        let calculated = format!("sha256:{}", hex::encode(self.hasher.finalize()));
        if calculated != claimed {
            return Err(UploadError::DigestMismatch { claimed: claimed.to_owned(), calculated });
        }
        let size_bytes = self.space.bytes;
        let stored = StoredFile { path: self.file.into_temp_path(), _space: self.space };
        Ok(Blob { size_bytes, content: Content::File(Arc::new(stored)) })
    }
}

impl Blob {
    /// A blob of the world's own making, with its digest.
    pub(super) fn of(bytes: Vec<u8>) -> (String, Self) {
        let digest = digest_of(&bytes);
        (digest, Self { size_bytes: bytes.len() as u64, content: Content::Memory(bytes.into()) })
    }

    /// All of it, unless it is larger than that.
    pub(super) fn read(&self, limit: u64) -> io::Result<Vec<u8>> {
        if self.size_bytes > limit {
            return Err(io::Error::other(format!("it has {} bytes, more than {limit}", self.size_bytes)));
        }
        match &self.content {
            Content::Memory(bytes) => Ok(bytes.to_vec()),
            Content::File(file) => {
                let mut bytes = Vec::new();
                File::open(&file.path)?.take(limit).read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// The body of an answer that holds it. The file stays until it is sent.
    pub(super) async fn body(&self) -> io::Result<Body> {
        let file = match &self.content {
            Content::Memory(bytes) => return Ok(Body::from(bytes.to_vec())),
            Content::File(file) => Arc::clone(file),
        };
        let opened = tokio::fs::File::open(&file.path).await?;
        let chunks = futures::stream::try_unfold((opened, file), async |(mut opened, file)| {
            let mut chunk = vec![0; READ_BYTES];
            let read = opened.read(&mut chunk).await?;
            chunk.truncate(read);
            Ok::<_, io::Error>((read > 0).then_some((chunk, (opened, file))))
        });
        Ok(Body::from_stream(chunks))
    }
}
