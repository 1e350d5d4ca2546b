//! What GitHub and Monday show of releases, as text that fits a snapshot.

use std::fmt::Write as _;

use anyhow::Result;
use gantry_local::client::Row;
use gantry_simulator::faults::Fault;
use gantry_simulator::monday::ColumnKind;
use serde_json::Value;

use crate::deeds::Work;
use crate::story::Story;
use crate::tables::text;
use crate::wait::until;

/// A vendor that a story breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    /// Statuses and deployments. Webhooks and the compare API go on.
    GitHub,
    /// The board.
    Monday,
}

impl Vendor {
    /// What rows call it.
    fn word(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::Monday => "monday",
        }
    }
}

impl Story {
    /// The statuses of a commit and its deployments with theirs, in the order they came.
    pub fn github_shows(&self, work: &Work) -> String {
        let github = &self.world.simulation.github;
        let word = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
        let mut shown = String::new();
        for status in github.statuses(&work.sha) {
            let (state, words) = (word(&status, "state"), word(&status, "description"));
            let _ = writeln!(shown, "{}: {state}, {words}", word(&status, "context"));
        }
        for deployment in github.deployments(&work.sha) {
            let statuses = deployment["statuses"].as_array().into_iter().flatten();
            let states: Vec<String> = statuses.map(|status| word(status, "state")).collect();
            let kind = if deployment["production_environment"] == true { " (production)" } else { "" };
            let environment = word(&deployment, "environment");
            let _ = writeln!(shown, "deployment to {environment}{kind}: {}", states.join(", "));
        }
        self.name(&shown)
    }

    /// The items of the board: what their status has said, and how their columns stand.
    pub fn monday_shows(&self) -> String {
        let monday = &self.world.simulation.monday;
        let mut shown = String::new();
        for item in monday.items() {
            let _ = writeln!(shown, "{}: {}", item.name, item.labels.join(", "));
            for column in &monday.config().columns {
                let value = item.values.get(&column.id).unwrap_or(&Value::Null);
                let words = match column.kind {
                    ColumnKind::Text => value.as_str().unwrap_or_default().to_owned(),
                    ColumnKind::Date if value.is_object() => "a date".to_owned(),
                    ColumnKind::Link => value["url"].as_str().unwrap_or_default().to_owned(),
                    ColumnKind::Date | ColumnKind::Status => continue,
                };
                if !words.is_empty() {
                    let _ = writeln!(shown, "    {}: {words}", column.title);
                }
            }
        }
        self.name(&shown)
    }

    /// From now on a vendor answers like this, or as it should.
    pub fn breaks(&self, vendor: Vendor, fault: Option<Fault>) {
        match vendor {
            Vendor::GitHub => self.world.simulation.github.break_always(fault),
            Vendor::Monday => self.world.simulation.monday.break_always(fault),
        }
    }

    /// Waits until the chat and every vendor but one have been told everything of a release.
    pub async fn told_but(&self, broken: Vendor, work: &Work) -> Result<()> {
        let others = [Vendor::GitHub, Vendor::Monday].into_iter().filter(|vendor| *vendor != broken);
        let vendors: Vec<String> = others.map(|vendor| format!("told#{}", vendor.word())).collect();
        let road = self.world.wait_for_road(|road| road.commit.as_deref() == Some(&work.sha)).await?;
        let release = format!("release#{}", road.id);
        until("everybody but one to be told", async || {
            let rows = self.rows_of("ReleasesTable", &release).await?;
            let log: Vec<&Row> = rows.iter().filter(|row| text(row, "sk").starts_with("log#")).collect();
            let chat = log.iter().all(|row| text(row, "delivery") == "delivered");
            let count = Some(log.len() as u64);
            let knows = |vendor: &String| {
                rows.iter()
                    .any(|row| text(row, "sk") == vendor && row.get("upTo").and_then(Value::as_u64) == count)
            };
            Ok((chat && vendors.iter().all(knows)).then_some(()))
        })
        .await
    }

    /// How many calls of a vendor went wrong on purpose.
    pub fn broken_calls(&self, vendor: Vendor) -> usize {
        match vendor {
            Vendor::GitHub => self.world.simulation.github.broken_calls(),
            Vendor::Monday => self.world.simulation.monday.broken_calls(),
        }
    }
}
