//! Blobs on their way in: at once, in one request after the upload was begun, in chunks, or from another repository.

use axum::body::Body;
use axum::http::{HeaderName, StatusCode, header};
use futures::StreamExt as _;
use tokio::sync::OwnedMutexGuard;

use super::{
    CONTENT_DIGEST, Call, Code, Distribution, Outcome, Refusal, bare, checked_digest, content_length,
    parameter,
};
use crate::ecr::blobs::Upload;
use crate::ecr::operations::well_named;

const UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// An upload while this request has it to itself.
type Held = OwnedMutexGuard<Option<Upload>>;

impl Distribution {
    pub(super) async fn begin_upload(&self, call: &Call<'_>, body: Body) -> Outcome {
        self.permit(call, "InitiateLayerUpload").await?;
        self.look(call, |_| ())?;
        if let Some(mounted) = self.mount(call).await? {
            return Ok(mounted);
        }
        let mut upload = self.ecr.disk.begin()?;
        if let Some(digest) = parameter(call.parts, "digest") {
            checked_digest(&digest)?;
            self.permit(call, "UploadLayerPart").await?;
            self.permit(call, "CompleteLayerUpload").await?;
            receive(call, &mut upload, body).await?;
            return self.keep(call, upload, &digest);
        }
        let opened = self.ecr.uploads.open(call.repository, upload, self.ecr.disk.limits.uploads);
        let id = opened.map_err(|error| Refusal::new(Code::Unknown, error.to_string()))?;
        Ok(progress(StatusCode::ACCEPTED, call, &id, 0))
    }

    /// Takes a blob over from another repository, if it is there and the caller may read it there. If not, the specification
    /// wants an upload to begin.
    async fn mount(&self, call: &Call<'_>) -> Result<Option<axum::http::Response<Body>>, Refusal> {
        let (Some(digest), Some(from)) = (parameter(call.parts, "mount"), parameter(call.parts, "from"))
        else {
            return Ok(None);
        };
        checked_digest(&digest)?;
        if !well_named(&from) || self.permit_at(call, "GetDownloadUrlForLayer", &from).await.is_err() {
            return Ok(None);
        }
        let blob = {
            let world = self.ecr.lock();
            world.store.repositories.get(&from).and_then(|repository| repository.mountable(&digest))
        };
        let Some(blob) = blob else { return Ok(None) };
        self.look(call, |repository| repository.blobs.insert(digest.clone(), blob))?;
        Ok(Some(created(call, &digest)))
    }

    pub(super) async fn upload_status(&self, call: &Call<'_>, id: &str) -> Outcome {
        self.permit(call, "UploadLayerPart").await?;
        let mut held = self.hold(call, id)?;
        let written = current(&mut held)?.written();
        Ok(progress(StatusCode::NO_CONTENT, call, id, written))
    }

    pub(super) async fn continue_upload(&self, call: &Call<'_>, id: &str, body: Body) -> Outcome {
        self.permit(call, "UploadLayerPart").await?;
        let mut held = self.hold(call, id)?;
        let upload = current(&mut held)?;
        in_order(call, id, upload.written())?;
        self.or_forget(id, receive(call, upload, body).await)?;
        let written = upload.written();
        Ok(progress(StatusCode::ACCEPTED, call, id, written))
    }

    pub(super) async fn finish_upload(&self, call: &Call<'_>, id: &str, body: Body) -> Outcome {
        self.permit(call, "CompleteLayerUpload").await?;
        let digest = parameter(call.parts, "digest").unwrap_or_default();
        checked_digest(&digest)?;
        let mut held = self.hold(call, id)?;
        let upload = current(&mut held)?;
        in_order(call, id, upload.written())?;
        self.or_forget(id, receive(call, upload, body).await)?;
        let upload = held.take().ok_or_else(|| no_such_upload(id))?;
        self.ecr.uploads.close(id);
        self.keep(call, upload, &digest)
    }

