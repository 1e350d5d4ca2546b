//! One story: a world, what is done in it, and the report when it goes wrong.

use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::FutureExt;
use gantry_local::exchange;
use gantry_local::road::RoadState;
use gantry_local::world::{World, WorldOptions};
use tokio::sync::Semaphore;

use crate::asked;
use crate::channel::Reader;
use crate::closing::Looked;
use crate::names::Names;

/// Worlds that stand at the same time in one process. nextest, with a process a story, has its own limit.
static TURNS: Semaphore = Semaphore::const_new(2);
/// A net for a story that hangs.
const DEADLINE: Duration = Duration::from_secs(240);

/// A world in which a story happens.
pub struct Story {
    /// The world.
    pub world: World,
    pub(crate) names: Mutex<Names>,
    pub(crate) reader: Mutex<Reader>,
    pub(crate) heard: Mutex<usize>,
    pub(crate) looked: Mutex<Looked>,
}

/// Limits of the Exchange's configuration, in its own words. On a quick clock they pass in a second or two, which a busy
/// machine may need for one step, so stories that are about something else have wider ones.
const LIMITS: [(&str, &str); 7] = [
    ("wave_timeout = \"15m\"", "wave_timeout = \"6h\""),
    ("wave_timeout = \"20m\"", "wave_timeout = \"6h\""),
    ("timeout = \"10m\"", "timeout = \"6h\""),
    ("timeout = \"20m\"", "timeout = \"6h\""),
    ("timeout = \"30m\"", "timeout = \"6h\""),
    ("expires_after = \"8h\"", "expires_after = \"168h\""),
    ("attempts = 60", "attempts = 200"),
];

/// The world most stories happen in: minutes pass in a quarter of a second, and no sweeper mends what went wrong.
pub fn quick() -> WorldOptions {
    let replacements = LIMITS.map(|(from, to)| (from.to_owned(), to.to_owned())).to_vec();
    WorldOptions { factor: 240.0, schedules: false, replacements, ..WorldOptions::default() }
}

/// The same with other words in the configuration too.
pub fn with(words: &[(&str, &str)]) -> WorldOptions {
    let words = words.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
    // Before the limits: they must find the configuration as it is written.
    let replacements = words.chain(quick().replacements).collect();
    WorldOptions { replacements, ..quick() }
}

/// Tells one story in a world of its own, and then looks whether everything is in order. With `GANTRY_STORY_REPORT` set
/// it says where everything stood at the end also when all is well.
pub fn tell(options: WorldOptions, story: impl AsyncFnOnce(&Story) -> Result<()>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let _turn = TURNS.acquire().await?;
        let begun = Instant::now();
        let world = World::start(options).await.context("the local world could not be started")?;
        let stood = begun.elapsed();
        let told = Story::begin(world);
        let whole = async {
            story(&told).await?;
            told.must_be_over().await
        };
        let outcome = AssertUnwindSafe(tokio::time::timeout(DEADLINE, whole)).catch_unwind().await;
        // Not with `eprintln!`, which a test's harness keeps to itself when all is well.
        let _ = writeln!(
            std::io::stderr(),
            "story: {:.1} s, of which {:.1} s for the world: {}",
            begun.elapsed().as_secs_f64(),
            stood.as_secs_f64(),
            name()
        );
        if std::env::var_os("GANTRY_STORY_REPORT").is_some() {
            eprintln!("{}", told.report().await);
        }
        let failure = match outcome {
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) => Ok(error),
            Ok(Err(_)) => Ok(anyhow::anyhow!("the story took longer than {DEADLINE:?}")),
            Err(panic) => Err(panic),
        };
        eprintln!("{}", told.report().await);
        drop(told);
        failure.map_or_else(|panic| std::panic::resume_unwind(panic), Err)
    })
}

/// The test's name: its thread's, or, when a process runs one test, what it was called with.
fn name() -> String {
    let thread = std::thread::current();
    let of_thread = thread.name().filter(|name| name.contains("::")).map(str::to_owned);
    of_thread.or_else(|| std::env::args().find(|word| word.contains("::"))).unwrap_or_default()
}

