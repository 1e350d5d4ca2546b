//! The Exchange as it stands before anybody releases anything: clusters, services, registry, workspace, repository.
//!
//! Everything is derived from the pipeline's configuration, so that the world fits what is deployed into it; only how
//! the services are built (counts, load balancers, health checks) is told here.

use std::collections::BTreeMap;

use gantry_config::Configuration;
use gantry_domain::Scale;
use gantry_domain::names::{MondayColumn, ServiceName};
use gantry_domain::pipeline::{Component, MondayColumns, Pipeline, Stage};
use gantry_simulator::aws::AwsError;
use gantry_simulator::ecr::{PushedImage, TagMutability};
use gantry_simulator::ecs::ServiceSeed;
use gantry_simulator::github::{Commit, GitHubConfig, Push};
use gantry_simulator::monday::{Column, ColumnKind, MondayConfig};
use gantry_simulator::slack::{PostRate, SlackConfig, User};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{ACCOUNT, REGION};
use crate::simulation::{People, Simulation};

/// Secrets of the local world. They open nothing outside of it.
#[derive(Debug, Clone, Copy)]
pub struct Secrets;

impl Secrets {
    /// The app's bot token.
    pub const SLACK_TOKEN: &str = "xoxb-local-world";
    /// Signs Slack's interactions.
    pub const SLACK_SIGNING: &str = "local-world-signing-secret-5f1d";
    /// Signs GitHub's webhooks.
    pub const GITHUB_WEBHOOK: &str = "local-world-webhook-secret-9c02";
    /// Opens GitHub's REST API to read code.
    pub const GITHUB_TOKEN: &str = "ghp_local_world";
    /// Opens it to write statuses and deployments.
    pub const GITHUB_STATUS_TOKEN: &str = "ghs_local_world_statuses";
    /// Opens Monday's API.
    pub const MONDAY_TOKEN: &str = "monday-local-world-7e31";
}

/// Somebody in the workspace who is no approver.
pub const BYSTANDER: &str = "U0CAT";
/// Somebody from another workspace, in the channel by Slack Connect.
pub const GUEST: &str = "U0GUEST";

/// The commit that everything runs when the world begins.
pub fn first_commit() -> String {
    commit_sha("the first")
}

/// A commit's name: forty hex digits, the same for the same seed.
pub(crate) fn commit_sha(seed: &str) -> String {
    let mut sha = hex::encode(Sha256::digest(seed));
    sha.truncate(40);
    sha
}

/// Who lives beside this pipeline.
pub fn people(pipeline: &Pipeline, clock: Scale, post_rate: PostRate) -> People {
    let team = pipeline.slack.team.to_string();
    let person = |id: &str, username: &str, name: &str, title: &str, team: &str| User {
        id: id.to_owned(),
        username: username.to_owned(),
        name: name.to_owned(),
        title: title.to_owned(),
        team_id: team.to_owned(),
        is_bot: false,
    };
    let known = [("ada", "Ada Okafor", "QA lead"), ("bob", "Bob Lindqvist", "Platform engineer")];
    let approvers =
        pipeline.stages.iter().filter_map(|stage| stage.approval.as_ref()).flat_map(|gate| &gate.approvers);
    let mut users: Vec<User> = Vec::new();
    for id in approvers {
        if users.iter().all(|user| user.id != id.as_str()) {
            let (username, name, title) =
                known.get(users.len()).copied().unwrap_or(("eve", "Eve Moreau", "Approver"));
            users.push(person(id.as_str(), username, name, title, &team));
        }
    }
    users.push(person(BYSTANDER, "cat", "Cat Nguyen", "Developer", &team));
    users.push(person(GUEST, "gus", "Gus from Partner Ltd", "Guest", "T0PARTNER"));
    let slack = SlackConfig {
        team_id: team,
        team_domain: "exchange".to_owned(),
        app_id: pipeline.slack.app.to_string(),
        app_name: "Gantry".to_owned(),
        bot_user_id: "U0GANTRY".to_owned(),
        bot_token: Secrets::SLACK_TOKEN.to_owned(),
        signing_secret: Secrets::SLACK_SIGNING.to_owned(),
        channel_id: pipeline.slack.channel.to_string(),
        channel_name: "releases".to_owned(),
        users,
        post_rate,
        trigger_life: SignedDuration::from_secs(3),
        clock,
    };
    let github = GitHubConfig {
        full_name: pipeline.source.repository.to_string(),
        default_branch: pipeline.source.branch.to_string(),
        webhook_secret: Secrets::GITHUB_WEBHOOK.to_owned(),
        api_token: Secrets::GITHUB_TOKEN.to_owned(),
        status_token: Secrets::GITHUB_STATUS_TOKEN.to_owned(),
        clock,
    };
    People { slack, github, monday: board(pipeline, clock) }
}

