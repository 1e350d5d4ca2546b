//! What components run that the release does not bring: a manifest is complete.

use std::collections::BTreeMap;

use gantry_domain::claim::{Baseline, Untouched, carry};
use gantry_domain::ecs::ContainerImage;
use gantry_domain::names::{ComponentName, Digest, ReleaseId, ServiceName};
use gantry_domain::pipeline::Component;
use gantry_domain::release::{Release, ReleasedComponent};
use gantry_domain::verified::{History, withdrawn};

use super::{ClaimRelease, ClaimReleaseError};
use crate::histories::Histories;
use crate::observe::{digest_of, running_images};
use crate::plan_stage::commit_of_image;
use crate::ports::store::StoredRelease;

impl ClaimRelease<'_> {
    pub(super) async fn untouched(
        &self,
        id: &ReleaseId,
        new: &BTreeMap<ComponentName, ReleasedComponent>,
    ) -> Result<BTreeMap<ComponentName, ReleasedComponent>, ClaimReleaseError> {
        let mut components = BTreeMap::new();
        let under_way = self.under_way().await?;
        let Self { pipeline, verified, releases, .. } = *self;
        let histories = Histories { pipeline, verified, releases };
        for component in
            self.pipeline.components.iter().filter(|component| !new.contains_key(&component.name))
        {
            let mut known = Untouched {
                under_way: under_way.iter().collect(),
                histories: histories.of(&component.name).await?,
                baseline: None,
            };
            let carried = match carry(component, &known) {
                Some(carried) => Some(carried),
                None => {
                    known.baseline = Some(self.baseline(id, component, &known.histories).await?);
                    carry(component, &known)
                }
            };
            if let Some(carried) = carried {
                components.insert(component.name.clone(), carried);
            }
        }
        Ok(components)
    }

    /// Releases that go on and have not passed the first stage, oldest first.
    async fn under_way(&self) -> Result<Vec<Release>, ClaimReleaseError> {
        let first = &self.first_stage()?.name;
        let passed = format!("stage-verified:{first}");
        let mut under_way = Vec::new();
        for running in self.releases.running().await? {
            if self.releases.log(&running.release).await?.iter().any(|entry| entry.key == passed) {
                continue;
            }
            if let Some(StoredRelease { release, ended: None, .. }) =
                self.releases.find(&running.release).await?
                && self
                    .executions
                    .state(&running.execution)
                    .await?
                    .may_go_on(release.claimed_at, self.clock.now())
            {
                under_way.push(release);
            }
        }
        under_way.sort_by_key(|release| release.claimed_at);
        Ok(under_way)
    }

    /// What all services of the component run in the first stage.
    async fn baseline(
        &self,
        id: &ReleaseId,
        component: &Component,
        histories: &[Vec<History>],
    ) -> Result<Baseline, ClaimReleaseError> {
        let mut digest = self.running_digest(id, component).await?;
        // What runs there may be what another stage was rolled back from.
        if withdrawn(histories).contains_key(&digest) {
            digest = self.first_seen(component).await?;
        }
        let scope = self.scope(id)?;
        let commit = commit_of_image(self.registry, &scope, &component.repository, &digest).await?;
        Ok(Baseline { stage: self.first_stage()?.name.clone(), digest, commit })
    }

    /// What the component ran in the first stage when Gantry first looked.
    async fn first_seen(&self, component: &Component) -> Result<Digest, ClaimReleaseError> {
        let stage = &self.first_stage()?.name;
        for service in component.services() {
            let noted = self.verified.baseline(stage, service).await?;
            if let Some(digest) = noted.and_then(|noted| noted.digest) {
                return Ok(digest);
            }
        }
        Err(ClaimReleaseError::NoBaseline {
            component: component.name.clone(),
            why: "what it runs was refused or rolled back, and nothing is known of before".to_owned(),
        })
    }

    async fn running_digest(
        &self,
        id: &ReleaseId,
        component: &Component,
    ) -> Result<Digest, ClaimReleaseError> {
        let scope = self.scope(id)?;
        let names: Vec<ServiceName> = component.services().cloned().collect();
        let services = self.stage.services(&scope, &names).await?;
        let unclear = |why: String| ClaimReleaseError::NoBaseline { component: component.name.clone(), why };
        let mut common: Option<Digest> = None;
        for name in &names {
            let service = services.iter().find(|service| service.name == *name).ok_or_else(|| {
                ClaimReleaseError::NoSuchService { service: name.clone(), component: component.name.clone() }
            })?;
            let images = running_images(self.stage, &scope, service).await?;
            let mut digests = images.iter().filter(|image| is_of(image, component)).map(digest_of);
            let digest = match (digests.next().flatten(), digests.next()) {
                (Some(digest), None) => digest,
                (None, _) => return Err(unclear(format!("ECS does not tell the digest that {name} runs"))),
                (Some(_), Some(_)) => {
                    return Err(unclear(format!("{name} runs several images of it at once")));
                }
            };
            if common.as_ref().is_some_and(|common| *common != digest) {
                return Err(unclear("its services run different images".to_owned()));
            }
            common = Some(digest);
        }
        common.ok_or_else(|| unclear("it has no services".to_owned()))
    }
}

/// Is this container's image the component's?
fn is_of(image: &ContainerImage, component: &Component) -> bool {
    if component.containers.is_empty() {
        let name = image.image.split('@').next().unwrap_or_default();
        let path = name.split_once('/').map_or(name, |(_, path)| path);
        path.split(':').next() == Some(component.repository.as_str())
    } else {
        component.containers.contains(&image.container)
    }
}
