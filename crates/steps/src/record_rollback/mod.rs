//! State `RecordRollback`: the stage has been put back. What was undone is marked so that it is never chosen again, the
//! stage holds from now on, and people are told what every service runs.

use std::collections::BTreeMap;

use gantry_domain::hold::Hold;
use gantry_domain::names::{
    CommitSha, ComponentName, Digest, ExecutionArn, HoldId, NameError, PlanHash, ReleaseId, ServiceName,
    StageName,
};
use gantry_domain::notice::{Came, Notice, RunningService};
use gantry_domain::pipeline::{Pipeline, Stage};
use gantry_domain::plan::{Change, Plan, PlanKind, PlannedService};
use gantry_domain::record::{Facts, RolloutOutcome, why};
use gantry_domain::release::Release;
use gantry_domain::verified::{VerifiedEntry, undone};
use gantry_domain::{End, ErrorName};
use serde::{Deserialize, Serialize};

use crate::StepError;
use crate::observe::{digest_of, running_images};
use crate::ports::store::{Holds, NewNotice, Plans, PutBack, Releases, Verified};
use crate::ports::{Clock, ObserveStage, PortError, StageScope};

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordRollbackInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage that was put back.
    pub stage: StageName,
    /// The rollback's plan.
    pub plan_hash: PlanHash,
    /// The plan that failed. `None`: a person asked.
    pub failed_plan: Option<PlanHash>,
    /// The error of the state that failed.
    pub error: Option<String>,
    /// Its cause.
    pub cause: Option<String>,
    /// What the rollout that failed returned.
    pub outcome: Option<RolloutOutcome>,
}

/// What the state gets: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRollbackOutput {}

/// Records that a stage was put back.
pub struct RecordRollback<'a> {
    /// The configuration.
    pub pipeline: &'a Pipeline,
    /// The manifest.
    pub releases: &'a dyn Releases,
    /// The rollback's plan.
    pub plans: &'a dyn Plans,
    /// The history of what passed.
    pub verified: &'a dyn Verified,
    /// Where stages are put on hold.
    pub holds: &'a dyn Holds,
    /// What services run.
    pub observe: &'a dyn ObserveStage,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// Why a rollback could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordRollbackError {
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// Release, plan and stage do not belong together.
    #[error("{what} of {release} for {stage} is not on record")]
    Missing {
        /// What is not there.
        what: &'static str,
        /// The release.
        release: ReleaseId,
        /// The stage.
        stage: StageName,
    },
    /// The configuration has no such stage.
    #[error("the configuration has no stage {0}")]
    NoStage(StageName),
    /// No random bits.
    #[error("the system gave no random bits")]
    Random(#[source] getrandom::Error),
    /// A defect.
    #[error("the hold's id is malformed")]
    Id(#[source] NameError),
}

impl StepError for RecordRollbackError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Port(error) => error.name(),
            Self::Missing { .. } | Self::Id(_) => ErrorName::Inconsistent,
            Self::NoStage(_) => ErrorName::Misconfigured,
            Self::Random(_) => ErrorName::Unavailable,
        }
    }
}

/// How many rows of a component's history are looked through.
const ROWS: u32 = 400;

