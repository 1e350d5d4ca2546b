//! `gantry-local`: the local world on the command line. `make demo` builds what it needs and runs it.

use std::process::ExitCode;

use clap::Parser;
use gantry_local::command::{self, Arguments};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let filter = EnvFilter::try_from_env("GANTRY_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    command::run(Arguments::parse()).await
}
