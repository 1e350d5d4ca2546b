//! What goes wrong by somebody's hand or by bad luck, and what people do about it.

use anyhow::{Context, Result, ensure};
use gantry_local::road::{ROLLOUT, Road};
use gantry_simulator::ecr::Delivery;
use serde_json::{Value, json};

use crate::closing::notice;
use crate::deeds::Work;
use crate::story::{Story, locked};
use crate::tables::text;
use crate::wait::until;

/// The rule that tells of executions that ended badly.
const RELEASE_DIED: &str = "gantry-exchange-release-died";

impl Story {
    /// Somebody stops the execution of a commit's release on the console.
    pub async fn somebody_stops(&self, work: &Work) -> Result<Road> {
        let road = self.world.wait_for_road(|road| road.commit.as_deref() == Some(&work.sha)).await?;
        self.world.client.stop_execution(&road.execution).await?;
        locked(&self.looked).stopped.push(road.execution.clone());
        Ok(road)
    }

    /// The machine that runs a function dies under it.
    pub fn kills(&self, function: &str) -> Result<()> {
        let name = format!("AWS_LAMBDA_FUNCTION_NAME=gantry-exchange-{function}");
        // Workers of other worlds have the same names.
        let directory = self.world.client.endpoint().to_owned();
        let mut killed = 0;
        for process in std::fs::read_dir("/proc")?.flatten() {
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            let words: Vec<&[u8]> = environment.split(|byte| *byte == 0).collect();
            let is_ours = words.iter().any(|word| word.ends_with(directory.as_bytes()));
            if is_ours && words.contains(&name.as_bytes()) {
                let pid = process.file_name();
                let status = std::process::Command::new("kill").arg("-9").arg(&pid).status()?;
                killed += usize::from(status.success());
            }
        }
        ensure!(killed > 0, "no process of {function} was running");
        Ok(())
    }

    /// From now on nobody hears how executions end.
    pub async fn status_events_get_lost(&self) -> Result<()> {
        Ok(self.world.client.disable_rule(RELEASE_DIED).await?)
    }

    /// From now on the registry tells of no push.
    pub fn registry_events_get_lost(&self) {
        self.world.simulation.ecr.set_delivery(Delivery { lose_all: true, ..Delivery::default() });
    }

    /// The reconciler looks once. Says what went wrong, if anything did.
    pub async fn reconciler_looks(&self) -> Result<Value> {
        let answer = self.world.invoke("reconcile", &json!({})).await?;
        Ok(answer.payload)
    }

    /// The sweeper looks once.
    pub async fn sweeper_looks(&self) -> Result<Value> {
        Ok(self.world.invoke_sweep().await?.payload)
    }

    /// Waits until the end of a commit's release is on record: the end, and the reason.
    pub async fn end_on_record(&self, work: &Work) -> Result<String> {
        let road = self.world.wait_for_road(|road| road.commit.as_deref() == Some(&work.sha)).await?;
        let log = format!("release#{}", road.id);
        let end = until("the end of a release", async || {
            let entries = self.log_entries().await?;
            let mut of_release = entries.iter().filter(|entry| text(entry, "pk") == log).map(notice);
            Ok(of_release.find(|notice| notice["kind"] == "ended"))
        })
        .await?;
        let word = |field: &str| end[field].as_str().map(str::to_owned).context("the notice of an end");
        Ok(self.name(&format!("{}: {}", word("end")?, word("reason")?)))
    }

    /// How every rollout stands in Step Functions, newest first.
    pub async fn rollouts(&self) -> Result<Vec<String>> {
        let machine = self.world.output("RolloutMachineArn")?;
        let statuses = self.world.client.execution_statuses(machine).await?;
        Ok(statuses.into_iter().map(|(_, status)| status).collect())
    }

    /// Waits until a commit's rollout has come to a state, and is in it still.
    pub async fn rollout_comes_to(&self, work: &Work, state: &str) -> Result<()> {
        let is_there = |road: &Road| {
            let mut rollouts = road.rollouts.iter().filter(|rollout| rollout.status == "running");
            road.commit.as_deref() == Some(&work.sha)
                && rollouts.any(|rollout| rollout.states.last().is_some_and(|last| last.name == state))
        };
        self.world.wait_for_road(is_there).await.with_context(|| format!("{ROLLOUT} {state}"))?;
        Ok(())
    }

    /// Waits until ECS has done with a service's deployment, whoever began it.
    pub async fn ecs_has_done_with(&self, cluster: &str, service: &str) -> Result<()> {
        let mut changes = self.world.simulation.ecs.subscribe();
        loop {
            changes.mark_unchanged();
            let snapshot = self.world.simulation.ecs.snapshot();
            let of_cluster = snapshot.clusters.iter().filter(|view| view.name == cluster);
            let mut services = of_cluster.flat_map(|view| &view.services);
            let deployment =
                services.find(|view| view.name == service).and_then(|view| view.deployment.clone());
            if deployment.is_none_or(|deployment| deployment.status == "SUCCESSFUL") {
                return Ok(());
            }
            changes.changed().await?;
        }
    }

    /// A person has made sure of a stage and frees its lock, as the runbook says.
    pub async fn a_person_frees(&self, stage: &str) -> Result<()> {
        let key = json!({ "pk": { "S": format!("lock#{stage}") }, "sk": { "S": "lock" } });
        let body = json!({ "TableName": self.world.output("LocksTable")?, "Key": key });
        self.world.client.dynamodb("DeleteItem", &body).await?;
        Ok(())
    }
}
