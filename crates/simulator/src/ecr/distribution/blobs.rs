//! Blobs that are there: whether, and where to get them.

use axum::http::{StatusCode, header};

use super::{CONTENT_DIGEST, Call, Code, Distribution, Outcome, Refusal, bare, checked_digest};
use crate::ecr::blobs::Blob;

impl Distribution {
    pub(super) async fn has_blob(&self, call: &Call<'_>, digest: &str) -> Outcome {
        self.permit(call, "BatchCheckLayerAvailability").await?;
        let blob = self.find_blob(call, digest)?;
        Ok(bare(
            StatusCode::OK,
            [
                (header::CONTENT_LENGTH, blob.size_bytes.to_string()),
                (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
                (CONTENT_DIGEST, digest.to_owned()),
            ],
        ))
    }

    /// ECR sends whoever pulls on to a link that needs no password.
    pub(super) async fn blob(&self, call: &Call<'_>, digest: &str) -> Outcome {
        self.permit(call, "GetDownloadUrlForLayer").await?;
        let blob = self.find_blob(call, digest)?;
        let url = self.ecr.lock().download_url(blob)?;
        Ok(bare(
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, url), (CONTENT_DIGEST, digest.to_owned())],
        ))
    }

    fn find_blob(&self, call: &Call<'_>, digest: &str) -> Result<Blob, Refusal> {
        let digest = checked_digest(digest)?;
        let found = self.look(call, |repository| repository.blobs.get(digest).cloned())?;
        found.ok_or_else(|| {
            Refusal::new(Code::BlobUnknown, format!("blob {digest} is not in {}", call.repository))
        })
    }
}
