//! The `gantry` command: reads the command line and hands over to a command.

mod commands;
mod failure;
mod options;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Releases container images, stage by stage.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Validate(commands::validate::Validate),
    Render(commands::render::Render),
    Schema(commands::schema::Schema),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Validate(command) => command.run(),
        Command::Render(command) => command.run(),
        Command::Schema(command) => command.run(),
    };
    done.map_or_else(|failure| failure.exit(), |()| ExitCode::SUCCESS)
}
