//! Manifests by tag and by digest, and the list of tags.

use axum::Json;
use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;

use super::{
    CONTENT_DIGEST, Call, Code, Distribution, Outcome, Refusal, bare, checked_digest, content_length,
    parameter,
};
use crate::ecr::refusal::image_not_found;
use crate::ecr::store::NewImage;

/// As large as the specification asks registries to take.
const MANIFEST_LIMIT_BYTES: usize = 4 * 1024 * 1024;
/// The most tags of one answer.
const TAGS_MAX: usize = 1000;

/// A tag or a digest.
#[derive(Debug, Clone, Copy)]
enum Reference<'a> {
    Tag(&'a str),
    Digest(&'a str),
}

impl Distribution {
    pub(super) async fn manifest(&self, call: &Call<'_>, reference: &str) -> Outcome {
        self.permit(call, "BatchGetImage").await?;
        let found = match read_reference(reference)? {
            Reference::Digest(digest) => self.look(call, |repository| {
                repository.images.get(digest).map(|image| (digest.to_owned(), image.clone()))
            })?,
            Reference::Tag(tag) => self.look(call, |repository| {
                let digest = repository.tags.get(tag)?;
                repository.images.get(digest).map(|image| (digest.clone(), image.clone()))
            })?,
        };
        let Some((digest, image)) = found else {
            let (digest, tag) = match read_reference(reference)? {
                Reference::Digest(digest) => (Some(digest), None),
                Reference::Tag(tag) => (None, Some(tag)),
            };
            return Err(image_not_found(call.repository, &self.ecr.registry.account, digest, tag).into());
        };
        let mut response = bare(
            StatusCode::OK,
            [
                (header::CONTENT_TYPE, image.media_type),
                (header::CONTENT_LENGTH, image.manifest.len().to_string()),
                (CONTENT_DIGEST, digest),
            ],
        );
        // The server leaves the body out when only the head was asked for.
        *response.body_mut() = Body::from(image.manifest);
        Ok(response)
    }

    pub(super) async fn put_manifest(&self, call: &Call<'_>, reference: &str, body: Body) -> Outcome {
        self.permit(call, "PutImage").await?;
        let reference = read_reference(reference)?;
        let too_large = || {
            Refusal::new(
                Code::SizeInvalid,
                format!("a manifest of more than {MANIFEST_LIMIT_BYTES} bytes is not taken"),
            )
        };
        if content_length(call.parts).is_some_and(|announced| announced > MANIFEST_LIMIT_BYTES as u64) {
            return Err(too_large());
        }
        let bytes = axum::body::to_bytes(body, MANIFEST_LIMIT_BYTES).await.map_err(|_| too_large())?;
        let manifest = std::str::from_utf8(&bytes)
            .map_err(|_| Refusal::new(Code::ManifestInvalid, "the manifest is not UTF-8"))?;
        let media_type = call.parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.map(|value| value.split(';').next().unwrap_or_default().trim());
        let (tag, digest) = match reference {
            Reference::Tag(tag) => (Some(tag), None),
            Reference::Digest(digest) => (None, Some(digest)),
        };
        let digest =
            self.ecr.put_manifest(call.repository, &NewImage { manifest, media_type, tag, digest })?;
        let location = format!("/v2/{}/manifests/{digest}", call.repository);
        Ok(bare(StatusCode::CREATED, [(header::LOCATION, location), (CONTENT_DIGEST, digest)]))
    }

    pub(super) async fn list_tags(&self, call: &Call<'_>) -> Outcome {
        self.permit(call, "ListImages").await?;
        let most = match parameter(call.parts, "n") {
            None => TAGS_MAX,
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| Refusal::new(Code::PaginationNumberInvalid, "'n' must be a number of tags"))?
                .min(TAGS_MAX),
        };
        let after = parameter(call.parts, "last").unwrap_or_default();
        let mut tags: Vec<String> = self.look(call, |repository| {
            // One more than asked for, to know whether there is another page.
            repository.tags.keys().filter(|tag| **tag > after).take(most + 1).cloned().collect()
        })?;
        let is_more = tags.len() > most;
        tags.truncate(most);
        let next = tags
            .last()
            .filter(|_| is_more)
            .map(|last| format!("</v2/{}/tags/list?n={most}&last={last}>; rel=\"next\"", call.repository));
        let mut response = Json(json!({ "name": call.repository, "tags": tags })).into_response();
        if let Some(Ok(link)) = next.map(|link| link.parse()) {
            response.headers_mut().insert(header::LINK, link);
        }
        Ok(response)
    }
}

fn read_reference(reference: &str) -> Result<Reference<'_>, Refusal> {
    if reference.contains(':') {
        return checked_digest(reference).map(Reference::Digest);
    }
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let formed = reference.starts_with(word) && reference.chars().all(|c| word(c) || ".-".contains(c));
    if formed && reference.len() <= 128 {
        Ok(Reference::Tag(reference))
    } else {
        Err(Refusal::new(Code::TagInvalid, format!("'{reference}' is no tag")))
    }
}
