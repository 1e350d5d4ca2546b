//! ECR's operations on the wire: input checked and answered as AWS does.
//!
//! An image whose media type the caller does not accept is answered by `BatchGetImage` as not found; what AWS says there
//! is not measured.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::blobs::Blob;
use super::events::ImageAction;
use super::refusal;
use super::store::{Image, NewImage, Repository, Store};
use crate::aws::AwsError;

/// The largest page, and the largest batch of image ids.
const PAGE_MAX: u64 = 1000;
const PAGE_DEFAULT: u64 = 100;
const IDS_MAX: usize = 100;

/// Where the registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registry {
    pub(super) account: String,
    pub(super) region: String,
}

impl Registry {
    pub(super) fn host(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.account, self.region)
    }

    pub(super) fn arn(&self, repository: &str) -> String {
        format!("arn:aws:ecr:{}:{}:repository/{repository}", self.region, self.account)
    }
}

/// A call's input with AWS's complaints about it.
pub(super) struct Input<'a>(pub(super) &'a Value);

/// An image asked for.
struct ImageId<'a> {
    digest: Option<&'a str>,
    tag: Option<&'a str>,
}

/// One operation at work.
pub(super) struct Operation<'a> {
    pub(super) registry: &'a Registry,
    pub(super) store: &'a mut Store,
    pub(super) input: Input<'a>,
    pub(super) now: Timestamp,
    /// What happened to images, for the event bus.
    pub(super) actions: Vec<ImageAction>,
}

impl<'a> Input<'a> {
    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, AwsError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_str().map(Some).ok_or_else(|| refusal::wrong_type(name)),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<&'a str, AwsError> {
        self.text(name)?.ok_or_else(|| refusal::invalid_parameter(name, "must not be null"))
    }

    fn list(&self, name: &str) -> Result<Option<&'a [Value]>, AwsError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                value.as_array().map(|list| Some(&list[..])).ok_or_else(|| refusal::wrong_type(name))
            }
        }
    }

    fn image_ids(&self) -> Result<Option<Vec<ImageId<'a>>>, AwsError> {
        let Some(list) = self.list("imageIds")? else { return Ok(None) };
        if list.is_empty() || list.len() > IDS_MAX {
            return Err(refusal::invalid_parameter("imageIds", "must have length between 1 and 100"));
        }
        let ids = list.iter().map(|id| {
            let id = Input(id);
            Ok(ImageId { digest: id.digest("imageDigest")?, tag: id.text("imageTag")? })
        });
        ids.collect::<Result<_, _>>().map(Some)
    }

    /// A digest in the form the service model asks for.
    pub(super) fn digest(&self, name: &str) -> Result<Option<&'a str>, AwsError> {
        let digest = self.text(name)?;
        let formed = |digest: &str| {
            digest.split_once(':').is_some_and(|(algorithm, hash)| {
                let named = algorithm.chars().all(|c| c.is_ascii_alphanumeric() || "-_+.".contains(c));
                !algorithm.is_empty()
                    && named
                    && !hash.is_empty()
                    && hash.chars().all(|c| c.is_ascii_hexdigit())
            })
        };
        if digest.is_some_and(|digest| !formed(digest)) {
            let pattern = "must satisfy regular expression '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'";
            return Err(refusal::invalid_parameter(name, pattern));
        }
        Ok(digest)
    }

    /// One page of `all`, and the token of the next.
    fn page<T>(&self, all: Vec<T>) -> Result<(Vec<T>, Option<String>), AwsError> {
        let size = match self.0.get("maxResults") {
            None | Some(Value::Null) => PAGE_DEFAULT,
            Some(value) => value
                .as_u64()
                .filter(|size| (1..=PAGE_MAX).contains(size))
                .ok_or_else(|| refusal::invalid_parameter("maxResults", "must be between 1 and 1000"))?,
        };
        let invalid =
            || refusal::invalid_parameter("nextToken", "must be a token that an earlier page returned");
        let start: usize = match self.text("nextToken")? {
            None => 0,
            Some(token) => {
                let bytes = STANDARD.decode(token).map_err(|_| invalid())?;
                String::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).ok_or_else(invalid)?
            }
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let next = start.saturating_add(size);
        let token = (next < all.len()).then(|| STANDARD.encode(next.to_string()));
        Ok((all.into_iter().skip(start).take(size).collect(), token))
    }
}

