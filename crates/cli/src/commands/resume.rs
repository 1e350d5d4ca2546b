//! `gantry resume`: lets releases into a stage again after a rollback.

use clap::Args;
use gantry_steps::ports::store::{Holds as _, Recorded, Resumer};
use gantry_steps::resume::resume;

use crate::failure::Failure;
use crate::installation::{Now, Which};

/// Lets releases into a stage again that holds since a rollback
#[derive(Debug, Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    which: Which,
    /// The stage
    stage: String,
}

impl Resume {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let here = self.which.open().await?;
        let stage = &here.stage(&self.stage)?.name;
        let Some(hold) = here.releases.hold(stage).await? else {
            println!("{stage} does not hold: releases go in.");
            return Ok(());
        };
        let by = Resumer::Operator(here.caller.arn.clone());
        match resume(&here.releases, &Now, &hold, &by).await? {
            Recorded::Now => println!(
                "{stage} is resumed. It held since {} was rolled back: {}\nWho waits in line goes in within a minute.",
                hold.release, hold.reason
            ),
            Recorded::Before => println!("{stage} was resumed by somebody else at this moment."),
        }
        Ok(())
    }
}
