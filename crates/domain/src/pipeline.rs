//! The compiled configuration: what functions read of `gantry.toml`, validated and complete.
//!
//! `gantry-config` makes it; it is packaged beside each function, so it changes only when the stack is deployed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::{
    AccountId, BranchName, ClusterName, ComponentName, ConfigHash, ContainerName, Digest, GitHubRepository,
    MondayColumn, MondayId, PipelineName, Region, RepositoryName, RoleArn, ServiceName, SlackId, StageName,
    StepName,
};
use crate::soak::Soak;

/// One pipeline: its components in the order they are deployed, its stages in theirs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipeline {
    /// The pipeline's name.
    pub name: PipelineName,
    /// SHA-256 over everything else here.
    pub hash: ConfigHash,
    /// Where the code comes from, and which branch is released.
    pub source: Source,
    /// Components in deployment order.
    pub components: Vec<Component>,
    /// Stages in the order a release passes them. Never empty.
    pub stages: Vec<Stage>,
    /// Where people are told and asked.
    pub slack: Slack,
    /// What GitHub is told. `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<GitHub>,
    /// The board where each release is a row. `None`: there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monday: Option<Monday>,
}

/// The repository and branch a release comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// `owner/name` on GitHub.
    pub repository: GitHubRepository,
    /// Only pushes to this branch are released.
    pub branch: BranchName,
    /// Paths (prefixes or globs) whose change touches no component, for example `docs/**`.
    pub ignored_paths: Vec<String>,
}

/// What is built into one image and deployed together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The component's name.
    pub name: ComponentName,
    /// Its ECR repository.
    pub repository: RepositoryName,
    /// Globs over changed paths that mean this component is built, for example `backend/**`.
    pub paths: Vec<String>,
    /// Workflow files that must have succeeded for the commit before a release with a new image of this component starts,
    /// for example `.github/workflows/backend.yml`.
    pub workflows: Vec<String>,
    /// Containers whose image is replaced. Empty: those whose image comes from `repository`.
    pub containers: Vec<ContainerName>,
    /// What a new task definition is made from.
    pub base: TaskDefinitionBase,
    /// Services in waves; services of one wave deploy side by side.
    pub waves: Vec<Vec<ServiceName>>,
    /// Runs before the migration, for example a backup.
    pub backup: Option<TaskSpec>,
    /// Runs before the first wave, whenever the component's image changes.
    pub migration: Option<TaskSpec>,
}

/// What a new task definition is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskDefinitionBase {
    /// What the service runs now.
    Service,
    /// The newest registered revision of the family, for teams whose Terraform ignores changes.
    FamilyLatest,
}

/// A task that runs once in the stage's cluster, with the network settings of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskSpec {
    /// Its name in messages and logs.
    pub name: StepName,
    /// The service whose task definition and network settings it uses.
    pub service: ServiceName,
    /// The image it runs.
    pub image: TaskImage,
    /// The container that gets the command. `None`: the first one whose image is replaced.
    pub container: Option<ContainerName>,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// For a migration: once it has begun, the version before cannot run any more, so nothing is rolled back by itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaking: bool,
}

/// The image of a one-off task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum TaskImage {
    /// What the release holds for a component.
    Component(ComponentName),
    /// An image apart from the release, by digest, for example of acceptance tests.
    Fixed {
        /// Its repository in the stage's registry.
        repository: RepositoryName,
        /// Its digest.
        digest: Digest,
    },
}

/// An environment in its place in the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// The stage's name.
    pub name: StageName,
    /// The account its cluster and registry are in.
    pub account: AccountId,
    /// The region its cluster and registry are in.
    pub region: Region,
    /// The ECS cluster.
    pub cluster: ClusterName,
    /// The role that functions assume to change this stage.
    pub deploy_role: RoleArn,
    /// The role that functions assume to look at this stage and its registry.
    pub observe_role: RoleArn,
    /// How long a wave may take before it counts as failed.
    pub wave_timeout: Duration,
    /// How long a wave's success must hold.
    #[serde(default)]
    pub soak: Soak,
    /// What must hold after a component's last wave, or after the whole stage.
    pub checks: Vec<Check>,
    /// Hosts in private or loopback networks that HTTP checks may reach. Metadata addresses are always denied.
    pub private_hosts: Vec<String>,
    /// People who must agree before the stage starts. `None`: the stage starts by itself.
    pub approval: Option<ApprovalGate>,
}

