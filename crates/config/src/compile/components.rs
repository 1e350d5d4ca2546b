//! Components: unique names, repositories and services; their tasks.

use std::collections::BTreeMap;

use gantry_domain::names::{ComponentName, ServiceName};
use gantry_domain::pipeline::{Component, TaskImage, TaskSpec};

use super::{Unique, cloned, not_empty, tasks, values};
use crate::file::{ComponentTable, Document, TaskTable};
use crate::mistake::{At, Gathered, Place};

/// The components as far as they could be read, and whose each service is.
#[derive(Debug, Default)]
pub(super) struct Components {
    pub(super) names: Vec<ComponentName>,
    /// `None` where a component's name could not be read.
    pub(super) owners: BTreeMap<ServiceName, Option<ComponentName>>,
    /// A component's name or services could not be read: what seems unknown may be defined there.
    partial: bool,
    built: Vec<Option<Component>>,
}

impl Components {
    pub(super) fn read(document: &Document, steps: &mut Unique, mistakes: &mut Gathered) -> Self {
        let mut components = Self { partial: document.components.is_none(), ..Self::default() };
        not_empty(document.components.as_ref(), "at least one component", mistakes);
        let tables: Vec<&ComponentTable> =
            document.components.iter().flat_map(|list| list.value.iter()).map(|table| &table.value).collect();
        components.collect(&tables, mistakes);
        components.built =
            tables.into_iter().map(|table| build(table, &components, steps, mistakes)).collect();
        components
    }

    /// Names, repositories and services, before anything refers to them.
    fn collect(&mut self, tables: &[&ComponentTable], mistakes: &mut Gathered) {
        let mut names = Unique::new("component");
        let mut repositories = Unique::new("repository");
        let mut services = Unique::new("service");
        for table in tables {
            if let Some(name) = &table.name {
                names.add(&name.value, &name.place, mistakes);
                self.names.push(name.value.clone());
            }
            if let Some(repository) = &table.repository {
                repositories.add(&repository.value, &repository.place, mistakes);
            }
            self.partial |= table.name.is_none() || table.waves.is_none();
            not_empty(table.paths.as_ref(), "at least one path", mistakes);
            not_empty(table.waves.as_ref(), "at least one wave", mistakes);
            for wave in table.waves.iter().flat_map(|waves| waves.value.iter()) {
                not_empty(Some(wave), "at least one service", mistakes);
                for service in wave.value.iter() {
                    services.add(&service.value, &service.place, mistakes);
                    self.owners.entry(service.value.clone()).or_insert_with(|| cloned(table.name.as_ref()));
                }
            }
        }
    }

    /// Notes a reference to a component that does not exist.
    pub(super) fn known(&self, name: &ComponentName, place: &Place, mistakes: &mut Gathered) {
        if !self.partial && !self.names.contains(name) {
            mistakes.add(
                place,
                format!("there is no component {:?}; {}", name.as_str(), super::listed(&self.names)),
            );
        }
    }

    /// Notes a reference to a service that does not exist; otherwise its component.
    pub(super) fn owner(&self, service: &At<ServiceName>, mistakes: &mut Gathered) -> Option<ComponentName> {
        let owner = self.owners.get(&service.value);
        if owner.is_none() && !self.partial {
            let known = super::listed(self.owners.keys());
            mistakes
                .add(&service.place, format!("there is no service {:?}; {known}", service.value.as_str()));
        }
        owner.cloned().flatten()
    }

    /// The components, when all could be built.
    pub(super) fn finish(self) -> Option<Vec<Component>> {
        self.built.into_iter().collect()
    }

    /// Does the task run an image that its service runs too?
    pub(super) fn is_own_image(&self, task: &TaskSpec) -> bool {
        let Some(Some(owner)) = self.owners.get(&task.service) else { return false };
        let repository = self.built.iter().flatten().find(|component| component.name == *owner);
        match &task.image {
            TaskImage::Component(component) => component == owner,
            TaskImage::Fixed { repository: own, .. } => repository.is_some_and(|it| it.repository == *own),
        }
    }

    /// The backup and migration tasks.
    pub(super) fn tasks(&self) -> impl Iterator<Item = &TaskSpec> {
        self.built.iter().flatten().flat_map(|component| component.backup.iter().chain(&component.migration))
    }
}

fn build(
    table: &ComponentTable,
    components: &Components,
    steps: &mut Unique,
    mistakes: &mut Gathered,
) -> Option<Component> {
    let backup = task(table, table.backup.as_ref(), "backup", components, steps, mistakes);
    let migration = task(table, table.migration.as_ref(), "migration", components, steps, mistakes);
    Some(Component {
        name: cloned(table.name.as_ref())?,
        repository: cloned(table.repository.as_ref())?,
        paths: table.paths.as_ref()?.value.iter().map(|glob| glob.value.0.clone()).collect(),
        workflows: table.workflows.as_ref()?.value.iter().map(|workflow| workflow.value.0.clone()).collect(),
        containers: values(table.containers.as_ref())?,
        base: table.base.as_ref()?.value.0,
        waves: table.waves.as_ref()?.value.iter().filter_map(|wave| values(Some(wave))).collect(),
        backup,
        migration,
    })
}

/// A task of the component itself: it runs on one of the component's own services.
fn task(
    component: &ComponentTable,
    table: Option<&At<TaskTable>>,
    purpose: &str,
    components: &Components,
    steps: &mut Unique,
    mistakes: &mut Gathered,
) -> Option<TaskSpec> {
    let table = table?;
    let name = component.name.as_ref().map(|name| format!("{}-{purpose}", name.value));
    let own = component.name.as_ref().map(|name| &name.value);
    if let Some(service) = &table.value.service
        && let (Some(own), Some(Some(owner))) = (own, components.owners.get(&service.value))
        && own != owner
    {
        let message = format!("expected a service of {own}, found {:?} of {owner}", service.value.as_str());
        mistakes.add(&service.place, message);
    }
    tasks::read(table, name, purpose == "migration", components, steps, mistakes)
}
