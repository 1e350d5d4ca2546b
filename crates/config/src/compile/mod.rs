//! From tables to the pipeline: everything that needs more than one value to judge.
//!
//! Works on whatever could be read, so that one wrong value hides no other mistake. There is a configuration only when
//! there is no mistake.

mod checks;
mod components;
mod endpoints;
mod hash;
mod stages;
mod tasks;
mod urls;
mod vendors;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use gantry_domain::names::{ConfigHash, PipelineName, RoleArn, ServiceName, StageName, StepName};
use gantry_domain::pipeline::{Pipeline, Slack, Source};

use crate::file::{Document, PipelineTable, SlackTable};
use crate::mistake::{At, Gathered, Place};
use crate::read::List;
use components::Components;

/// What a compiled `gantry.toml` says: the pipeline that functions read, and what only the template needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Configuration {
    /// What functions read.
    pub pipeline: Pipeline,
    /// What each stage's roles are granted beside the pipeline's own names.
    pub grants: BTreeMap<StageName, StageGrants>,
}

/// What a stage's roles are granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageGrants {
    /// The family of each service's task definition.
    pub families: BTreeMap<ServiceName, String>,
    /// The families that one-off tasks may run: their own, and the service's where they run the service's image.
    pub task_families: BTreeSet<String>,
    /// Roles that may be passed to tasks.
    pub task_roles: Vec<RoleArn>,
    /// Log groups of which the observing role may read.
    pub log_groups: BTreeSet<String>,
}

/// Values that a world sets instead of the file, so that one file serves the real and a local world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Base URLs by stage, then component; they win over `[stages.urls]`.
    pub base_urls: BTreeMap<String, BTreeMap<String, String>>,
    /// Hosts added to a stage's `private_hosts`.
    pub private_hosts: BTreeMap<String, Vec<String>>,
}

/// Checks the whole and builds the configuration.
pub(crate) fn compile(
    document: &Document,
    overrides: &Overrides,
    mistakes: &mut Gathered,
) -> Option<Configuration> {
    let mut steps = Unique::new("check or task");
    let name = document.pipeline.as_ref().and_then(|pipeline| pipeline.value.name.as_ref());
    let source = document.pipeline.as_ref().and_then(|pipeline| source(&pipeline.value));
    let slack = document.slack.as_ref().and_then(|slack| slack_of(&slack.value, mistakes));
    let components = Components::read(document, &mut steps, mistakes);
    let checks = checks::read(document, &components, &mut steps, mistakes);
    let stages = stages::read(document, name, &components, &checks, overrides, mistakes);
    let github = document.github.as_ref().map(|table| vendors::github(table, mistakes));
    let monday = document.monday.as_ref().map(|table| vendors::monday(&table.value, document, mistakes));
    if !mistakes.is_empty() {
        return None;
    }
    let grants = stages.iter().map(|stage| (stage.stage.name.clone(), stage.grants.clone())).collect();
    let pipeline = Pipeline {
        name: name?.value.clone(),
        hash: ConfigHash::new("0".repeat(64)).ok()?,
        source: source?,
        components: components.finish()?,
        stages: stages.into_iter().map(|stage| stage.stage).collect(),
        slack: slack?,
        // A table that could not be read must not become an absent one.
        github: match github {
            Some(github) => Some(github?),
            None => None,
        },
        monday: match monday {
            Some(monday) => Some(monday?),
            None => None,
        },
    };
    Some(Configuration { pipeline: hash::hashed(pipeline)?, grants })
}

fn source(table: &PipelineTable) -> Option<Source> {
    Some(Source {
        repository: cloned(table.repository.as_ref())?,
        branch: cloned(table.branch.as_ref())?,
        ignored_paths: table.ignored_paths.as_ref()?.value.iter().map(|glob| glob.value.0.clone()).collect(),
    })
}

fn slack_of(table: &SlackTable, mistakes: &mut Gathered) -> Option<Slack> {
    let mut kind = |id: &Option<At<gantry_domain::names::SlackId>>, first: &[char], expected: &str| {
        if let Some(id) = id
            && !id.value.as_str().starts_with(first)
        {
            mistakes.add(&id.place, format!("expected {expected}, found {:?}", id.value.as_str()));
        }
    };
    kind(&table.team, &['T'], "a workspace's id, which begins with T");
    kind(&table.app, &['A'], "an app's id, which begins with A");
    kind(&table.channel, &['C', 'G'], "a channel's id, which begins with C (or G for an old private one)");
    Some(Slack {
        team: cloned(table.team.as_ref())?,
        app: cloned(table.app.as_ref())?,
        channel: cloned(table.channel.as_ref())?,
    })
}

fn cloned<T: Clone>(field: Option<&At<T>>) -> Option<T> {
    field.map(|field| field.value.clone())
}

fn values<T: Clone>(list: Option<&At<List<T>>>) -> Option<Vec<T>> {
    Some(list?.value.iter().map(|each| each.value.clone()).collect())
}

/// Refuses a list in which nothing stands.
fn not_empty<T>(list: Option<&At<List<T>>>, expected: &str, mistakes: &mut Gathered) {
    if let Some(list) = list
        && list.value.is_empty
    {
        mistakes.add(&list.place, format!("expected {expected}, found an empty list"));
    }
}

/// Things that may occur once.
struct Unique {
    what: &'static str,
    seen: BTreeMap<String, String>,
}

impl Unique {
    fn new(what: &'static str) -> Self {
        Self { what, seen: BTreeMap::new() }
    }

    fn add(&mut self, name: &impl Display, place: &Place, mistakes: &mut Gathered) {
        let name = name.to_string();
        if let Some(first) = self.seen.get(&name) {
            mistakes.add(place, format!("the {} {name:?} stands twice, first at {first}", self.what));
        } else {
            self.seen.insert(name, place.path.clone());
        }
    }
}

/// The names in a sentence about an unknown one.
fn listed<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    if names.is_empty() {
        "none is defined".to_owned()
    } else {
        format!("expected one of {}", names.join(", "))
    }
}

/// The role of a stage for one purpose; `infra` creates it under this name.
fn role_name(pipeline: &PipelineName, purpose: &str, stage: &StageName) -> String {
    format!("gantry-{pipeline}-{purpose}-{stage}")
}

/// Adds a step's name, wherever it is defined.
fn named(steps: &mut Unique, name: Option<&At<StepName>>, mistakes: &mut Gathered) -> Option<StepName> {
    let name = name?;
    steps.add(&name.value, &name.place, mistakes);
    Some(name.value.clone())
}
