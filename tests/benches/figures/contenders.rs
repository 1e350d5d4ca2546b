//! The same job three times: Gantry's `read-decision`, and what it would be in Python and in Node.
//!
//! All three read the same two rows from the same stand-in for DynamoDB, which answers at once: what is measured is theirs.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::runtime::{Program, Running};
use crate::statistics::Sample;

/// Starts of each program. They take turns, so that a busy moment of the machine is everybody's.
const STARTS: usize = 15;
/// Calls of each program that has just started, the first of which is not counted.
const CALLS: usize = 200;

/// One of the three.
pub(crate) struct Contender {
    pub(crate) label: String,
    pub(crate) program: Program,
    /// What runs: Gantry's is the whole of it, the others need their language's runtime.
    pub(crate) binary_bytes: Option<u64>,
    pub(crate) zip_bytes: u64,
}

/// What one of them showed.
pub(crate) struct Shown {
    pub(crate) cold_start: Sample,
    pub(crate) first_call: Sample,
    pub(crate) warm: Sample,
    pub(crate) peak_bytes: u64,
}

/// The rows, and the event that asks about them.
pub(crate) struct Job {
    rows: Vec<Value>,
    event: Value,
    answer: Value,
}

impl Job {
    /// About the decision that stands in these rows.
    pub(crate) fn about(rows: Vec<Value>) -> Result<Self> {
        let text = |row: &Value, name: &str| row[name]["S"].as_str().map(str::to_owned);
        let gate = rows.iter().find(|row| text(row, "pk").is_some_and(|pk| pk.starts_with("gate#")));
        let gate = gate.context("nobody was asked anything")?;
        let approval = rows.iter().find(|row| text(row, "sk").as_deref() == Some("approval"));
        let body = approval.and_then(|row| text(row, "body")).context("the question is not there")?;
        let body: Value = serde_json::from_str(&body)?;
        let event = json!({
            "execution": body["execution"], "release": body["release"], "stage": body["stage"],
            "planHash": text(gate, "sk"),
        });
        let answer = json!({ "outcome": "approved", "by": "U0ADA", "reason": null });
        Ok(Self { rows, event, answer })
    }

    /// Serves the rows as DynamoDB does. Where it listens.
    pub(crate) async fn serve(&self) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/", post(get_item)).with_state(Arc::new(self.rows.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(address)
    }
}

async fn get_item(State(rows): State<Arc<Vec<Value>>>, body: String) -> Response {
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let Some(key) = request["Key"].as_object() else { return StatusCode::BAD_REQUEST.into_response() };
    let found = rows.iter().find(|row| key.iter().all(|(name, value)| row[name] == *value));
    let answer = found.map_or_else(|| json!({}), |row| json!({ "Item": row }));
    ([("content-type", "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

/// The three, each with the variables it needs.
pub(crate) fn contenders(
    functions: &Path,
    archives: &Path,
    python: &Path,
    bundle: &Path,
    aws: &str,
    rust_folder: &Path,
) -> Result<Vec<Contender>> {
    let environment = BTreeMap::from([
        ("AWS_ENDPOINT_URL".to_owned(), aws.to_owned()),
        ("GANTRY_APPROVALS_TABLE".to_owned(), "approvals".to_owned()),
    ]);
    let program = |name: &str, command: Vec<String>, folder: PathBuf, more: &[(&str, String)]| {
        let mut environment = environment.clone();
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Program { name: name.to_owned(), command, folder, environment }
    };
    let binary = functions.join("read-decision");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench");
    let (python_folder, node_folder) = (here.join("python"), here.join("node"));
    let path = |path: &Path| path.display().to_string();
    let rust = program("read-decision", vec![path(&binary)], rust_folder.to_path_buf(), &[]);
    let python = program(
        "read-decision-python",
        vec![path(python), "-m".to_owned(), "awslambdaric".to_owned(), "handler.handler".to_owned()],
        python_folder.clone(),
        &[],
    );
    let handler = ("GANTRY_BENCH_HANDLER", path(bundle));
    let node = program(
        "read-decision-node",
        vec!["node".to_owned(), path(&node_folder.join("runtime.mjs"))],
        node_folder,
        // The SDK warns of old Nodes at each start.
        &[handler, ("NODE_NO_WARNINGS", "1".to_owned())],
    );
    Ok(vec![
        Contender {
            label: "Rust (`read-decision`)".to_owned(),
            binary_bytes: Some(std::fs::metadata(&binary)?.len()),
            zip_bytes: std::fs::metadata(archives.join("read-decision.zip"))?.len(),
            program: rust,
        },
        Contender {
            label: "Node (AWS SDK v3, bundled)".to_owned(),
            program: node,
            binary_bytes: None,
            zip_bytes: zipped(bundle)?,
        },
        Contender {
            label: "Python (boto3)".to_owned(),
            program: python,
            binary_bytes: None,
            zip_bytes: zipped(&python_folder.join("handler.py"))?,
        },
    ])
}

/// Lets them start and work in turns.
pub(crate) async fn compare(contenders: &[Contender], job: &Job) -> Result<Vec<Shown>> {
    let mut starts = vec![(Vec::new(), Vec::new()); contenders.len()];
    for _ in 0..STARTS {
        for (contender, (cold, first)) in contenders.iter().zip(&mut starts) {
            let mut running = Running::start(&contender.program).await?;
            cold.push(running.cold_start);
            first.push(call(&mut running, job).await?);
            running.end().await?;
        }
    }
    let mut shown = Vec::new();
    for (contender, (cold, first)) in contenders.iter().zip(starts) {
        let mut running = Running::start(&contender.program).await?;
        call(&mut running, job).await?;
        let mut warm = Vec::new();
        for _ in 0..CALLS {
            warm.push(call(&mut running, job).await?);
        }
        let peak_bytes = running.peak_bytes()?;
        running.end().await?;
        let [cold_start, first_call, warm] = [cold, first, warm].map(Sample::of);
        shown.push(Shown { cold_start, first_call, warm, peak_bytes });
    }
    Ok(shown)
}

async fn call(running: &mut Running, job: &Job) -> Result<Duration> {
    let (took, answer) = running.invoke(&job.event).await?;
    ensure!(answer == job.answer, "{answer} instead of {}", job.answer);
    Ok(took)
}

/// How large an archive with this one file is.
fn zipped(file: &Path) -> Result<u64> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9));
    archive.start_file(file.file_name().unwrap_or_default().to_string_lossy(), options)?;
    let content = std::fs::read(file).with_context(|| format!("{} could not be read", file.display()))?;
    archive.write_all(&content)?;
    Ok(archive.finish()?.into_inner().len() as u64)
}