impl RecordRollback<'_> {
    /// Writes it all in one transaction, once.
    pub async fn run(&self, input: RecordRollbackInput) -> Result<RecordRollbackOutput, RecordRollbackError> {
        let missing = |what| RecordRollbackError::Missing {
            what,
            release: input.release.clone(),
            stage: input.stage.clone(),
        };
        let stage = self.pipeline.stage(&input.stage);
        let stage = stage.ok_or_else(|| RecordRollbackError::NoStage(input.stage.clone()))?;
        let release =
            self.releases.find(&input.release).await?.ok_or_else(|| missing("the manifest"))?.release;
        let plan = self.plans.get(&input.plan_hash).await?.ok_or_else(|| missing("the plan"))?;
        let belongs = plan.terms.release == input.release && plan.terms.stage == input.stage;
        if !belongs || plan.terms.kind != PlanKind::Rollback {
            return Err(missing("the plan"));
        }
        let failed = match &input.failed_plan {
            Some(hash) => Some(self.plans.get(hash).await?.ok_or_else(|| missing("the plan that failed"))?),
            None => None,
        };
        let histories = self.histories(stage).await?;
        let services = self.running(&plan, failed.as_ref(), &histories).await?;
        let hold = self.hold(stage, &release, reason(&input, &release))?;
        let notice = Notice::RolledBack {
            stage: stage.name.clone(),
            hold: hold.id.clone(),
            until: hold.until,
            resumers: stage.approval.as_ref().map(|gate| gate.approvers.clone()).unwrap_or_default(),
            reason: hold.reason.clone(),
            services,
        };
        let (undone, marked) = self.rows(&plan, failed.as_ref(), &release, &histories);
        let put_back = PutBack {
            release: &release.id,
            undone: &undone,
            failed: &marked,
            hold: &hold,
            notice: &NewNotice::new(hold.since, notice),
        };
        let recorded = self.holds.put_back(&put_back).await?;
        tracing::info!(release = %release.id, stage = %stage.name, ?recorded, "the stage was put back and holds");
        Ok(RecordRollbackOutput {})
    }

    fn hold(&self, stage: &Stage, release: &Release, reason: String) -> Result<Hold, RecordRollbackError> {
        let mut bits = [0u8; 16];
        getrandom::fill(&mut bits).map_err(RecordRollbackError::Random)?;
        Ok(Hold {
            id: HoldId::new(hex::encode(bits)).map_err(RecordRollbackError::Id)?,
            stage: stage.name.clone(),
            release: release.id.clone(),
            commit: release.commit.clone(),
            claimed_at: release.claimed_at,
            reason,
            since: self.clock.now(),
            until: stage.hold_ends(),
        })
    }

    async fn histories(&self, stage: &Stage) -> Result<Histories, PortError> {
        let mut histories = BTreeMap::new();
        for component in &self.pipeline.components {
            let rows = self.verified.history(&stage.name, &component.name, ROWS).await?;
            histories.insert(component.name.clone(), rows);
        }
        Ok(histories)
    }

    /// What every service of the stage runs at this moment, as ECS tells it.
    async fn running(
        &self,
        plan: &Plan,
        failed: Option<&Plan>,
        histories: &Histories,
    ) -> Result<Vec<RunningService>, PortError> {
        let scope = StageScope::observing_plan(&plan.terms);
        let names: Vec<(&ComponentName, &ServiceName)> = self
            .pipeline
            .components
            .iter()
            .flat_map(|component| component.services().map(|service| (&component.name, service)))
            .collect();
        let all: Vec<ServiceName> = names.iter().map(|(_, service)| (*service).clone()).collect();
        let found = self.observe.services(&scope, &all).await?;
        let mut running = Vec::new();
        for (component, name) in names {
            let Some(service) = found.iter().find(|service| service.name == *name) else { continue };
            let images = running_images(self.observe, &scope, service).await?;
            let planned = plan.terms.service(name);
            let wanted = planned.or_else(|| failed.and_then(|failed| failed.terms.service(name)));
            let digest = images
                .iter()
                .find(|image| wanted.is_none_or(|wanted| wanted.containers.contains(&image.container)))
                .and_then(digest_of);
            let rows = histories.get(component).map(Vec::as_slice).unwrap_or_default();
            let commit = digest.as_ref().and_then(|digest| commit_of(name, digest, rows, failed));
            let came = match planned.map(|planned| planned.change) {
                Some(Change::Deploy) => Came::PutBack,
                Some(Change::NoChange) => Came::WasBack,
                None => Came::Untouched,
            };
            running.push(RunningService { service: name.clone(), digest, commit, came });
        }
        Ok(running)
    }

    /// Rows that are marked, and rows of what never had one: a later release must not carry what failed here.
    fn rows(
        &self,
        plan: &Plan,
        failed: Option<&Plan>,
        release: &Release,
        histories: &Histories,
    ) -> (Vec<VerifiedEntry>, Vec<VerifiedEntry>) {
        let (mut marked, mut added) = (Vec::new(), Vec::new());
        for planned in &plan.terms.services {
            let rows = histories.get(&planned.component).map(Vec::as_slice).unwrap_or_default();
            let to = rows.iter().find(|row| goes_to(row, planned, release)).map(|row| &row.release);
            marked.extend(undone(rows, &planned.service, &planned.digest, to).cloned());
            let brought = failed.and_then(|failed| failed.terms.service(&planned.service));
            let has_row = rows.iter().any(|row| row.service == planned.service && row.release == release.id);
            if let Some(brought) = brought.filter(|brought| brought.digest != planned.digest && !has_row) {
                added.push(VerifiedEntry {
                    stage: plan.terms.stage.clone(),
                    component: planned.component.clone(),
                    service: planned.service.clone(),
                    release: release.id.clone(),
                    commit: release
                        .components
                        .get(&planned.component)
                        .and_then(|component| component.commit.clone()),
                    digest: brought.digest.clone(),
                    task_definition: brought.base.clone(),
                    at: self.clock.now(),
                    rolled_back: true,
                });
            }
        }
        (marked, added)
    }
}

type Histories = BTreeMap<ComponentName, Vec<VerifiedEntry>>;

/// Is it the row that the plan goes back to?
fn goes_to(row: &VerifiedEntry, planned: &PlannedService, release: &Release) -> bool {
    row.service == planned.service
        && row.release != release.id
        && row.digest == planned.digest
        && row.task_definition == planned.base
}

/// The commit of what a service runs, for people.
fn commit_of(
    service: &ServiceName,
    digest: &Digest,
    rows: &[VerifiedEntry],
    failed: Option<&Plan>,
) -> Option<CommitSha> {
    let row = rows.iter().find(|row| row.digest == *digest).and_then(|row| row.commit.clone());
    let observed = || {
        let failed = failed?;
        failed.terms.service(service).filter(|planned| planned.running_digest.as_ref() == Some(digest))?;
        failed.observations.iter().find(|seen| seen.service == *service)?.running_commit.clone()
    };
    row.or_else(observed)
}

fn reason(input: &RecordRollbackInput, release: &Release) -> String {
    if release.undoes.is_some() {
        return "A person asked for it.".to_owned();
    }
    why(&Facts {
        end: End::RolledBack,
        stage: Some(&input.stage),
        error: input.error.as_deref(),
        cause: input.cause.as_deref(),
        outcome: input.outcome.as_ref(),
        decision: None,
        rollback: None,
    })
}

#[cfg(test)]
mod tests;
