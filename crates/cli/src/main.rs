//! The `gantry` command: reads the command line and hands over to a command.

mod commands;
mod draft;
mod failure;
mod findings;
mod installation;
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
    Init(commands::init::Init),
    Validate(commands::validate::Validate),
    Render(commands::render::Render),
    Schema(commands::schema::Schema),
    Doctor(commands::doctor::Doctor),
    Status(commands::status::Status),
    Rollback(commands::rollback::Rollback),
    Resume(commands::resume::Resume),
    Unlock(commands::unlock::Unlock),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Init(command) => installation::run(command.run()),
        Command::Validate(command) => command.run(),
        Command::Render(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Doctor(command) => installation::run(command.run()),
        Command::Status(command) => installation::run(command.run()),
        Command::Rollback(command) => installation::run(command.run()),
        Command::Resume(command) => installation::run(command.run()),
        Command::Unlock(command) => installation::run(command.run()),
    };
    done.map_or_else(|failure| failure.exit(), |()| ExitCode::SUCCESS)
}
