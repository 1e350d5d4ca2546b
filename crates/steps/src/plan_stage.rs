//! State `PlanStage`: reads the world once and keeps what is going to be done under its hash.
//!
//! Called twice for a stage: before the gate, and again under the lock, where the hash that people agreed to is
//! compared. Writes nothing to the stage.

mod standing;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use gantry_domain::ErrorName;
use gantry_domain::image_event::commit_of_tag;
use gantry_domain::names::{
    CommitSha, ComponentName, Digest, ExecutionArn, PlanHash, ReleaseId, RepositoryName, StageName,
};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::{Pipeline, Stage};
use gantry_domain::plan::{self, Change, ObservedStage, Plan, PlanError, PlanHashError};
use gantry_domain::verified::BaselineEntry;
use serde::{Deserialize, Serialize};

use crate::StepError;
use crate::observe::observe_pipeline;
use crate::ports::store::{Locks, NewNotice, Plans, Releases, Verified};
use crate::ports::{Clock, ObserveStage, PortError, Registry, StageScope};

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStageInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
    /// Must this execution have the stage's lock?
    pub under_lock: bool,
    /// The plan that people agreed to.
    #[serde(default)]
    pub approved_hash: Option<PlanHash>,
}

/// What the state gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanStageOutput {
    /// The plan.
    pub plan_hash: PlanHash,
    /// What will be done, in order.
    pub steps: Vec<StepLabel>,
    /// How many steps there are.
    pub step_count: usize,
    /// How many services are deployed.
    pub changes: usize,
    /// What moved since people agreed, in sentences. Empty: nothing did.
    pub moved: Vec<String>,
}

/// A step as states carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepLabel {
    /// `task`, `wave` or `checks`.
    pub kind: String,
    /// For people who look at the execution.
    pub label: String,
    /// Does it change what the stage runs or holds? If it may have begun, the stage is no longer clean.
    pub writes: bool,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanStageError {
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The lock is somebody else's.
    #[error("the lock of {0} is not this execution's")]
    LockLost(StageName),
    /// A person wants the stage put back, and not this release.
    #[error("a person asked for {stage} to be put back ({by}): this release does not begin there")]
    TurnsBack {
        /// The stage.
        stage: StageName,
        /// The rollback, which waits in line.
        by: ReleaseId,
    },
    /// The release has no manifest.
    #[error("release {0} is not recorded")]
    NoRelease(ReleaseId),
    /// The release was claimed by another execution.
    #[error("release {0} belongs to another execution")]
    OtherRelease(ReleaseId),
    /// A release that was claimed later has passed the stage.
    #[error(
        "{newer} was claimed later and {stage} runs it already: this older release is not deployed over it"
    )]
    Overtaken {
        /// The later release.
        newer: ReleaseId,
        /// The stage.
        stage: StageName,
    },
    /// What the release carries was found wrong after it was claimed.
    #[error(
        "{component} is not of this commit, and the image that this release carries for it ({digest}) was {how} {stage} \
         with {by}: it is not deployed again"
    )]
    Withdrawn {
        /// The component.
        component: ComponentName,
        /// Its image.
        digest: Digest,
        /// What became of it, with the word that leads to the stage.
        how: &'static str,
        /// Where it had been deployed.
        stage: StageName,
        /// The release that had brought it there.
        by: ReleaseId,
    },
    /// The configuration has no such stage.
    #[error("the configuration has no stage {0}")]
    NoStage(StageName),
    /// The stage or the release is not such that a plan can be made.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan has no hash.
    #[error("the plan has no hash")]
    Hash(#[from] PlanHashError),
    /// The plan that people agreed to is not there.
    #[error("the approved plan {0} is not recorded")]
    NoApprovedPlan(PlanHash),
}

impl StepError for PlanStageError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Port(error) => error.name(),
            Self::LockLost(_) | Self::TurnsBack { .. } => ErrorName::LockLost,
            Self::Overtaken { .. } => ErrorName::ReleaseAlreadyClaimed,
            Self::Withdrawn { .. } => ErrorName::Withdrawn,
            Self::NoStage(_) => ErrorName::Misconfigured,
            Self::Plan(PlanError::Unsupported(_)) => ErrorName::UnsupportedService,
            Self::Plan(PlanError::Incomplete(_))
            | Self::NoRelease(_)
            | Self::OtherRelease(_)
            | Self::Hash(_)
            | Self::NoApprovedPlan(_) => ErrorName::Inconsistent,
        }
    }
}

