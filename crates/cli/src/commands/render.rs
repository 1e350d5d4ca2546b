//! `gantry render`: writes what is deployed.

use std::path::{Path, PathBuf};

use clap::Args;
use gantry_config::{RenderOptions, render};
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::options::{Source, pair};

/// Makes the template to deploy: template.json, parameters.json and gantry.json, the configuration that functions read
#[derive(Debug, Args)]
pub(crate) struct Render {
    #[command(flatten)]
    source: Source,
    /// The folder to write to; created if it is not there
    #[arg(long)]
    out: PathBuf,
    /// The folder with an archive per function, as seen from the template
    #[arg(long, default_value_t = RenderOptions::default().code_uri)]
    code_uri: String,
    /// The folder with the state machines' definitions, as seen from the template
    #[arg(long, default_value_t = RenderOptions::default().definition_uri)]
    definition_uri: String,
    /// The value of a template parameter instead of its default
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    parameters: Vec<(String, String)>,
}

impl Render {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let configuration = self.source.load()?;
        let options = RenderOptions {
            code_uri: self.code_uri,
            definition_uri: self.definition_uri,
            parameters: self.parameters.into_iter().collect(),
        };
        let rendered = render(&configuration, &options)?;
        // The form that the AWS CLI and `sam` take as a file.
        let parameters: Vec<Value> = rendered
            .parameters
            .iter()
            .map(|(name, value)| json!({"ParameterKey": name, "ParameterValue": value}))
            .collect();
        std::fs::create_dir_all(&self.out).map_err(|error| Failure::unwritable(&self.out, error))?;
        write(&self.out.join("template.json"), &rendered.template)?;
        write(&self.out.join("parameters.json"), &parameters)?;
        write(&self.out.join("gantry.json"), &configuration.pipeline)?;
        if let Some(first) = configuration.pipeline.stages.first() {
            println!("to be deployed in account {} and region {}", first.account, first.region);
        }
        Ok(())
    }
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(path, text).map_err(|error| Failure::unwritable(path, error))?;
    println!("{}", path.display());
    Ok(())
}
