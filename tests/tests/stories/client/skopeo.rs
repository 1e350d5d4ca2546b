//! skopeo, called as a person calls it. Where it keeps a login is ours, so that nobody's own is touched.

use std::process::Stdio;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::layout::{Layout, digest_in};

/// skopeo with a registry to talk to.
pub(super) struct Skopeo {
    registry: String,
    folder: TempDir,
}

/// What it said when it did not do it.
pub(super) type Said = Result<(), String>;

impl Skopeo {
    pub(super) fn new(registry: &str) -> Result<Self> {
        Ok(Self { registry: registry.to_owned(), folder: tempfile::tempdir()? })
    }

    pub(super) async fn log_in(&self, password: &str) -> Result<Said> {
        let arguments =
            ["login", "--tls-verify=false", "--username=AWS", "--password-stdin", self.registry.as_str()];
        self.run(&arguments, password).await
    }

    /// Pushes an image with everything that is in it.
    pub(super) async fn push(&self, layout: &Layout, repository: &str, tag: &str) -> Result<Said> {
        let from = format!("oci:{}", layout.path().display());
        let to = format!("docker://{}/{repository}:{tag}", self.registry);
        self.run(&["copy", "--all", "--dest-tls-verify=false", &from, &to], "").await
    }

    /// Pulls an image into a new layout; its digest there.
    pub(super) async fn pull(&self, repository: &str, tag: &str) -> Result<String> {
        let from = format!("docker://{}/{repository}:{tag}", self.registry);
        let pulled = self.folder.path().join("pulled");
        let to = format!("oci:{}:it", pulled.display());
        let said = self.run(&["copy", "--all", "--src-tls-verify=false", &from, &to], "").await?;
        said.map_err(anyhow::Error::msg)?;
        digest_in(&pulled)
    }

    async fn run(&self, arguments: &[&str], input: &str) -> Result<Said> {
        let mut child = Command::new("skopeo")
            .arg("--insecure-policy")
            .args(arguments)
            .env("REGISTRY_AUTH_FILE", self.folder.path().join("auth.json"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("skopeo could not be started: `make test-client` installs it or says how")?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes()).await?;
        }
        let output = child.wait_with_output().await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(if output.status.success() { Ok(()) } else { Err(said) })
    }
}