impl Stage {
    /// The host of the stage's ECR registry.
    pub fn registry(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.account, self.region)
    }
}

/// A condition on a stage, looked at after a component's last wave or after all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its name in messages.
    pub name: StepName,
    /// Runs after this component's last wave. `None`: after all components.
    pub after: Option<ComponentName>,
    /// What is looked at.
    pub kind: CheckKind,
}

/// The kinds of check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckKind {
    /// Asks an HTTP endpoint.
    Http(HttpCheck),
    /// Runs a task and looks at its exit code.
    Task(TaskSpec),
}

/// Several good answers in a row from an HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    /// The whole URL. Redirects are not followed.
    pub url: String,
    /// The status that is good.
    pub status: u16,
    /// Values that must stand in the JSON answer.
    pub json: Vec<JsonExpectation>,
    /// Where the answer tells its commit, and which component's release that must be.
    pub version: Option<VersionExpectation>,
    /// Each answer must arrive within this real time.
    pub latency_budget: Duration,
    /// How many good answers in a row make the check pass.
    pub samples: u32,
    /// How many answers are looked at before the check fails.
    pub attempts: u32,
    /// The pause between two answers.
    pub interval: Duration,
}

/// A value that must stand at a place of a JSON answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonExpectation {
    /// A JSON Pointer (RFC 6901), for example `/status`.
    pub pointer: String,
    /// The value.
    pub equals: Value,
}

/// Proof that what answers is what was released.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionExpectation {
    /// A JSON Pointer to the commit (full, or at least 7 digits of it) in the answer.
    pub pointer: String,
    /// The component whose build commit it must be.
    pub component: ComponentName,
}

/// Who decides before a stage starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalGate {
    /// Slack user ids. Nobody else counts; an empty list denies everybody.
    pub approvers: Vec<SlackId>,
    /// The release ends `Declined` when nobody decided by then.
    pub expires_after: Duration,
}

/// Where people are told and asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slack {
    /// The workspace.
    pub team: SlackId,
    /// The Slack app whose buttons count.
    pub app: SlackId,
    /// The channel's id (a name would not do for `chat.update`).
    pub channel: SlackId,
}

/// What GitHub is told of each stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitHub {
    /// A status on the release's commit.
    pub statuses: bool,
    /// A deployment of the release's commit to the environment that is named like the stage.
    pub deployments: bool,
}

/// A board on Monday, and which of its columns hold what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monday {
    /// The board.
    pub board: MondayId,
    /// The group that new items are put in. `None`: the board's first.
    pub group: Option<MondayColumn>,
    /// The columns.
    pub columns: MondayColumns,
    /// Words of the status column.
    pub labels: MondayLabels,
}

/// Columns of a board, by their ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MondayColumns {
    /// Holds the release's id: items are found by it.
    pub key: MondayColumn,
    /// Holds how the release stands.
    pub status: MondayColumn,
    /// Holds each component's version.
    pub versions: Option<MondayColumn>,
    /// Leads to the commit.
    pub link: Option<MondayColumn>,
    /// Holds why a release did not succeed.
    pub reason: Option<MondayColumn>,
    /// Hold when each stage was verified.
    pub dates: BTreeMap<StageName, MondayColumn>,
}

/// Labels of the status column. `{stage}` in one stands for the stage's name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MondayLabels {
    /// A stage is being changed, or the release is in line for it.
    pub under_way: String,
    /// People are asked.
    pub waiting: String,
    /// A stage runs the release.
    pub verified: String,
    /// Every stage runs it.
    pub succeeded: String,
    /// It was not promoted.
    pub declined: String,
    /// What ran before runs again.
    pub rolled_back: String,
    /// It failed and nothing was changed.
    pub failed: String,
    /// It failed and the stage needs a person.
    pub needs_a_person: String,
}

impl Pipeline {
    /// The component of that name.
    pub fn component(&self, name: &ComponentName) -> Option<&Component> {
        self.components.iter().find(|component| component.name == *name)
    }

    /// The component built into that repository.
    pub fn component_of_repository(&self, repository: &RepositoryName) -> Option<&Component> {
        self.components.iter().find(|component| component.repository == *repository)
    }

    /// The stage of that name.
    pub fn stage(&self, name: &StageName) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == *name)
    }
}

impl Component {
    /// All services, in the order they are deployed.
    pub fn services(&self) -> impl Iterator<Item = &ServiceName> {
        self.waves.iter().flatten()
    }
}
