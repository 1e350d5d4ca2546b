//! Starts a MiniStack of one's own and ends it, whatever happens to the process that started it.
//!
//! The launcher beside this crate watches its standard input: when the pipe closes, because the value here was
//! dropped or because the kernel cleaned up after us, it removes its files and ends its whole process group, Lambda
//! workers included. It does not know stacks; see [`crate::stack`].

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::{ACCOUNT, REGION};
use crate::places;

/// How long Python may take to import MiniStack and to answer; a cold disk needs a few seconds.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a starting MiniStack is asked whether it is ready.
const READY_POLL: Duration = Duration::from_millis(20);
/// How long an ended launcher may take before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(3);

/// Why there is no MiniStack.
#[derive(Debug, thiserror::Error)]
pub enum MiniStackError {
    /// The virtual environment is not there.
    #[error("there is no Python with MiniStack at {}: run `make venv` first", .0.display())]
    NoPython(PathBuf),
    /// Files or processes could not be made.
    #[error("MiniStack could not be started ({what})")]
    Start {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// It ended, or said nothing, before it was ready.
    #[error("MiniStack did not become ready: {reason}; it logged:\n{log}")]
    NotReady {
        /// What went wrong.
        reason: String,
        /// The last lines of its log.
        log: String,
    },
}

/// How a MiniStack shall behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MiniStackOptions {
    /// How many times faster than real time Step Functions' waits and retry delays pass.
    pub factor: f64,
    /// Real seconds before the first repetition of a failed asynchronous call.
    pub async_retry_seconds: f64,
}

impl Default for MiniStackOptions {
    fn default() -> Self {
        Self { factor: 1.0, async_retry_seconds: 0.1 }
    }
}

/// A running MiniStack. Dropping it ends it.
#[derive(Debug)]
pub struct MiniStack {
    child: Child,
    lifeline: Option<ChildStdin>,
    endpoint: String,
    log: PathBuf,
    directory: tempfile::TempDir,
}

impl MiniStack {
    /// Starts one on a free loopback port and waits until it answers.
    pub async fn start(options: MiniStackOptions) -> Result<Self, MiniStackError> {
        let python = places::python();
        if !python.is_file() {
            return Err(MiniStackError::NoPython(python));
        }
        let failed = |what| move |source| MiniStackError::Start { what, source };
        // Not in the system's temporary directory, which may be memory: unpacked functions take hundreds of megabytes.
        let worlds = places::target().join("worlds");
        std::fs::create_dir_all(&worlds).map_err(failed("making its directory"))?;
        let directory = tempfile::Builder::new()
            .prefix("world-")
            .tempdir_in(worlds)
            .map_err(failed("making its directory"))?;
        let log = directory.path().join("ministack.log");
        let errors = std::fs::File::create(&log).map_err(failed("making its log"))?;
        let mut child = Command::new(&python)
            .args(["-I", "-X", "utf8"])
            .arg(places::launcher())
            .env_clear()
            .envs(environment(options, directory.path()))
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(failed("running Python"))?;
        let (lifeline, stdout) = (child.stdin.take(), child.stdout.take());
        let mut started = Self { child, lifeline, endpoint: String::new(), log, directory };
        started.endpoint = format!("http://127.0.0.1:{}", started.port(stdout).await?);
        started.wait_until_ready().await?;
        Ok(started)
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its process, which leads a process group that holds the Lambda workers too.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The directory that holds everything it writes.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Waits until the code of every deployed function is unpacked. A call before that waits for it.
    pub async fn wait_until_unpacked(&self) {
        let under_way = self.directory().join("unpacking");
        while std::fs::read_dir(&under_way).is_ok_and(|mut marks| marks.next().is_some()) {
            tokio::time::sleep(READY_POLL).await;
        }
    }

    async fn port(&self, stdout: Option<ChildStdout>) -> Result<u16, MiniStackError> {
        let Some(stdout) = stdout else { return Err(self.not_ready("it has no standard output")) };
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).map(|_| line)
        });
        match tokio::time::timeout(START_TIMEOUT, line).await {
            Ok(Ok(Ok(line))) => line.trim().parse().map_err(|_| self.not_ready("it ended at once")),
            Ok(_) => Err(self.not_ready("its port could not be read")),
            Err(_) => Err(self.not_ready("it never named its port")),
        }
    }

    async fn wait_until_ready(&mut self) -> Result<(), MiniStackError> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .map_err(|error| self.not_ready(error.to_string()))?;
        let url = format!("{}/_ministack/ready", self.endpoint);
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            if http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.not_ready(format!("it ended with {status}")));
            }
            if Instant::now() > deadline {
                return Err(self.not_ready("it took too long"));
            }
            tokio::time::sleep(READY_POLL).await;
        }
    }

    fn not_ready(&self, reason: impl Into<String>) -> MiniStackError {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(15).collect();
        let log = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
        MiniStackError::NotReady { reason: reason.into(), log }
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let deadline = Instant::now() + END_TIMEOUT;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Functions inherit all of this from MiniStack, so nothing of the developer's own environment may be in it.
fn environment(options: MiniStackOptions, directory: &Path) -> Vec<(&'static str, String)> {
    let directory = directory.to_string_lossy().into_owned();
    vec![
        ("PATH", "/usr/bin:/bin".to_owned()),
        ("HOME", directory.clone()),
        ("TMPDIR", directory),
        ("AUTH", "true".to_owned()),
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("MINISTACK_HOST", "127.0.0.1".to_owned()),
        ("MINISTACK_ACCOUNT_ID", ACCOUNT.to_owned()),
        ("MINISTACK_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        // A listener that would ignore BIND_HOST.
        ("IOT_MTLS_ENABLED", "0".to_owned()),
        ("LOG_LEVEL", "WARNING".to_owned()),
        ("SFN_WAIT_SCALE", format!("{:.8}", 1.0 / options.factor)),
        ("LAMBDA_ACCOUNT_CONCURRENCY", "500".to_owned()),
        ("LAMBDA_ASYNC_RETRY_BASE_SECONDS", options.async_retry_seconds.to_string()),
    ]
}
