//! `gantry-local`: the local world on the command line. `make demo` builds what it needs and runs it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gantry_local::demo::{self, Broken, Decision, DemoOptions};
use tracing_subscriber::EnvFilter;

#[derive(Debug, Parser)]
#[command(about = "Gantry's local world: AWS, Slack and GitHub on this machine", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
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
        /// How many times as fast as real time the world runs (1 to 10000).
        #[arg(long, default_value_t = 100.0)]
        factor: f64,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_from_env("GANTRY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let Command::Demo { approve, reject, broken, factor } = Arguments::parse().command;
    let approve = approve || broken == Some(Broken::Production);
    let decision = if approve { Some(Decision::Approve) } else { reject.then_some(Decision::Reject) };
    demo::run(DemoOptions { factor, decision, broken }).await
}
