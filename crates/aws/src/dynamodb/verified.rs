//! What passed: `verified#<stage>#<component>` `<time>#<service>#<release>` holds body and rolledBack, append-only;
//! `baseline#<stage>` `<service>` holds what ran before Gantry came.

use async_trait::async_trait;
use gantry_domain::names::{ComponentName, ReleaseId, ServiceName, StageName};
use gantry_domain::verified::{BaselineEntry, VerifiedEntry};
use gantry_steps::ports::PortError;
use gantry_steps::ports::store::{NewNotice, Recorded, Verified};

use aws_sdk_dynamodb::types::AttributeValue;

use super::call::{ABSENT, Expression, pause};
use super::item::{Item, Key, Row, time, to_json};
use super::log::{self, Appended};
use super::releases::ReleasesTable;

/// How many rows back a service's newest one is looked for.
const NEWEST: u32 = 200;

#[async_trait]
impl Verified for ReleasesTable {
    async fn record(
        &self,
        release: &ReleaseId,
        entries: &[VerifiedEntry],
        notice: &NewNotice,
    ) -> Result<Recorded, PortError> {
        for attempt in 0..log::ATTEMPTS {
            let rows: Result<Vec<_>, PortError> = entries
                .iter()
                .map(|entry| self.table().putting(row(entry)?, &Expression::when(ABSENT)))
                .collect();
            match log::append(self.table(), release, notice, Expression::default(), rows?).await? {
                Appended::Done => return Ok(Recorded::Now),
                Appended::Told | Appended::Refused(_) => return Ok(Recorded::Before),
                Appended::Again => pause(attempt).await,
            }
        }
        Err(log::contended(self.table()))
    }

    async fn history(
        &self,
        stage: &StageName,
        component: &ComponentName,
        limit: u32,
    ) -> Result<Vec<VerifiedEntry>, PortError> {
        let rows = self.table().last(&partition(stage, component), limit).await?;
        rows.iter().map(|item| read(&Row(item))).collect()
    }

    async fn newest(
        &self,
        stage: &StageName,
        component: &ComponentName,
        service: &ServiceName,
    ) -> Result<Option<VerifiedEntry>, PortError> {
        let history = self.history(stage, component, NEWEST).await?;
        Ok(history.into_iter().find(|entry| entry.service == *service && !entry.rolled_back))
    }

    async fn put_baseline(&self, entry: &BaselineEntry) -> Result<Recorded, PortError> {
        let row = baseline_key(&entry.stage, &entry.service).row([("body", to_json(entry)?)]);
        let written = self.table().put(row, &Expression::when(ABSENT)).await?;
        Ok(if written { Recorded::Now } else { Recorded::Before })
    }

    async fn baseline(
        &self,
        stage: &StageName,
        service: &ServiceName,
    ) -> Result<Option<BaselineEntry>, PortError> {
        let item = self.table().get(&baseline_key(stage, service)).await?;
        item.as_ref().map(|item| Row(item).json("body")).transpose()
    }
}

fn partition(stage: &StageName, component: &ComponentName) -> String {
    format!("verified#{stage}#{component}")
}

fn baseline_key(stage: &StageName, service: &ServiceName) -> Key {
    Key::new(format!("baseline#{stage}"), service.as_str())
}

pub(super) fn key(entry: &VerifiedEntry) -> Key {
    let sk = format!("{}#{}#{}", time(entry.at), entry.service, entry.release);
    Key::new(partition(&entry.stage, &entry.component), sk)
}

pub(super) fn row(entry: &VerifiedEntry) -> Result<Item, PortError> {
    Ok(key(entry).row([("body", to_json(entry)?), ("rolledBack", AttributeValue::Bool(entry.rolled_back))]))
}

fn read(row: &Row<'_>) -> Result<VerifiedEntry, PortError> {
    let entry: VerifiedEntry = row.json("body")?;
    Ok(VerifiedEntry { rolled_back: row.flag("rolledBack")?, ..entry })
}
