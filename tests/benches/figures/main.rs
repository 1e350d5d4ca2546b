//! The figures in the README: `make bench` builds what ships, runs this, and writes `target/bench/figures.md`.
//!
//! Nothing here is asserted beyond that the programs do their job: figures are for people to read. Where the built functions,
//! their archives, Python and Node's bundle are is told by `scripts/bench.sh` in variables.

mod contenders;
mod cost;
mod machine;
mod release;
mod runtime;
mod slack;
mod statistics;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gantry_local::places;

use contenders::{Job, compare, contenders};
use cost::Cost;
use machine::Machine;
use release::{Inventory, laid_out, play};
use runtime::{Program, Running};
use statistics::Sample;
use table::{Function, Report};

/// Starts of each of Gantry's functions.
const STARTS: usize = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let given = |name: &str| {
        let value = std::env::var_os(name).map(PathBuf::from);
        value.with_context(|| format!("{name} is not set: run `make bench`"))
    };
    let built = given("GANTRY_BENCH_FUNCTIONS")?;
    let archives = given("GANTRY_BENCH_ARCHIVES")?;
    let python = given("GANTRY_BENCH_PYTHON")?;
    let bundle = given("GANTRY_BENCH_BUNDLE")?;
    let machine = Machine::here(&python);
    let folder = places::target().join("bench");
    let functions = folder.join("functions");
    let names = laid_out(&built, &functions)?;

    eprintln!("bench: one release in the local world …");
    let (world, release, inventory) = play(functions.clone()).await?;
    std::fs::write(functions.join("gantry.json"), &inventory.compiled)?;
    eprintln!("bench: acknowledgements …");
    let interactions = program(&functions, "slack-interactions", &inventory)?;
    let slack = slack::acknowledge(&world, &interactions, &inventory.click).await?;
    // Nothing else shall run while processes are timed.
    drop(world);

    eprintln!("bench: {} functions …", names.len());
    let each = measure(&names, &functions, &archives, &inventory).await?;
    eprintln!("bench: one job in three languages …");
    let job = Job::about(inventory.approvals)?;
    let aws = job.serve().await?;
    let three = contenders(&functions, &archives, &python, &bundle, &aws, &functions)?;
    let shown = compare(&three, &job).await?;

    let cost = Cost::of(&release);
    let report = Report {
        machine,
        contenders: three.iter().zip(shown).collect(),
        functions: each,
        slack,
        release,
        cost,
    };
    let text = report.markdown();
    println!("{text}");
    let path = folder.join("figures.md");
    std::fs::write(&path, text)?;
    eprintln!("bench: written to {}", path.display());
    Ok(())
}

/// One of Gantry's functions with the variables it has in the stack.
fn program(functions: &Path, name: &str, inventory: &Inventory) -> Result<Program> {
    let environment = inventory.environments.get(name);
    let mut environment: BTreeMap<_, _> =
        environment.with_context(|| format!("the stack has no function {name}"))?.clone();
    environment.entry("AWS_ENDPOINT_URL".to_owned()).or_insert_with(|| inventory.aws.clone());
    let command = vec![functions.join(name).display().to_string()];
    Ok(Program { name: name.to_owned(), command, folder: functions.to_path_buf(), environment })
}

/// Starts each function some times, in turns.
async fn measure(
    names: &[String],
    functions: &Path,
    archives: &Path,
    inventory: &Inventory,
) -> Result<Vec<Function>> {
    let mut starts: Vec<(Vec<_>, u64)> = vec![(Vec::new(), 0); names.len()];
    for _ in 0..STARTS {
        for (name, (times, peak)) in names.iter().zip(&mut starts) {
            let running = Running::start(&program(functions, name, inventory)?).await?;
            times.push(running.cold_start);
            *peak = (*peak).max(running.peak_bytes()?);
            running.end().await?;
        }
    }
    let size = |path: PathBuf| {
        let facts = std::fs::metadata(&path).with_context(|| format!("{} is not there", path.display()))?;
        anyhow::Ok(facts.len())
    };
    let mut all = Vec::new();
    for (name, (times, peak_bytes)) in names.iter().zip(starts) {
        all.push(Function {
            name: name.clone(),
            cold_start: Sample::of(times),
            peak_bytes,
            binary_bytes: size(functions.join(name))?,
            zip_bytes: size(archives.join(format!("{name}.zip")))?,
        });
    }
    Ok(all)
}
