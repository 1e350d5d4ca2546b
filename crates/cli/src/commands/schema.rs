//! `gantry schema`: the JSON Schema of `gantry.toml`, for editors.

use clap::Args;

use crate::failure::Failure;

/// Prints the JSON Schema of gantry.toml
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self) -> Result<(), Failure> {
        println!("{}", serde_json::to_string_pretty(&gantry_config::schema())?);
        Ok(())
    }
}
