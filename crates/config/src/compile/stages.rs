//! Stages: where they are, who may decide, what their roles are granted, and what each check asks there.

use std::collections::BTreeSet;
use std::time::Duration;

use super::checks::{Shared, counted};
use super::components::Components;
use super::tasks::within;
use super::{Overrides, StageGrants, Unique, cloned, endpoints, not_empty, role_name};
use crate::file::{ApprovalTable, Document, StageTable};
use crate::mistake::{At, Gathered};
use gantry_domain::names::{AccountId, PipelineName, Region, RoleArn, ServiceName};
use gantry_domain::pipeline::{ApprovalGate, CheckKind, Stage};
use gantry_domain::soak::Soak;

/// A stage and what its deploy role is granted.
pub(super) struct Built {
    pub(super) stage: Stage,
    pub(super) grants: StageGrants,
}

/// Checks and builds all stages; those with mistakes are left out.
pub(super) fn read(
    document: &Document,
    pipeline: Option<&At<PipelineName>>,
    components: &Components,
    checks: &[Shared],
    overrides: &Overrides,
    mistakes: &mut Gathered,
) -> Vec<Built> {
    not_empty(document.stages.as_ref(), "at least one stage", mistakes);
    let tables: Vec<&At<StageTable>> = document.stages.iter().flat_map(|list| list.value.iter()).collect();
    let mut names = Unique::new("stage");
    let mut clusters = Unique::new("cluster");
    let account = tables.first().and_then(|table| table.value.account.as_ref());
    let mut built = Vec::new();
    for table in &tables {
        let StageTable { name, cluster, region, account: own, .. } = &table.value;
        if let Some(name) = name {
            names.add(&name.value, &name.place, mistakes);
        }
        if let (Some(cluster), Some(region)) = (cluster, region) {
            clusters.add(&format_args!("{} in {}", cluster.value, region.value), &cluster.place, mistakes);
        }
        one_account(account, own.as_ref(), mistakes);
        built.extend(stage(&table.value, pipeline, components, checks, overrides, mistakes));
    }
    endpoints::unknown_overrides(&tables, components, overrides, mistakes);
    built
}

/// The stack creates the stages' roles, so all stages are in its account.
fn one_account(first: Option<&At<AccountId>>, own: Option<&At<AccountId>>, mistakes: &mut Gathered) {
    if let (Some(first), Some(own)) = (first, own)
        && first.value != own.value
    {
        let message = format!(
            "expected {} as in the first stage, found {}: all stages are in one account",
            first.value, own.value
        );
        mistakes.add(&own.place, message);
    }
}

fn stage(
    table: &StageTable,
    pipeline: Option<&At<PipelineName>>,
    components: &Components,
    checks: &[Shared],
    overrides: &Overrides,
    mistakes: &mut Gathered,
) -> Option<Built> {
    let name = cloned(table.name.as_ref());
    let private_hosts = endpoints::private_hosts(table, name.as_ref(), overrides, mistakes);
    let bases = endpoints::Bases::read(table, name.as_ref(), components, overrides, &private_hosts, mistakes);
    let checks = endpoints::checks(name.as_ref(), checks, &bases, &private_hosts, mistakes);
    let wave_timeout =
        within(table.wave_timeout.as_ref(), Duration::from_secs(60), Duration::from_secs(6 * 3600), mistakes);
    let soak = within(table.soak.as_ref(), Duration::from_secs(10), Duration::from_secs(3600), mistakes);
    counted(table.crash_limit.as_ref(), 100, mistakes);
    let approval = table.approval.as_ref().map(|gate| approval(&gate.value, mistakes));
    let task_roles = task_roles(table, mistakes);
    let (name, pipeline) = (name?, &pipeline?.value);
    let (account, region) = (cloned(table.account.as_ref())?, cloned(table.region.as_ref())?);
    let role = |purpose| role_arn(&account, &region, &role_name(pipeline, purpose, &name));
    let stage = Stage {
        deploy_role: role("deploy")?,
        observe_role: role("observe")?,
        cluster: cloned(table.cluster.as_ref())?,
        wave_timeout: wave_timeout?,
        soak: Soak { lasts: soak?, crash_limit: table.crash_limit.as_ref()?.value },
        checks: checks?,
        private_hosts,
        // A gate that could not be read must not become a missing gate.
        approval: match approval {
            Some(gate) => Some(gate?),
            None => None,
        },
        name,
        account,
        region,
    };
    let grants = grants(table, &stage, components, task_roles)?;
    Some(Built { stage, grants })
}

fn approval(table: &ApprovalTable, mistakes: &mut Gathered) -> Option<ApprovalGate> {
    not_empty(table.approvers.as_ref(), "at least one Slack user, for nobody else may approve", mistakes);
    let mut seen = Unique::new("approver");
    for approver in table.approvers.iter().flat_map(|list| list.value.iter()) {
        seen.add(&approver.value, &approver.place, mistakes);
        if !approver.value.as_str().starts_with(['U', 'W']) {
            let message = format!(
                "expected a person's id, which begins with U or W, found {:?}",
                approver.value.as_str()
            );
            mistakes.add(&approver.place, message);
        }
    }
    let week = Duration::from_secs(168 * 3600);
    let expires_after = within(table.expires_after.as_ref(), Duration::from_secs(60), week, mistakes);
    Some(ApprovalGate { approvers: super::values(table.approvers.as_ref())?, expires_after: expires_after? })
}

/// Roles end up in a policy: no wildcards, and only roles of the stage's own account.
fn task_roles(table: &StageTable, mistakes: &mut Gathered) -> Vec<RoleArn> {
    let mut roles = Vec::new();
    for role in table.task_roles.iter().flat_map(|list| list.value.iter()) {
        let text = role.value.as_str();
        let account = text.split(':').nth(4).unwrap_or_default();
        if text.contains(['*', '?', '$', '{']) {
            mistakes.add(&role.place, format!("expected the ARN of exactly one role, found {text:?}"));
        } else if let Some(own) = &table.account
            && own.value.as_str() != account
        {
            mistakes
                .add(&role.place, format!("expected a role of the account {}, found {text:?}", own.value));
        } else {
            roles.push(role.value.clone());
        }
    }
    roles
}

fn grants(
    table: &StageTable,
    stage: &Stage,
    components: &Components,
    task_roles: Vec<RoleArn>,
) -> Option<StageGrants> {
    let pattern = &table.families.as_ref()?.value.0;
    let family = |service: &ServiceName| pattern.replace("{service}", service.as_str());
    let checks = stage.checks.iter().filter_map(|check| match &check.kind {
        CheckKind::Task(task) => Some(task),
        CheckKind::Http(_) => None,
    });
    let mut task_families = BTreeSet::new();
    for task in components.tasks().chain(checks) {
        let family = family(&task.service);
        // A task with the service's own image runs on the service's own revision where there is one.
        if components.is_own_image(task) {
            task_families.insert(family.clone());
        }
        task_families.insert(format!("{family}-{}", task.name));
    }
    let families = components.owners.keys().map(|service| (service.clone(), family(service))).collect();
    Some(StageGrants { families, task_families, task_roles })
}

fn role_arn(account: &AccountId, region: &Region, name: &str) -> Option<RoleArn> {
    let partition = crate::render::partition(region);
    RoleArn::new(format!("arn:{partition}:iam::{account}:role/{name}")).ok()
}
