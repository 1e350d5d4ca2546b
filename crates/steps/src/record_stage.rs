//! State `RecordStage`: every service of a stage that passed gets its verified row, those that did not change too.
//!
//! Judges nothing itself: the rollout did. It notes what each service runs, which is what a rollback goes back to, and
//! refuses if that is not what the rollout brought.

use std::collections::BTreeMap;

use gantry_domain::ErrorName;
use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, ServiceName, StageName, TaskDefinitionArn};
use gantry_domain::notice::Notice;
use gantry_domain::plan::{Change, Plan, PlanStep};
use gantry_domain::release::Release;
use gantry_domain::task_definition::image_by_digest;
use gantry_domain::verified::VerifiedEntry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::StepError;
use crate::ports::store::{NewNotice, Plans, Releases, Verified};
use crate::ports::{Clock, ObserveStage, PortError, StageScope};
use crate::rollout::RELEASE;

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordStageInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage that passed.
    pub stage: StageName,
    /// The plan that was carried out.
    pub plan_hash: PlanHash,
}

/// What the state gets: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordStageOutput {}

/// Records what passed.
pub struct RecordStage<'a> {
    /// Releases and their logs.
    pub releases: &'a dyn Releases,
    /// Plans by hash.
    pub plans: &'a dyn Plans,
    /// The history of what passed.
    pub verified: &'a dyn Verified,
    /// What services run.
    pub stage: &'a dyn ObserveStage,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// Why a stage could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordStageError {
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
    /// A service of the plan is gone.
    #[error("service {service} cannot be found in {stage} any more")]
    ServiceGone {
        /// The service.
        service: ServiceName,
        /// The stage.
        stage: StageName,
    },
    /// Somebody else changed a service after it was judged.
    #[error(
        "service {service} runs {task_definition} now, which is not what was verified: somebody else changed it"
    )]
    Moved {
        /// The service.
        service: ServiceName,
        /// What it runs now.
        task_definition: TaskDefinitionArn,
    },
}

impl StepError for RecordStageError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Port(error) => error.name(),
            Self::Missing { .. } => ErrorName::Inconsistent,
            Self::ServiceGone { .. } | Self::Moved { .. } => ErrorName::UnsupportedService,
        }
    }
}

impl RecordStage<'_> {
    /// Writes the rows and the notice in one transaction, once.
    pub async fn run(&self, input: RecordStageInput) -> Result<RecordStageOutput, RecordStageError> {
        let missing = |what| RecordStageError::Missing {
            what,
            release: input.release.clone(),
            stage: input.stage.clone(),
        };
        let release =
            self.releases.find(&input.release).await?.ok_or_else(|| missing("the manifest"))?.release;
        let plan = self.plans.get(&input.plan_hash).await?.ok_or_else(|| missing("the plan"))?;
        if plan.terms.release != input.release || plan.terms.stage != input.stage {
            return Err(missing("the plan"));
        }
        let notice = NewNotice::new(self.clock.now(), passed(&plan));
        // Recorded before, and the answer was lost: what somebody deployed since takes nothing back that people were told.
        if self.releases.log(&input.release).await?.iter().any(|entry| entry.key == notice.key) {
            return Ok(RecordStageOutput {});
        }
        let running = self.running(&plan).await?;
        self.still_ours(&plan, &running).await?;
        let entries = entries(&plan, &release, &running, notice.at)?;
        let recorded = self.verified.record(&input.release, &entries, &notice).await?;
        tracing::info!(release = %input.release, stage = %input.stage, ?recorded, "the stage is verified");
        Ok(RecordStageOutput {})
    }

    /// Between a wave's verdict and this come later waves and checks, time enough for somebody else to deploy. What
    /// they brought nobody has judged, and a rollback must not go back to it (T9).
    async fn still_ours(
        &self,
        plan: &Plan,
        running: &BTreeMap<ServiceName, TaskDefinitionArn>,
    ) -> Result<(), RecordStageError> {
        let scope = StageScope::observing_plan(&plan.terms);
        for planned in &plan.terms.services {
            let Some(arn) = running.get(&planned.service) else { continue };
            let ours = match planned.change {
                Change::NoChange => *arn == planned.running,
                Change::Deploy => {
                    let image = image_by_digest(&plan.terms.registry, &planned.repository, &planned.digest);
                    self.stage.task_definition(&scope, arn).await?.is_some_and(|definition| {
                        definition.tags.get(RELEASE).is_some_and(|tag| tag == plan.terms.release.as_str())
                            && planned
                                .containers
                                .iter()
                                .all(|container| definition.body.image(container) == Some(image.as_str()))
                    })
                }
            };
            if !ours {
                let (service, task_definition) = (planned.service.clone(), arn.clone());
                return Err(RecordStageError::Moved { service, task_definition });
            }
        }
        Ok(())
    }

    async fn running(&self, plan: &Plan) -> Result<BTreeMap<ServiceName, TaskDefinitionArn>, PortError> {
        let names: Vec<ServiceName> =
            plan.terms.services.iter().map(|planned| planned.service.clone()).collect();
        let services = self.stage.services(&StageScope::observing_plan(&plan.terms), &names).await?;
        Ok(services
            .into_iter()
            .filter_map(|service| Some((service.name, service.task_definition?)))
            .collect())
    }
}

fn entries(
    plan: &Plan,
    release: &Release,
    running: &BTreeMap<ServiceName, TaskDefinitionArn>,
    at: Timestamp,
) -> Result<Vec<VerifiedEntry>, RecordStageError> {
    let stage = &plan.terms.stage;
    plan.terms
        .services
        .iter()
        .map(|planned| {
            let task_definition = running.get(&planned.service).ok_or_else(|| {
                RecordStageError::ServiceGone { service: planned.service.clone(), stage: stage.clone() }
            })?;
            let component = release.components.get(&planned.component);
            Ok(VerifiedEntry {
                stage: stage.clone(),
                component: planned.component.clone(),
                service: planned.service.clone(),
                release: release.id.clone(),
                commit: component.and_then(|component| component.commit.clone()),
                digest: planned.digest.clone(),
                task_definition: task_definition.clone(),
                at,
                rolled_back: false,
            })
        })
        .collect()
}

fn passed(plan: &Plan) -> Notice {
    let of = |change| {
        let services = plan.terms.services.iter().filter(move |planned| planned.change == change);
        services.map(|planned| planned.service.clone()).collect()
    };
    let mut passed = Vec::new();
    for step in &plan.terms.steps {
        match step {
            PlanStep::Task(task) => passed.push(task.name.clone()),
            PlanStep::Checks { checks, .. } => passed.extend(checks.iter().map(|check| check.name.clone())),
            PlanStep::Wave { .. } => {}
        }
    }
    Notice::StageVerified {
        stage: plan.terms.stage.clone(),
        deployed: of(Change::Deploy),
        unchanged: of(Change::NoChange),
        passed,
    }
}

#[cfg(test)]
mod tests;
