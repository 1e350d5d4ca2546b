//! `gantry unlock`: frees the lock of a stage that is kept for a person to look.

use clap::Args;
use gantry_steps::ports::store::{Fenced, Locks as _};

use crate::failure::Failure;
use crate::installation::Which;

/// Frees the lock that a release which ended `FailedDirty` left on a stage
#[derive(Debug, Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    which: Which,
    /// The stage
    stage: String,
    /// The release that left it: says that you have looked at the stage since, and put it right
    #[arg(long, value_name = "RELEASE")]
    release: String,
}

impl Unlock {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let here = self.which.open().await?;
        let stage = &here.stage(&self.stage)?.name;
        let Some(lock) = here.locks.read(stage).await?.map(|stored| stored.lock) else {
            println!("{stage} is free.");
            return Ok(());
        };
        let Some(reason) = &lock.kept else {
            return Err(Failure::Refused(format!(
                "{} is at work in {stage}: its lock is not kept for a person. Stop its execution if it must end, and the \
                 stage is put back by itself",
                lock.release
            )));
        };
        if lock.release.as_str() != self.release {
            return Err(Failure::Refused(format!(
                "{stage} was left by {}, not by {}: {reason}",
                lock.release, self.release
            )));
        }
        match here.locks.free_kept(stage, &lock.owner).await? {
            Fenced::Written => {
                println!(
                    "{stage} is free. It was kept: {reason}\nWho waits in line goes in within a minute."
                );
                Ok(())
            }
            Fenced::Lost => {
                Err(Failure::Refused(format!("the lock of {stage} changed at this moment; look again")))
            }
        }
    }
}