impl ImageId<'_> {
    /// The digest it stands for, if the repository has it.
    fn resolve(&self, repository: &Repository) -> Option<String> {
        let digest = match (self.digest, self.tag) {
            (Some(digest), Some(tag)) => repository.tags.get(tag).filter(|tagged| *tagged == digest)?,
            (None, Some(tag)) => repository.tags.get(tag)?,
            (Some(digest), None) => return repository.images.contains_key(digest).then(|| digest.to_owned()),
            (None, None) => return None,
        };
        Some(digest.clone())
    }

    fn json(&self) -> Value {
        image_id(self.digest, self.tag)
    }

    fn failure(&self, code: &str, reason: &str) -> Value {
        json!({ "imageId": self.json(), "failureCode": code, "failureReason": reason })
    }
}

impl<'a> Operation<'a> {
    fn repository_name(&self) -> Result<&'a str, AwsError> {
        let name = self.input.required("repositoryName")?;
        if !well_named(name) {
            let pattern = "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'";
            return Err(refusal::invalid_parameter("repositoryName", pattern));
        }
        let registry = self.input.text("registryId")?.unwrap_or(&self.registry.account);
        if registry != self.registry.account || !self.store.repositories.contains_key(name) {
            return Err(refusal::repository_not_found(name, registry));
        }
        Ok(name)
    }

    fn repository(&mut self) -> Result<(&'a str, &mut Repository), AwsError> {
        let name = self.repository_name()?;
        let repository = self.store.repositories.get_mut(name);
        repository
            .map(|repository| (name, repository))
            .ok_or_else(|| refusal::repository_not_found(name, &self.registry.account))
    }

    pub(super) fn describe_repositories(&mut self) -> Result<Value, AwsError> {
        let names: Vec<&str> = match self.input.list("repositoryNames")? {
            Some(names) => names
                .iter()
                .map(|name| name.as_str().ok_or_else(|| refusal::wrong_type("repositoryNames")))
                .collect::<Result<_, _>>()?,
            None => self.store.repositories.keys().map(String::as_str).collect(),
        };
        let mut described = Vec::with_capacity(names.len());
        for name in names {
            let repository = self.store.repositories.get(name);
            let repository =
                repository.ok_or_else(|| refusal::repository_not_found(name, &self.registry.account))?;
            let exclusions = repository.mutability.exclusions().iter();
            let mut description = json!({
                "repositoryArn": self.registry.arn(name),
                "registryId": self.registry.account,
                "repositoryName": name,
                "repositoryUri": format!("{}/{name}", self.registry.host()),
                "createdAt": seconds(repository.created_at),
                "imageTagMutability": repository.mutability.as_str(),
                "imageScanningConfiguration": { "scanOnPush": false },
                "encryptionConfiguration": { "encryptionType": "AES256" },
            });
            if exclusions.len() > 0 {
                let filter = |filter| json!({ "filterType": "WILDCARD", "filter": filter });
                description["imageTagMutabilityExclusionFilters"] = exclusions.map(filter).collect();
            }
            described.push(description);
        }
        self.answer_page("repositories", described)
    }

    fn answer_page(&self, name: &str, all: Vec<Value>) -> Result<Value, AwsError> {
        let (page, token) = self.input.page(all)?;
        let mut answer = Map::from_iter([(name.to_owned(), Value::Array(page))]);
        answer.extend(token.map(|token| ("nextToken".to_owned(), Value::String(token))));
        Ok(Value::Object(answer))
    }

    pub(super) fn describe_images(&mut self) -> Result<Value, AwsError> {
        let account = self.registry.account.clone();
        let ids = self.input.image_ids()?;
        let name = self.repository_name()?;
        if ids.is_some() {
            for option in ["nextToken", "maxResults", "filter"] {
                if self.input.0.get(option).is_some_and(|value| !value.is_null()) {
                    return Err(refusal::invalid_parameter(
                        option,
                        "must not be used together with imageIds",
                    ));
                }
            }
        }
        let filter = self.tag_filter()?;
        let (_, repository) = self.repository()?;
        let digests: Vec<String> = match ids {
            Some(ids) => ids
                .iter()
                .map(|id| {
                    let found = id.resolve(repository);
                    found.ok_or_else(|| refusal::image_not_found(name, &account, id.digest, id.tag))
                })
                .collect::<Result<_, _>>()?,
            None => repository
                .images
                .keys()
                .filter(|digest| filter(repository.tags_of(digest).len()))
                .cloned()
                .collect(),
        };
        let details = digests.iter().filter_map(|digest| {
            let image = repository.images.get(digest)?;
            Some(detail(&account, name, digest, image, &repository.tags_of(digest)))
        });
        let details = details.collect();
        self.answer_page("imageDetails", details)
    }

    /// Which numbers of tags the filter lets through.
    fn tag_filter(&self) -> Result<fn(usize) -> bool, AwsError> {
        let Some(filter) = self.input.0.get("filter").filter(|filter| !filter.is_null()) else {
            return Ok(|_| true);
        };
        let status = Input(filter).text("imageStatus")?.unwrap_or("ANY");
        let tags: fn(usize) -> bool = match Input(filter).text("tagStatus")? {
            None | Some("ANY") => |_| true,
            Some("TAGGED") => |tags| tags > 0,
            Some("UNTAGGED") => |tags| tags == 0,
            Some(_) => {
                return Err(refusal::invalid_parameter(
                    "filter.tagStatus",
                    "must be one of: TAGGED, UNTAGGED, ANY",
                ));
            }
        };
        match status {
            "ACTIVE" | "ANY" => Ok(tags),
            // Nothing here is ever archived.
            "ARCHIVED" | "ACTIVATING" => Ok(|_| false),
            _ => Err(refusal::invalid_parameter(
                "filter.imageStatus",
                "must be one of: ACTIVE, ARCHIVED, ACTIVATING, ANY",
            )),
        }
    }

    pub(super) fn list_images(&mut self) -> Result<Value, AwsError> {
        let filter = self.tag_filter()?;
        let (_, repository) = self.repository()?;
        let mut ids = Vec::new();
        for digest in repository.images.keys() {
            let tags = repository.tags_of(digest);
            if !filter(tags.len()) {
                continue;
            }
            if tags.is_empty() {
                ids.push(image_id(Some(digest), None));
            }
            ids.extend(tags.iter().map(|tag| image_id(Some(digest), Some(tag))));
        }
        self.answer_page("imageIds", ids)
    }

    pub(super) fn batch_get_image(&mut self) -> Result<Value, AwsError> {
        let account = self.registry.account.clone();
        let ids = self.required_ids()?;
        let accepted = self.input.list("acceptedMediaTypes")?;
        let (name, repository) = self.repository()?;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for id in &ids {
            if id.digest.is_none() && id.tag.is_none() {
                failures.push(id.failure("MissingDigestAndTag", "Missing both digest and tag"));
                continue;
            }
            if let (Some(digest), Some(tagged)) = (id.digest, id.tag.and_then(|tag| repository.tags.get(tag)))
                && tagged != digest
            {
                failures.push(id.failure("ImageTagDoesNotMatchDigest", "The tag does not match the digest"));
                continue;
            }
            let found = id
                .resolve(repository)
                .and_then(|digest| repository.images.get(&digest).map(|image| (digest, image)));
            let accepts = |image: &Image| {
                accepted.is_none_or(|types| types.iter().any(|kind| *kind == *image.media_type))
            };
            match found.filter(|(_, image)| accepts(image)) {
                Some((digest, image)) => images.push(whole_image(&account, name, &digest, id.tag, image)),
                None => failures.push(id.failure("ImageNotFound", "Requested image not found")),
            }
        }
        Ok(json!({ "images": images, "failures": failures }))
    }

    fn required_ids(&self) -> Result<Vec<ImageId<'a>>, AwsError> {
        self.input.image_ids()?.ok_or_else(|| refusal::invalid_parameter("imageIds", "must not be null"))
    }

    pub(super) fn put_image(&mut self) -> Result<Value, AwsError> {
        let account = self.registry.account.clone();
        let new = NewImage {
            manifest: self.input.required("imageManifest")?,
            media_type: self.input.text("imageManifestMediaType")?,
            tag: self.input.text("imageTag")?,
            digest: self.input.digest("imageDigest")?,
        };
        let now = self.now;
        let (name, repository) = self.repository()?;
        let digest = repository.put(name, &new, now)?;
        let Some(image) = repository.images.get(&digest).cloned() else {
            return Err(refusal::image_not_found(name, &account, Some(&digest), None));
        };
        self.actions.push(pushed(&digest, new.tag.unwrap_or_default(), &image));
        Ok(json!({ "image": whole_image(&account, name, &digest, new.tag, &image) }))
    }

    pub(super) fn batch_delete_image(&mut self) -> Result<Value, AwsError> {
        let ids = self.required_ids()?;
        let (_, repository) = self.repository()?;
        let (mut deleted, mut failures, mut actions) = (Vec::new(), Vec::new(), Vec::new());
        for id in &ids {
            let found = id
                .resolve(repository)
                .and_then(|digest| repository.images.get(&digest).cloned().map(|image| (digest, image)));
            let Some((digest, image)) = found else {
                failures.push(id.failure("ImageNotFound", "Requested image not found"));
                continue;
            };
            let mut gone = |tag: &str| {
                actions.push(ImageAction { action: "DELETE", ..pushed(&digest, tag, &image) });
                deleted.push(image_id(Some(&digest), Some(tag).filter(|tag| !tag.is_empty())));
            };
            // A tag goes alone as long as the image has another.
            if let (None, Some(tag), true) = (id.digest, id.tag, repository.tags_of(&digest).len() > 1) {
                repository.tags.remove(tag);
                gone(tag);
                continue;
            }
            if !repository.referrers(&digest).is_empty() {
                let reason = "The image is referenced by a manifest list";
                failures.push(id.failure("ImageReferencedByManifestList", reason));
                continue;
            }
            let tags = repository.remove(&digest);
            if tags.is_empty() {
                gone("");
            }
            tags.iter().for_each(|tag| gone(tag));
        }
        self.actions.extend(actions);
        Ok(json!({ "imageIds": deleted, "failures": failures }))
    }

    /// A blob that exists, with its digest: what `GetDownloadUrlForLayer` makes a URL for.
    pub(super) fn layer(&mut self) -> Result<(String, Blob), AwsError> {
        let digest = self.input.digest("layerDigest")?;
        let digest = digest.ok_or_else(|| refusal::invalid_parameter("layerDigest", "must not be null"))?;
        let (name, repository) = self.repository()?;
        let blob = repository.blobs.get(digest).cloned();
        let blob = blob.ok_or_else(|| refusal::layers_not_found(name, &[digest.to_owned()]))?;
        Ok((digest.to_owned(), blob))
    }
}

