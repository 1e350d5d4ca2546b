//! What people read before they decide: what changes, which commits, what was checked, where to look.

use std::collections::BTreeSet;

use gantry_domain::approval::Approval;
use gantry_domain::names::{CommitSha, ComponentName, Digest, ReleaseId, StageName, StepName};
use gantry_domain::notice::{ComponentChange, Notice};
use gantry_domain::pipeline::{CheckKind, Stage};
use gantry_domain::plan::{Change, Plan, PlanStep, PlannedService, ServiceObservation, TaskPurpose};
use gantry_domain::release::{Release, ReleasedComponent};

use super::AskApproval;
use crate::ports::PortError;

/// How many rows back the commit of a running digest is looked for.
const HISTORY: u32 = 30;

impl AskApproval<'_> {
    pub(super) async fn question(
        &self,
        approval: &Approval,
        plan: &Plan,
        release: &Release,
    ) -> Result<Notice, PortError> {
        let mut changes = Vec::new();
        for component in &self.pipeline.components {
            if let Some(released) = release.components.get(&component.name) {
                changes.push(self.change(plan, &component.name, released).await?);
            }
        }
        let before = self.stage_before(&approval.stage);
        let passed = match before {
            Some(stage) => self.passed(&release.id, &stage.name).await?,
            None => Vec::new(),
        };
        Ok(Notice::ApprovalRequested {
            approval: approval.id.clone(),
            stage: approval.stage.clone(),
            plan: approval.plan.clone(),
            changes,
            commits: release.commits.clone(),
            passed,
            look_at: before.map(look_at).unwrap_or_default(),
            approvers: approval.approvers.clone(),
            expires_at: approval.expires_at,
        })
    }

    async fn change(
        &self,
        plan: &Plan,
        component: &ComponentName,
        released: &ReleasedComponent,
    ) -> Result<ComponentChange, PortError> {
        let of_component = |service: &&PlannedService| service.component == *component;
        let planned: Vec<&PlannedService> = plan.terms.services.iter().filter(of_component).collect();
        let deployed: Vec<&PlannedService> =
            planned.iter().copied().filter(|service| service.change == Change::Deploy).collect();
        let shown = if deployed.is_empty() { &planned } else { &deployed };
        let from_digest = shown.iter().find_map(|service| service.running_digest.clone());
        let from_commit = match &from_digest {
            Some(digest) => self.commit_of(&plan.terms.stage, component, digest).await?,
            None => None,
        };
        let from_commit = from_commit.or_else(|| {
            let of_shown =
                |seen: &&ServiceObservation| shown.iter().any(|service| service.service == seen.service);
            plan.observations.iter().filter(of_shown).find_map(|seen| seen.running_commit.clone())
        });
        let migration = plan.terms.steps.iter().any(|step| match step {
            PlanStep::Task(task) => {
                task.purpose == TaskPurpose::Migration && task.component.as_ref() == Some(component)
            }
            PlanStep::Wave { .. } | PlanStep::Checks { .. } => false,
        });
        Ok(ComponentChange {
            component: component.clone(),
            from_commit,
            from_digest,
            to_commit: released.commit.clone(),
            to_digest: released.digest.clone(),
            services: deployed.iter().map(|service| service.service.clone()).collect(),
            migration,
            source: released.source.clone(),
        })
    }

    /// The commit a digest was built from, if Gantry has verified it in the stage.
    async fn commit_of(
        &self,
        stage: &StageName,
        component: &ComponentName,
        digest: &Digest,
    ) -> Result<Option<CommitSha>, PortError> {
        let history = self.verified.history(stage, component, HISTORY).await?;
        Ok(history.into_iter().find(|entry| entry.digest == *digest).and_then(|entry| entry.commit))
    }

    fn stage_before(&self, stage: &StageName) -> Option<&Stage> {
        let index = self.pipeline.stages.iter().position(|configured| configured.name == *stage)?;
        self.pipeline.stages.get(index.checked_sub(1)?)
    }

    /// What passed in the stage before, as its own notice tells.
    async fn passed(&self, release: &ReleaseId, before: &StageName) -> Result<Vec<StepName>, PortError> {
        let log = self.releases.log(release).await?;
        Ok(log
            .into_iter()
            .find_map(|entry| match entry.notice {
                Notice::StageVerified { stage, passed, .. } if stage == *before => Some(passed),
                Notice::StageVerified { .. }
                | Notice::Started { .. }
                | Notice::ApprovalRequested { .. }
                | Notice::ApprovalDecided { .. }
                | Notice::ApprovalVoided { .. }
                | Notice::WaitingForLock { .. }
                | Notice::RolledBack { .. }
                | Notice::Held { .. }
                | Notice::Resumed { .. }
                | Notice::StepFailed { .. }
                | Notice::Ended { .. } => None,
            })
            .unwrap_or_default())
    }
}

/// The sites that the stage's HTTP checks ask: scheme and host, without the path.
fn look_at(stage: &Stage) -> Vec<String> {
    let sites: BTreeSet<String> = stage
        .checks
        .iter()
        .filter_map(|check| match &check.kind {
            CheckKind::Http(http) => {
                let (scheme, rest) = http.url.split_once("://")?;
                let host = rest.split(['/', '?', '#']).next().filter(|host| !host.is_empty())?;
                Some(format!("{scheme}://{host}/"))
            }
            CheckKind::Task(_) => None,
        })
        .collect();
    sites.into_iter().collect()
}
