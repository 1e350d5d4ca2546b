//! The tables of `gantry.toml`, as people write them. `compile` checks them against each other.

use gantry_domain::names::{
    AccountId, BranchName, ClusterName, ComponentName, ContainerName, Digest, GitHubRepository, MondayColumn,
    MondayId, PipelineName, Region, RepositoryName, RoleArn, ServiceName, SlackId, StageName, StepName,
};

use crate::read::{
    Base, Command, Entries, Families, Glob, Host, Label, List, LogGroups, Pointer, Scalar, Span, UrlText,
    Workflow, table,
};

table! {
    /// A Gantry pipeline: which components are released, through which stages, and who is asked.
    Document {
        /// The pipeline and the code it releases.
        pipeline: required PipelineTable,
        /// Where people are told and asked.
        slack: required SlackTable,
        /// What GitHub is told of each stage. Absent: nothing.
        github: optional GitHubTable,
        /// The board on Monday where each release is an item. Absent: there is none.
        monday: optional MondayTable,
        /// What is built into one image and deployed together, in the order of deployment.
        components: required List<ComponentTable>,
        /// Environments, in the order a release passes them.
        stages: required List<StageTable>,
        /// What must hold after a component's last wave, or after a whole stage.
        checks: defaulted List<CheckTable> = [],
    }
}

table! {
    /// The pipeline and the code it releases.
    PipelineTable {
        /// Its name, part of the names of all resources.
        name: required PipelineName,
        /// The repository on GitHub, as `owner/name`.
        repository: required GitHubRepository,
        /// Only pushes to this branch are released.
        branch: defaulted BranchName = "main",
        /// Globs over paths whose change touches no component, even where a component names them.
        ignored_paths: defaulted List<Glob> = [],
    }
}

table! {
    /// Where people are told and asked. Ids, not names: names change.
    SlackTable {
        /// The workspace, such as T01ABCDEFGH.
        team: required SlackId,
        /// The Slack app whose buttons count, such as A01ABCDEFGH.
        app: required SlackId,
        /// The channel, such as C01ABCDEFGH.
        channel: required SlackId,
    }
}

table! {
    /// What GitHub is told of each stage. The token for it goes into a secret of its own.
    GitHubTable {
        /// A status on the release's commit, named `gantry/<pipeline>/<stage>`.
        statuses: defaulted bool = true,
        /// A deployment of the release's commit to the environment that is named like the stage.
        deployments: defaulted bool = true,
    }
}

table! {
    /// A board on Monday where each release is an item. Columns and groups are named by their ids, not their titles.
    MondayTable {
        /// The board's id, as it stands in its address.
        board: required MondayId,
        /// The group that new items are put in. Default: the board's first.
        group: optional MondayColumn,
        /// Which column holds what.
        columns: required MondayColumnsTable,
        /// Words of the status column, where the board has its own.
        labels: defaulted MondayLabelsTable = {},
    }
}

table! {
    /// Columns of the board. What has none is not written.
    MondayColumnsTable {
        /// A text column for the release's id. Items are found by it, so people must leave it alone.
        key: required MondayColumn,
        /// A status column for how the release stands.
        status: required MondayColumn,
        /// A text column for each component's version.
        versions: optional MondayColumn,
        /// A link column that leads to the commit.
        link: optional MondayColumn,
        /// A text column for why a release did not succeed.
        reason: optional MondayColumn,
        /// A date column for each stage: when it was verified.
        dates: optional Entries<MondayColumn>,
    }
}

table! {
    /// Labels of the status column; `{stage}` stands for the stage's name. Labels the board lacks are created.
    MondayLabelsTable {
        /// A stage is being changed, or the release is in line for it.
        under_way: defaulted Label = "Under way",
        /// People are asked.
        waiting: defaulted Label = "Waiting for approval",
        /// A stage runs the release.
        verified: defaulted Label = "Verified in {stage}",
        /// Every stage runs the release.
        succeeded: defaulted Label = "Released",
        /// It was not promoted.
        declined: defaulted Label = "Declined",
        /// What ran before runs again.
        rolled_back: defaulted Label = "Rolled back",
        /// It failed and nothing was changed.
        failed: defaulted Label = "Failed",
        /// It failed and a stage needs a person.
        needs_a_person: defaulted Label = "Needs a person",
    }
}

table! {
    /// What is built into one image and deployed together.
    ComponentTable {
        /// Its name.
        name: required ComponentName,
        /// Its ECR repository, without registry.
        repository: required RepositoryName,
        /// Globs over changed paths that mean this component is built.
        paths: required List<Glob>,
        /// Workflow files that must have succeeded for a commit before a release with a new image of this component starts.
        workflows: defaulted List<Workflow> = [],
        /// Containers whose image is replaced. Empty: those whose image comes from `repository`.
        containers: defaulted List<ContainerName> = [],
        /// What a new task definition is made from: what the `service` runs, or `family-latest`, the newest of its family.
        base: defaulted Base = "service",
        /// ECS services in waves. The services of one wave deploy side by side, the next wave after a good verdict.
        waves: required List<List<ServiceName>>,
        /// A task that runs before the migration.
        backup: optional TaskTable,
        /// A task that runs before the first wave whenever the component's image changes.
        migration: optional TaskTable,
    }
}

