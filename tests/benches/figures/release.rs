//! One release of all three components in the local world, with the functions as they ship.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use gantry_local::client::Client;
use gantry_local::deeds::Change;
use gantry_local::world::{World, WorldOptions};
use gantry_simulator::slack::Message;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How many times as fast as real time the world runs.
pub(crate) const FACTOR: f64 = 60.0;
const APPROVER: &str = "U0ADA";

/// What the release showed.
pub(crate) struct Figures {
    /// From the event of the last image to Gantry's first call to ECS.
    pub(crate) event_to_call: Duration,
    /// From the click to its acknowledgement, over the HTTP API.
    pub(crate) click_to_acknowledgement: Duration,
    /// From the click to the first call with a role of production.
    pub(crate) click_to_production: Duration,
    pub(crate) executions: usize,
    pub(crate) states_entered: usize,
    pub(crate) invocations: usize,
    /// How long functions ran, in real time.
    pub(crate) billed: Duration,
    /// How long the release took, in world time.
    pub(crate) took: Duration,
}

/// What else the measurements need of the world.
pub(crate) struct Inventory {
    /// Variables of each function, by its package's name.
    pub(crate) environments: BTreeMap<String, BTreeMap<String, String>>,
    /// The rows of the approvals table, as DynamoDB writes them.
    pub(crate) approvals: Vec<Value>,
    /// The pipeline as it lies beside functions.
    pub(crate) compiled: Vec<u8>,
    /// The click on Approve.
    pub(crate) click: Value,
    pub(crate) aws: String,
}

/// A world in which a release went to production, what it showed, and what is there now.
pub(crate) async fn play(functions: PathBuf) -> Result<(World, Figures, Inventory)> {
    let options = WorldOptions { factor: FACTOR, schedules: false, functions, ..WorldOptions::default() };
    let world = World::start(options).await.context("the local world could not be started")?;
    let change = Change::of(["backend", "client", "engine"]);
    let sha = world.push_commit(&change).await?;
    for component in &change.components {
        world.end_workflows(component, &sha, "success").await?;
    }
    for component in ["backend", "client"] {
        world.push_image(component, &sha, &change.labels)?;
    }
    let pushed_at = world.simulation.clock.now();
    world.push_image("engine", &sha, &change.labels)?;
    let journal = world.simulation.journal.clone();
    let first =
        journal.wait_for(|call| call.service == "ecs" && call.role != "root" && call.at >= pushed_at).await;

    let question = world.wait_for_question(&sha, "approve").await?;
    let click = world.simulation.slack.click_payload(APPROVER, &question.ts, "approve")?;
    let clicked_at = world.simulation.clock.now();
    let answer = world.click(APPROVER, &question, "approve").await?;
    ensure!(answer.status == 200, "the click was answered {}", answer.status);
    let production = |call: &gantry_simulator::journal::Call| {
        call.at >= clicked_at && call.service == "ecs" && call.role.ends_with("production")
    };
    let in_production = journal.wait_for(production).await;
    let road = world.wait_for_end(&sha).await?;
    let ended_at = world.simulation.clock.now();
    ensure!(road.end.as_deref() == Some("Succeeded"), "the release ended {:?}: {:?}", road.end, road.reason);
    told(&world, &sha).await?;

    let real = |from: Timestamp, to: Timestamp| {
        Duration::from_secs_f64(to.duration_since(from).as_secs_f64().max(0.0) / FACTOR)
    };
    let (executions, states_entered) = history(&world).await?;
    let (invocations, billed) = invocations(&world).await?;
    let figures = Figures {
        event_to_call: real(pushed_at, first.at),
        click_to_acknowledgement: answer.took,
        click_to_production: real(clicked_at, in_production.at),
        executions,
        states_entered,
        invocations,
        billed,
        took: Duration::from_secs_f64(ended_at.duration_since(pushed_at).as_secs_f64()),
    };
    let inventory = inventory(&world, click).await?;
    Ok((world, figures, inventory))
}

/// Waits for the last message, which is sent after the release has ended.
async fn told(world: &World, sha: &str) -> Result<()> {
    let short = sha.get(..7).unwrap_or(sha).to_owned();
    let last = |message: &Message| {
        message.thread_ts.is_none()
            && message.words().contains(&short)
            && message.words().contains("succeeded*")
    };
    world.simulation.slack.wait_for_message_within(Duration::from_secs(60), last).await?;
    Ok(())
}

/// How many executions there were, and how many states they entered.
async fn history(world: &World) -> Result<(usize, usize)> {
    let (mut executions, mut entered) = (0, 0);
    for machine in ["ReleaseMachineArn", "RolloutMachineArn"] {
        for execution in world.client.executions(world.output(machine)?).await? {
            executions += 1;
            let events = world.client.history(&execution).await?;
            entered += events.iter().filter(|event| event.kind.ends_with("StateEntered")).count();
        }
    }
    Ok((executions, entered))
}

/// How often functions ran, and how long together.
async fn invocations(world: &World) -> Result<(usize, Duration)> {
    let (mut count, mut billed_ms) = (0, 0.0);
    for function in &world.stack.functions {
        for line in world.client.log_lines(&format!("/aws/lambda/{}", function.name)).await? {
            let Some(rest) = line.split_once("Billed Duration: ").map(|(_, rest)| rest) else { continue };
            let duration: f64 = rest.split(' ').next().unwrap_or_default().parse()?;
            count += 1;
            billed_ms += duration;
        }
    }
    Ok((count, Duration::from_secs_f64(billed_ms / 1000.0)))
}

async fn inventory(world: &World, click: Value) -> Result<Inventory> {
    let prefix = format!("gantry-{}-", world.pipeline().name);
    let mut environments = BTreeMap::new();
    for function in &world.stack.functions {
        let found = world.client.function(&function.name).await?;
        let variables = found["Environment"]["Variables"].as_object().cloned().unwrap_or_default();
        let variables =
            variables.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        let name = function.name.trim_start_matches(&prefix).to_owned();
        environments.insert(name, variables.collect());
    }
    Ok(Inventory {
        environments,
        approvals: scan(&world.client, world.output("ApprovalsTable")?).await?,
        compiled: serde_json::to_vec(world.pipeline())?,
        click,
        aws: world.client.endpoint().to_owned(),
    })
}

async fn scan(client: &Client, table: &str) -> Result<Vec<Value>> {
    let answer = client.dynamodb("Scan", &json!({ "TableName": table })).await?;
    Ok(answer["Items"].as_array().cloned().unwrap_or_default())
}

/// The functions as cargo-lambda left them, as the local world wants them: one file for each.
pub(crate) fn laid_out(built: &Path, into: &Path) -> Result<Vec<String>> {
    std::fs::create_dir_all(into)?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(built).with_context(|| format!("{} could not be read", built.display()))? {
        let entry = entry?;
        let (binary, name) =
            (entry.path().join("bootstrap"), entry.file_name().to_string_lossy().into_owned());
        if !binary.is_file() {
            continue;
        }
        let place = into.join(&name);
        // From an earlier run, perhaps of another build.
        let _ = std::fs::remove_file(&place);
        std::fs::copy(&binary, &place)?;
        names.push(name);
    }
    names.sort();
    ensure!(!names.is_empty(), "{} has no functions", built.display());
    Ok(names)
}
