//! The command line of `gantry-local`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::demo::{self, Broken, Decision, DemoOptions};
use crate::login;
use crate::pack;

/// Gantry's local world: AWS, Slack and GitHub on this machine.
#[derive(Debug, Parser)]
#[command(name = "gantry-local", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Packs the functions that were built, so that worlds start quicker. `make build` does it.
    Pack {
        /// Puts the archives into this folder too, as `make package` does, for `make deploy`.
        #[arg(long, value_name = "FOLDER")]
        into: Option<PathBuf>,
    },
    /// Shows a release from a developer's push to production.
    Demo {
        /// Clicks Approve, and ends with 0 if the release succeeded.
        #[arg(long, conflicts_with = "reject")]
        approve: bool,
        /// Clicks Reject, and ends with 0 if the release was declined.
        #[arg(long)]
        reject: bool,
        /// Lets the new version crash in a stage, and ends with 0 if everything was put back.
        #[arg(long = "break", value_enum, conflicts_with = "reject")]
        broken: Option<Broken>,
        /// Pushes no image, but says how you push one yourself, and waits for it.
        #[arg(long, conflicts_with = "broken")]
        by_hand: bool,
        /// How many times as fast as real time the world runs (1 to 10000).
        #[arg(long, default_value_t = 100.0)]
        factor: f64,
    },
    /// Prints the password of a local world's registry, for `docker login --username AWS --password-stdin`.
    Password {
        /// The registry's address, as the demo prints it.
        address: String,
    },
}

/// Does what was asked.
pub async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Pack { into } => {
            pack::pack_functions(into.as_deref()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Demo { approve, reject, broken, by_hand, factor } => {
            let approve = approve || broken == Some(Broken::Production);
            let decision = if approve { Some(Decision::Approve) } else { reject.then_some(Decision::Reject) };
            demo::run(DemoOptions { factor, decision, broken, by_hand }).await
        }
        Command::Password { address } => {
            println!("{}", login::password(&address).await?);
            Ok(ExitCode::SUCCESS)
        }
    }
}
