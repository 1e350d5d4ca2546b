//! State `ClaimRelease`: turns an execution's input into a complete manifest and claims it for this execution, or
//! refuses with nothing touched.
//!
//! After this no tag is read again: a manifest names digests.

mod error;
mod putting_back;
mod undoing;
mod untouched;
mod wanted;

use std::collections::BTreeMap;

use gantry_domain::claim::{self, Wanted, WantedRelease};
use gantry_domain::names::{CommitSha, ComponentName, ExecutionArn, ReleaseId, StageName};
use gantry_domain::notice::{Notice, StartedComponent};
use gantry_domain::pipeline::{Pipeline, Stage};
use gantry_domain::release::{CommitSummary, Origin, Release, ReleasedComponent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use error::ClaimReleaseError;

use crate::ports::store::{
    Candidates, ClaimMark, ClaimOutcome, Locks, NewClaim, NewNotice, Releases, Verified,
};
use crate::ports::{Clock, Executions, ObserveStage, Registry, StageScope};

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimReleaseInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// Its name: anything, when a person started it.
    pub execution_name: String,
    /// When it was started, in real time, as Step Functions writes it.
    pub started_at: String,
    /// Whatever JSON the execution was given.
    pub input: Value,
}

/// What the state gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimReleaseOutput {
    /// The release.
    pub release: ReleaseId,
    /// The commit it was started for.
    pub commit: CommitSha,
    /// The stages it passes, in order.
    pub stages: Vec<ClaimedStage>,
    /// How many there are.
    pub stage_count: usize,
    /// Is something put back, instead of brought?
    pub is_rollback: bool,
    /// For a release whose execution died in the stage: how, for people. Then the stage was being changed.
    pub died: Option<String>,
}

/// A stage, as the state machine needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimedStage {
    /// Its name.
    pub name: StageName,
    /// Are people asked before it starts?
    pub gated: bool,
}

/// Claims a release.
pub struct ClaimRelease<'a> {
    /// The configuration.
    pub pipeline: &'a Pipeline,
    /// Releases and their logs.
    pub releases: &'a dyn Releases,
    /// Facts about commits.
    pub candidates: &'a dyn Candidates,
    /// What passed.
    pub verified: &'a dyn Verified,
    /// Who is at work where: asked about what is to be put back.
    pub locks: &'a dyn Locks,
    /// How executions are doing.
    pub executions: &'a dyn Executions,
    /// The first stage's registry.
    pub registry: &'a dyn Registry,
    /// What the first stage runs.
    pub stage: &'a dyn ObserveStage,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// What the release is to bring, found out from its input.
struct Target {
    commit: CommitSha,
    new: BTreeMap<ComponentName, ReleasedComponent>,
    pushed: Vec<(ComponentName, Timestamp)>,
    commits: Vec<CommitSummary>,
}

/// How often a claim that changed under our hands is looked at again.
const ATTEMPTS: usize = 4;

