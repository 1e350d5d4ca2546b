//! What must hold at the end of every story, whatever it was about.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use gantry_local::exchange::Secrets;
use gantry_local::road::Road;
use gantry_simulator::page::Views;
use serde_json::{Value, json};

use crate::asked::images_of;
use crate::story::{Story, locked};
use crate::tables::{body, text};

/// What a story has looked at on purpose, so that it is no surprise at the end.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Function and words of log lines.
    errors: Vec<(String, String)>,
    /// Stages whose locks are kept.
    kept: Vec<String>,
    /// Releases that go on.
    open: usize,
    /// Executions that somebody stopped: Step Functions has no end for them, only the log has.
    pub(crate) stopped: Vec<String>,
    /// Tokens seen while the story went on.
    tokens: Vec<String>,
}

/// What may be left, because the story says so.
impl Story {
    /// A function has logged an error with these words, as it should.
    pub fn an_error_was_logged(&self, function: &str, words: &str) {
        locked(&self.looked).errors.push((function.to_owned(), words.to_owned()));
    }

    /// A stage's lock is kept on purpose, with a reason. Returns the reason.
    pub async fn lock_is_kept(&self, stage: &str) -> Result<String> {
        let rows = self.rows_of("LocksTable", &format!("lock#{stage}")).await?;
        let Some(row) = rows.iter().find(|row| text(row, "sk") == "lock") else {
            bail!("{stage} has no lock");
        };
        let reason = text(row, "kept").to_owned();
        ensure!(!reason.is_empty(), "the lock of {stage} is not kept on purpose: {row:?}");
        locked(&self.looked).kept.push(stage.to_owned());
        Ok(self.name(&reason))
    }

    /// So many releases go on when the story is over.
    pub fn leaves_open(&self, releases: usize) {
        locked(&self.looked).open = releases;
    }

    /// Remembers the task tokens of this moment, to look for them everywhere at the end.
    pub async fn remembers_tokens(&self) -> Result<usize> {
        let tokens = self.tokens().await?;
        let mut looked = locked(&self.looked);
        looked.tokens.extend(tokens);
        Ok(looked.tokens.len())
    }
}

/// What must hold.
impl Story {
    /// Everything was looked at, everything ended once, nothing was left behind, no secret got out.
    pub async fn must_be_over(&self) -> Result<()> {
        self.everybody_was_told().await?;
        let unseen = self.world.simulation.slack.unseen();
        ensure!(unseen.is_empty(), "nobody looked at this in Slack:\n{}", self.name(&unseen.join("\n")));
        let letters = self.take_dead_letters().await?;
        ensure!(letters.is_empty(), "nobody looked at these dead letters: {letters:?}");
        self.no_lock_is_left().await?;
        self.every_release_ended_once().await?;
        self.every_image_is_named_by_digest()?;
        self.nothing_else_of_services_changed()?;
        let logs = self.logs().await?;
        self.no_error_was_overlooked(&logs)?;
        self.no_secret_got_out(&logs).await
    }

    async fn no_lock_is_left(&self) -> Result<()> {
        for row in self.rows("LocksTable").await? {
            let stage = text(&row, "pk").trim_start_matches("lock#").to_owned();
            let is_kept = text(&row, "sk") == "lock" && locked(&self.looked).kept.contains(&stage);
            ensure!(is_kept, "left in the table of locks: {row:?}");
        }
        Ok(())
    }

    async fn every_release_ended_once(&self) -> Result<()> {
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        for entry in self.log_entries().await? {
            let notice = notice(&entry);
            *ends.entry(text(&entry, "pk").to_owned()).or_default() += usize::from(notice["kind"] == "ended");
        }
        let roads = self.world.roads();
        let open = roads.iter().filter(|road| road.end.is_none()).count();
        let expected = locked(&self.looked).open;
        ensure!(open == expected, "{open} releases go on, {expected} should");
        // One that died, and one that gave its release the end.
        let has_another = |road: &&Road| {
            roads.iter().any(|other| other.id == road.id && other.started_at < road.started_at)
        };
        let takes_over = |road: &&Road| road.execution.ends_with("-put-back") || has_another(road);
        let taken_over = roads.iter().filter(takes_over).count();
        let ended = ends.values().filter(|count| **count == 1).count();
        ensure!(ends.values().all(|count| *count <= 1), "a release ended more than once: {ends:?}");
        ensure!(
            ended == roads.len() - open - taken_over,
            "{} executions ended, but final notices are {ends:?}",
            roads.len()
        );
        let stopped = locked(&self.looked).stopped.clone();
        for road in roads.iter().filter(|road| road.end.is_some() && !stopped.contains(&road.execution)) {
            let end = road.end.as_deref().unwrap_or_default();
            let known = gantry_domain::End::ALL.iter().any(|one| one.as_str() == end);
            ensure!(known, "{} ended as {end}, which is none of the five ends: {:?}", road.id, road.reason);
        }
        Ok(())
    }

    /// T1: nothing is ever registered by a tag.
    fn every_image_is_named_by_digest(&self) -> Result<()> {
        for call in self.world.simulation.journal.calls() {
            if call.operation != "RegisterTaskDefinition" || call.role == "root" {
                continue;
            }
            for (container, image) in images_of(&call.input) {
                ensure!(image.contains("@sha256:"), "{container} was registered by its tag: {image}");
            }
        }
        Ok(())
    }