/// The board that the pipeline's configuration expects; an empty one where it expects none.
fn board(pipeline: &Pipeline, clock: Scale) -> MondayConfig {
    let column = |id: &MondayColumn, title: &str, kind: ColumnKind| Column {
        id: id.to_string(),
        title: title.to_owned(),
        kind,
    };
    let mut columns = Vec::new();
    if let Some(monday) = &pipeline.monday {
        let MondayColumns { key, status, versions, link, reason, dates } = &monday.columns;
        columns.push(column(status, "Status", ColumnKind::Status));
        columns.extend(versions.iter().map(|id| column(id, "Versions", ColumnKind::Text)));
        for stage in &pipeline.stages {
            let date = dates.get(&stage.name);
            columns.extend(date.map(|id| column(id, stage.name.as_str(), ColumnKind::Date)));
        }
        columns.extend(link.iter().map(|id| column(id, "Commit", ColumnKind::Link)));
        columns.extend(reason.iter().map(|id| column(id, "Reason", ColumnKind::Text)));
        columns.push(column(key, "Release", ColumnKind::Text));
    }
    let monday = pipeline.monday.as_ref();
    MondayConfig {
        board: monday.map_or_else(|| "0".to_owned(), |monday| monday.board.to_string()),
        name: "Releases".to_owned(),
        groups: vec![
            monday.and_then(|monday| monday.group.as_ref()).map_or("topics", |id| id.as_str()).to_owned(),
        ],
        columns,
        token: Secrets::MONDAY_TOKEN.to_owned(),
        budget: 5_000_000,
        clock,
    }
}

/// Lets the world begin: the first commit is built, and runs everywhere.
pub fn seed(simulation: &Simulation, configuration: &Configuration) -> Result<(), AwsError> {
    let pipeline = &configuration.pipeline;
    let commit = first_commit();
    simulation.github.land(&Push {
        commits: vec![Commit {
            sha: commit.clone(),
            author: "Ada Okafor".to_owned(),
            message: "Import the Exchange".to_owned(),
            added: pipeline.components.iter().map(|component| changed_path(component, "README")).collect(),
            ..Commit::default()
        }],
        ..Push::default()
    });
    for component in &pipeline.components {
        simulation.ecr.create_repository(component.repository.to_string(), TagMutability::Immutable);
        simulation.ecr.push(&image(component, &commit, "1.0.0"))?;
    }
    for stage in &pipeline.stages {
        simulation.ecs.create_cluster(stage.cluster.as_str());
        for component in &pipeline.components {
            for service in component.services() {
                seed_service(simulation, configuration, stage, component, service, &commit)?;
            }
        }
    }
    Ok(())
}

/// The image CI makes of a component at a commit.
pub fn image(component: &Component, commit: &str, version: &str) -> PushedImage {
    PushedImage::new(component.repository.to_string(), [format!("sha-{commit}")], version, commit)
}

/// A path whose change touches the component.
pub fn changed_path(component: &Component, file: &str) -> String {
    let glob = component.paths.first().map_or("", String::as_str);
    glob.replace("**", file).replace('*', file)
}

