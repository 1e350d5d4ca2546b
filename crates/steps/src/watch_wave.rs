//! State `WatchWave`: looks at the deployments of one wave and judges them. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};

use gantry_domain::ErrorName;
use gantry_domain::ecs::{Deployment, DeploymentStatus, DeploymentSummary, Revision, Service, Task};
use gantry_domain::names::{
    ExecutionArn, PlanHash, ReleaseId, ServiceDeploymentArn, ServiceName, ServiceRevisionArn, StageName,
};
use gantry_domain::plan::{Plan, PlanKind, PlanStep};
use gantry_domain::verdict::{
    DeploymentObservation, Standing, Verdict, VerdictWord, Wanted, deadline, judge, judge_wave,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::StepError as _;
use crate::ports::store::Plans;
use crate::ports::{Clock, ObserveStage, PortError, StageScope, TaskState};
use crate::rollout::{RolloutError, StepAddress, Watch};
use crate::start_deployments::StartedService;

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchWaveInput {
    /// The rollout machine's execution.
    pub execution: ExecutionArn,
    /// The release machine's execution.
    pub release_execution: ExecutionArn,
    /// The release.
    pub release: ReleaseId,
    /// The stage.
    pub stage: StageName,
    /// The plan.
    pub plan_hash: PlanHash,
    /// The plan's step, a wave.
    pub step: usize,
    /// When the wave began.
    pub started_at: Timestamp,
    /// What was asked for.
    pub services: Vec<StartedService>,
}

/// What the state gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchWaveOutput {
    /// On the whole wave.
    pub verdict: VerdictWord,
    /// Why it is bad.
    pub reason: Option<String>,
}

/// Why a wave could not be looked at.
pub type WatchWaveError = RolloutError;

/// A service that is missing from so many looks in a row is gone: one answer may be older than the one before.
const MISSED: u32 = 3;

/// Watches a wave.
pub struct WatchWave<'a> {
    /// The plan.
    pub plans: &'a dyn Plans,
    /// The stage.
    pub observe: &'a dyn ObserveStage,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl WatchWave<'_> {
    /// Looks until one is bad, all are good, or it is time to return.
    pub async fn run(&self, input: WatchWaveInput) -> Result<WatchWaveOutput, RolloutError> {
        let address = StepAddress {
            release: &input.release,
            stage: &input.stage,
            plan: &input.plan_hash,
            step: input.step,
        };
        let is_wave = |step: &PlanStep| matches!(step, PlanStep::Wave { .. }).then_some(());
        let (plan, ()) = address.load(self.plans, "a wave", is_wave).await?;
        let mut wave = Wave {
            observe: self.observe,
            scope: StageScope::observing_plan(&plan.terms),
            plan: &plan,
            asked_at: input.started_at,
            services: &input.services,
            own: BTreeMap::new(),
            missed: BTreeMap::new(),
        };
        let until = deadline(input.started_at, plan.terms.wave_timeout);
        let watch = Watch::begin(self.clock);
        let mut has_seen = false;
        let verdict = loop {
            let looked = wave.look(self.clock.now(), until).await;
            has_seen |= looked.is_ok();
            match looked {
                Ok(Verdict::Pending) => {}
                Ok(verdict) => break verdict,
                Err(error) if !passes(&error) => return Err(error),
                Err(error) => {
                    tracing::warn!(error = error.words(), "a look at the wave failed");
                    if !has_seen && watch.is_over() {
                        return Err(error);
                    }
                }
            }
            if !watch.again().await {
                break Verdict::Pending;
            }
        };
        Ok(WatchWaveOutput { verdict: verdict.word(), reason: verdict.reason().map(str::to_owned) })
    }
}

/// May the next look do better? A failed one shows nothing about the wave.
fn passes(error: &RolloutError) -> bool {
    matches!(error.name(), ErrorName::Throttled | ErrorName::Unavailable)
}

struct Wave<'a> {
    observe: &'a dyn ObserveStage,
    scope: StageScope,
    plan: &'a Plan,
    asked_at: Timestamp,
    services: &'a [StartedService],
    /// Our deployments, as far as they were found.
    own: BTreeMap<ServiceName, ServiceDeploymentArn>,
    /// How often in a row a service was missing.
    missed: BTreeMap<ServiceName, u32>,
}

