//! What comes of deeds: stories wait for it, or look at it.

use anyhow::{Context, Result};
use gantry_local::road::Road;
use serde_json::{Value, json};

use crate::closing::notice;
use crate::deeds::Work;
use crate::story::Story;
use crate::wait::until;

impl Story {
    /// Waits until the commit's release has ended and everybody has been told.
    pub async fn release_ends(&self, work: &Work) -> Result<Road> {
        let road = self.world.wait_for_end(&work.sha).await?;
        self.everybody_was_told().await?;
        Ok(road)
    }

    /// Waits until an execution has ended and everybody has been told.
    pub async fn execution_ends(&self, arn: &str) -> Result<Road> {
        self.world.wait_for_execution(arn).await?;
        self.everybody_was_told().await?;
        let road = self.world.roads().into_iter().find(|road| road.execution == arn);
        road.context("the execution is no release")
    }

    /// Waits until a release is in a state of its machine.
    pub async fn release_comes_to(&self, work: &Work, state: &str) -> Result<Road> {
        let wanted = |road: &Road| {
            road.commit.as_deref() == Some(&work.sha) && road.states.iter().any(|seen| seen.name == state)
        };
        Ok(self.world.wait_for_road(wanted).await?)
    }

    /// The state that a commit's newest release is in, as far as was seen.
    pub fn state_of(&self, work: &Work) -> Option<String> {
        let roads = self.world.roads();
        let road = roads.iter().find(|road| road.commit.as_deref() == Some(&work.sha))?;
        road.states.last().filter(|state| state.left_at.is_none()).map(|state| state.name.clone())
    }

    /// How many decisions were recorded, of all questions.
    pub async fn decisions(&self) -> Result<usize> {
        let log = self.log_entries().await?;
        Ok(log.iter().filter(|entry| notice(entry)["kind"] == "approvalDecided").count())
    }

    /// Waits until so many releases stand in line for locks.
    pub async fn has_waiters(&self, count: usize) -> Result<()> {
        until(&format!("{count} releases in line"), async || {
            Ok((self.waiters().await?.len() == count).then_some(()))
        })
        .await
    }

    /// Waits until nothing is left to tell.
    pub async fn everybody_was_told(&self) -> Result<()> {
        until("all notices to be told", async || Ok(self.nothing_is_left_to_tell().await?.then_some(())))
            .await
    }

    /// The sweeper looks until nothing is left to tell.
    pub async fn sweeper_tells_everything(&self) -> Result<()> {
        until("the sweeper to tell everything", async || {
            self.sweeper_looks().await?;
            Ok(self.nothing_is_left_to_tell().await?.then_some(()))
        })
        .await
    }

    /// Has everybody been told everything?
    pub async fn nothing_is_left_to_tell(&self) -> Result<bool> {
        Ok(self.rows_of("ReleasesTable", "undelivered").await?.is_empty())
    }

    /// Executions of the release machine, ended or not, as Step Functions lists them at this moment.
    pub async fn executions(&self) -> Result<Vec<String>> {
        let machine = self.world.output("ReleaseMachineArn")?;
        Ok(self.world.client.executions(machine).await?)
    }

    /// Waits until a function has been called this often, and has done with it.
    pub async fn was_called(&self, function: &str, times: usize) -> Result<()> {
        until(&format!("{times} calls of {function}"), async || {
            Ok((self.calls_of(function).await? >= times).then_some(()))
        })
        .await
    }

    /// How often a function was called.
    pub async fn calls_of(&self, function: &str) -> Result<usize> {
        let names = self.function_names();
        let suffix = format!("-{function}");
        let name = names.iter().find(|name| name.ends_with(&suffix)).context("no such function")?;
        let lines = self.world.client.log_lines(&format!("/aws/lambda/{name}")).await?;
        Ok(lines.iter().filter(|line| line.starts_with("END RequestId")).count())
    }

    /// Takes what lies in the dead-letter queue, once there is something. It counts as looked at.
    pub async fn dead_letters(&self) -> Result<Vec<Value>> {
        until("a dead letter", async || {
            let letters = self.take_dead_letters().await?;
            Ok((!letters.is_empty()).then_some(letters))
        })
        .await
    }

    /// Waits until something lies in the dead-letter queue, and leaves it there.
    pub async fn a_dead_letter_waits(&self) -> Result<()> {
        let queue = self.world.output("DeadLetterQueueUrl")?;
        until("a dead letter", async || {
            Ok((self.world.client.waiting_messages(queue).await? > 0).then_some(()))
        })
        .await
    }

    pub(crate) async fn take_dead_letters(&self) -> Result<Vec<Value>> {
        let queue = self.world.output("DeadLetterQueueUrl")?;
        let bodies = self.world.client.take_messages(queue).await?;
        Ok(bodies.into_iter().map(|body| serde_json::from_str(&body).unwrap_or(json!(body))).collect())
    }
}
