//! The demo: a developer pushes a commit to the Exchange, and its release is told as it happens.
//!
//! Without a decision given it is people's: they click on the page, push further images there, break and stop things, until
//! Ctrl-C. With one it clicks by itself and ends with an exit code that says whether the release ended as asked.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use gantry_simulator::slack::{Message, PostRate};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::controls;
use crate::deeds::{Change, PATIENCE};
use crate::places;
use crate::road::roads;
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

/// Where the new version crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Broken {
    /// In pre-production already.
    Preproduction,
    /// Only in production, after it was approved.
    Production,
}

impl Broken {
    /// The stage's place in the pipeline.
    fn stage(self) -> usize {
        match self {
            Self::Preproduction => 0,
            Self::Production => 1,
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
    /// Where the new version crashes, if it shall.
    pub broken: Option<Broken>,
    /// Whether a person pushes the image.
    pub by_hand: bool,
}

impl DemoOptions {
    /// How the release shall end; `None` when that is for people to decide.
    fn wanted_end(&self) -> Option<&'static str> {
        match self.broken {
            Some(_) => Some("RolledBack"),
            None => self.decision.map(Decision::wanted_end),
        }
    }
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
    let teller = Teller::begin(&world);
    let end = tokio::select! {
        end = play(&world, options, begun) => end.map(Some),
        _ = tokio::signal::ctrl_c() => Ok(None),
    };
    teller.end().await;
    let code = match &end {
        Ok(end) => verdict(end.as_deref(), options.wanted_end(), begun),
        Err(_) => ExitCode::FAILURE,
    };
    if code == ExitCode::FAILURE {
        eprintln!("\n{}", world.diagnosis().await);
    }
    println!("Ending the local world.");
    end.map(|_| code)
}

/// Says how the release ended, if the demo was about that. Ctrl-C is the usual end of a demo that waits for people.
fn verdict(end: Option<&str>, wanted: Option<&str>, begun: Instant) -> ExitCode {
    match (end, wanted) {
        (Some(end), Some(wanted)) => {
            println!("\n    {end} after {:.1} s, {wanted} was wanted\n", begun.elapsed().as_secs_f64());
            if end == wanted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        (None, Some(_)) => ExitCode::from(INTERRUPTED),
        (_, None) => ExitCode::SUCCESS,
    }
}

/// Plays the story to its end, which it returns. Without a decision given it has none.
async fn play(world: &World, options: DemoOptions, begun: Instant) -> Result<String> {
    if options.wanted_end().is_none() {
        return leave_to_people(world, options, begun).await;
    }
    let sha = push_first(world, options).await?;
    let Some(decision) = options.decision else {
        return end_of(world, &sha).await;
    };
    let question = world.wait_for_question(&sha, APPROVE).await?;
    println!("\n    waiting for approval after {:.1} s\n", begun.elapsed().as_secs_f64());
    decide(world, decision, &question).await?;
    end_of(world, &sha).await
}

/// A first release, and from there on whatever people do on the page. Fails only when the first cannot be begun.
async fn leave_to_people(world: &World, options: DemoOptions, begun: Instant) -> Result<String> {
    let asked = world.simulation.controls.take();
    let first = async {
        let sha = push_first(world, options).await?;
        // It may never be asked about: people can stop it, or push the next one over it.
        if world.wait_for_question(&sha, APPROVE).await.is_ok() {
            println!("\n    waiting for approval after {:.1} s\n", begun.elapsed().as_secs_f64());
            println!("    Approve or reject on {} and try what else is there;", world.page_url());
            println!("    Ctrl-C ends the demo\n");
        }
        std::future::pending().await
    };
    tokio::select! {
        end = first => end,
        () = controls::serve(world, asked) => bail!("nobody can ask for anything on the page any more"),
    }
}

/// Dana pushes the first commit, and CI builds it. Returns its name.
async fn push_first(world: &World, options: DemoOptions) -> Result<String> {
    let stages = &world.pipeline().stages;
    let crashing = options.broken.and_then(|broken| stages.get(broken.stage()));
    let labels = crashing.map(controls::crashing_in).unwrap_or_default();
    let message = "Show the spread in the order book".to_owned();
    let change = Change { message, labels, ..Change::of(["backend"]) };
    let sha = world.push_commit(&change).await?;
    println!("{} Dana pushed {} to main: {}", stamp(passed(world)), short(&sha), change.message);
    world.end_workflows("backend", &sha, "success").await?;
    println!("{} its workflow succeeded", stamp(passed(world)));
    let pushed_at = if options.by_hand {
        wait_for_image(world, &sha).await?
    } else {
        let pushed_at = world.simulation.clock.now();
        world.push_image("backend", &sha, &change.labels)?;
        println!("{} CI pushed its image", stamp(passed(world)));
        pushed_at
    };
    figure_first_call(world, pushed_at).await?;
    Ok(sha)
}

/// The first approver decides.
async fn decide(world: &World, decision: Decision, question: &Message) -> Result<()> {
    let approver = world
        .pipeline()
        .stages
        .iter()
        .filter_map(|stage| stage.approval.as_ref())
        .flat_map(|gate| &gate.approvers)
        .next();
    let approver = approver.context("the pipeline has no approvers")?.as_str();
    match decision {
        Decision::Approve => {
            world.click(approver, question, APPROVE).await?;
        }
        Decision::Reject => {
            world.click(approver, question, REJECT).await?;
            world.submit(approver, REASON, "Not before the maintenance window").await?;
        }
    }
    Ok(())
}

async fn end_of(world: &World, sha: &str) -> Result<String> {
    let road = world.wait_for_end(sha).await?;
    // The last message may come a moment after the end; a demo does not fail for want of it.
    let is_last = |message: &Message| {
        message.thread_ts.is_some() && message.words().contains(&format!("Release `{}`", road.id))
    };
    let _ = world.simulation.slack.wait_for_message_within(Duration::from_secs(10), is_last).await;
    Ok(road.end.unwrap_or_default())
}

/// Says how an image is pushed by hand, and waits until one is. Returns when it was pushed, in world time.
async fn wait_for_image(world: &World, sha: &str) -> Result<Timestamp> {
    let address = world.simulation.registry_address();
    let repository = world.component("backend")?.repository.as_str();
    let program = std::env::current_exe().context("this program's path is not known")?;
    let (program, tag) = (program.display(), format!("sha-{sha}"));
    // Checks ask what runs for its commit, and the label is how the image says.
    println!(
        "\n    Its image is yours to push (docs/push.md), for example:\n\n    \
         {program} password {address} | docker login --username AWS --password-stdin {address}\n    \
         printf 'FROM scratch\\nWORKDIR /app\\n' | docker build --label org.opencontainers.image.revision={sha} \
         --tag {address}/{repository}:{tag} -\n    \
         docker push {address}/{repository}:{tag}\n"
    );
    let mut changes = world.simulation.ecr.subscribe();
    loop {
        changes.mark_unchanged();
        let repositories = world.simulation.ecr.snapshot();
        let mut images =
            repositories.iter().filter(|view| view.name == repository).flat_map(|view| &view.images);
        if let Some(image) = images.find(|image| image.tags.contains(&tag)) {
            println!("{} you pushed {}", stamp(passed(world)), image.digest);
            return Ok(image.pushed_at);
        }
        changes.changed().await?;
    }
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

/// Prints what happens until it is told to stop; then once more what happened last.
struct Teller {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Teller {
    fn begin(world: &World) -> Self {
        let (stop, mut stopped) = oneshot::channel();
        let (scale, clock) = (world.scale(), world.simulation.clock);
        let (ecs, slack) = (world.simulation.ecs.clone(), world.simulation.slack.clone());
        let mut sight = world.executions.subscribe();
        let (mut services, mut channel) = (ecs.subscribe(), slack.subscribe());
        let mut story = Story::default();
        story.services(&ecs.snapshot());
        let task = tokio::spawn(async move {
            let mut last = false;
            while !last {
                tokio::select! {
                    Ok(()) = sight.changed() => {}
                    Ok(()) = services.changed() => {}
                    Ok(()) = channel.changed() => {}
                    _ = &mut stopped => last = true,
                }
                let passed = clock.now().duration_since(scale.origin());
                let roads = roads(&sight.borrow_and_update(), scale);
                services.mark_unchanged();
                channel.mark_unchanged();
                let told = [
                    story.releases(&roads),
                    story.services(&ecs.snapshot()),
                    story.messages(&slack.messages()),
                ];
                for line in told.concat() {
                    println!("{} {line}", stamp(passed));
                }
            }
        });
        Self { stop, task }
    }

    async fn end(self) {
        // Both only fail when the task is gone already.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

fn passed(world: &World) -> SignedDuration {
    world.simulation.clock.now().duration_since(world.scale().origin())
}

/// World time since the beginning, in minutes and seconds.
fn stamp(passed: SignedDuration) -> String {
    format!("{:>3}:{:02}", passed.as_secs() / 60, passed.as_secs() % 60)
}

fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}