impl Story {
    fn begin(world: World) -> Self {
        let mut names = Names::default();
        let first = exchange::first_commit();
        names.commit(&first);
        for component in &world.pipeline().components {
            let repositories = world.simulation.ecr.snapshot();
            let repository = repositories.iter().find(|view| view.name == component.repository.as_str());
            for image in repository.iter().flat_map(|view| &view.images) {
                names.image(&image.digest, component.name.as_str(), &first);
            }
        }
        names.address(world.simulation.url(), "http://world");
        Self {
            world,
            names: Mutex::new(names),
            reader: Mutex::default(),
            heard: Mutex::default(),
            looked: Mutex::default(),
        }
    }

    /// Everything new in Slack since the last time, with names for what differs from world to world.
    pub fn slack_says(&self) -> String {
        let news = locked(&self.reader).news(&self.world.simulation.slack);
        self.name(&news)
    }

    /// Every write to ECS since the last time, in order.
    pub fn aws_was_asked(&self) -> String {
        let calls = self.world.simulation.journal.calls();
        let mut heard = locked(&self.heard);
        let news = calls.get(*heard..).unwrap_or_default();
        *heard = calls.len();
        let names = locked(&self.names);
        news.iter()
            .filter(|call| asked::is_write(call))
            .map(|call| asked::line(call, &names) + "\n")
            .collect()
    }

    /// How often ECS was asked to change something, ever.
    pub fn writes(&self) -> usize {
        self.world.simulation.journal.calls().iter().filter(|call| asked::is_write(call)).count()
    }

    /// The text with names for commits, digests, moments and addresses.
    pub fn name(&self, text: &str) -> String {
        locked(&self.names).name(text)
    }

    /// Where everything stood when a story went wrong.
    async fn report(&self) -> String {
        let mut lines = vec!["── where it stood ──".to_owned()];
        let factor = self.world.scale().factor();
        let real = |state: &RoadState| {
            let world = state.left_at.map(|left| left.duration_since(state.entered_at).as_secs_f64());
            let real = world.map_or_else(|| "…".to_owned(), |world| format!("{:.2} s", world / factor));
            format!("{} {} ({real})", state.name, state.label.as_deref().unwrap_or_default())
        };
        let told = |states: &[RoadState]| states.iter().map(real).collect::<Vec<_>>().join(" > ");
        for road in self.world.roads() {
            lines.push(format!(
                "release {} {:?} {:?}: {}",
                road.id,
                road.end,
                road.reason,
                told(&road.states)
            ));
            for rollout in &road.rollouts {
                lines.push(format!(
                    "  {} rollout {}: {}",
                    rollout.stage,
                    rollout.status,
                    told(&rollout.states)
                ));
            }
        }
        for seen in self.world.executions.now().iter() {
            lines.push(format!(
                "{} got {} returned {}",
                seen.execution.name, seen.execution.input, seen.execution.output
            ));
        }
        lines.push("── Slack ──".to_owned());
        lines.extend(
            self.world.simulation.slack.messages().iter().map(gantry_simulator::slack::Message::words),
        );
        lines.push("── writes ──".to_owned());
        let calls = self.world.simulation.journal.calls();
        for call in calls.iter().filter(|call| asked::is_write(call) || call.outcome.is_err()) {
            let error = call.outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
            let role = call.role.rsplit('/').next().unwrap_or_default();
            lines.push(format!("{role} {} {}", call.operation, error));
        }
        lines.push("── logs ──".to_owned());
        for function in self.function_names() {
            for line in self.world.client.function_log(&function).await.unwrap_or_default() {
                if !line.contains("\"level\":\"INFO\"") && !line.trim().is_empty() {
                    lines.push(format!("{function}: {line}"));
                }
            }
        }
        self.name(&lines.join("\n"))
    }

    pub(crate) fn function_names(&self) -> Vec<String> {
        self.world.stack.functions.iter().map(|function| function.name.clone()).collect()
    }
}

/// A lock whose holder panicked still guards whole values.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