impl Wave<'_> {
    async fn look(&mut self, now: Timestamp, until: Timestamp) -> Result<Verdict, RolloutError> {
        let names: Vec<ServiceName> = self.services.iter().map(|started| started.service.clone()).collect();
        let services = self.observe.services(&self.scope, &names).await?;
        let mut lists = BTreeMap::new();
        for started in self.services {
            let list = self.observe.deployments_of(&self.scope, &started.service).await?;
            self.find_own(started, &list).await?;
            lists.insert(&started.service, list);
        }
        let arns: Vec<ServiceDeploymentArn> = self.own.values().cloned().collect();
        let deployments =
            if arns.is_empty() { Vec::new() } else { self.observe.deployments(&self.scope, &arns).await? };
        let mut verdicts = Vec::new();
        for started in self.services {
            let Some(service) = services.iter().find(|service| service.name == started.service) else {
                verdicts.push(self.miss(&started.service));
                continue;
            };
            self.missed.remove(&started.service);
            let own = self.own.get(&started.service);
            let own = own.and_then(|arn| deployments.iter().find(|deployment| deployment.arn == *arn));
            let list = lists.get(&started.service).map(Vec::as_slice).unwrap_or_default();
            let mut seen = self.observation(started, service, own, list)?;
            verdicts.push(self.judge(&mut seen, now, until).await?);
        }
        Ok(judge_wave(verdicts))
    }

    fn miss(&mut self, service: &ServiceName) -> Verdict {
        let missed = self.missed.entry(service.clone()).or_default();
        *missed += 1;
        if *missed < MISSED {
            return Verdict::Pending;
        }
        Verdict::Bad(format!("{service}: the service is not there any more"))
    }

    /// Ours is the oldest deployment that was not known when the plan was made and brings our task definition.
    async fn find_own(
        &mut self,
        started: &StartedService,
        list: &[DeploymentSummary],
    ) -> Result<(), PortError> {
        if self.own.contains_key(&started.service) {
            return Ok(());
        }
        let known: BTreeSet<&ServiceDeploymentArn> = self
            .plan
            .observations
            .iter()
            .filter(|observation| observation.service == started.service)
            .flat_map(|observation| &observation.known_deployments)
            .collect();
        let unknown: Vec<(&ServiceDeploymentArn, &ServiceRevisionArn)> = list
            .iter()
            .filter(|deployment| !known.contains(&deployment.arn))
            .filter_map(|deployment| Some((&deployment.arn, deployment.target.as_ref()?)))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let targets: Vec<ServiceRevisionArn> = unknown.iter().map(|(_, target)| (*target).clone()).collect();
        let revisions = self.observe.revisions(&self.scope, &targets).await?;
        let brings_ours = |target: &ServiceRevisionArn| {
            let revision = revisions.iter().find(|revision| revision.arn == *target);
            revision.is_some_and(|revision| revision.task_definition == started.task_definition)
        };
        if let Some((arn, _)) = unknown.iter().rev().find(|(_, target)| brings_ours(target)) {
            self.own.insert(started.service.clone(), (*arn).clone());
        }
        Ok(())
    }

    fn observation(
        &self,
        started: &StartedService,
        service: &Service,
        own: Option<&Deployment>,
        list: &[DeploymentSummary],
    ) -> Result<DeploymentObservation, RolloutError> {
        let planned = self.plan.terms.service(&started.service);
        let planned = planned.ok_or_else(|| RolloutError::Unplanned(started.service.clone()))?;
        let digests = planned.containers.iter().map(|name| (name.clone(), planned.digest.clone())).collect();
        let own_arn = self.own.get(&started.service);
        let since = own.and_then(|own| own.created_at).unwrap_or(self.asked_at);
        let newer = list
            .iter()
            .find(|one| Some(&one.arn) != own_arn && one.created_at.is_some_and(|created| created > since));
        let standing = (self.plan.terms.kind == PlanKind::Rollback).then(|| Standing {
            task_definition: service.task_definition.clone(),
            settled: list.iter().all(|deployment| deployment.status.is_over())
                && !matches!(service.rollout_state.as_deref(), Some("IN_PROGRESS" | "FAILED")),
        });
        let events = service.events.iter().filter(|event| event.at >= self.asked_at).cloned().collect();
        Ok(DeploymentObservation {
            service: started.service.clone(),
            wanted: Wanted { task_definition: started.task_definition.clone(), digests },
            asked_at: self.asked_at,
            own: own.cloned(),
            revision: None,
            newer: newer.cloned(),
            status: service.status.clone(),
            controller: service.controller.clone(),
            current: service.task_definition.clone(),
            desired_count: service.desired_count,
            tasks: Vec::new(),
            stopped: Vec::new(),
            events,
            standing,
        })
    }

    /// Judges, after reading what only some verdicts need: the proof of a success, the reasons of a failure.
    async fn judge(
        &self,
        seen: &mut DeploymentObservation,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Verdict, PortError> {
        let soak = self.plan.terms.soak;
        let is_success = seen.own.as_ref().is_some_and(|own| own.status == DeploymentStatus::Successful);
        if is_success {
            seen.revision = self.revision_of(seen.own.as_ref()).await?;
            seen.stopped = self.stopped(seen).await?;
        }
        if is_success || seen.stands().is_some_and(|standing| standing.settled) {
            seen.tasks = self.observe.tasks_of(&self.scope, &seen.service, TaskState::Running).await?;
        }
        let verdict = judge(seen, now, until, soak);
        if verdict.word() != VerdictWord::Bad || is_success {
            return Ok(verdict);
        }
        match self.stopped(seen).await {
            Ok(stopped) => {
                seen.stopped = stopped;
                Ok(judge(seen, now, until, soak))
            }
            // They would only explain it.
            Err(_) => Ok(verdict),
        }
    }

    /// Tasks of our task definition that stopped.
    async fn stopped(&self, seen: &DeploymentObservation) -> Result<Vec<Task>, PortError> {
        let stopped = self.observe.tasks_of(&self.scope, &seen.service, TaskState::Stopped).await?;
        Ok(stopped.into_iter().filter(|task| task.task_definition == seen.wanted.task_definition).collect())
    }

    async fn revision_of(&self, own: Option<&Deployment>) -> Result<Option<Revision>, PortError> {
        let Some(target) = own.and_then(|own| own.target.clone()) else {
            return Ok(None);
        };
        Ok(self.observe.revisions(&self.scope, &[target]).await?.into_iter().next())
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod timelines;
