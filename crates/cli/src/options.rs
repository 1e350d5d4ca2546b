//! Options that several commands share.

use std::path::PathBuf;

use clap::Args;
use gantry_config::{Configuration, LoadError, Overrides};

/// Which configuration, and what a world sets in it.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The configuration
    #[arg(default_value = "gantry.toml")]
    pub(crate) file: PathBuf,
    /// Base URL of a component in a stage, instead of the one in [stages.urls]
    #[arg(long = "base-url", value_name = "STAGE.COMPONENT=URL", value_parser = base_url)]
    base_urls: Vec<(String, String, String)>,
    /// A host in a private network that a stage's checks may reach, beside those in the file
    #[arg(long = "private-host", value_name = "STAGE=HOST", value_parser = pair)]
    private_hosts: Vec<(String, String)>,
}

impl Source {
    pub(crate) fn load(&self) -> Result<Configuration, LoadError> {
        let mut overrides = Overrides::default();
        for (stage, component, url) in self.base_urls.iter().cloned() {
            overrides.base_urls.entry(stage).or_default().insert(component, url);
        }
        for (stage, host) in self.private_hosts.iter().cloned() {
            overrides.private_hosts.entry(stage).or_default().push(host);
        }
        gantry_config::load(&self.file, &overrides)
    }
}

/// `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn base_url(text: &str) -> Result<(String, String, String), String> {
    let expected = "expected STAGE.COMPONENT=URL";
    let (place, url) = text.split_once('=').ok_or(expected)?;
    let (stage, component) = place.split_once('.').ok_or(expected)?;
    Ok((stage.to_owned(), component.to_owned(), url.to_owned()))
}
