//! `gantry status`: what every stage runs verified, who has it, and what is under way.

use clap::Args;
use gantry_domain::hold::HoldEnds;
use gantry_domain::pipeline::Stage;
use gantry_steps::ports::store::{Holds as _, Locks as _, Releases as _, Verified as _};

use crate::failure::Failure;
use crate::installation::{Installation, Which};

/// Tells what every stage runs verified, who has it, and what is under way
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    which: Which,
}

impl Status {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let here = self.which.open().await?;
        for stage in &here.pipeline.stages {
            tell(&here, stage).await?;
        }
        let running = here.releases.running().await?;
        if running.is_empty() {
            println!("nothing is under way");
        }
        for release in running {
            println!("{} is under way: {}", release.release, release.execution);
        }
        Ok(())
    }
}

async fn tell(here: &Installation, stage: &Stage) -> Result<(), Failure> {
    let name = &stage.name;
    match here.locks.read(name).await?.map(|stored| stored.lock) {
        None => println!("{name}: free"),
        Some(lock) => match &lock.kept {
            None => println!("{name}: {} is at work since {}", lock.release, lock.acquired_at),
            Some(reason) => println!(
                "{name}: KEPT since {} failed there: {reason}\n  when it is put right: gantry unlock {name} --release {}",
                lock.release, lock.release
            ),
        },
    }
    if let Some(hold) = here.releases.hold(name).await? {
        let until = match hold.until {
            HoldEnds::NewerCommit => "until a release of a newer commit comes".to_owned(),
            HoldEnds::Resumed => format!("until somebody resumes it: gantry resume {name}"),
        };
        println!("  holds since {} was rolled back, {until}", hold.release);
    }
    for stored in here.locks.waiters(name).await? {
        println!("  {} waits in line since {}", stored.waiter.release, stored.waiter.since);
    }
    for component in &here.pipeline.components {
        for service in component.services() {
            match here.releases.newest(name, &component.name, service).await? {
                None => println!("  {service}: nothing verified yet"),
                Some(row) => {
                    let commit = row.commit.as_ref().map_or("an unknown commit", |commit| commit.short());
                    println!("  {service}: {commit} by {}, {}", row.release, row.digest);
                }
            }
        }
    }
    Ok(())
}
