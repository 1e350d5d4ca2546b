//! Does what people ask for with the page's buttons: developers push good and bad images, somebody stops a release.

use std::collections::BTreeMap;

use gantry_domain::pipeline::Stage;
use gantry_simulator::page::{Asked, Wanted};
use tokio::sync::mpsc;

use crate::deeds::{Change, DeedError};
use crate::world::World;

/// What developers change, in turn: a component and the commit's message.
const GOOD: [(&str, &str); 4] = [
    ("client", "Show fees before an order is placed"),
    ("engine", "Match orders at the same price by age"),
    ("backend", "Settle trades in batches"),
    ("client", "Remember the chosen market"),
];
/// What looks as good, and is not.
const BAD: (&str, &str) = ("backend", "Read the spread limit from the settings");

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
enum ControlError {
    #[error("the pipeline has no stage {0}")]
    NoStage(String),
    #[error("no release {0} is under way (any more): there is nothing to stop")]
    NotUnderWay(String),
    #[error(transparent)]
    Deed(#[from] DeedError),
}

/// Does what comes, until the world is dropped.
pub(crate) async fn serve(world: &World, mut asked: mpsc::Receiver<Asked>) {
    let mut pushed = 0;
    while let Some(asked) = asked.recv().await {
        let outcome = match &asked.wanted {
            Wanted::Push { crashes_in: None } => {
                pushed += 1;
                push_good(world, pushed).await
            }
            Wanted::Push { crashes_in: Some(stage) } => push_bad(world, stage).await,
            Wanted::Stop { release } => stop(world, release).await,
        };
        asked.answer(outcome.map_err(|error| chain(&error)));
    }
}

async fn push_good(world: &World, number: usize) -> Result<String, ControlError> {
    let (component, message) = GOOD[(number - 1) % GOOD.len()];
    let change = Change { message: message.to_owned(), ..Change::of([component]) };
    let sha = world.push_and_build(&change).await?;
    Ok(format!(
        "Dana pushed {} ({component}), its tests passed, CI pushed its image. Its release starts by itself.",
        short(&sha)
    ))
}

async fn push_bad(world: &World, wanted: &str) -> Result<String, ControlError> {
    let stages = &world.pipeline().stages;
    let stage = stages.iter().find(|known| known.name.as_str() == wanted);
    let stage = stage.ok_or_else(|| ControlError::NoStage(wanted.to_owned()))?;
    let (component, message) = BAD;
    let change =
        Change { message: message.to_owned(), labels: crashing_in(stage), ..Change::of([component]) };
    let sha = world.push_and_build(&change).await?;
    let next = if stage.approval.is_some() {
        format!("Approve it, and watch {} go back by itself.", stage.name)
    } else {
        format!("Watch {} go back by itself.", stage.name)
    };
    Ok(format!(
        "Dana pushed {} ({component}). Its tests passed, but its tasks crash in {}. {next}",
        short(&sha),
        stage.name
    ))
}

async fn stop(world: &World, release: &str) -> Result<String, ControlError> {
    let roads = world.roads();
    let road = roads.iter().find(|road| road.id == release && road.end.is_none());
    let road = road.ok_or_else(|| ControlError::NotUnderWay(release.to_owned()))?;
    world.client.stop_execution(&road.execution).await.map_err(DeedError::from)?;
    Ok(format!(
        "The execution of {release} was stopped, as on the console. Gantry notices, puts back what was being changed, and tells \
         how the release ended."
    ))
}

/// Labels of an image whose services' tasks crash in that stage; its one-off tasks are fine.
pub(crate) fn crashing_in(stage: &Stage) -> BTreeMap<String, String> {
    let label = |name: &str, value: &str| (format!("gantry.simulator.{name}"), value.to_owned());
    BTreeMap::from([
        label("exit-code", "1"),
        label("run-task.exit-code", "0"),
        label("log", "KeyError: key not found: SPREAD_LIMIT"),
        label("only-in", stage.cluster.as_str()),
    ])
}

/// An error with everything that caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn short(sha: &str) -> &str {
    sha.get(..7).unwrap_or(sha)
}
