//! `gantry validate`: tells every mistake at once.

use clap::Args;

use crate::failure::Failure;
use crate::options::Source;

/// Checks a configuration and tells every mistake in it
#[derive(Debug, Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    source: Source,
}

impl Validate {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let pipeline = self.source.load()?.pipeline;
        let services = pipeline.components.iter().flat_map(|component| component.services()).count();
        let stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
        println!(
            "{}: {} is good (components: {}, services: {services}, stages: {}; hash {})",
            self.source.file.display(),
            pipeline.name,
            pipeline.components.len(),
            stages.join(" then "),
            pipeline.hash,
        );
        Ok(())
    }
}
