//! One MiniStack with the machines in it, and the place where the player's calls arrive: each case has a world of its
//! own, found by the name of its execution.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use gantry_local::client::{Client, Execution};
use gantry_local::ministack::{MiniStack, MiniStackOptions};
use gantry_local::package::{Artifacts, Binaries};
use gantry_local::places;
use gantry_local::stack::{Deployment, deploy};
use serde_json::{Value, json};

use crate::case::{Case, Place};
use crate::cases::Passed;
use crate::machines::{self, Timing};
use crate::outside::Outside;
use crate::scene::{Reply, Scene};

/// How much faster than real time retry delays pass.
const FACTOR: f64 = 10_000.0;
/// No execution takes longer, on however busy a machine; one that does waits for something that never comes.
const LONGEST: Duration = Duration::from_secs(90);
/// How often an execution is looked at that is about to end, and one that is not.
const LOOK: Duration = Duration::from_millis(60);
const GLANCE: Duration = Duration::from_secs(4);

pub(crate) type Scenes = Arc<Mutex<HashMap<String, Arc<Scene>>>>;

/// The stage that all cases share.
pub(crate) struct Theatre {
    client: Client,
    machines: BTreeMap<String, String>,
    scenes: Scenes,
    _ministack: MiniStack,
    _directory: tempfile::TempDir,
}

impl Theatre {
    /// Starts MiniStack and deploys the machines as they are, and once more for each of those timings.
    pub(crate) async fn open(timings: &[Timing]) -> Self {
        let scenes = Scenes::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new().route("/", post(called)).with_state(scenes.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });

        let options = MiniStackOptions { factor: FACTOR, ..MiniStackOptions::default() };
        let ministack = MiniStack::start(options).await.unwrap();
        let client = Client::new(ministack.endpoint()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (template, files) = machines::template(&address, timings);
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
        // Who goes on with a release that was stopped while it waited does not wait there in turn.
        let waits = matches!(case.timing, Some(Timing::Long(_))) && case.road.begins_with().is_none();
        let timing = case.timing.as_ref().filter(|_| !waits);
        let machine = self.machines[&machines::variant(timing)].clone();
        Outside::new(self.client.clone(), machine, self.scenes.clone(), case.execution())
    }

    /// Runs a scene from beginning to end, and lets everything come that comes after an end.
    pub(crate) async fn play(&self, scene: Arc<Scene>) -> Result<Execution, String> {
        let played = self.go(&scene).await;
        scene.close().await;
        let execution = played?;
        if scene.has_dead() {
            for rollout in scene.rollouts() {
                while self.client.execution(&rollout).await.map_err(told)?.is_running() {
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
        scene.world().sweep().await?;
        scene.world().settle();
        Ok(execution)
    }

    async fn go(&self, scene: &Arc<Scene>) -> Result<Execution, String> {
        let case = scene.case();
        let (name, commit) = (case.execution(), case.commit());
        if let Some(input) = case.road.before(&commit) {
            let before = self.run(scene, &format!("{name}-before"), None, &input).await?;
            if before.status != "SUCCEEDED" {
                return Err(format!(
                    "what went before did not go well: {:?} {:?}",
                    before.error, before.cause
                ));
            }
        }
        let begins_on_the_road = case.road.begins_with().is_none();
        if begins_on_the_road {
            scene.begin();
        }
        let mut execution = self.run(scene, &name, case.timing.as_ref(), &case.road.input(&commit)).await?;
        if !begins_on_the_road {
            scene.begin();
            scene.hear(&execution).await?;
            let started = scene.outside().started();
            scene.found_out(!started.is_empty());
            let [goes_on] = started.as_slice() else {
                return Err(format!("one execution should put the stage back: {started:?}"));
            };
            execution = self.end_of(scene, goes_on).await?;
        }
        scene.was_played_by(&execution.arn);
        self.go_on(scene, execution.clone()).await?;
        Ok(execution)
    }

    /// The ends of executions are told or found out, and what is started then comes to its end as well.
    async fn go_on(&self, scene: &Arc<Scene>, execution: Execution) -> Result<(), String> {
        let mut ended = execution;
        loop {
            let started = scene.outside().started().len();
            scene.goes_on();
            if scene.is_unheard() {
                scene.world().sweep().await?;
            } else {
                scene.hear(&ended).await?;
            }
            let more = scene.outside().started();
            scene.found_out(more.len() > started);
            if let Some(next) = more.get(started) {
                ended = self.end_of(scene, next).await?;
                scene.found_out(false);
                continue;
            }
            scene.all_writers_ended().await;
            // Whatever was not heard of, or came too late, is found by the sweeper.
            scene.world().sweep().await?;
            match scene.outside().started().get(more.len()) {
                Some(next) => ended = self.end_of(scene, next).await?,
                None => return Ok(()),
            }
        }
    }

    async fn run(
        &self,
        scene: &Arc<Scene>,
        name: &str,
        timing: Option<&Timing>,
        input: &Value,
    ) -> Result<Execution, String> {
        let machine = &self.machines[&machines::variant(timing)];
        self.scenes.lock().unwrap().insert(name.to_owned(), scene.clone());
        let started = self.client.start_execution(machine, Some(name), &input.to_string()).await;
        self.end_of(scene, &started.map_err(told)?).await
    }

    /// Waits for the end of an execution, and stops it if it is to be stopped in a state that only waits.
    async fn end_of(&self, scene: &Arc<Scene>, arn: &str) -> Result<Execution, String> {
        let begun = Instant::now();
        let glance = if scene.waits_in().is_some() { LOOK } else { GLANCE };
        loop {
            if tokio::time::timeout(glance, scene.about_to_end()).await.is_ok() {
                tokio::time::sleep(LOOK).await;
            }
            let execution = self.client.execution(arn).await.map_err(told)?;
            if !execution.is_running() {
                return Ok(execution);
            }
            if begun.elapsed() > LONGEST {
                return Err(format!("it did not end; it was called so: {}", scene.programme()));
            }
            if let Some(wait) = scene.waits_in()
                && scene.is_to_be_stopped()
                && self.waits(arn).await?.last().is_some_and(|(state, _)| state == wait)
            {
                scene.stop_waiting(arn).await;
            }
        }
    }

    /// What a scene that was played without a fault came to.
    pub(crate) async fn passed(&self, scene: &Scene) -> Result<Passed, String> {
        let calls = scene.calls();
        let mut waits: Vec<Place> = Vec::new();
        for (state, next) in self.waits(&scene.execution()).await? {
            // A state that waits does so in the stage of what follows.
            let next = calls.iter().find(|call| Some(&call.state) == next.as_ref());
            let place = next.map(|next| Place { state, ..next.clone() });
            waits.extend(place.filter(|place| !waits.contains(place)));
        }
        Ok(Passed { calls, waits })
    }

    /// The Wait states that an execution of the release machine has come to, each with the Task that came next, if one has.
    async fn waits(&self, arn: &str) -> Result<Vec<(String, Option<String>)>, String> {
        let history = self.client.history(arn).await.map_err(told)?;
        let mut found = Vec::new();
        for (index, event) in history.iter().enumerate().filter(|(_, event)| event.kind == "WaitStateEntered")
        {
            let next = history.iter().skip(index).find(|event| event.kind == "TaskStateEntered");
            found.push((event.state.clone().unwrap(), next.and_then(|event| event.state.clone())));
        }
        Ok(found)
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