/// What a service listens on and how many tasks it has.
struct Shape {
    tasks: usize,
    port: Option<u16>,
    balanced: bool,
    singleton: bool,
}

fn shape(service: &str) -> Shape {
    match service {
        "web" | "exchange-client-web" => {
            Shape { tasks: 2, port: Some(3000), balanced: true, singleton: false }
        }
        "exchange-engine-app" => Shape { tasks: 1, port: Some(9404), balanced: false, singleton: false },
        // A scheduler: two copies at once fire every job twice.
        "clockwork" => Shape { tasks: 1, port: None, balanced: false, singleton: true },
        _ => Shape { tasks: 1, port: None, balanced: false, singleton: false },
    }
}

fn seed_service(
    simulation: &Simulation,
    configuration: &Configuration,
    stage: &Stage,
    component: &Component,
    service: &ServiceName,
    commit: &str,
) -> Result<(), AwsError> {
    let grants = configuration.grants.get(&stage.name);
    let family =
        grants.and_then(|grants| grants.families.get(service)).map_or(service.as_str(), String::as_str);
    let roles: Vec<&str> =
        grants.map(|grants| grants.task_roles.iter().map(|role| role.as_str()).collect()).unwrap_or_default();
    let image = format!("{}/{}:sha-{commit}", stage.registry(), component.repository);
    let shape = shape(service.as_str());
    simulation.ecs.register(&definition(family, service.as_str(), &image, &roles, &shape))?;
    let mut seed = ServiceSeed::new(stage.cluster.as_str(), service.as_str(), family, shape.tasks);
    if shape.singleton {
        seed = seed.singleton();
    }
    if let (true, Some(port)) = (shape.balanced, shape.port) {
        let group = format!(
            "arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{}-{service}/6d0ecf831eec9f09",
            stage.name
        );
        seed = seed.balanced(&group, service.as_str(), port);
    }
    simulation.ecs.create_service(seed).map(drop)
}

/// A task definition as Terraform would have registered it: the image by tag, secrets by reference.
fn definition(family: &str, container: &str, image: &str, roles: &[&str], shape: &Shape) -> Value {
    let secret = |name: &str| json!({ "name": name, "valueFrom": format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:exchange/{name}") });
    let mut app = json!({
        "name": container,
        "image": image,
        "essential": true,
        "environment": [{ "name": "RAILS_ENV", "value": "production" }],
        "secrets": [secret("DATABASE_URL"), secret("KAFKA_PASSWORD")],
        "logConfiguration": { "logDriver": "awslogs", "options": {
            "awslogs-group": format!("/ecs/{family}"), "awslogs-region": REGION, "awslogs-stream-prefix": container,
        } },
    });
    if let Some(port) = shape.port {
        app["portMappings"] = json!([{ "containerPort": port, "protocol": "tcp" }]);
    }
    let mut definition = json!({
        "family": family,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "512",
        "memory": "1024",
        "runtimePlatform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" },
        "containerDefinitions": [app],
        "tags": [{ "key": "team", "value": "exchange" }],
    });
    for (name, role) in ["executionRoleArn", "taskRoleArn"].into_iter().zip(roles) {
        definition[name] = json!(role);
    }
    definition
}

/// Base URLs of every component in every stage, as the simulated services answer them: a component answers where its
/// first service does.
pub fn base_urls(pipeline: &Pipeline, simulation: &Simulation) -> BTreeMap<String, BTreeMap<String, String>> {
    let urls_of = |stage: &Stage| {
        let url = |component: &Component| {
            let service = component.services().next()?;
            Some((
                component.name.to_string(),
                simulation.service_url(stage.cluster.as_str(), service.as_str()),
            ))
        };
        (stage.name.to_string(), pipeline.components.iter().filter_map(url).collect())
    };
    pipeline.stages.iter().map(urls_of).collect()
}
