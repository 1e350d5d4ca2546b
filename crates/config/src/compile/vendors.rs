//! Vendors that are told how releases stand: what GitHub is told, and the board on Monday.

use std::collections::BTreeMap;

use gantry_domain::names::{MondayColumn, StageName};
use gantry_domain::pipeline::{GitHub, Monday, MondayColumns, MondayLabels};

use super::{Unique, cloned, listed};
use crate::file::{Document, GitHubTable, MondayColumnsTable, MondayLabelsTable, MondayTable};
use crate::mistake::{At, Gathered};
use crate::read::Label;

/// What GitHub is told.
pub(super) fn github(table: &At<GitHubTable>, mistakes: &mut Gathered) -> Option<GitHub> {
    let (statuses, deployments) =
        (cloned(table.value.statuses.as_ref())?, cloned(table.value.deployments.as_ref())?);
    if !statuses && !deployments {
        mistakes.add(
            &table.place,
            "expected statuses, deployments or both; leave [github] out to tell GitHub nothing",
        );
    }
    Some(GitHub { statuses, deployments })
}

/// The board.
pub(super) fn monday(table: &MondayTable, document: &Document, mistakes: &mut Gathered) -> Option<Monday> {
    let columns = table.columns.as_ref().and_then(|columns| columns_of(&columns.value, document, mistakes));
    let labels = table.labels.as_ref().and_then(|labels| labels_of(&labels.value));
    let group = table.group.as_ref().map(|group| group.value.clone());
    Some(Monday { board: cloned(table.board.as_ref())?, group, columns: columns?, labels: labels? })
}

fn columns_of(
    table: &MondayColumnsTable,
    document: &Document,
    mistakes: &mut Gathered,
) -> Option<MondayColumns> {
    let MondayColumnsTable { key, status, versions, link, reason, dates } = table;
    let mut seen = Unique::new("column");
    for column in [key, status, versions, link, reason].into_iter().flatten() {
        seen.add(&column.value, &column.place, mistakes);
    }
    let mut by_stage = BTreeMap::new();
    for (stage, column) in dates.iter().flat_map(|dates| &dates.value.0) {
        seen.add(&column.value, &column.place, mistakes);
        match known_stage(&stage.value, document) {
            Ok(name) => drop(by_stage.insert(name, column.value.clone())),
            Err(message) => mistakes.add(&stage.place, message),
        }
    }
    let optional = |column: &Option<At<MondayColumn>>| column.as_ref().map(|column| column.value.clone());
    Some(MondayColumns {
        key: cloned(key.as_ref())?,
        status: cloned(status.as_ref())?,
        versions: optional(versions),
        link: optional(link),
        reason: optional(reason),
        dates: by_stage,
    })
}

fn known_stage(name: &str, document: &Document) -> Result<StageName, String> {
    let tables = document.stages.iter().flat_map(|list| list.value.iter());
    let stages: Vec<&StageName> =
        tables.filter_map(|table| table.value.name.as_ref()).map(|name| &name.value).collect();
    let known = stages.iter().find(|stage| stage.as_str() == name).map(|stage| (*stage).clone());
    known.ok_or_else(|| format!("there is no stage {name:?}; {}", listed(&stages)))
}

fn labels_of(table: &MondayLabelsTable) -> Option<MondayLabels> {
    let text = |label: &Option<At<Label>>| Some(label.as_ref()?.value.0.clone());
    Some(MondayLabels {
        under_way: text(&table.under_way)?,
        waiting: text(&table.waiting)?,
        verified: text(&table.verified)?,
        succeeded: text(&table.succeeded)?,
        declined: text(&table.declined)?,
        rolled_back: text(&table.rolled_back)?,
        failed: text(&table.failed)?,
        needs_a_person: text(&table.needs_a_person)?,
    })
}
