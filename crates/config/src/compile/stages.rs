//! Stages: where they are, who may decide, what their roles are granted, and what each check asks there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gantry_domain::names::{AccountId, PipelineName, Region, RoleArn, StageName};
use gantry_domain::pipeline::{ApprovalGate, Check, Stage};
use url::Host;

use super::checks::Shared;
use super::components::Components;
use super::tasks::within;
use super::{Overrides, StageGrants, Unique, cloned, not_empty, role_name, urls};
use crate::file::{ApprovalTable, Document, StageTable};
use crate::mistake::{At, Gathered, Place};
use crate::read::UrlText;

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
    let tables: Vec<&At<StageTable>> = document.stages.iter().flat_map(|list| &list.value).collect();
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
    unknown_overrides(&tables, components, overrides, mistakes);
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
    let private_hosts = private_hosts(table, name.as_ref(), overrides, mistakes);
    let bases = Bases::read(table, name.as_ref(), components, overrides, &private_hosts, mistakes);
    let checks = stage_checks(table, name.as_ref(), checks, &bases, &private_hosts, mistakes);
    let wave_timeout =
        within(table.wave_timeout.as_ref(), Duration::from_secs(60), Duration::from_secs(6 * 3600), mistakes);
    let approval = match &table.approval {
        Some(gate) => Some(approval(&gate.value, mistakes)),
        None => None,
    };
    let task_roles = task_roles(table, mistakes);
    let (name, pipeline) = (name?, &pipeline?.value);
    let (account, region) = (cloned(table.account.as_ref())?, cloned(table.region.as_ref())?);
    let role = |purpose| role_arn(&account, &region, &role_name(pipeline, purpose, &name));
    let stage = Stage {
        deploy_role: role("deploy")?,
        observe_role: role("observe")?,
        cluster: cloned(table.cluster.as_ref())?,
        wave_timeout: wave_timeout?,
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
    not_empty(table.approvers.as_ref(), "at least one Slack user: nobody could ever approve", mistakes);
    let mut seen = Unique::new("approver");
    for approver in table.approvers.iter().flat_map(|list| &list.value) {
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

fn private_hosts(
    table: &StageTable,
    name: Option<&StageName>,
    overrides: &Overrides,
    mistakes: &mut Gathered,
) -> Vec<String> {
    let mut hosts = Vec::new();
    let written = table.private_hosts.iter().flat_map(|list| &list.value);
    let mut all: Vec<(String, Place)> =
        written.map(|host| (host.value.0.clone(), host.place.clone())).collect();
    for host in name.and_then(|name| overrides.private_hosts.get(name.as_str())).into_iter().flatten() {
        all.push((host.clone(), given("private host", name)));
    }
    for (host, place) in all {
        match Host::parse(&host) {
            Ok(parsed) if !urls::is_metadata(&borrowed(&parsed)) => hosts.push(host),
            Ok(_) => mistakes.add(
                &place,
                format!("{host} is a metadata, link-local or unspecified address: never reached"),
            ),
            Err(error) => mistakes.add(&place, format!("expected a host, found {host:?}: {error}")),
        }
    }
    hosts
}

fn borrowed(host: &Host<String>) -> Host<&str> {
    match host {
        Host::Domain(name) => Host::Domain(name.as_str()),
        Host::Ipv4(ip) => Host::Ipv4(*ip),
        Host::Ipv6(ip) => Host::Ipv6(*ip),
    }
}

/// The place of an override.
fn given(what: &str, stage: Option<&StageName>) -> Place {
    let stage = stage.map_or("", StageName::as_str);
    Place { offset: None, path: format!("{what} given for {stage}") }
}

/// The base URLs of one stage.
struct Bases(BTreeMap<String, String>);

impl Bases {
    fn read(
        table: &StageTable,
        name: Option<&StageName>,
        components: &Components,
        overrides: &Overrides,
        private_hosts: &[String],
        mistakes: &mut Gathered,
    ) -> Self {
        let given_urls = name.and_then(|name| overrides.base_urls.get(name.as_str()));
        let mut bases = BTreeMap::new();
        let mut add = |component: &str, url: &str, place: &Place, mistakes: &mut Gathered| match urls::checked(
            url,
            private_hosts,
        ) {
            Ok(checked) if checked.query().is_none() => {
                bases.insert(component.to_owned(), url.trim_end_matches('/').to_owned());
            }
            Ok(_) => mistakes.add(place, format!("expected a base URL without a query, found {url:?}")),
            Err(message) => mistakes.add(place, message),
        };
        for (component, url) in table.urls.iter().flat_map(|entries| &entries.value.0) {
            if let Ok(name) = component.value.parse() {
                components.known(&name, &component.place, mistakes);
            } else {
                mistakes.add(&component.place, format!("{:?} is not a component's name", component.value));
            }
            if given_urls.is_none_or(|given| !given.contains_key(&component.value)) {
                add(&component.value, &url.value.0, &url.place, mistakes);
            }
        }
        for (component, url) in given_urls.into_iter().flatten() {
            add(component, url, &given("base URL", name), mistakes);
        }
        Self(bases)
    }

    /// The whole URL: as it is, or with the component in braces replaced by its base URL.
    fn whole(&self, url: &UrlText) -> Result<String, String> {
        let Some(rest) = url.0.strip_prefix('{') else { return Ok(url.0.clone()) };
        let Some((component, rest)) = rest.split_once('}') else {
            return Err(format!(
                "expected a component in braces, such as {{backend}}/health, found {:?}",
                url.0
            ));
        };
        if !(rest.is_empty() || rest.starts_with(['/', '?'])) {
            return Err(format!("expected a path after {{{component}}}, found {rest:?}"));
        }
        let base = self.0.get(component).ok_or_else(|| format!("has no base URL for {{{component}}}"))?;
        Ok(format!("{base}{rest}"))
    }
}

/// The checks of one stage, with whole URLs.
fn stage_checks(
    table: &StageTable,
    name: Option<&StageName>,
    checks: &[Shared],
    bases: &Bases,
    private_hosts: &[String],
    mistakes: &mut Gathered,
) -> Option<Vec<Check>> {
    let name = name?;
    let unreadable = |text: &UrlText| {
        // A base URL that was refused above is not missing.
        let written = table.urls.iter().flat_map(|entries| &entries.value.0);
        written.into_iter().any(|(component, _)| text.0.starts_with(&format!("{{{}}}", component.value)))
    };
    let mut built = Vec::new();
    for check in checks.iter().filter(|check| check.applies(name)) {
        let Some(url) = check.url() else {
            built.push(check.at(None));
            continue;
        };
        let whole = match bases.whole(&url.value) {
            Ok(whole) => urls::checked(&whole, private_hosts).map(|_| whole),
            Err(_) if unreadable(&url.value) => continue,
            Err(reason) if reason.starts_with("has no") => {
                Err(format!("the stage {name} {reason} in [stages.urls]"))
            }
            Err(reason) => Err(reason),
        };
        match whole {
            Ok(whole) => built.push(check.at(Some(whole))),
            Err(message) => mistakes.add(&url.place, message),
        }
    }
    Some(built)
}

/// Roles end up in a policy: no wildcards, and only roles of the stage's own account.
fn task_roles(table: &StageTable, mistakes: &mut Gathered) -> Vec<RoleArn> {
    let mut roles = Vec::new();
    for role in table.task_roles.iter().flat_map(|list| &list.value) {
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
    let family = |service: &str| pattern.replace("{service}", service);
    let tasks = components.tasks().map(|task| (task, family(task.service.as_str())));
    let checks = stage.checks.iter().filter_map(|check| match &check.kind {
        gantry_domain::pipeline::CheckKind::Task(task) => Some((task, family(task.service.as_str()))),
        gantry_domain::pipeline::CheckKind::Http(_) => None,
    });
    Some(StageGrants {
        families: components
            .owners
            .keys()
            .map(|service| (service.clone(), family(service.as_str())))
            .collect(),
        task_families: tasks
            .chain(checks)
            .map(|(task, family)| format!("{family}-{}", task.name))
            .collect::<BTreeSet<_>>(),
        task_roles,
    })
}

fn role_arn(account: &AccountId, region: &Region, name: &str) -> Option<RoleArn> {
    let partition = crate::render::partition(region);
    RoleArn::new(format!("arn:{partition}:iam::{account}:role/{name}")).ok()
}

/// Overrides that reach nothing are mistakes too.
fn unknown_overrides(
    tables: &[&At<StageTable>],
    components: &Components,
    overrides: &Overrides,
    mistakes: &mut Gathered,
) {
    let stages: Vec<&str> =
        tables.iter().filter_map(|table| table.value.name.as_ref()).map(|name| name.value.as_str()).collect();
    let names = overrides.base_urls.keys().map(|stage| ("base URL", stage));
    for (what, stage) in names.chain(overrides.private_hosts.keys().map(|stage| ("private host", stage))) {
        if !stages.contains(&stage.as_str()) {
            let place = Place { offset: None, path: format!("{what} given for {stage}") };
            mistakes.add(&place, format!("there is no stage {stage:?}; {}", super::listed(&stages)));
        }
    }
    for (stage, urls) in &overrides.base_urls {
        let place = Place { offset: None, path: format!("base URL given for {stage}") };
        for component in urls.keys() {
            match component.parse() {
                Ok(name) => components.known(&name, &place, mistakes),
                Err(_) => mistakes.add(&place, format!("{component:?} is not a component's name")),
            }
        }
    }
}