/// Plans a stage.
pub struct PlanStage<'a> {
    /// The configuration.
    pub pipeline: &'a Pipeline,
    /// The manifest.
    pub releases: &'a dyn Releases,
    /// Where plans are kept.
    pub plans: &'a dyn Plans,
    /// Who may write to the stage.
    pub locks: &'a dyn Locks,
    /// Where baselines are noted.
    pub verified: &'a dyn Verified,
    /// The stage.
    pub observe: &'a dyn ObserveStage,
    /// Its registry: asked which commit the images that run were built from, for people to read.
    pub registry: &'a dyn Registry,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl PlanStage<'_> {
    /// Makes the plan and keeps it. Running it twice over the same world keeps one plan.
    pub async fn run(&self, input: PlanStageInput) -> Result<PlanStageOutput, PlanStageError> {
        let stage = self.stage(&input.stage)?;
        if input.under_lock {
            let lock = self.locks.read(&stage.name).await?;
            if let Some(by) = lock.as_ref().and_then(|stored| stored.turn_back.clone()) {
                return Err(PlanStageError::TurnsBack { stage: stage.name.clone(), by });
            }
            if !lock.is_some_and(|stored| stored.lock.is_writable_by(&input.execution)) {
                return Err(PlanStageError::LockLost(stage.name.clone()));
            }
        }
        let release = self.releases.find(&input.release).await?.map(|stored| stored.release);
        let release = release.ok_or_else(|| PlanStageError::NoRelease(input.release.clone()))?;
        if release.execution != input.execution {
            return Err(PlanStageError::OtherRelease(release.id));
        }
        self.still_newest(&stage.name, &release).await?;
        self.still_good(&release).await?;
        let scope = StageScope::observing(stage, &release.id);
        let services = observe_pipeline(self.observe, &scope, self.pipeline).await?;
        let observed = ObservedStage { at: self.clock.now(), under_lock: input.under_lock, services };
        let mut plan = plan::build(self.pipeline, stage, &release, &observed)?;
        self.note_commits(&scope, &mut plan).await?;
        // Before that, what runs may be half of another release.
        if input.under_lock {
            self.note_baselines(&plan).await?;
        }
        let plan_hash = self.plans.put(&plan).await?;
        let moved = self.moved(input.approved_hash.as_ref(), &plan_hash, &plan).await?;
        if let Some(approved) = input.approved_hash.as_ref().filter(|_| !moved.is_empty()) {
            self.void(&release.id, &stage.name, approved, &moved).await?;
        }
        let steps: Vec<StepLabel> = plan.terms.steps.iter().map(StepLabel::of).collect();
        let changes = plan.terms.services.iter().filter(|service| service.change == Change::Deploy).count();
        Ok(PlanStageOutput { plan_hash, step_count: steps.len(), steps, changes, moved })
    }

    fn stage(&self, name: &StageName) -> Result<&Stage, PlanStageError> {
        self.pipeline.stage(name).ok_or_else(|| PlanStageError::NoStage(name.clone()))
    }

    /// What ran before Gantry's first deployment is what a first rollback goes back to; the first note stays.
    async fn note_baselines(&self, plan: &Plan) -> Result<(), PortError> {
        for service in &plan.terms.services {
            let entry = BaselineEntry {
                stage: plan.terms.stage.clone(),
                service: service.service.clone(),
                task_definition: service.running.clone(),
                digest: service.running_digest.clone(),
                at: plan.observed_at,
            };
            self.verified.put_baseline(&entry).await?;
        }
        Ok(())
    }

    async fn moved(
        &self,
        approved: Option<&PlanHash>,
        hash: &PlanHash,
        plan: &Plan,
    ) -> Result<Vec<String>, PlanStageError> {
        let Some(approved) = approved.filter(|approved| *approved != hash) else {
            return Ok(Vec::new());
        };
        let old = self.plans.get(approved).await?;
        let old = old.ok_or_else(|| PlanStageError::NoApprovedPlan(approved.clone()))?;
        Ok(plan::moved(&old.terms, &plan.terms))
    }
}

impl PlanStage<'_> {
    /// Notes which commit each running image was built from, where a tag of it tells.
    async fn note_commits(&self, scope: &StageScope, plan: &mut Plan) -> Result<(), PortError> {
        let mut known: BTreeMap<(&RepositoryName, &Digest), Option<CommitSha>> = BTreeMap::new();
        for (service, observation) in plan.terms.services.iter().zip(&mut plan.observations) {
            let Some(digest) = &service.running_digest else { continue };
            let image = (&service.repository, digest);
            let commit = match known.entry(image) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => {
                    unknown.insert(commit_of_image(self.registry, scope, image.0, image.1).await?)
                }
            };
            observation.running_commit.clone_from(commit);
        }
        Ok(())
    }

    /// Tells people that what they agreed to no longer counts. A plan that changed nothing was never asked about.
    async fn void(
        &self,
        release: &ReleaseId,
        stage: &StageName,
        approved: &PlanHash,
        moved: &[String],
    ) -> Result<(), PortError> {
        let log = self.releases.log(release).await?;
        let asked = log.into_iter().rev().find_map(|entry| match entry.notice {
            Notice::ApprovalRequested { approval, stage: of, plan, .. }
                if of == *stage && plan == *approved =>
            {
                Some(approval)
            }
            _ => None,
        });
        let Some(approval) = asked else { return Ok(()) };
        let notice = Notice::ApprovalVoided { approval, stage: stage.clone(), moved: moved.to_vec() };
        self.releases.append(release, &NewNotice::new(self.clock.now(), notice)).await.map(drop)
    }
}

/// The commit that a tag of an image names in full. For people: nothing is decided by it.
pub(crate) async fn commit_of_image(
    registry: &dyn Registry,
    scope: &StageScope,
    repository: &RepositoryName,
    digest: &Digest,
) -> Result<Option<CommitSha>, PortError> {
    let image = registry.image(scope, repository, digest).await?;
    let tags = image.into_iter().flat_map(|image| image.tags);
    Ok(tags
        .filter_map(|tag| commit_of_tag(tag.as_str()))
        .find_map(|commit| CommitSha::new(commit.as_str()).ok()))
}

impl StepLabel {
    pub(crate) fn of(step: &plan::PlanStep) -> Self {
        Self { kind: step.kind().to_owned(), label: step.label(), writes: step.writes() }
    }
}

#[cfg(test)]
mod tests;