    /// T42: of what Gantry registered, nothing but images differs from the revision before. Returns how many there are.
    pub fn only_images_differ(&self) -> Result<usize> {
        let ecs = &self.world.simulation.ecs;
        let describe = |family: &str, revision: u64| -> Result<Value> {
            let wanted = json!({ "taskDefinition": format!("{family}:{revision}") });
            let found = ecs.call_at(ecs.clock().now(), "DescribeTaskDefinition", &wanted)?;
            Ok(without_image(found["taskDefinition"].clone()))
        };
        let mut compared = 0;
        for call in self.world.simulation.journal.calls() {
            let (true, "RegisterTaskDefinition", Ok(output)) =
                (call.role != "root", call.operation.as_str(), &call.outcome)
            else {
                continue;
            };
            let family = output["taskDefinition"]["family"].as_str().unwrap_or_default();
            let revision = output["taskDefinition"]["revision"].as_u64().unwrap_or_default();
            let (before, after) = (describe(family, revision - 1)?, describe(family, revision)?);
            ensure!(before == after, "more than an image changed in {family}:\n{before}\n{after}");
            compared += 1;
        }
        Ok(compared)
    }

    /// T42: a service gets another task definition and nothing else; counts, networks and settings are its owner's.
    fn nothing_else_of_services_changed(&self) -> Result<()> {
        for call in self.world.simulation.journal.calls() {
            if call.operation != "UpdateService" || call.role == "root" {
                continue;
            }
            let fields: Vec<&String> =
                call.input.as_object().into_iter().flat_map(|input| input.keys()).collect();
            ensure!(fields == ["cluster", "service", "taskDefinition"], "an update changes {fields:?}");
        }
        Ok(())
    }

    async fn logs(&self) -> Result<Vec<(String, String)>> {
        let mut logs = Vec::new();
        for function in self.function_names() {
            for line in self.world.client.function_log(&function).await? {
                logs.push((function.clone(), line));
            }
        }
        Ok(logs)
    }

    fn no_error_was_overlooked(&self, logs: &[(String, String)]) -> Result<()> {
        let looked = locked(&self.looked);
        for (function, line) in logs {
            let is_error = line.contains("\"level\":\"ERROR\"") || line.contains("panicked at");
            let known = |(name, words): &(String, String)| {
                function.ends_with(&format!("-{name}")) && line.contains(words.as_str())
            };
            ensure!(!is_error || looked.errors.iter().any(known), "{function} logged an error: {line}");
        }
        Ok(())
    }

    /// T7, T37: secrets are nowhere; task tokens only in the tables of approvals and locks and in histories.
    async fn no_secret_got_out(&self, logs: &[(String, String)]) -> Result<()> {
        let secrets = [
            Secrets::SLACK_TOKEN,
            Secrets::SLACK_SIGNING,
            Secrets::GITHUB_WEBHOOK,
            Secrets::GITHUB_TOKEN,
            Secrets::GITHUB_STATUS_TOKEN,
            Secrets::MONDAY_TOKEN,
        ];
        let mut tokens = self.tokens().await?;
        tokens.extend(locked(&self.looked).tokens.iter().cloned());
        let mut told: Vec<(String, String)> = logs.to_vec();
        let world = &self.world.simulation;
        told.push(("Slack".to_owned(), world.slack.snapshot().to_string()));
        told.push(("GitHub".to_owned(), world.github.snapshot().to_string()));
        told.push(("Monday".to_owned(), world.monday.snapshot().to_string()));
        told.push(("the page".to_owned(), world.views.snapshot().to_string()));
        for row in self.rows("ReleasesTable").await? {
            told.push(("the table of releases".to_owned(), serde_json::to_string(&row)?));
        }
        for seen in self.world.executions.now().iter() {
            let execution = &seen.execution;
            let shown = format!("{} {} {:?}", execution.input, execution.output, execution.cause);
            told.push((format!("execution {}", execution.name), shown));
        }
        for (place, text) in &told {
            for secret in secrets.iter().copied().chain(tokens.iter().map(String::as_str)) {
                ensure!(!text.contains(secret), "a secret stands in {place}: {text}");
            }
        }
        for seen in self.world.executions.now().iter() {
            for event in self.world.client.history(&seen.execution.arn).await? {
                let shown = event.raw.to_string();
                for secret in secrets {
                    ensure!(!shown.contains(secret), "a secret stands in a history: {shown}");
                }
            }
        }
        Ok(())
    }
}

/// A task definition without what differs between revisions, and without the versions of its images.
fn without_image(mut definition: Value) -> Value {
    for name in ["taskDefinitionArn", "revision", "registeredAt", "registeredBy"] {
        definition[name] = Value::Null;
    }
    for container in definition["containerDefinitions"].as_array_mut().into_iter().flatten() {
        let image = container["image"].as_str().unwrap_or_default();
        let repository = image.split(['@', ':']).next().unwrap_or_default().to_owned();
        container["image"] = json!(repository);
    }
    definition
}

/// The notice of a log entry.
pub(crate) fn notice(entry: &gantry_local::client::Row) -> Value {
    match entry.get("notice") {
        Some(Value::String(notice)) => serde_json::from_str(notice).unwrap_or(Value::Null),
        Some(notice) => notice.clone(),
        None => body(entry)["notice"].clone(),
    }
}
