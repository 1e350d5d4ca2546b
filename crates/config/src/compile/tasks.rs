//! One-off tasks: backup, migration, and checks of kind task.

use std::time::Duration;

use gantry_domain::names::{ComponentName, StepName};
use gantry_domain::pipeline::{TaskImage, TaskSpec};

use super::components::Components;
use super::{Unique, cloned, named, not_empty};
use crate::file::{ImageTable, TaskTable};
use crate::mistake::{At, Gathered};
use crate::read::Span;

/// Checks a task and builds it. `default_name` serves where the table has none; only a migration can be
/// breaking.
pub(super) fn read(
    table: &At<TaskTable>,
    default_name: Option<String>,
    is_migration: bool,
    components: &Components,
    steps: &mut Unique,
    mistakes: &mut Gathered,
) -> Option<TaskSpec> {
    let TaskTable { name, service, image, container, command, timeout, breaking } = &table.value;
    let default = default_name.and_then(|name| StepName::new(name).ok());
    let default = default.map(|value| At { value, place: table.place.field("name") });
    let name = named(steps, name.as_ref().or(default.as_ref()), mistakes);
    let owner = service.as_ref().and_then(|service| components.owner(service, mistakes));
    let image = match image {
        Some(image) => image_of(image, components, mistakes),
        None => owner.map(TaskImage::Component),
    };
    not_empty(command.as_ref(), "a command", mistakes);
    let timeout = within(timeout.as_ref(), Duration::from_secs(10), Duration::from_secs(12 * 3600), mistakes);
    let breaking = breaking.as_ref()?;
    if breaking.value && !is_migration {
        mistakes.add(&breaking.place, "expected only of a migration, which can be breaking");
    }
    Some(TaskSpec {
        name: name?,
        service: cloned(service.as_ref())?,
        image: image?,
        container: cloned(container.as_ref()),
        command: command.as_ref()?.value.iter().map(|word| word.value.0.clone()).collect(),
        timeout: timeout?,
        breaking: breaking.value,
    })
}

fn image_of(table: &At<ImageTable>, components: &Components, mistakes: &mut Gathered) -> Option<TaskImage> {
    let ImageTable { component, repository, digest } = &table.value;
    let known = |component: &At<ComponentName>, mistakes: &mut Gathered| {
        components.known(&component.value, &component.place, mistakes);
        TaskImage::Component(component.value.clone())
    };
    match (component, repository, digest) {
        (Some(component), None, None) => Some(known(component, mistakes)),
        (None, Some(repository), Some(digest)) => {
            Some(TaskImage::Fixed { repository: repository.value.clone(), digest: digest.value.clone() })
        }
        _ => {
            mistakes.add(&table.place, "expected either component, or repository and digest");
            None
        }
    }
}

/// A span that must lie between two others.
pub(super) fn within(
    span: Option<&At<Span>>,
    least: Duration,
    most: Duration,
    mistakes: &mut Gathered,
) -> Option<Duration> {
    let span = span?;
    let found = span.value.0;
    if found < least || found > most {
        let [least, most, found] = [least, most, found].map(words);
        mistakes.add(&span.place, format!("expected a duration from {least} to {most}, found {found}"));
        return None;
    }
    Some(found)
}

/// A duration as the file would say it.
fn words(span: Duration) -> String {
    let seconds = span.as_secs();
    match (span.subsec_millis(), seconds) {
        (0, seconds) if seconds > 0 && seconds % 3600 == 0 => format!("{}h", seconds / 3600),
        (0, seconds) if seconds > 0 && seconds % 60 == 0 => format!("{}m", seconds / 60),
        (0, seconds) => format!("{seconds}s"),
        (_, _) => format!("{}ms", span.as_millis()),
    }
}
