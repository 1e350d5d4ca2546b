//! One MiniStack with the machines in it, and the place where the player's calls arrive: each case has a world of its
//! own, found by the name of its execution.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use gantry_domain::names::ExecutionArn;
use gantry_local::client::{Client, ClientError, Execution};
use gantry_local::ministack::{MiniStack, MiniStackOptions};
use gantry_local::package::{Artifacts, Binaries};
use gantry_local::places;
use gantry_local::stack::{Deployment, deploy};
use gantry_steps::ports::{ExecutionState, Started};
use gantry_steps::testing::WorldOutside;
use serde_json::{Value, json};

use crate::case::Case;
use crate::machines::{self, Task};
use crate::scene::{Reply, Scene};

/// How much faster than real time retry delays pass.
const FACTOR: f64 = 10_000.0;
/// No execution takes longer, on however busy a machine; one that does waits for something that never comes.
const LONGEST: Duration = Duration::from_secs(90);
/// How often an execution is looked at that is about to end, and one that is not.
const LOOK: Duration = Duration::from_millis(60);
const GLANCE: Duration = Duration::from_secs(4);

type Scenes = Arc<Mutex<HashMap<String, Arc<Scene>>>>;

/// The stage that all cases share.
pub(crate) struct Theatre {
    client: Client,
    machines: BTreeMap<String, String>,
    scenes: Scenes,
    _ministack: MiniStack,
    _directory: tempfile::TempDir,
}

impl Theatre {
    /// Starts MiniStack and deploys the machines as they are, and once more for each of those timeouts.
    pub(crate) async fn open(shorts: &[Task]) -> Self {
        let scenes = Scenes::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().route("/", post(called)).with_state(scenes.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let options = MiniStackOptions { factor: FACTOR, ..MiniStackOptions::default() };
        let ministack = MiniStack::start(options).await.unwrap();
        let client = Client::new(ministack.endpoint()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (template, files) = machines::template(&address, shorts);
        for (name, text) in &files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let player = Path::new(env!("CARGO_BIN_EXE_player")).parent().unwrap().to_path_buf();
        let artifacts = Artifacts {
            base: directory.path().to_path_buf(),
            binaries: Binaries { kept: places::kept(&player), directory: player, beside: BTreeMap::new() },
        };
        let parameters = BTreeMap::new();
        let deployment = Deployment {
            name: "matrix",
            template: &template,
            parameters: &parameters,
            artifacts: &artifacts,
        };
        let stack = deploy(deployment, &client).await.unwrap();
        ministack.wait_until_unpacked().await;
        Self { client, machines: stack.outputs, scenes, _ministack: ministack, _directory: directory }
    }

    /// Step Functions as the world of that case sees it.
    pub(crate) fn outside(&self, case: &Case) -> Outside {
        Outside {
            client: self.client.clone(),
            machine: self.machines[&machines::variant(case.short.as_ref())].clone(),
            scenes: self.scenes.clone(),
            case: case.execution(),
        }
    }

    /// Runs a scene from beginning to end.
    pub(crate) async fn play(&self, scene: Arc<Scene>) -> Result<Execution, String> {
        let case = scene.case();
        let (name, commit) = (case.execution(), case.commit());
        if let Some(input) = case.road.before(&commit) {
            let before = self.run(&scene, &format!("{name}-before"), None, &input).await?;
            if before.status != "SUCCEEDED" {
                return Err(format!(
                    "what went before did not go well: {:?} {:?}",
                    before.error, before.cause
                ));
            }
        }
        scene.begin();
        let execution = self.run(&scene, &name, case.short.as_ref(), &case.road.input(&commit)).await;
        scene.close().await;
        execution
    }

    async fn run(
        &self,
        scene: &Arc<Scene>,
        name: &str,
        short: Option<&Task>,
        input: &Value,
    ) -> Result<Execution, String> {
        let machine = &self.machines[&machines::variant(short)];
        self.scenes.lock().unwrap().insert(name.to_owned(), scene.clone());
        let started = self.client.start_execution(machine, Some(name), &input.to_string()).await;
        let arn = started.map_err(told)?;
        let begun = Instant::now();
        loop {
            if tokio::time::timeout(GLANCE, scene.about_to_end()).await.is_ok() {
                tokio::time::sleep(LOOK).await;
            }
            let execution = self.client.execution(&arn).await.map_err(told)?;
            if !execution.is_running() {
                return Ok(execution);
            }
            if begun.elapsed() > LONGEST {
                return Err(format!("it did not end; it was called so: {}", scene.programme()));
            }
        }
    }
}

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// A call of the player.
async fn called(State(scenes): State<Scenes>, body: String) -> Response {
    let mut input: Value = serde_json::from_str(&body).unwrap();
    let caller = input.as_object_mut().unwrap().remove("matrix").unwrap();
    let release = caller["release"].as_str().unwrap();
    let name = release.rsplit(':').next().unwrap();
    let scene = scenes.lock().unwrap().get(name).cloned();
    let reply = match scene {
        Some(scene) => scene.called(&caller, input).await,
        None => Reply::Fail("NoScene".to_owned(), format!("{name} is not played any more")),
    };
    let (verdict, body) = match reply {
        Reply::Answer(value) => ("answer", value),
        Reply::Fail(error, words) => ("fail", json!({ "errorType": error, "errorMessage": words })),
        Reply::Die => ("die", Value::Null),
    };
    let mut headers = HeaderMap::new();
    headers.insert("matrix-verdict", verdict.parse().unwrap());
    (headers, body.to_string()).into_response()
}

/// The real Step Functions' side of a world.
#[derive(Clone)]
pub(crate) struct Outside {
    client: Client,
    machine: String,
    scenes: Scenes,
    /// The execution whose world it is.
    case: String,
}

#[async_trait]
impl WorldOutside for Outside {
    async fn state(&self, execution: &ExecutionArn) -> ExecutionState {
        match self.client.execution(execution.as_str()).await.map(|execution| execution.status) {
            Ok(status) if status == "RUNNING" => ExecutionState::Running,
            Ok(status) if status == "SUCCEEDED" => ExecutionState::Succeeded,
            Ok(status) if status == "FAILED" => ExecutionState::Failed,
            Ok(_) => ExecutionState::Aborted,
            Err(_) => ExecutionState::Gone,
        }
    }

    async fn start(&self, name: &str, input: &Value) -> Started {
        let scene = self.scenes.lock().unwrap().get(&self.case).cloned();
        self.scenes.lock().unwrap().insert(name.to_owned(), scene.unwrap());
        let started = self.client.start_execution(&self.machine, Some(name), &input.to_string()).await;
        let exists = |error: &ClientError| error.code() == Some("ExecutionAlreadyExists");
        if started.as_ref().is_err_and(exists) {
            return Started::Before;
        }
        started.unwrap();
        Started::Now
    }

    async fn stop(&self, execution: &ExecutionArn) {
        // It may have ended by itself in this moment.
        let _ = self.client.stop_execution(execution.as_str()).await;
    }

    async fn succeed(&self, token: &str) -> bool {
        self.client.send_task_success(token, &json!({})).await.unwrap()
    }

    async fn fail(&self, token: &str, error: &str) -> bool {
        self.client.send_task_failure(token, error).await.unwrap()
    }
}
