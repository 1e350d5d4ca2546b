//! What people and machines do in the world: developers push, CI builds, approvers click, operators start and stop.
//!
//! Each deed goes the way it goes in reality: through a signed webhook, an ECR push, a signed click, an API call.

use std::collections::BTreeMap;
use std::time::Duration;

use gantry_domain::pipeline::Component;
use gantry_simulator::aws::AwsError;
use gantry_simulator::github::{Commit, Delivery, Push, WorkflowRun};
use gantry_simulator::outbound::{Answer, SendError};
use gantry_simulator::slack::{Message, Missed, PeopleError};
use serde_json::Value;

use crate::client::{ClientError, Invocation};
use crate::exchange;
use crate::executions::{Observed, Unseen};
use crate::road::{RELEASE, Road, roads};
use crate::schedules::scheduled_event;
use crate::world::{World, WorldError};

/// How long, in real time, the world is waited for before a wait counts as lost. A net, not a deadline.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Why a deed could not be done.
#[derive(Debug, thiserror::Error)]
pub enum DeedError {
    /// The pipeline has no component of this name.
    #[error("the pipeline has no component {0}")]
    NoComponent(String),
    /// Gantry did not answer.
    #[error("the request did not reach Gantry")]
    Send(#[from] SendError),
    /// The registry refused the image.
    #[error("the image was not pushed")]
    Push(#[from] AwsError),
    /// A person could not do it.
    #[error("the click was not possible")]
    People(#[from] PeopleError),
    /// It never came up in Slack.
    #[error("people waited in vain")]
    Missed(#[from] Missed),
    /// It never happened in Step Functions.
    #[error("the release did not get there")]
    Unseen(#[from] Unseen),
    /// The local AWS failed.
    #[error("the local AWS did not do it")]
    Aws(#[from] ClientError),
    /// The stack lacks something.
    #[error("the stack is not complete")]
    World(#[from] WorldError),
}

/// A change a developer makes.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Components whose paths it touches.
    pub components: Vec<String>,
    /// The commit's message.
    pub message: String,
    /// Labels of the images that CI builds of it, for example how their tasks behave.
    pub labels: BTreeMap<String, String>,
}

impl Change {
    /// A change of these components with a message of its own.
    pub fn of<const N: usize>(components: [&str; N]) -> Self {
        let components: Vec<String> = components.into_iter().map(str::to_owned).collect();
        Self { message: format!("Improve {}", components.join(" and ")), components, labels: BTreeMap::new() }
    }

    /// With one more label on its images.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }
}

impl World {
    /// A component of the pipeline.
    pub fn component(&self, name: &str) -> Result<&Component, DeedError> {
        let found = self.pipeline().components.iter().find(|component| component.name.as_str() == name);
        found.ok_or_else(|| DeedError::NoComponent(name.to_owned()))
    }

    /// A commit with this change on top of the branch, not pushed yet.
    pub fn commit(&self, change: &Change) -> Result<Commit, DeedError> {
        let head = self.simulation.github.head(self.pipeline().source.branch.as_str()).unwrap_or_default();
        let sha = exchange::commit_sha(&format!("{head} {}", change.message));
        let file = format!("app/change-{}", sha.get(..7).unwrap_or_default());
        let mut modified = Vec::new();
        for name in &change.components {
            modified.push(exchange::changed_path(self.component(name)?, &file));
        }
        let author = "Dana Brooks".to_owned();
        Ok(Commit { sha, author, message: change.message.clone(), modified, ..Commit::default() })
    }

    /// Pushes a commit to the branch; GitHub tells Gantry. Returns the commit's name.
    pub async fn push_commit(&self, change: &Change) -> Result<String, DeedError> {
        let commit = self.commit(change)?;
        let sha = commit.sha.clone();
        self.simulation.github.push(&Push { commits: vec![commit], ..Push::default() }).await?;
        Ok(sha)
    }

    /// CI pushes the image of a component at a commit. Returns its digest.
    pub fn push_image(
        &self,
        component: &str,
        sha: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<String, DeedError> {
        let version = format!("1.1.0-{}", sha.get(..7).unwrap_or(sha));
        let mut image = exchange::image(self.component(component)?, sha, &version);
        image.labels.extend(labels.clone());
        Ok(self.simulation.ecr.push(&image)?)
    }

    /// The workflows of a component end on a commit, with GitHub's word for how.
    pub async fn end_workflows(
        &self,
        component: &str,
        sha: &str,
        conclusion: &str,
    ) -> Result<Vec<Delivery>, DeedError> {
        let mut deliveries = Vec::new();
        for path in &self.component(component)?.workflows {
            let run = WorkflowRun::completed(path, sha, conclusion);
            deliveries.push(self.simulation.github.workflow_run(&run).await?);
        }
        Ok(deliveries)
    }

    /// The whole of it: a push, then for each component its workflows and its image. Returns the commit's name.
    pub async fn push_and_build(&self, change: &Change) -> Result<String, DeedError> {
        let sha = self.push_commit(change).await?;
        for component in &change.components {
            self.end_workflows(component, &sha, "success").await?;
        }
        for component in &change.components {
            self.push_image(component, &sha, &change.labels)?;
        }
        Ok(sha)
    }

    /// Waits for the message that asks about this commit's release and has this button.
    pub async fn wait_for_question(&self, sha: &str, action: &str) -> Result<Message, DeedError> {
        let short = sha.get(..7).unwrap_or(sha).to_owned();
        let asks = move |message: &Message| {
            message.words().contains(&short) && message.action_ids().iter().any(|id| id == action)
        };
        Ok(self.simulation.slack.wait_for_message_within(PATIENCE, asks).await?)
    }

    /// Clicks a button and says yes to its confirmation.
    pub async fn click(&self, user: &str, message: &Message, action: &str) -> Result<Answer, DeedError> {
        Ok(self.simulation.slack.click(user, &message.ts, action, true).await?)
    }

    /// Fills in the modal that is open in front of a person.
    pub async fn submit(&self, user: &str, field: &str, value: &str) -> Result<Option<Answer>, DeedError> {
        let modal = self.simulation.slack.wait_for_modal(user).await?;
        let values = BTreeMap::from([(field.to_owned(), value.to_owned())]);
        Ok(Some(self.simulation.slack.submit_modal(user, &modal.id, &values).await?))
    }

    /// Starts the release machine as a person does on the console. Returns the execution's ARN.
    pub async fn start_execution(&self, input: &Value) -> Result<String, DeedError> {
        let machine = self.output("ReleaseMachineArn")?;
        Ok(self.client.start_execution(machine, None, &input.to_string()).await?)
    }

    /// Releases so far, newest first.
    pub fn roads(&self) -> Vec<Road> {
        roads(&self.executions.now(), self.scale())
    }

    /// Waits until a release is somewhere, past or future.
    pub async fn wait_for_road(&self, mut wanted: impl FnMut(&Road) -> bool) -> Result<Road, DeedError> {
        let scale = self.scale();
        let find = |sight: &[Observed]| roads(sight, scale).into_iter().find(|road| wanted(road));
        Ok(self.executions.wait_for(PATIENCE, find).await?)
    }

    /// Waits until a commit's release has ended.
    pub async fn wait_for_end(&self, sha: &str) -> Result<Road, DeedError> {
        self.wait_for_road(|road| {
            road.end.is_some()
                && road
                    .commit
                    .as_deref()
                    .is_some_and(|commit| sha.starts_with(commit) || commit.starts_with(sha))
        })
        .await
    }

    /// Waits until an execution has ended.
    pub async fn wait_for_execution(&self, arn: &str) -> Result<Observed, DeedError> {
        let find = |sight: &[Observed]| {
            sight.iter().find(|seen| seen.execution.arn == arn && !seen.execution.is_running()).cloned()
        };
        Ok(self.executions.wait_for(PATIENCE, find).await?)
    }

    /// How many executions of the release machine there are.
    pub fn release_count(&self) -> usize {
        self.executions.now().iter().filter(|seen| seen.machine == RELEASE).count()
    }

    /// Calls a function of the stack by its package's name, for example `sweep`.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Invocation, DeedError> {
        Ok(self.client.invoke(&self.function_name(function)?, event).await?)
    }

    /// Lets the sweeper look once.
    pub async fn invoke_sweep(&self) -> Result<Invocation, DeedError> {
        self.invoke("sweep", &scheduled_event(self.simulation.clock, "sweep")).await
    }

    /// What a function printed so far.
    pub async fn function_log(&self, function: &str) -> Result<Vec<String>, DeedError> {
        Ok(self.client.function_log(&self.function_name(function)?).await?)
    }

    fn function_name(&self, function: &str) -> Result<String, DeedError> {
        let suffix = format!("-{function}");
        let found = self.stack.functions.iter().find(|candidate| candidate.name.ends_with(&suffix));
        let found = found.ok_or_else(|| WorldError::Output(format!("the function {function}")))?;
        Ok(found.name.clone())
    }
}
