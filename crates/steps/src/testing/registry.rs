//! A registry whose images a test names.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use gantry_domain::names::{Digest, RepositoryName, Tag};
use jiff::Timestamp;

use super::Faults;
use crate::ports::{ImageKind, PortError, PushedImage, Registry, RegistryImage, StageScope, TaggedImage};

/// What a tag points at.
#[derive(Clone)]
struct Held {
    digest: Digest,
    kind: ImageKind,
    pushed_at: Option<Timestamp>,
}

/// Images by repository and tag.
#[derive(Default)]
pub(crate) struct FakeRegistry {
    tags: Mutex<BTreeMap<(RepositoryName, Tag), Held>>,
    pub(crate) faults: Faults,
}

impl FakeRegistry {
    /// An image that a task can run. A tag that pointed elsewhere moves.
    pub(crate) fn push(&self, repository: &RepositoryName, digest: &Digest, tags: &[&str]) {
        let kind = ImageKind::Runnable { platforms: vec!["linux/amd64".to_owned()] };
        self.push_kind(repository, digest, tags, kind);
    }

    pub(crate) fn push_kind(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        tags: &[&str],
        kind: ImageKind,
    ) {
        self.hold(repository, tags, &Held { digest: digest.clone(), kind, pushed_at: None });
    }

    /// As [`Self::push`], at that time.
    pub(crate) fn push_at(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        tags: &[&str],
        pushed_at: Timestamp,
    ) {
        let kind = ImageKind::Runnable { platforms: Vec::new() };
        self.hold(repository, tags, &Held { digest: digest.clone(), kind, pushed_at: Some(pushed_at) });
    }

    fn hold(&self, repository: &RepositoryName, tags: &[&str], held: &Held) {
        let mut known = self.tags.lock().unwrap();
        for tag in tags {
            known.insert((repository.clone(), Tag::new(*tag).unwrap()), held.clone());
        }
    }

    fn of(&self, repository: &RepositoryName) -> Vec<(Tag, Held)> {
        let known = self.tags.lock().unwrap();
        let of_repository = known.iter().filter(|((of, _), _)| of == repository);
        of_repository.map(|((_, tag), held)| (tag.clone(), held.clone())).collect()
    }
}

#[async_trait]
impl Registry for FakeRegistry {
    async fn tags(
        &self,
        _: &StageScope,
        repository: &RepositoryName,
    ) -> Result<Option<Vec<TaggedImage>>, PortError> {
        self.faults.before("tags").await?;
        let tags: Vec<TaggedImage> = self
            .of(repository)
            .into_iter()
            .map(|(tag, held)| TaggedImage { tag, digest: held.digest })
            .collect();
        Ok(Some(tags).filter(|tags| !tags.is_empty()))
    }

    async fn tagged(
        &self,
        _: &StageScope,
        repository: &RepositoryName,
    ) -> Result<Option<Vec<PushedImage>>, PortError> {
        self.faults.before("tagged").await?;
        let mut images: Vec<PushedImage> = Vec::new();
        for (tag, held) in self.of(repository) {
            match images.iter_mut().find(|image| image.digest == held.digest) {
                Some(image) => image.tags.push(tag),
                None => images.push(PushedImage {
                    digest: held.digest,
                    tags: vec![tag],
                    pushed_at: held.pushed_at.unwrap_or_default(),
                    manifest_media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
                    artifact_media_type: Some(match held.kind {
                        ImageKind::Runnable { .. } => "application/vnd.oci.image.config.v1+json".to_owned(),
                        ImageKind::Other(media_type) => media_type,
                    }),
                }),
            }
        }
        Ok(Some(images).filter(|images| !images.is_empty()))
    }

    async fn resolve(
        &self,
        _: &StageScope,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<Digest>, PortError> {
        self.faults.before("resolve").await?;
        let known = self.tags.lock().unwrap();
        Ok(known.get(&(repository.clone(), tag.clone())).map(|held| held.digest.clone()))
    }

    async fn image(
        &self,
        _: &StageScope,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<RegistryImage>, PortError> {
        self.faults.before("image").await?;
        let images = self.of(repository).into_iter().filter(|(_, held)| held.digest == *digest);
        let (tags, held): (Vec<Tag>, Vec<Held>) = images.unzip();
        Ok(held.into_iter().next().map(|held| RegistryImage {
            digest: held.digest,
            tags,
            pushed_at: held.pushed_at,
            kind: held.kind,
        }))
    }
}
