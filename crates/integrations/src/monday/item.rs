//! What an item says of a release: its name and the values of its columns.

use gantry_domain::End;
use gantry_domain::course::{Course, Standing, Start};
use gantry_domain::names::ReleaseId;
use gantry_domain::notice::StartedComponent;
use gantry_domain::pipeline::{Monday, MondayLabels};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::text;

/// Monday takes this much of an item's name.
const NAME: usize = 255;
/// A text column takes far more; nobody reads it.
const REASON: usize = 500;
const VERSIONS: usize = 1_000;

/// The item's name: the release, and what its commit says.
pub(super) fn name(release: &ReleaseId, start: &Start<'_>) -> String {
    if let Some(undoes) = start.undoes {
        let components: Vec<String> = undoes.components.iter().map(ToString::to_string).collect();
        return text::line(&format!("Rollback of {}: {}", undoes.stage, components.join(", ")), NAME);
    }
    let title = start.commits.last().map(|commit| text::line(&commit.title, NAME)).unwrap_or_default();
    let name = if title.is_empty() { release.to_string() } else { format!("{title} ({release})") };
    if name.chars().count() <= NAME { name } else { release.to_string() }
}

/// The values of all columns, as the release stands. What has no value yet is left as it is.
pub(super) fn values(
    monday: &Monday,
    release: &ReleaseId,
    course: &Course<'_>,
    start: &Start<'_>,
    link: &str,
) -> Value {
    let columns = &monday.columns;
    let mut values = Map::new();
    let mut set = |column: &str, value: Value| drop(values.insert(column.to_owned(), value));
    set(columns.key.as_str(), json!(release));
    if let Some(label) = label(&monday.labels, course) {
        set(columns.status.as_str(), json!({ "label": label }));
    }
    if let Some(column) = &columns.versions {
        set(column.as_str(), json!(versions(start.components)));
    }
    if let Some(column) = &columns.link {
        set(column.as_str(), json!({"url": link, "text": start.commit.short()}));
    }
    if let (Some(column), Some(why)) = (&columns.reason, reason(course)) {
        set(column.as_str(), json!(text::line(why, REASON)));
    }
    for stage in &course.stages {
        if let (Some(column), Some(at)) = (columns.dates.get(stage.stage), stage.verified_at) {
            set(column.as_str(), date(at));
        }
    }
    Value::Object(values)
}

/// A date column holds UTC.
fn date(at: Timestamp) -> Value {
    json!({"date": at.strftime("%Y-%m-%d").to_string(), "time": at.strftime("%H:%M:%S").to_string()})
}

/// The end, else how the newest stage stands.
fn label(labels: &MondayLabels, course: &Course<'_>) -> Option<String> {
    let latest = course.latest();
    let label = match (course.end, latest.map(|(_, standing)| standing)) {
        (Some((End::Succeeded, _)), _) => &labels.succeeded,
        (Some((End::Declined, _)), _) | (None, Some(Standing::Declined(_))) => &labels.declined,
        (Some((End::RolledBack, _)), _) | (None, Some(Standing::RolledBack(_))) => &labels.rolled_back,
        (Some((End::FailedClean, _)), _) | (None, Some(Standing::FailedClean(_))) => &labels.failed,
        (Some((End::FailedDirty, _)), _) | (None, Some(Standing::FailedDirty(_))) => &labels.needs_a_person,
        (None, Some(Standing::UnderWay)) => &labels.under_way,
        (None, Some(Standing::Asked)) => &labels.waiting,
        (None, Some(Standing::Verified)) => &labels.verified,
        (None, None) => return None,
    };
    let stage = latest.map_or("", |(stage, _)| stage.as_str());
    Some(label.replace("{stage}", stage))
}

fn reason<'a>(course: &Course<'a>) -> Option<&'a str> {
    if let Some((end, why)) = course.end {
        return (end != End::Succeeded).then_some(why);
    }
    match course.latest()?.1 {
        Standing::Declined(why)
        | Standing::RolledBack(why)
        | Standing::FailedClean(why)
        | Standing::FailedDirty(why) => Some(why),
        Standing::Asked | Standing::UnderWay | Standing::Verified => None,
    }
}

/// What is new first.
fn versions(components: &[StartedComponent]) -> String {
    let version = |part: &StartedComponent| {
        let version = part.commit.as_ref().map_or_else(|| part.digest.short(), |commit| commit.short());
        format!("{} {version}", part.component)
    };
    let (new, kept): (Vec<_>, Vec<_>) = components.iter().partition(|part| part.source.is_new());
    let new = new.into_iter().map(|part| format!("{} (new)", version(part)));
    let all: Vec<String> = new.chain(kept.into_iter().map(version)).collect();
    text::line(&all.join(", "), VERSIONS)
}
