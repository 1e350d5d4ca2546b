//! An operator at a terminal: the `gantry` command with credentials of their own.

use std::process::Stdio;

use anyhow::{Context, Result};
use gantry_local::places;
use tokio::process::Command;

use crate::story::Story;

/// What a command said.
#[derive(Debug)]
pub struct Said {
    /// Its exit code.
    pub code: Option<i32>,
    /// Both streams, with names for what differs from world to world.
    pub words: String,
}

impl Story {
    /// Runs `gantry` with these arguments against what is installed in the world.
    pub async fn gantry(&self, arguments: &[&str]) -> Result<Said> {
        let configuration = places::root().join("examples/exchange/gantry.toml");
        let configuration = configuration.to_str().context("a path that is no text")?;
        self.gantry_alone(&[arguments, &["--config", configuration]].concat()).await
    }

    /// Runs `gantry` with these arguments and no others, as before anything is installed.
    pub async fn gantry_alone(&self, arguments: &[&str]) -> Result<Said> {
        let binary = places::binaries().join("gantry");
        let output = Command::new(&binary)
            .args(arguments)
            .env_clear()
            .env("AWS_ENDPOINT_URL", self.world.client.endpoint())
            // The clusters are the simulator's.
            .env("AWS_ENDPOINT_URL_ECS", self.world.simulation.url())
            .env("AWS_REGION", "us-west-2")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| format!("{} could not be run", binary.display()))?;
        let both = [output.stdout, output.stderr].concat();
        Ok(Said { code: output.status.code(), words: self.name(&String::from_utf8_lossy(&both)) })
    }
}