    pub(super) async fn cancel_upload(&self, call: &Call<'_>, id: &str) -> Outcome {
        self.permit(call, "UploadLayerPart").await?;
        let mut held = self.hold(call, id)?;
        held.take();
        self.ecr.uploads.close(id);
        Ok(bare(StatusCode::NO_CONTENT, []))
    }

    /// The upload becomes a blob of the repository.
    fn keep(&self, call: &Call<'_>, upload: Upload, digest: &str) -> Outcome {
        let blob = upload.finish(digest)?;
        self.look(call, |repository| repository.blobs.insert(digest.to_owned(), blob))?;
        Ok(created(call, digest))
    }

    fn hold(&self, call: &Call<'_>, id: &str) -> Result<Held, Refusal> {
        self.look(call, |_| ())?;
        let slot = self.ecr.uploads.find(call.repository, id).ok_or_else(|| no_such_upload(id))?;
        slot.try_lock_owned()
            .map_err(|_| Refusal::new(Code::Busy, format!("another request writes to upload {id}")))
    }

    /// An upload that cannot be continued is no longer kept. One whose client went away can.
    fn or_forget(&self, id: &str, received: Result<(), Refusal>) -> Result<(), Refusal> {
        received.inspect_err(|refusal| {
            if refusal.is_final() {
                self.ecr.uploads.close(id);
            }
        })
    }
}

/// Writes the body, as far as it comes and is taken.
async fn receive(call: &Call<'_>, upload: &mut Upload, body: Body) -> Result<(), Refusal> {
    if let Some(announced) = content_length(call.parts) {
        upload.takes(announced)?;
    }
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let broke_off = |error| Refusal::new(Code::BlobUploadInvalid, format!("the body broke off: {error}"));
        upload.append(&chunk.map_err(broke_off)?)?;
    }
    Ok(())
}

/// `Content-Range: <first>-<last>` must continue what is there, and hold as much as the body.
fn in_order(call: &Call<'_>, id: &str, written: u64) -> Result<(), Refusal> {
    let Some(range) = call.parts.headers.get(header::CONTENT_RANGE) else { return Ok(()) };
    let read = || {
        let (first, last) = range.to_str().ok()?.trim_start_matches("bytes ").split_once('-')?;
        Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
    };
    let unread = || Refusal::new(Code::BlobUploadInvalid, "Content-Range must be '<first>-<last>'");
    let (first, last) = read().ok_or_else(unread)?;
    let length =
        last.checked_sub(first).and_then(|difference| difference.checked_add(1)).ok_or_else(unread)?;
    if first == written && content_length(call.parts).is_none_or(|announced| announced == length) {
        return Ok(());
    }
    let message = format!(
        "{written} bytes of the upload are here, and a chunk from {first} to {last} does not continue them"
    );
    Err(Refusal::new(Code::OutOfOrder, message)
        .with(header::RANGE, range_of(written))
        .with(header::LOCATION, location(call, id)))
}

fn current(held: &mut Held) -> Result<&mut Upload, Refusal> {
    held.as_mut().ok_or_else(|| no_such_upload("that has ended"))
}

fn no_such_upload(id: &str) -> Refusal {
    Refusal::new(Code::BlobUploadUnknown, format!("there is no upload {id}"))
}

fn location(call: &Call<'_>, id: &str) -> String {
    format!("/v2/{}/blobs/uploads/{id}", call.repository)
}

/// What is there so far, as the protocol writes it: nothing and one byte look the same.
fn range_of(written: u64) -> String {
    format!("0-{}", written.saturating_sub(1))
}

fn progress(status: StatusCode, call: &Call<'_>, id: &str, written: u64) -> axum::http::Response<Body> {
    let location = location(call, id);
    bare(
        status,
        [(header::LOCATION, location), (header::RANGE, range_of(written)), (UPLOAD_UUID, id.to_owned())],
    )
}

fn created(call: &Call<'_>, digest: &str) -> axum::http::Response<Body> {
    let location = format!("/v2/{}/blobs/{digest}", call.repository);
    bare(StatusCode::CREATED, [(header::LOCATION, location), (CONTENT_DIGEST, digest.to_owned())])
}
