//! The whole local world: the AWS of one's own, the simulator, the Exchange living in it, and the stack deployed.
//!
//! A test or the demo starts one, lets people do things in it, and waits for what comes of it. Dropping it ends
//! everything it started.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use gantry_config::{Configuration, LoadError, Mistakes, Overrides, RenderError, RenderOptions};
use gantry_domain::pipeline::Pipeline;
use gantry_domain::{Scale, ScaleError};
use gantry_simulator::aws::AwsError;
use gantry_simulator::slack::PostRate;
use jiff::Timestamp;

use crate::client::{Client, ClientError};
use crate::exchange::{self, Secrets};
use crate::executions::{Executions, Machine};
use crate::ministack::{MiniStack, MiniStackError, MiniStackOptions};
use crate::package::{Artifacts, Binaries};
use crate::places;
use crate::road::{RELEASE, ROLLOUT};
use crate::schedules::{self, ScheduleError, Schedules};
use crate::simulation::{Simulation, SimulationError};
use crate::stack::{DeployedStack, Deployment, StackError, deploy};

/// The stack's name in the local world.
const STACK: &str = "gantry-exchange";

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The clock cannot run like that.
    #[error("the clock cannot be set")]
    Clock(#[from] ScaleError),
    /// `gantry.toml` is not there.
    #[error("the pipeline's configuration could not be read")]
    Unreadable(#[from] LoadError),
    /// `gantry.toml` has mistakes.
    #[error("the pipeline's configuration has mistakes")]
    Mistakes(#[from] Mistakes),
    /// It could be read, but not rendered.
    #[error("the template could not be rendered")]
    Render(#[from] RenderError),
    /// What functions read could not be written.
    #[error("the compiled pipeline could not be written")]
    Compiled(#[source] serde_json::Error),
    /// No MiniStack.
    #[error("the local AWS could not be started")]
    MiniStack(#[from] MiniStackError),
    /// No simulator.
    #[error("the simulator could not be started")]
    Simulation(#[from] SimulationError),
    /// The Exchange does not fit the simulator.
    #[error("the Exchange could not be set up")]
    Seed(#[source] AwsError),
    /// No stack.
    #[error("the stack could not be deployed")]
    Stack(#[from] StackError),
    /// The stack lacks something the world needs.
    #[error("the stack has no output {0}")]
    Output(String),
    /// A question to the local AWS failed.
    #[error("the local AWS did not do what the world asked")]
    Aws(#[from] ClientError),
    /// A schedule of the stack is beyond the local world.
    #[error("the stack's schedules could not be taken over")]
    Schedules(#[from] ScheduleError),
}

/// How a world shall be.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// How many times as fast as real time it runs.
    pub factor: f64,
    /// Whether the stack's schedules fire. Tests that look at single calls of the sweeper switch them off.
    pub schedules: bool,
    /// The pipeline's configuration.
    pub pipeline: PathBuf,
    /// Texts of the configuration that stand for others in this world, for example a shorter expiry.
    pub replacements: Vec<(String, String)>,
    /// The pace Slack allows.
    pub post_rate: PostRate,
    /// The functions' executables: function `plan-stage` is the file `plan-stage` in this folder.
    pub functions: PathBuf,
}

impl Default for WorldOptions {
    fn default() -> Self {
        Self {
            factor: 60.0,
            schedules: true,
            pipeline: places::root().join("examples/exchange/gantry.toml"),
            replacements: Vec::new(),
            post_rate: PostRate::GENEROUS,
            functions: places::binaries(),
        }
    }
}

/// Everything that is there before Gantry: whoever deploys the stack on it makes it a world.
pub struct Ground {
    /// The simulator, with the Exchange in it.
    pub simulation: Simulation,
    /// Asks the local AWS.
    pub client: Client,
    /// What is to be deployed.
    pub configuration: Configuration,
    /// What differs in it from what its file says.
    pub overrides: Overrides,
    schedules: bool,
    // Last, so that whoever still talks to it is gone before it ends.
    ministack: MiniStack,
}

/// A world that stands.
pub struct World {
    /// The simulator: clusters, registry, Slack, GitHub, and the journal of every call to ECS and ECR.
    pub simulation: Simulation,
    /// Asks the local AWS.
    pub client: Client,
    /// The deployed stack.
    pub stack: DeployedStack,
    /// The state machines' executions.
    pub executions: Executions,
    /// What was deployed.
    pub configuration: Configuration,
    api_url: String,
    _schedules: Schedules,
    // Last, so that whoever still talks to it is gone before it ends.
    ministack: MiniStack,
}

impl Ground {
    /// Starts the local AWS and the simulator, and lets the Exchange live there.
    pub async fn lay(options: WorldOptions) -> Result<Self, WorldError> {
        let started = Instant::now();
        let scale = Scale::new(Timestamp::now(), options.factor)?;
        let plain = configuration(&options, &Overrides::default())?;
        let people = exchange::people(&plain.pipeline, scale, options.post_rate);
        let ministack =
            MiniStack::start(MiniStackOptions { factor: options.factor, ..MiniStackOptions::default() })
                .await?;
        let client = Client::new(ministack.endpoint())?;
        let uploads = ministack.directory().join("registry");
        let simulation =
            Simulation::start(ministack.endpoint(), &uploads, scale, people, plain.pipeline.clone()).await?;
        let overrides = overrides(&plain.pipeline, &simulation);
        let configuration = configuration(&options, &overrides)?;
        exchange::seed(&simulation, &configuration).map_err(WorldError::Seed)?;
        tracing::debug!(elapsed = ?started.elapsed(), "the world is seeded");
        Ok(Self { simulation, client, configuration, overrides, schedules: options.schedules, ministack })
    }

    /// What the template's parameters are in this world, where they are not their defaults.
    pub fn parameters(&self) -> BTreeMap<String, String> {
        let url = self.simulation.url();
        let scale = self.simulation.clock.scale();
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
        let parameters = [
            ("Architecture", architecture.to_owned()),
            ("SlackBaseUrl", format!("{url}/slack/api")),
            ("SlackHooksUrl", format!("{url}/slack/response")),
            ("GitHubBaseUrl", format!("{url}/github/api")),
            ("EcsEndpoint", url.to_owned()),
            ("EcrEndpoint", url.to_owned()),
            ("StsEndpoint", url.to_owned()),
            ("LogsEndpoint", url.to_owned()),
            ("ClockOrigin", scale.origin().to_string()),
            ("ClockFactor", scale.factor().to_string()),
        ];
        // The template has this one only where there is a board.
        let monday = self
            .configuration
            .pipeline
            .monday
            .as_ref()
            .map(|_| ("MondayBaseUrl", format!("{url}/monday/v2")));
        parameters.into_iter().chain(monday).map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl World {
    /// Starts everything and returns when the first commit could be pushed.
    pub async fn start(options: WorldOptions) -> Result<Self, WorldError> {
        let functions = options.functions.clone();
        let ground = Ground::lay(options).await?;
        let stack = deploy_stack(&ground, functions).await?;
        Self::stand_on(ground, stack).await
    }

    /// Lets the world begin with the stack that was deployed on its ground.
    pub async fn stand_on(ground: Ground, stack: DeployedStack) -> Result<Self, WorldError> {
        let started = Instant::now();
        let Ground { simulation, client, configuration, schedules, ministack, .. } = ground;
        for function in &stack.functions {
            simulation.identities.register_function(&function.arn, &function.role_arn);
        }
        simulation.authorizer.forget().await;
        give_secrets(&stack, &client).await?;
        let api_url = api_url(&stack, &client).await?;
        simulation.slack.set_interactions_url(format!("{api_url}/slack/interactions"));
        simulation.github.set_webhook_url(format!("{api_url}/github/webhook"));
        let scale = simulation.clock.scale();
        let machines = [(RELEASE, "ReleaseMachineArn"), (ROLLOUT, "RolloutMachineArn")]
            .into_iter()
            .map(|(name, key)| Ok(Machine { name: name.to_owned(), arn: output(&stack, key)?.to_owned() }))
            .collect::<Result<_, WorldError>>()?;
        let executions = Executions::watch(machines, client.clone(), scale);
        simulation.views.watch_executions(executions.subscribe());
        let schedules = schedules::take_over(&client, simulation.clock, schedules).await?;
        ministack.wait_until_unpacked().await;
        tracing::debug!(elapsed = ?started.elapsed(), "the world stands");
        Ok(Self {
            simulation,
            client,
            stack,
            executions,
            configuration,
            api_url,
            _schedules: schedules,
            ministack,
        })
    }

    /// The pipeline that was deployed.
    pub fn pipeline(&self) -> &Pipeline {
        &self.configuration.pipeline
    }

    /// Where Gantry's HTTP API is.
    pub fn api_url(&self) -> &str {
        &self.api_url
    }

    /// The page a person can open.
    pub fn page_url(&self) -> String {
        self.simulation.page_url()
    }

    /// The scale of its clock.
    pub fn scale(&self) -> Scale {
        self.simulation.clock.scale()
    }

    /// An output of the stack.
    pub fn output(&self, key: &str) -> Result<&str, WorldError> {
        output(&self.stack, key)
    }

    /// The process that leads everything MiniStack started.
    pub fn aws_pid(&self) -> u32 {
        self.ministack.pid()
    }
}

fn configuration(options: &WorldOptions, overrides: &Overrides) -> Result<Configuration, WorldError> {
    if options.replacements.is_empty() {
        return Ok(gantry_config::load(&options.pipeline, overrides)?);
    }
    let path = options.pipeline.clone();
    let mut text = std::fs::read_to_string(&path).map_err(|source| LoadError::Unreadable { path, source })?;
    for (from, to) in &options.replacements {
        text = text.replace(from, to);
    }
    Ok(gantry_config::parse(&options.pipeline.display().to_string(), &text, overrides)?)
}

/// In this world every component answers on loopback, which its checks may reach.
fn overrides(pipeline: &Pipeline, simulation: &Simulation) -> Overrides {
    let hosts =
        |stage: &gantry_domain::pipeline::Stage| (stage.name.to_string(), vec!["127.0.0.1".to_owned()]);
    Overrides {
        base_urls: exchange::base_urls(pipeline, simulation),
        private_hosts: pipeline.stages.iter().map(hosts).collect(),
    }
}

async fn deploy_stack(ground: &Ground, functions: PathBuf) -> Result<DeployedStack, WorldError> {
    let configuration = &ground.configuration;
    let parameters = ground.parameters();
    let rendered =
        gantry_config::render(configuration, &RenderOptions { parameters, ..RenderOptions::default() })?;
    let compiled = serde_json::to_vec(&configuration.pipeline).map_err(WorldError::Compiled)?;
    let binaries = Binaries {
        kept: places::kept(&functions),
        directory: functions,
        beside: BTreeMap::from([("gantry.json".to_owned(), compiled)]),
    };
    let artifacts = Artifacts { base: places::root().join("infra"), binaries };
    let deployment = Deployment {
        name: STACK,
        template: &rendered.template,
        parameters: &rendered.parameters,
        artifacts: &artifacts,
    };
    Ok(deploy(deployment, &ground.client).await?)
}

/// What a person types in after the first deployment.
async fn give_secrets(stack: &DeployedStack, client: &Client) -> Result<(), WorldError> {
    let secrets = [
        ("SlackTokenSecretArn", Secrets::SLACK_TOKEN),
        ("SlackSigningSecretArn", Secrets::SLACK_SIGNING),
        ("GitHubWebhookSecretArn", Secrets::GITHUB_WEBHOOK),
        ("GitHubTokenSecretArn", Secrets::GITHUB_TOKEN),
    ];
    for (key, value) in secrets {
        client.put_secret(output(stack, key)?, value).await?;
    }
    // The stack has these only where the configuration asks for them.
    let vendors = [
        ("GitHubStatusTokenSecretArn", Secrets::GITHUB_STATUS_TOKEN),
        ("MondayTokenSecretArn", Secrets::MONDAY_TOKEN),
    ];
    for (key, value) in vendors {
        if let Ok(arn) = output(stack, key) {
            client.put_secret(arn, value).await?;
        }
    }
    Ok(())
}

/// MiniStack serves HTTP APIs under its own address; the URL in the stack's outputs is AWS's.
async fn api_url(stack: &DeployedStack, client: &Client) -> Result<String, WorldError> {
    let resources = client.stack_resources(&stack.name).await?;
    let api = resources.into_iter().find(|resource| resource.kind == "AWS::ApiGatewayV2::Api");
    let api = api.ok_or_else(|| WorldError::Output("ApiUrl".to_owned()))?;
    Ok(format!("{}/_aws/execute-api/{}", client.endpoint(), api.physical_id))
}

fn output<'a>(stack: &'a DeployedStack, key: &str) -> Result<&'a str, WorldError> {
    stack.outputs.get(key).map(String::as_str).ok_or_else(|| WorldError::Output(key.to_owned()))
}