table! {
    /// A task that runs once in a stage's cluster with the network settings of a service. It must exit with 0.
    TaskTable {
        /// Its name. Default: `<component>-backup`, `<component>-migration`, or the check's name.
        name: optional StepName,
        /// The service whose task definition and network settings it uses.
        service: required ServiceName,
        /// Its image. Default: what the release holds for the service's component.
        image: optional ImageTable,
        /// The container that gets the command. Default: the first one whose image is replaced.
        container: optional ContainerName,
        /// The command and its arguments. No shell takes them apart.
        command: required List<Command>,
        /// How long it may take, from 10s to 12h.
        timeout: defaulted Span = "15m",
        /// For a migration: the version before cannot run once it has begun, so Gantry does not roll back by itself after it.
        breaking: defaulted bool = false,
    }
}

table! {
    /// The image of a task: a component's, or one apart from the release by repository and digest.
    ImageTable {
        /// What the release holds for this component.
        component: optional ComponentName,
        /// A repository in the stage's registry.
        repository: optional RepositoryName,
        /// The image's digest in that repository.
        digest: optional Digest,
    }
}

table! {
    /// An environment in its place in the pipeline.
    StageTable {
        /// Its name.
        name: required StageName,
        /// The account its cluster and registry are in.
        account: required AccountId,
        /// The region its cluster and registry are in.
        region: required Region,
        /// The ECS cluster.
        cluster: required ClusterName,
        /// The family of each service's task definition. Gantry may update services only with task definitions of these
        /// families, and one-off tasks of these or of `<family>-<task>`.
        families: defaulted Families = "{service}",
        /// The CloudWatch log group of each service's containers, of which Gantry may show the last lines when a task fails;
        /// `{family}` is the family of the service's task definition. Empty: Gantry reads no logs.
        log_groups: defaulted LogGroups = "/ecs/{family}",
        /// The execution and task roles of this stage's task definitions. Gantry may pass these and no others.
        task_roles: required List<RoleArn>,
        /// How long a wave may take before it counts as failed, from 1m to 6h.
        wave_timeout: defaulted Span = "15m",
        /// How long a wave's success must hold before it counts, from 10s to 1h: tasks may crash after their first good health
        /// check.
        soak: defaulted Span = "1m",
        /// So many tasks of a service that stop by themselves in that time make it a failure, from 1 to 100. Fewer make the
        /// time begin anew. A service of fewer tasks fails when all of them do.
        crash_limit: defaulted u32 = 2,
        /// The base URL of each component here, for checks that begin with `{component}`.
        urls: optional Entries<UrlText>,
        /// Hosts in private networks that checks may reach. Metadata addresses are always refused.
        private_hosts: defaulted List<Host> = [],
        /// People who must agree before the stage starts. Absent: it starts by itself.
        approval: optional ApprovalTable,
    }
}

table! {
    /// People who must agree before a stage starts.
    ApprovalTable {
        /// Slack user ids. One of them decides; nobody else counts.
        approvers: required List<SlackId>,
        /// The release ends declined when nobody decided by then, from 1m to 168h.
        expires_after: defaulted Span = "8h",
    }
}

table! {
    /// A condition: exactly one of `http` and `task`.
    CheckTable {
        /// Its name in messages.
        name: required StepName,
        /// The stages it is for. Default: all.
        stages: optional List<StageName>,
        /// Runs after this component's last wave. Default: after all components.
        after: optional ComponentName,
        /// Asks an HTTP endpoint.
        http: optional HttpTable,
        /// Runs a task and looks at its exit code.
        task: optional TaskTable,
    }
}

table! {
    /// Several good answers in a row from an HTTP endpoint. Redirects are not followed.
    HttpTable {
        /// A whole URL, or one that begins with a component's base URL in the stage, such as `{backend}/health`.
        url: required UrlText,
        /// The status that is good.
        status: defaulted u16 = 200,
        /// Values that must stand in the JSON answer.
        json: defaulted List<JsonTable> = [],
        /// Where the answer tells its commit, and which component's that must be.
        version: optional VersionTable,
        /// Each answer must arrive within this time, up to 30s.
        latency_budget: defaulted Span = "2s",
        /// How many good answers in a row make the check pass, from 1 to 20.
        samples: defaulted u32 = 3,
        /// How many answers are looked at before the check fails, up to 200.
        attempts: defaulted u32 = 30,
        /// The pause between two answers, from 1s to 10m.
        interval: defaulted Span = "5s",
    }
}

table! {
    /// A value that must stand at a place of a JSON answer.
    JsonTable {
        /// The place, as a JSON Pointer such as `/status`.
        pointer: required Pointer,
        /// The value.
        equals: required Scalar,
    }
}

table! {
    /// Proof that what answers is what was released.
    VersionTable {
        /// A JSON Pointer to the commit in the answer.
        pointer: required Pointer,
        /// The component whose build commit it must be.
        component: required ComponentName,
    }
}
