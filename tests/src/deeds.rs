//! What people and machines do in a story.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use gantry_local::deeds::{Change, PATIENCE};
use gantry_local::exchange;
use gantry_simulator::github::{Commit, Delivery, Push};
use gantry_simulator::outbound::Answer;
use gantry_simulator::slack::Message;
use serde_json::{Value, json};

use crate::story::{Story, locked};

/// An approver: QA lead.
pub const ADA: &str = "U0ADA";
/// An approver: platform engineer.
pub const BOB: &str = "U0BOB";
/// In the workspace, no approver.
pub const CAT: &str = exchange::BYSTANDER;
/// From another workspace, in the channel by Slack Connect.
pub const GUS: &str = exchange::GUEST;

/// Action ids of the buttons under a question.
pub(crate) const APPROVE: &str = "approve";
pub(crate) const REJECT: &str = "reject";
/// The field of the modal that asks why.
const REASON: &str = "reason";

/// What of a task definition is registered again.
const REGISTERED: [&str; 9] = [
    "family",
    "networkMode",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "runtimePlatform",
    "executionRoleArn",
    "taskRoleArn",
    "containerDefinitions",
];

/// A commit that was pushed.
#[derive(Debug, Clone)]
pub struct Work {
    /// The commit.
    pub sha: String,
    /// What it changes.
    pub change: Change,
}

impl Work {
    /// The commit as people abbreviate it.
    pub fn short(&self) -> &str {
        self.sha.get(..7).unwrap_or(&self.sha)
    }

    /// The tag of its images.
    pub fn tag(&self) -> String {
        format!("sha-{}", self.sha)
    }
}

/// Before a release.
impl Story {
    /// A developer pushes a commit to `main`.
    pub async fn a_developer_pushes(&self, change: Change) -> Result<Work> {
        let sha = self.world.push_commit(&change).await?;
        locked(&self.names).commit(&sha);
        Ok(Work { sha, change })
    }

    /// The workflows of every component the commit touches succeed.
    pub async fn ci_succeeds(&self, work: &Work) -> Result<Vec<Delivery>> {
        self.ci_ends(work, "success").await
    }

    /// They end, with GitHub's word for how.
    pub async fn ci_ends(&self, work: &Work, conclusion: &str) -> Result<Vec<Delivery>> {
        let mut deliveries = Vec::new();
        for component in &work.change.components {
            deliveries.extend(self.world.end_workflows(component, &work.sha, conclusion).await?);
        }
        ensure!(deliveries.iter().all(|told| told.status == Some(200)), "GitHub was refused: {deliveries:?}");
        Ok(deliveries)
    }

    /// CI pushes the image of every component the commit touches.
    pub fn images_arrive(&self, work: &Work) -> Result<()> {
        for component in &work.change.components {
            self.image_arrives(work, component)?;
        }
        Ok(())
    }

    /// CI pushes one image. Returns its digest.
    pub fn image_arrives(&self, work: &Work, component: &str) -> Result<String> {
        let digest = self.world.push_image(component, &work.sha, &work.change.labels)?;
        locked(&self.names).image(&digest, component, &work.sha);
        Ok(digest)
    }

    /// Somebody pushed an image of a component without asking the story: it gets a name.
    pub fn image_was_pushed(&self, work: &Work, component: &str, digest: &str) {
        locked(&self.names).image(digest, component, &work.sha);
    }

    /// Push, workflows and images, in this order.
    pub async fn a_developer_delivers(&self, change: Change) -> Result<Work> {
        let work = self.a_developer_pushes(change).await?;
        self.ci_succeeds(&work).await?;
        self.images_arrive(&work)?;
        Ok(work)
    }

    /// A commit that nobody has pushed yet.
    pub fn work_of(&self, commit: &Commit, change: Change) -> Work {
        locked(&self.names).commit(&commit.sha);
        Work { sha: commit.sha.clone(), change }
    }

    /// Pushes it.
    pub async fn pushes(&self, commit: Commit) -> Result<Delivery> {
        let push = Push { commits: vec![commit], ..Push::default() };
        Ok(self.world.simulation.github.push(&push).await?)
    }

    /// A person starts the release machine on the console. Returns the execution.
    pub async fn starts_on_console(&self, input: &Value) -> Result<String> {
        Ok(self.world.start_execution(input).await?)
    }
}

/// Decisions.
impl Story {
    /// Waits until people are asked about the commit's release. The question still counts as unread.
    pub async fn question(&self, work: &Work) -> Result<Message> {
        Ok(self.world.wait_for_question(&work.sha, APPROVE).await?)
    }

    /// Waits until people are asked again about the commit, in another message.
    pub async fn another_question(&self, work: &Work, before: &Message) -> Result<Message> {
        let (short, before) = (work.short().to_owned(), before.ts.clone());
        let asks = move |message: &Message| {
            message.ts != before
                && message.words().contains(&short)
                && message.action_ids().iter().any(|id| id == APPROVE)
        };
        Ok(self.world.simulation.slack.wait_for_message_within(PATIENCE, asks).await?)
    }

    /// The payload of a click, to be changed, kept or sent.
    pub fn click_payload(&self, person: &str, question: &Message, action: &str) -> Result<Value> {
        Ok(self.world.simulation.slack.click_payload(person, &question.ts, action)?)
    }

    /// Sends a payload as Slack does, signed now.
    pub async fn sends(&self, payload: &Value) -> Result<Answer> {
        let slack = &self.world.simulation.slack;
        Ok(slack.send(&slack.sign(payload)).await?)
    }

