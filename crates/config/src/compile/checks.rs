//! Checks, before it is known where each stage answers.

use std::time::Duration;

use gantry_domain::names::{ComponentName, StageName, StepName};
use gantry_domain::pipeline::{Check, CheckKind, HttpCheck, JsonExpectation, TaskSpec, VersionExpectation};

use super::components::Components;
use super::tasks::within;
use super::{Unique, cloned, named, tasks};
use crate::file::{CheckTable, Document, HttpTable, JsonTable, VersionTable};
use crate::mistake::{At, Gathered};
use crate::read::UrlText;

/// A check and the stages it is for.
#[derive(Debug)]
pub(super) struct Shared {
    /// `None`: all stages.
    stages: Option<Vec<StageName>>,
    name: StepName,
    after: Option<ComponentName>,
    kind: SharedKind,
}

#[derive(Debug)]
enum SharedKind {
    Http { url: At<UrlText>, rest: HttpCheck },
    Task(TaskSpec),
}

impl Shared {
    /// Is it for this stage?
    pub(super) fn applies(&self, stage: &StageName) -> bool {
        self.stages.as_ref().is_none_or(|stages| stages.contains(stage))
    }

    /// The URL it asks, before the stage's base URL is known.
    pub(super) fn url(&self) -> Option<&At<UrlText>> {
        match &self.kind {
            SharedKind::Http { url, .. } => Some(url),
            SharedKind::Task(_) => None,
        }
    }

    /// The check in one stage, where its URL is this one.
    pub(super) fn at(&self, url: Option<String>) -> Check {
        let kind = match &self.kind {
            SharedKind::Http { rest, .. } => {
                CheckKind::Http(HttpCheck { url: url.unwrap_or_default(), ..rest.clone() })
            }
            SharedKind::Task(task) => CheckKind::Task(task.clone()),
        };
        Check { name: self.name.clone(), after: self.after.clone(), kind }
    }
}

/// Reads all checks; those with mistakes are left out.
pub(super) fn read(
    document: &Document,
    components: &Components,
    steps: &mut Unique,
    mistakes: &mut Gathered,
) -> Vec<Shared> {
    let stages: Vec<&StageName> = document
        .stages
        .iter()
        .flat_map(|list| list.value.iter())
        .filter_map(|stage| stage.value.name.as_ref().map(|name| &name.value))
        .collect();
    let unnamed = document.stages.as_ref().is_none_or(|list| list.value.len() != stages.len());
    let mut shared = Vec::new();
    for table in document.checks.iter().flat_map(|list| list.value.iter()) {
        for stage in table.value.stages.iter().flat_map(|list| list.value.iter()) {
            if !unnamed && !stages.contains(&&stage.value) {
                let known = super::listed(&stages);
                mistakes.add(&stage.place, format!("there is no stage {:?}; {known}", stage.value.as_str()));
            }
        }
        super::not_empty(table.value.stages.as_ref(), "at least one stage", mistakes);
        shared.extend(check(table, components, steps, mistakes));
    }
    shared
}

fn check(
    table: &At<CheckTable>,
    components: &Components,
    steps: &mut Unique,
    mistakes: &mut Gathered,
) -> Option<Shared> {
    let CheckTable { name, stages, after, http, task } = &table.value;
    if let Some(after) = after {
        components.known(&after.value, &after.place, mistakes);
    }
    let kind = match (http, task) {
        (Some(http), None) => {
            named(steps, name.as_ref(), mistakes);
            http_check(&http.value, components, mistakes)
        }
        (None, Some(task)) => {
            let default = name.as_ref().map(|name| name.value.to_string());
            tasks::read(task, default, false, components, steps, mistakes).map(SharedKind::Task)
        }
        _ => {
            mistakes.add(&table.place, "expected exactly one of http and task");
            None
        }
    };
    Some(Shared {
        stages: stages.as_ref().map(|list| list.value.iter().map(|stage| stage.value.clone()).collect()),
        name: cloned(name.as_ref())?,
        after: cloned(after.as_ref()),
        kind: kind?,
    })
}

fn http_check(table: &HttpTable, components: &Components, mistakes: &mut Gathered) -> Option<SharedKind> {
    let HttpTable { url, status, json, version, latency_budget, samples, attempts, interval } = table;
    if let Some(status) = status
        && !(100..600).contains(&status.value)
    {
        mistakes.add(&status.place, format!("expected a status from 100 to 599, found {}", status.value));
    }
    counted(samples.as_ref(), 20, mistakes);
    counted(attempts.as_ref(), 200, mistakes);
    if let (Some(samples), Some(attempts)) = (samples, attempts)
        && attempts.value < samples.value
    {
        let message =
            format!("expected at least samples, which is {}, found {}", samples.value, attempts.value);
        mistakes.add(&attempts.place, message);
    }
    let latency_budget =
        within(latency_budget.as_ref(), Duration::from_millis(50), Duration::from_secs(30), mistakes);
    let interval = within(interval.as_ref(), Duration::from_secs(1), Duration::from_secs(600), mistakes);
    let version = match version {
        Some(version) => Some(version_of(&version.value, components, mistakes)?),
        None => None,
    };
    let rest = HttpCheck {
        url: String::new(),
        status: status.as_ref()?.value,
        json: json.as_ref()?.value.iter().filter_map(|it| expectation(&it.value)).collect(),
        version,
        latency_budget: latency_budget?,
        samples: samples.as_ref()?.value,
        attempts: attempts.as_ref()?.value,
        interval: interval?,
    };
    Some(SharedKind::Http { url: url.clone()?, rest })
}

pub(super) fn counted(number: Option<&At<u32>>, most: u32, mistakes: &mut Gathered) {
    if let Some(number) = number
        && !(1..=most).contains(&number.value)
    {
        mistakes.add(&number.place, format!("expected a number from 1 to {most}, found {}", number.value));
    }
}

fn version_of(
    table: &VersionTable,
    components: &Components,
    mistakes: &mut Gathered,
) -> Option<VersionExpectation> {
    if let Some(component) = &table.component {
        components.known(&component.value, &component.place, mistakes);
    }
    Some(VersionExpectation {
        pointer: table.pointer.as_ref()?.value.0.clone(),
        component: cloned(table.component.as_ref())?,
    })
}

fn expectation(table: &JsonTable) -> Option<JsonExpectation> {
    Some(JsonExpectation {
        pointer: table.pointer.as_ref()?.value.0.clone(),
        equals: table.equals.as_ref()?.value.0.clone(),
    })
}
