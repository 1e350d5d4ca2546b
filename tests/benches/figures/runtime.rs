//! Lambda's Runtime API, and a program under it: when it first asks for work, and how long it takes over each piece.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use gantry_local::client::REGION;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;

/// No program here takes nearly so long, however busy the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that Lambda would start.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) environment: BTreeMap<String, String>,
}

/// What a program has told.
#[derive(Debug)]
enum Told {
    Asked(Instant),
    Answered(Instant, Value),
    Failed(String),
}

struct Api {
    told: mpsc::UnboundedSender<Told>,
    work: Mutex<mpsc::UnboundedReceiver<Value>>,
}

/// A program that runs and waits for work.
pub(crate) struct Running {
    pub(crate) cold_start: Duration,
    child: Child,
    work: mpsc::UnboundedSender<Value>,
    told: mpsc::UnboundedReceiver<Told>,
    server: JoinHandle<()>,
}

impl Running {
    /// Starts it and returns when it has asked for work the first time.
    pub(crate) async fn start(program: &Program) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (tell, mut told) = mpsc::unbounded_channel();
        let (work, to_do) = mpsc::unbounded_channel();
        let api = Arc::new(Api { told: tell, work: Mutex::new(to_do) });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(failed))
            .with_state(api);
        let server = tokio::spawn(async move {
            // It ends with this task.
            let _ = axum::serve(listener, router).await;
        });
        let mut words = program.command.iter();
        let mut command = Command::new(words.next().context("a program without a name")?);
        command.args(words).current_dir(&program.folder).env_clear().envs(standard(&address, program));
        command.envs(&program.environment).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let begun = Instant::now();
        let mut child = command.spawn().with_context(|| format!("{} could not be started", program.name))?;
        let cold_start = tokio::select! {
            told = told.recv() => match told {
                Some(Told::Asked(at)) => at.duration_since(begun),
                other => bail!("{} did not ask for work: {other:?}", program.name),
            },
            ended = child.wait() => bail!("{} ended at once with {}", program.name, ended?),
            () = tokio::time::sleep(PATIENCE) => bail!("{} never asked for work", program.name),
        };
        Ok(Self { cold_start, child, work, told, server })
    }

    /// Gives it an event; how long until it answered, and what.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Result<(Duration, Value)> {
        let begun = Instant::now();
        self.work.send(event.clone())?;
        loop {
            match tokio::time::timeout(PATIENCE, self.told.recv()).await?.context("it has ended")? {
                Told::Asked(_) => {}
                Told::Answered(at, answer) => return Ok((at.duration_since(begun), answer)),
                Told::Failed(error) => bail!("it failed: {error}"),
            }
        }
    }

    /// The most memory it has had so far.
    pub(crate) fn peak_bytes(&self) -> Result<u64> {
        let pid = self.child.id().context("it has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1024)
    }

    pub(crate) async fn end(mut self) -> Result<()> {
        self.server.abort();
        Ok(self.child.kill().await?)
    }
}

/// What Lambda gives every function.
fn standard(address: &str, program: &Program) -> Vec<(&'static str, String)> {
    let folder = program.folder.display().to_string();
    vec![
        ("PATH", std::env::var("PATH").unwrap_or_default()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("HOME", folder.clone()),
        ("LAMBDA_TASK_ROOT", folder),
        ("AWS_LAMBDA_RUNTIME_API", address.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", program.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "bench".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "bench".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    // Nobody listens only when the measurement is over.
    let _ = api.told.send(Told::Asked(Instant::now()));
    let Some(event) = api.work.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let deadline =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default() + PATIENCE;
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            format!("arn:aws:lambda:{REGION}:111122223333:function:bench"),
        ),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn answered(State(api): State<Arc<Api>>, Path(_): Path<String>, body: String) -> StatusCode {
    let at = Instant::now();
    let _ = api.told.send(Told::Answered(at, serde_json::from_str(&body).unwrap_or(Value::String(body))));
    StatusCode::ACCEPTED
}

async fn failed(State(api): State<Arc<Api>>, body: String) -> StatusCode {
    let _ = api.told.send(Told::Failed(body));
    StatusCode::ACCEPTED
}