    /// Everybody closes the forms that are still open in front of them.
    pub async fn closes_forms(&self) -> Result<()> {
        let slack = &self.world.simulation.slack;
        for user in slack.config().users.clone() {
            while let Some(modal) = slack.modal_of(&user.id) {
                slack.close_modal(&user.id, &modal.id).await?;
            }
        }
        Ok(())
    }

    /// A person clicks Approve and confirms.
    pub async fn approves(&self, person: &str, question: &Message) -> Result<Answer> {
        Ok(self.world.click(person, question, APPROVE).await?)
    }

    /// A person clicks Reject, confirms, and gives a reason.
    pub async fn rejects(&self, person: &str, question: &Message, reason: &str) -> Result<Answer> {
        self.asks_to_reject(person, question).await?;
        self.gives_reason(person, reason).await
    }

    /// A person clicks Reject, confirms, and has the form for the reason in front of them.
    pub async fn asks_to_reject(&self, person: &str, question: &Message) -> Result<()> {
        let answer = self.world.click(person, question, REJECT).await?;
        ensure!(answer.status == 200, "the click was answered {answer:?}");
        self.world.simulation.slack.wait_for_modal(person).await?;
        Ok(())
    }

    /// A person fills in the form that is open.
    pub async fn gives_reason(&self, person: &str, reason: &str) -> Result<Answer> {
        self.world.submit(person, REASON, reason).await?.context("no form was open")
    }

    /// A person clicks a button and confirms.
    pub async fn clicks(&self, person: &str, message: &Message, action: &str) -> Result<Answer> {
        Ok(self.world.click(person, message, action).await?)
    }

    /// The message that tells that a commit's release was rolled back.
    pub fn rolled_back_message(&self, work: &Work) -> Result<Message> {
        let short = work.short().to_owned();
        let mut messages = self.world.simulation.slack.messages().into_iter();
        let found =
            messages.find(|one| one.words().contains("*What runs in") && one.words().contains(&short));
        found.context("nobody was told of a rollback")
    }

    /// The image that a service is to run, by the name it has in stories.
    pub fn runs(&self, cluster: &str, service: &str) -> Result<String> {
        let ecs = &self.world.simulation.ecs;
        let call = |operation: &str, input: &Value| ecs.call_at(ecs.clock().now(), operation, input);
        let services = call("DescribeServices", &json!({ "cluster": cluster, "services": [service] }))?;
        let running = services["services"][0]["taskDefinition"].clone();
        let found = call("DescribeTaskDefinition", &json!({ "taskDefinition": running }))?;
        let image = found["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap_or_default();
        let names = locked(&self.names);
        Ok(match image.split_once('@') {
            Some((_, digest)) => names.of_image(digest),
            None => names.name(image),
        })
    }

    /// How many tasks of releases ECS has started in a cluster, however often it was asked.
    pub fn one_off_tasks(&self, cluster: &str) -> BTreeSet<String> {
        let calls = self.world.simulation.journal.calls();
        let runs =
            calls.iter().filter(|call| call.operation == "RunTask" && call.input["cluster"] == cluster);
        let started = runs.filter_map(|call| call.outcome.as_ref().ok()?["tasks"][0]["taskArn"].as_str());
        started.map(str::to_owned).collect()
    }

    /// The question as it stands now.
    pub fn now(&self, question: &Message) -> Result<Message> {
        let found = self.world.simulation.slack.messages().into_iter().find(|one| one.ts == question.ts);
        found.context("the question is gone")
    }

    /// A message counts as looked at, as it stands now.
    pub fn has_read(&self, message: &Message) {
        self.world.simulation.slack.mark_seen(&message.ts);
        locked(&self.reader).has_read(message);
    }
}

/// What others do.
impl Story {
    /// Somebody gives a service another task definition by hand, and ECS has rolled it out. Returns its ARN.
    pub async fn someone_deploys_by_hand(&self, cluster: &str, service: &str) -> Result<String> {
        let ecs = &self.world.simulation.ecs;
        let call = |operation: &str, input: &Value| ecs.call_at(ecs.clock().now(), operation, input);
        let services = call("DescribeServices", &json!({ "cluster": cluster, "services": [service] }))?;
        let running = services["services"][0]["taskDefinition"].clone();
        let found = call("DescribeTaskDefinition", &json!({ "taskDefinition": running }))?;
        let mut definition = json!({});
        for field in REGISTERED {
            if let Some(value) = found["taskDefinition"].get(field) {
                definition[field] = value.clone();
            }
        }
        definition["containerDefinitions"][0]["environment"] = json!([{ "name": "BY_HAND", "value": "1" }]);
        let arn = ecs.register(&definition)?;
        call("UpdateService", &json!({ "cluster": cluster, "service": service, "taskDefinition": arn }))?;
        let mut changes = ecs.subscribe();
        loop {
            changes.mark_unchanged();
            let snapshot = ecs.snapshot();
            let mut services =
                snapshot.clusters.iter().filter(|view| view.name == cluster).flat_map(|view| &view.services);
            let status = services.find(|view| view.name == service).and_then(|view| view.deployment.clone());
            if status.is_some_and(|deployment| deployment.status == "SUCCESSFUL") {
                return Ok(arn);
            }
            changes.changed().await?;
        }
    }

    /// Puts an event of the registry on the bus, in the shape of AWS, with this detail.
    pub async fn registry_event(&self, detail: &Value) -> Result<()> {
        Ok(self.world.client.put_event("aws.ecr", "ECR Image Action", &[], detail).await?)
    }

    /// Labels of images that make their one-off tasks exit with this code.
    pub fn failing_tasks(code: u8) -> BTreeMap<String, String> {
        BTreeMap::from([("gantry.simulator.run-task.exit-code".to_owned(), code.to_string())])
    }
}
