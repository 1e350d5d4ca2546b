//! What stands in the stack's tables, as an operator could look at it.

use std::collections::BTreeSet;

use anyhow::Result;
use gantry_local::client::Row;
use serde_json::{Value, json};

use crate::story::{Story, locked};

impl Story {
    pub(crate) async fn rows(&self, output: &str) -> Result<Vec<Row>> {
        Ok(self.world.client.rows(self.world.output(output)?).await?)
    }

    /// Rows whose partition key begins so.
    pub(crate) async fn rows_of(&self, output: &str, beginning: &str) -> Result<Vec<Row>> {
        let mut rows = self.rows(output).await?;
        rows.retain(|row| text(row, "pk").starts_with(beginning));
        Ok(rows)
    }

    /// Entries of all releases' logs.
    pub(crate) async fn log_entries(&self) -> Result<Vec<Row>> {
        let mut rows = self.rows_of("ReleasesTable", "release#").await?;
        rows.retain(|row| text(row, "sk").starts_with("log#"));
        Ok(rows)
    }

    /// What passed in a stage: service and image, in the order of the history.
    pub async fn verified(&self, stage: &str) -> Result<String> {
        let mut rows = self.rows_of("ReleasesTable", &format!("verified#{stage}#")).await?;
        rows.sort_by_key(|row| text(row, "sk").to_owned());
        let names = locked(&self.names);
        let line = |row: &Row| {
            let entry = body(row);
            let image = names.of_image(entry["digest"].as_str().unwrap_or_default());
            let back = if row.get("rolledBack") == Some(&Value::Bool(true)) { " (rolled back)" } else { "" };
            format!("{} {image}{back}\n", entry["service"].as_str().unwrap_or_default())
        };
        Ok(rows.iter().map(line).collect())
    }

    /// Claims of commits by executions.
    pub async fn claims(&self) -> Result<usize> {
        Ok(self.rows_of("ReleasesTable", "claim#").await?.len())
    }

    /// Whoever waits for a lock, oldest first, by commit.
    pub async fn waiters(&self) -> Result<Vec<String>> {
        let mut rows = self.rows_of("LocksTable", "lock#").await?;
        rows.retain(|row| text(row, "sk").starts_with("waiter#"));
        rows.sort_by_key(|row| text(row, "sk").to_owned());
        Ok(rows.iter().map(|row| self.name(text(row, "release"))).collect())
    }

    /// Everything that the three tables hold, once everybody was told.
    pub async fn everything_on_record(&self) -> Result<BTreeSet<String>> {
        self.everybody_was_told().await?;
        let mut all = BTreeSet::new();
        for table in ["ReleasesTable", "ApprovalsTable", "LocksTable"] {
            let rows = self.rows(table).await?;
            // Who writes to a vendor just now is nothing that was told.
            let kept = rows.iter().filter(|row| !text(row, "pk").starts_with("desk#"));
            all.extend(kept.map(|row| format!("{table} {}", json!(row))));
        }
        Ok(all)
    }

    /// The rows that came, went or changed since.
    pub async fn changes_since(&self, before: &BTreeSet<String>) -> Result<Vec<String>> {
        let now = self.everything_on_record().await?;
        Ok(now.symmetric_difference(before).cloned().collect())
    }

    /// Task tokens that stand in the tables where they may stand.
    pub(crate) async fn tokens(&self) -> Result<BTreeSet<String>> {
        let mut tokens = BTreeSet::new();
        for table in ["ApprovalsTable", "LocksTable"] {
            for row in self.rows(table).await? {
                tokens.extend(row.get("token").and_then(Value::as_str).map(str::to_owned));
            }
        }
        Ok(tokens)
    }
}

/// A text attribute, empty when absent.
pub(crate) fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The JSON that a row carries in `body`, or the row itself.
pub(crate) fn body(row: &Row) -> Value {
    match row.get("body") {
        Some(Value::String(body)) => serde_json::from_str(body).unwrap_or(Value::Null),
        Some(body) => body.clone(),
        None => json!(row),
    }
}
