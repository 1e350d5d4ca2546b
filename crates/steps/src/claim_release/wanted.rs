//! From what was asked for to commits and digests: the one place where a person's tag is read.

use std::collections::{BTreeMap, BTreeSet};

use gantry_domain::candidate::{PushFact, Readiness, missing_workflow, readiness};
use gantry_domain::claim::WantedRelease;
use gantry_domain::image_event::commit_of_tag;
use gantry_domain::names::{CommitPrefix, CommitSha, ComponentName, Digest, ReleaseId, RepositoryName, Tag};
use gantry_domain::pipeline::Component;
use gantry_domain::release::{ComponentSource, ReleasedComponent};
use jiff::Timestamp;

use super::{ClaimRelease, ClaimReleaseError, Target};
use crate::intake::{gather, not_overtaken};
use crate::ports::{ImageKind, RegistryImage};

/// The newest commits that a manifest and its notices tell of. Each of these is one row, and a row of `DynamoDB` holds
/// 400 KB; many pushes may have gathered while none was ready.
const COMMITS: usize = 150;

impl ClaimRelease<'_> {
    /// The commit that is claimed: for named components the one that was pushed last.
    pub(super) async fn commit_of(&self, wanted: &WantedRelease) -> Result<CommitSha, ClaimReleaseError> {
        match wanted {
            WantedRelease::Commit(prefix) => {
                self.whole(prefix).await?.ok_or_else(|| ClaimReleaseError::UnknownCommit(prefix.clone()))
            }
            WantedRelease::Components(tags) => {
                let mut newest: Option<(Option<Timestamp>, CommitSha)> = None;
                for (component, tag) in tags {
                    let commit = self.commit_of_tag(component, tag).await?;
                    let pushed = self.push_of(&commit).await?.map(|push| push.pushed_at);
                    if newest.as_ref().is_none_or(|(newest, _)| pushed > *newest) {
                        newest = Some((pushed, commit));
                    }
                }
                newest.map(|(_, commit)| commit).ok_or(ClaimReleaseError::NoStage)
            }
        }
    }

    /// What the release brings, with digests that the registry has.
    pub(super) async fn target(
        &self,
        wanted: &WantedRelease,
        commit: &CommitSha,
        release: &ReleaseId,
    ) -> Result<Target, ClaimReleaseError> {
        let mut target = match wanted {
            WantedRelease::Commit(_) => self.built(commit, release).await?,
            WantedRelease::Components(tags) => self.named(tags, commit, release).await?,
        };
        let earliest = target.commits.len().saturating_sub(COMMITS);
        target.commits.drain(..earliest);
        Ok(target)
    }

    async fn built(&self, commit: &CommitSha, release: &ReleaseId) -> Result<Target, ClaimReleaseError> {
        let facts = gather(self.pipeline, self.candidates, self.releases, commit).await?;
        let images = match readiness(self.pipeline, &facts) {
            Readiness::Ready { images } => images,
            Readiness::Waiting { missing } => {
                return Err(ClaimReleaseError::NotReady { commit: commit.clone(), missing });
            }
            Readiness::Ignored { why } => {
                return Err(ClaimReleaseError::Ignored { commit: commit.clone(), why });
            }
        };
        let images = not_overtaken(self.pipeline, self.releases, &facts, images).await?;
        if images.is_empty() {
            return Err(ClaimReleaseError::Older { commit: commit.clone() });
        }
        let mut target = Target::of(commit);
        target.commits = facts.pushes.iter().rev().flat_map(|push| push.commits.clone()).collect();
        for (component, expected) in images {
            let image = expected.image;
            self.image(release, &image.repository, &image.digest).await?;
            let push = facts.pushes.iter().find(|push| push.commit == expected.commit);
            target.pushed.push((component.clone(), push.map_or(image.pushed_at, |push| push.pushed_at)));
            target.new.insert(
                component,
                ReleasedComponent {
                    repository: image.repository,
                    digest: image.digest,
                    commit: Some(expected.commit),
                    source: ComponentSource::Built,
                },
            );
        }
        Ok(target)
    }

    async fn named(
        &self,
        tags: &BTreeMap<ComponentName, Tag>,
        commit: &CommitSha,
        release: &ReleaseId,
    ) -> Result<Target, ClaimReleaseError> {
        let mut target = Target::of(commit);
        target.commits = self.push_of(commit).await?.map(|push| push.commits).unwrap_or_default();
        for component in self.pipeline.components.iter() {
            let Some(tag) = tags.get(&component.name) else { continue };
            let repository = &component.repository;
            let digest =
                self.registry.resolve(&self.scope(release)?, repository, tag).await?.ok_or_else(|| {
                    ClaimReleaseError::NoSuchTag { repository: repository.clone(), tag: tag.clone() }
                })?;
            let image = self.image(release, repository, &digest).await?;
            let built_from = self.commit_of_tag(&component.name, tag).await?;
            let push = self.push_of(&built_from).await?;
            self.gates(component, &built_from, push.as_ref(), &image).await?;
            if let Some(at) = push.map(|push| push.pushed_at).or(image.pushed_at) {
                target.pushed.push((component.name.clone(), at));
            }
            target.new.insert(
                component.name.clone(),
                ReleasedComponent {
                    repository: repository.clone(),
                    digest,
                    commit: Some(built_from),
                    source: ComponentSource::Named,
                },
            );
        }
        Ok(target)
    }

    /// What holds for a push holds for a person too: the released branch, and the required workflows.
    async fn gates(
        &self,
        component: &Component,
        commit: &CommitSha,
        push: Option<&PushFact>,
        image: &RegistryImage,
    ) -> Result<(), ClaimReleaseError> {
        let branch = &self.pipeline.source.branch;
        let branch_tag = format!("branch-{}", branch.as_str().replace('/', "-"));
        let proved = push.is_some_and(|push| push.branch == *branch)
            || image.tags.iter().any(|tag| tag.as_str() == branch_tag);
        if !proved {
            return Err(ClaimReleaseError::BranchUnproven {
                component: component.name.clone(),
                commit: commit.clone(),
                branch: branch.clone(),
            });
        }
        let facts = gather(self.pipeline, self.candidates, self.releases, commit).await?;
        let missing: Vec<_> =
            component.workflows.iter().filter_map(|path| missing_workflow(&facts, path, commit)).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(ClaimReleaseError::NotReady { commit: commit.clone(), missing })
        }
    }

    async fn image(
        &self,
        release: &ReleaseId,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<RegistryImage, ClaimReleaseError> {
        let image =
            self.registry.image(&self.scope(release)?, repository, digest).await?.ok_or_else(|| {
                ClaimReleaseError::NoSuchImage { repository: repository.clone(), digest: digest.clone() }
            })?;
        match &image.kind {
            ImageKind::Runnable { .. } => Ok(image),
            ImageKind::Other(media_type) => Err(ClaimReleaseError::NotRunnable {
                repository: repository.clone(),
                digest: digest.clone(),
                media_type: media_type.clone(),
            }),
        }
    }

    /// The commit in a tag, in full: from the tag itself or from the push it abbreviates.
    async fn commit_of_tag(
        &self,
        component: &ComponentName,
        tag: &Tag,
    ) -> Result<CommitSha, ClaimReleaseError> {
        let unclear = || ClaimReleaseError::CommitOfTag { component: component.clone(), tag: tag.clone() };
        let prefix = commit_of_tag(tag.as_str()).ok_or_else(unclear)?;
        match CommitSha::new(prefix.as_str()) {
            Ok(commit) => Ok(commit),
            Err(_) => self.whole(&prefix).await?.ok_or_else(unclear),
        }
    }

    /// The one commit that begins so. `None`: no push of such a commit is known.
    async fn whole(&self, prefix: &CommitPrefix) -> Result<Option<CommitSha>, ClaimReleaseError> {
        let pushes = self.candidates.pushes(&self.pipeline.name, prefix).await?;
        let commits: BTreeSet<CommitSha> = pushes.into_iter().map(|push| push.commit).collect();
        if commits.len() > 1 {
            let commits = commits.into_iter().collect();
            return Err(ClaimReleaseError::Ambiguous { prefix: prefix.clone(), commits });
        }
        Ok(commits.into_iter().next())
    }

    /// The push of a commit, to the released branch if there was one.
    async fn push_of(&self, commit: &CommitSha) -> Result<Option<PushFact>, ClaimReleaseError> {
        let Ok(prefix) = CommitPrefix::new(commit.as_str()) else { return Ok(None) };
        let mut pushes = self.candidates.pushes(&self.pipeline.name, &prefix).await?;
        pushes.sort_by_key(|push| push.branch != self.pipeline.source.branch);
        Ok(pushes.into_iter().next())
    }
}

impl Target {
    fn of(commit: &CommitSha) -> Self {
        Self { commit: commit.clone(), new: BTreeMap::new(), pushed: Vec::new(), commits: Vec::new() }
    }
}
