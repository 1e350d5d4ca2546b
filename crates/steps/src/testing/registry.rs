//! A registry whose images a test names.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use gantry_domain::names::{Digest, RepositoryName, Tag};

use super::Faults;
use crate::ports::{ImageKind, PortError, Registry, RegistryImage, StageScope, TaggedImage};

/// Images by repository and tag.
#[derive(Default)]
pub(crate) struct FakeRegistry {
    tags: Mutex<BTreeMap<(RepositoryName, Tag), (Digest, ImageKind)>>,
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
        let mut known = self.tags.lock().unwrap();
        for tag in tags {
            known.insert((repository.clone(), Tag::new(*tag).unwrap()), (digest.clone(), kind.clone()));
        }
    }

    fn of(&self, repository: &RepositoryName) -> Vec<(TaggedImage, ImageKind)> {
        let known = self.tags.lock().unwrap();
        let of_repository = known.iter().filter(|((of, _), _)| of == repository);
        of_repository
            .map(|((_, tag), (digest, kind))| {
                (TaggedImage { tag: tag.clone(), digest: digest.clone() }, kind.clone())
            })
            .collect()
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
        let tags: Vec<TaggedImage> = self.of(repository).into_iter().map(|(tagged, _)| tagged).collect();
        Ok(Some(tags).filter(|tags| !tags.is_empty()))
    }

    async fn resolve(
        &self,
        _: &StageScope,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<Digest>, PortError> {
        self.faults.before("resolve").await?;
        let known = self.tags.lock().unwrap();
        Ok(known.get(&(repository.clone(), tag.clone())).map(|(digest, _)| digest.clone()))
    }

    async fn image(
        &self,
        _: &StageScope,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<RegistryImage>, PortError> {
        self.faults.before("image").await?;
        let images = self.of(repository).into_iter().filter(|(tagged, _)| tagged.digest == *digest);
        let (tags, kinds): (Vec<Tag>, Vec<ImageKind>) =
            images.map(|(tagged, kind)| (tagged.tag, kind)).unzip();
        Ok(kinds.into_iter().next().map(|kind| RegistryImage {
            digest: digest.clone(),
            tags,
            pushed_at: None,
            kind,
        }))
    }
}
