//! The demo: a developer pushes a commit to the Exchange, and its release is told as it happens.
//!
//! Without a decision given it waits for people to click on the page; with one it clicks by itself and ends with an exit
//! code that says whether the release ended as asked.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gantry_simulator::slack::PostRate;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::deeds::{Change, PATIENCE};
use crate::places;
use crate::story::Story;
use crate::world::{World, WorldOptions};

/// Action ids of the buttons under Gantry's question.
const APPROVE: &str = "approve";
const REJECT: &str = "reject";
/// The field of the modal that asks why.
const REASON: &str = "reason";

/// What a shell reports for a program ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// What the demo clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Approve.
    Approve,
    /// Reject, with a reason.
    Reject,
}

impl Decision {
    fn wanted_end(self) -> &'static str {
        match self {
            Self::Approve => "Succeeded",
            Self::Reject => "Declined",
        }
    }
}

/// How the demo shall run.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// How many times as fast as real time.
    pub factor: f64,
    /// What it clicks; nothing when a person shall.
    pub decision: Option<Decision>,
}

/// Runs the demo until it has ended, or until Ctrl-C.
pub async fn run(options: DemoOptions) -> Result<ExitCode> {
    let begun = Instant::now();
    if !places::python().is_file() {
        bail!("the local AWS is not installed: run `make demo`, which does that first");
    }
    println!("Starting the local world ({} times as fast as real time) …", options.factor);
    let world = tokio::select! {
        world = World::start(WorldOptions { factor: options.factor, post_rate: PostRate::GENEROUS, ..WorldOptions::default() }) => {
            world.context("the local world could not be started")?
        }
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    println!(
        "It stands after {:.1} s. Watch it and click:\n\n    {}\n",
        begun.elapsed().as_secs_f64(),
        world.page_url()
    );
    let teller = tell(&world);
    let outcome = tokio::select! {
        outcome = play(&world, options, begun) => outcome,
        _ = tokio::signal::ctrl_c() => Ok(interrupted(options)),
    };
    teller.abort();
    if !matches!(&outcome, Ok(code) if *code == ExitCode::SUCCESS) {
        eprintln!("\n{}", world.diagnosis().await);
    }
    println!("Ending the local world.");
    outcome
}

/// Ctrl-C is the usual end of a demo that waits for people, and a broken off one that does not.
fn interrupted(options: DemoOptions) -> ExitCode {
    if options.decision.is_some() { ExitCode::from(INTERRUPTED) } else { ExitCode::SUCCESS }
}

async fn play(world: &World, options: DemoOptions, begun: Instant) -> Result<ExitCode> {
    let change =
        Change { message: "Show the spread in the order book".to_owned(), ..Change::of(["backend"]) };
    let sha = world.push_commit(&change).await?;
    println!("{} Dana pushed {} to main: {}", stamp(world), short(&sha), change.message);
    world.end_workflows("backend", &sha, "success").await?;
    println!("{} its workflow succeeded", stamp(world));
    let pushed_at = world.simulation.clock.now();
    world.push_image("backend", &sha, &change.labels)?;
    println!("{} CI pushed its image", stamp(world));
    figure_first_call(world, pushed_at).await?;

    let question = world.wait_for_question(&sha, APPROVE).await?;
    println!("\n    waiting for approval after {:.1} s\n", begun.elapsed().as_secs_f64());
    let Some(decision) = options.decision else {
        println!("    Approve or reject on {} (Ctrl-C ends the demo)\n", world.page_url());
        std::future::pending::<()>().await;
        return Ok(ExitCode::SUCCESS);
    };
    let approver = world
        .pipeline()
        .stages
        .iter()
        .filter_map(|stage| stage.approval.as_ref())
        .flat_map(|gate| &gate.approvers)
        .next();
    let approver = approver.context("the pipeline has no approvers")?.as_str();
    match decision {
        Decision::Approve => world.click(approver, &question, APPROVE).await?,
        Decision::Reject => {
            let answer = world.click(approver, &question, REJECT).await?;
            world.submit(approver, REASON, "Not before the maintenance window").await?;
            answer
        }
    };
    let road = world.wait_for_end(&sha).await?;
    // The last message may come after the end.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let end = road.end.unwrap_or_default();
    println!("\n    {} after {:.1} s, {} wanted", end, begun.elapsed().as_secs_f64(), decision.wanted_end());
    Ok(if end == decision.wanted_end() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints how long Gantry took from the event to its first question to ECS, in real time.
async fn figure_first_call(world: &World, pushed_at: Timestamp) -> Result<()> {
    let asked = world.simulation.journal.wait_for(|call| call.service == "ecs" && call.at >= pushed_at);
    let call = tokio::time::timeout(PATIENCE, asked).await.context("Gantry never asked ECS anything")?;
    let world_time = call.at.duration_since(pushed_at).as_secs_f64();
    println!(
        "\n    first ECS call ({}) {:.0} ms after the image event\n",
        call.operation,
        world_time / world.scale().factor() * 1000.0
    );
    Ok(())
}

/// Prints what happens, until it is aborted.
fn tell(world: &World) -> JoinHandle<()> {
    let (scale, clock) = (world.scale(), world.simulation.clock);
    let begun = clock.now();
    let mut story = Story::default();
    let (ecs, slack) = (world.simulation.ecs.clone(), world.simulation.slack.clone());
    let mut sight = world.executions.subscribe();
    let mut services: watch::Receiver<u64> = ecs.subscribe();
    let mut channel = slack.subscribe();
    story.services(&ecs.snapshot());
    tokio::spawn(async move {
        loop {
            let lines = tokio::select! {
                Ok(()) = sight.changed() => story.releases(&crate::road::roads(&sight.borrow_and_update(), scale)),
                Ok(()) = services.changed() => {
                    services.mark_unchanged();
                    story.services(&ecs.snapshot())
                }
                Ok(()) = channel.changed() => {
                    channel.mark_unchanged();
                    story.messages(&slack.messages())
                }
                else => return,
            };
            let passed = clock.now().duration_since(begun).as_secs();
            for line in lines {
                println!("{:>3}:{:02} {line}", passed / 60, passed % 60);
            }
        }
    })
}

fn stamp(world: &World) -> String {
    let passed = world.simulation.clock.now().duration_since(world.scale().origin()).as_secs();
    format!("{:>3}:{:02}", passed / 60, passed % 60)
}

fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}