/// A repository name as the service model has it; runs of separators are let through.
pub(super) fn well_named(name: &str) -> bool {
    let part = |part: &str| {
        let inner = part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c));
        inner && !part.is_empty() && !part.starts_with(['.', '_', '-']) && !part.ends_with(['.', '_', '-'])
    };
    (2..=256).contains(&name.len()) && name.split('/').all(part)
}

/// A push event of one manifest.
pub(super) fn pushed(digest: &str, tag: &str, image: &Image) -> ImageAction {
    ImageAction {
        action: "PUSH",
        digest: digest.to_owned(),
        tag: tag.to_owned(),
        media_type: image.media_type.clone(),
        artifact_media_type: image.artifact_media_type.clone(),
    }
}

fn image_id(digest: Option<&str>, tag: Option<&str>) -> Value {
    let parts = [("imageDigest", digest), ("imageTag", tag)];
    parts
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?))))
        .collect::<Map<_, _>>()
        .into()
}

fn detail(account: &str, repository: &str, digest: &str, image: &Image, tags: &[&str]) -> Value {
    let mut detail = json!({
        "registryId": account,
        "repositoryName": repository,
        "imageDigest": digest,
        "imageSizeInBytes": image.size_bytes,
        "imagePushedAt": seconds(image.pushed_at),
        "imageManifestMediaType": image.media_type,
        "imageStatus": "ACTIVE",
    });
    if !tags.is_empty() {
        detail["imageTags"] = json!(tags);
    }
    if let Some(artifact) = &image.artifact_media_type {
        detail["artifactMediaType"] = Value::from(artifact.as_str());
    }
    detail
}

fn whole_image(account: &str, repository: &str, digest: &str, tag: Option<&str>, image: &Image) -> Value {
    json!({
        "registryId": account,
        "repositoryName": repository,
        "imageId": image_id(Some(digest), tag),
        "imageManifest": image.manifest,
        "imageManifestMediaType": image.media_type,
    })
}

/// A timestamp as the JSON protocol writes it.
fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
