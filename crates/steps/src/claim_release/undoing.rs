//! A rollback that a person asks for: a release that brings nothing, to put a stage back.

use std::collections::BTreeMap;

use gantry_domain::claim::WantedRollback;
use gantry_domain::names::{CommitSha, ComponentName, ReleaseId};
use gantry_domain::release::{ComponentSource, Origin, Release, ReleasedComponent, Undoing};
use gantry_domain::verified::{Target, VerifiedEntry, before};
use sha2::{Digest as _, Sha256};

use super::{ClaimRelease, ClaimReleaseError, ClaimReleaseInput, ClaimReleaseOutput, ClaimedStage};
use crate::ports::store::NewNotice;

/// How many rows of a component's history are looked through.
const ROWS: u32 = 400;

impl ClaimRelease<'_> {
    /// Claims the rollback. The same execution finds its own again.
    pub(super) async fn claim_rollback(
        &self,
        input: &ClaimReleaseInput,
        wanted: &WantedRollback,
    ) -> Result<ClaimReleaseOutput, ClaimReleaseError> {
        let id = self.rollback_id(input)?;
        let release = match self.releases.find(&id).await? {
            Some(stored) => stored.release,
            None => {
                self.nobody_at_work(wanted).await?;
                let release = self.undoing(id, input, wanted).await?;
                let notice = NewNotice::new(release.claimed_at, self.started(&release));
                self.releases.claim_rollback(&release, &notice).await?;
                release
            }
        };
        tracing::info!(release = %release.id, stage = %wanted.stage, "a rollback was claimed");
        let stages = vec![ClaimedStage { name: wanted.stage.clone(), gated: false }];
        let commit = release.commit;
        Ok(ClaimReleaseOutput {
            release: release.id,
            commit,
            stage_count: 1,
            stages,
            is_rollback: true,
            died: None,
        })
    }

    /// Without a release to go back to, the stage has to stand still for "the one before" to be known.
    async fn nobody_at_work(&self, wanted: &WantedRollback) -> Result<(), ClaimReleaseError> {
        match self.locks.read(&wanted.stage).await? {
            Some(stored) if wanted.to.is_none() => {
                let (release, stage) = (stored.lock.release, wanted.stage.clone());
                Err(ClaimReleaseError::AtWork { release, stage })
            }
            _ => Ok(()),
        }
    }

    fn rollback_id(&self, input: &ClaimReleaseInput) -> Result<ReleaseId, ClaimReleaseError> {
        let hash = hex::encode(Sha256::digest(input.execution.as_str()));
        let id = format!("{}-rollback-{}", self.pipeline.name, hash.get(..12).unwrap_or(&hash));
        ReleaseId::new(id).map_err(|source| ClaimReleaseError::UnnamedRollback { source })
    }

    async fn undoing(
        &self,
        id: ReleaseId,
        input: &ClaimReleaseInput,
        wanted: &WantedRollback,
    ) -> Result<Release, ClaimReleaseError> {
        let mut histories: BTreeMap<ComponentName, Vec<VerifiedEntry>> = BTreeMap::new();
        for component in &wanted.components {
            let rows = self.verified.history(&wanted.stage, component, ROWS).await?;
            histories.insert(component.clone(), rows);
        }
        let rows: Vec<&VerifiedEntry> = histories.values().flatten().collect();
        let found = before(&rows);
        let Some(undone) = found.newest else {
            return Err(ClaimReleaseError::NothingVerified { stage: wanted.stage.clone() });
        };
        if let Some(to) = &wanted.to
            && !wanted.components.iter().all(|name| passed(&histories, name, to))
        {
            return Err(ClaimReleaseError::NeverVerified {
                release: to.clone(),
                stage: wanted.stage.clone(),
            });
        }
        let to = wanted.to.clone().or(found.before);
        let mut components = BTreeMap::new();
        for name in &wanted.components {
            let released = self.goes_back(wanted, name, to.as_ref(), &histories).await?;
            components.extend(released.map(|released| (name.clone(), released)));
        }
        Ok(Release {
            id,
            commit: self.commit_of_release(&undone).await?,
            attempt: 1,
            origin: Origin::Console,
            execution: input.execution.clone(),
            claimed_at: self.clock.now(),
            config: self.pipeline.hash.clone(),
            components,
            commits: Vec::new(),
            undoes: Some(Undoing { stage: wanted.stage.clone(), components: wanted.components.clone(), to }),
        })
    }

    /// What a component goes back to. `None`: nobody can tell yet; the plan says so when it is made.
    async fn goes_back(
        &self,
        wanted: &WantedRollback,
        name: &ComponentName,
        to: Option<&ReleaseId>,
        histories: &BTreeMap<ComponentName, Vec<VerifiedEntry>>,
    ) -> Result<Option<ReleasedComponent>, ClaimReleaseError> {
        let Some(component) = self.pipeline.component(name) else { return Ok(None) };
        let target = match to {
            Some(to) => {
                let rows = histories.get(name).map(Vec::as_slice).unwrap_or_default();
                rows.iter().find(|row| row.release == *to).map(Target::of)
            }
            None => match component.services().next() {
                Some(service) => {
                    let baseline = self.verified.baseline(&wanted.stage, service).await?;
                    baseline.as_ref().and_then(Target::of_baseline)
                }
                None => None,
            },
        };
        let stage = wanted.stage.clone();
        Ok(target.map(|target| ReleasedComponent {
            repository: component.repository.clone(),
            digest: target.digest,
            commit: target.commit,
            source: match target.release {
                Some(_) => ComponentSource::Carried { stage },
                None => ComponentSource::Baseline { stage },
            },
        }))
    }

    /// The commit that is undone: a stage that holds afterwards waits for a newer one than this.
    async fn commit_of_release(&self, undone: &ReleaseId) -> Result<CommitSha, ClaimReleaseError> {
        let stored = self.releases.find(undone).await?;
        let commit = stored.map(|stored| stored.release.commit);
        commit.ok_or_else(|| ClaimReleaseError::UnknownRelease(undone.clone()))
    }
}

/// Did the release pass with every service of the component, and was not rolled back since?
fn passed(
    histories: &BTreeMap<ComponentName, Vec<VerifiedEntry>>,
    name: &ComponentName,
    to: &ReleaseId,
) -> bool {
    let mut rows = histories.get(name).into_iter().flatten().filter(|row| row.release == *to).peekable();
    rows.peek().is_some() && rows.all(|row| !row.rolled_back)
}

#[cfg(test)]
mod tests;
