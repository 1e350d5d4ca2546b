//! `gantry rollback`: starts the release machine to put a stage back to what was verified.

use clap::Args;
use gantry_domain::claim;
use gantry_steps::ports::store::Locks as _;
use gantry_steps::ports::{StartRelease as _, Started};
use jiff::Timestamp;
use serde_json::json;

use crate::failure::Failure;
use crate::installation::Which;

/// Puts a stage back to what was verified there
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    which: Which,
    /// The stage
    stage: String,
    /// Only this component; may be given more than once [default: all]
    #[arg(long = "component", value_name = "COMPONENT")]
    components: Vec<String>,
    /// The release to go back to [default: the one before the last that changed any of them]
    #[arg(long, value_name = "RELEASE")]
    to: Option<String>,
}

impl Rollback {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let here = self.which.open().await?;
        let stage = &here.stage(&self.stage)?.name;
        let mut rollback = json!({ "stage": stage });
        if !self.components.is_empty() {
            rollback["components"] = json!(self.components);
        }
        if let Some(to) = &self.to {
            rollback["to"] = json!(to);
        }
        let lock = here.locks.read(stage).await?.map(|stored| stored.lock);
        if let (Some(lock), None) = (lock, &self.to) {
            // What passed last is not what runs: "the one before" would go one too far.
            return Err(Failure::Refused(format!(
                "{} is at work in {stage}, or was left there: name the release to go back to with --to (gantry status \
                 tells what is verified)",
                lock.release
            )));
        }
        let input = json!({ "rollback": rollback });
        // Said here, and not by an execution that fails a moment later.
        claim::parse(&here.pipeline, &input).map_err(|error| Failure::Refused(error.to_string()))?;
        let name = format!("rollback-{stage}-{}", Timestamp::now().strftime("%Y%m%dT%H%M%S%3f"));
        match here.start.start(&name, &input).await? {
            Started::Now => {
                let execution = here.machine.replace(":stateMachine:", ":execution:");
                println!("Started {execution}:{name}\nIt is told in Slack what it does and how it ends.");
                Ok(())
            }
            Started::Before => {
                Err(Failure::Refused(format!("an execution {name} exists already; try again")))
            }
        }
    }
}
