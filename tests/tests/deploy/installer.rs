//! Somebody who installs Gantry: a configuration of their own, credentials, and `scripts/deploy.sh`.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use gantry_local::places;
use gantry_local::world::{Ground, WorldOptions};
use gantry_tests::Said;
use tokio::process::Command;

pub(crate) struct Installer {
    folder: tempfile::TempDir,
    text: String,
}

impl Installer {
    /// With the configuration of a world with these options.
    pub(crate) fn new(options: &WorldOptions) -> Result<Self> {
        let mut text = std::fs::read_to_string(&options.pipeline)?;
        for (from, to) in &options.replacements {
            text = text.replace(from, to);
        }
        Self::writing(text)
    }

    /// The same with other words in the configuration.
    pub(crate) fn with(&self, words: &[(&str, &str)]) -> Result<Self> {
        let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
        Self::writing(words.iter().fold(self.text.clone(), replace))
    }

    fn writing(text: String) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("gantry.toml"), &text)?;
        Ok(Self { folder, text })
    }

    /// Runs `scripts/deploy.sh` with the account's credentials. What differs in the local world from what the
    /// configuration says is told as a person would tell it: with options.
    pub(crate) async fn deploy(&self, ground: &Ground, arguments: &[&str]) -> Result<Said> {
        let mut command = Command::new(places::root().join("scripts/deploy.sh"));
        command.arg("--config").arg(self.folder.path().join("gantry.toml"));
        command.arg("--out").arg(self.folder.path().join("out"));
        command.arg("--packages").arg(places::target().join("local-package"));
        for (name, value) in ground.parameters().iter().filter(|(name, _)| *name != "Architecture") {
            command.arg("--parameter").arg(format!("{name}={value}"));
        }
        for (stage, urls) in &ground.overrides.base_urls {
            for (component, url) in urls {
                command.arg("--base-url").arg(format!("{stage}.{component}={url}"));
            }
        }
        for (stage, hosts) in &ground.overrides.private_hosts {
            for host in hosts {
                command.arg("--private-host").arg(format!("{stage}={host}"));
            }
        }
        command.args(arguments);
        // Of the developer's own environment nothing but what finds programs.
        let kept = ["PATH", "HOME", "CARGO_TARGET_DIR", "RUSTUP_HOME", "CARGO_HOME", "PYTHON"];
        let kept = kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        let nothing: PathBuf = self.folder.path().join("nothing");
        let output = command
            .env_clear()
            .envs(kept)
            .env("GANTRY", places::binaries().join("gantry"))
            .env("AWS_ENDPOINT_URL", ground.client.endpoint())
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_CONFIG_FILE", &nothing)
            .env("AWS_SHARED_CREDENTIALS_FILE", &nothing)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("SAM_CLI_POLL_DELAY", "1")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("scripts/deploy.sh could not be run")?;
        let both = [output.stdout, output.stderr].concat();
        Ok(Said { code: output.status.code(), words: String::from_utf8_lossy(&both).into_owned() })
    }
}