impl ClaimRelease<'_> {
    /// Reads the input, composes the manifest and claims it.
    pub async fn run(&self, input: ClaimReleaseInput) -> Result<ClaimReleaseOutput, ClaimReleaseError> {
        let wanted = claim::parse(self.pipeline, &input.input)
            .map_err(|source| ClaimReleaseError::Input { source })?;
        match wanted {
            Wanted::Release(wanted) => self.claim_release(&input, &wanted).await,
            Wanted::Rollback(wanted) => self.claim_rollback(&input, &wanted).await,
            Wanted::PutBack(wanted) => self.claim_put_back(&input, wanted).await,
        }
    }

    async fn claim_release(
        &self,
        input: &ClaimReleaseInput,
        wanted: &WantedRelease,
    ) -> Result<ClaimReleaseOutput, ClaimReleaseError> {
        let commit = self.commit_of(wanted).await?;
        for _ in 0..ATTEMPTS {
            let mark = self.releases.claimed(&self.pipeline.name, &commit).await?;
            if let Some(mine) = mark.as_ref().filter(|mark| mark.execution == input.execution) {
                return Ok(self.output(mine.release.clone(), commit));
            }
            let (release, attempt) = self.attempt(input, &commit, mark.as_ref()).await?;
            let target = self.target(wanted, &commit, &release).await?;
            let release = self.compose(input, release, attempt, &target).await?;
            match self.claim(&release, mark.as_ref(), &target).await? {
                ClaimOutcome::Claimed => return Ok(self.output(release.id, commit)),
                ClaimOutcome::Older => return Err(ClaimReleaseError::Older { commit }),
                ClaimOutcome::Changed => {}
            }
        }
        Err(ClaimReleaseError::Contended { commit })
    }

    /// Which attempt of the commit this is. Another execution that goes on has it; one that has ended had its turn, and
    /// only a person asks for another.
    async fn attempt(
        &self,
        input: &ClaimReleaseInput,
        commit: &CommitSha,
        mark: Option<&ClaimMark>,
    ) -> Result<(ReleaseId, u32), ClaimReleaseError> {
        let id = |attempt| {
            claim::release_id(self.pipeline, commit, attempt)
                .map_err(|source| ClaimReleaseError::Unnamed { commit: commit.clone(), source })
        };
        let Some(mark) = mark else { return Ok((id(1)?, 1)) };
        if self.goes_on(mark).await? {
            return Err(ClaimReleaseError::Claimed { commit: commit.clone(), by: mark.release.clone() });
        }
        let attempt = mark.attempt.saturating_add(1);
        let release = id(attempt)?;
        let by_itself = claim::origin(&input.execution_name, &id(1)?) == Origin::Push;
        if by_itself {
            return Err(ClaimReleaseError::Ended { commit: commit.clone(), by: mark.release.clone() });
        }
        Ok((release, attempt))
    }

    /// Step Functions describes an execution as of a moment ago: one that has just claimed may not be known yet.
    async fn goes_on(&self, mark: &ClaimMark) -> Result<bool, ClaimReleaseError> {
        let stored = self.releases.find(&mark.release).await?;
        let claimed_at = stored.map_or(Timestamp::UNIX_EPOCH, |stored| stored.release.claimed_at);
        Ok(self.executions.state(&mark.execution).await?.may_go_on(claimed_at, self.clock.now()))
    }

    async fn compose(
        &self,
        input: &ClaimReleaseInput,
        id: ReleaseId,
        attempt: u32,
        target: &Target,
    ) -> Result<Release, ClaimReleaseError> {
        let mut components = self.untouched(&id, &target.new).await?;
        components.extend(target.new.clone());
        Ok(Release {
            origin: claim::origin(&input.execution_name, &id),
            id,
            commit: target.commit.clone(),
            attempt,
            execution: input.execution.clone(),
            claimed_at: self.clock.now(),
            config: self.pipeline.hash.clone(),
            components,
            commits: target.commits.clone(),
            undoes: None,
        })
    }

    async fn claim(
        &self,
        release: &Release,
        replaces: Option<&ClaimMark>,
        target: &Target,
    ) -> Result<ClaimOutcome, ClaimReleaseError> {
        let notice = NewNotice::new(release.claimed_at, self.started(release));
        let claim = NewClaim {
            pipeline: &self.pipeline.name,
            release,
            replaces,
            pushed: &target.pushed,
            notice: &notice,
        };
        let outcome = self.releases.claim(&claim).await?;
        tracing::info!(release = %release.id, commit = %release.commit, ?outcome, "a claim was made");
        Ok(outcome)
    }

    /// Components in deployment order.
    fn started(&self, release: &Release) -> Notice {
        let components = self.pipeline.components.iter().filter_map(|component| {
            let released = release.components.get(&component.name)?;
            Some(StartedComponent {
                component: component.name.clone(),
                digest: released.digest.clone(),
                commit: released.commit.clone(),
                source: released.source.clone(),
            })
        });
        Notice::Started {
            commit: release.commit.clone(),
            origin: release.origin,
            components: components.collect(),
            commits: release.commits.clone(),
            undoes: release.undoes.clone(),
        }
    }

    fn output(&self, release: ReleaseId, commit: CommitSha) -> ClaimReleaseOutput {
        let stages: Vec<ClaimedStage> = self
            .pipeline
            .stages
            .iter()
            .map(|stage| ClaimedStage { name: stage.name.clone(), gated: stage.approval.is_some() })
            .collect();
        ClaimReleaseOutput {
            release,
            commit,
            stage_count: stages.len(),
            stages,
            is_rollback: false,
            died: None,
        }
    }

    fn first_stage(&self) -> Result<&Stage, ClaimReleaseError> {
        self.pipeline.stages.first().ok_or(ClaimReleaseError::NoStage)
    }

    fn scope(&self, release: &ReleaseId) -> Result<StageScope, ClaimReleaseError> {
        Ok(StageScope::observing(self.first_stage()?, release))
    }
}

#[cfg(test)]
mod tests;
