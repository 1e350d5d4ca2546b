//! A whole road in memory: every step over the fakes, called by the name of its function, for tests that run the real
//! state machines around it.
//!
//! One release of a small pipeline goes through it: one component, a migration, two waves of one service and an HTTP
//! check in each of two stages, of which the second asks people. Waiting states and executions are real, so they come in
//! through [`WorldOutside`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::approval::Choice;
use gantry_domain::candidate::{ImageFact, PushFact, WorkflowFact, WorkflowState};
use gantry_domain::changes::ChangedPaths;
use gantry_domain::names::{
    BranchName, CommitPrefix, CommitSha, Digest, ExecutionArn, ReleaseId, ServiceName, StageName, Tag,
};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::{End, ErrorName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{FakeClock, FakeLogs, FakeProbe, FakeRegistry, FakeStage, Fate, MemoryStore, answered, given};
use crate::StepError;
use crate::acquire_lock::AcquireLock;
use crate::aftermath::Aftermath;
use crate::ask_approval::AskApproval;
use crate::claim_release::ClaimRelease;
use crate::decide::{Decide, Told};
use crate::plan_rollback::PlanRollback;
use crate::plan_stage::PlanStage;
use crate::ports::store::{Approvals, Candidates, Deliver, Locks, Verified};
use crate::ports::{
    Answered, ExecutionState, Executions, PortError, StartRelease, Started, StopExecutions, TaskToken,
    TaskTokens,
};
use crate::read_decision::ReadDecision;
use crate::record_end::RecordEnd;
use crate::record_rollback::RecordRollback;
use crate::record_stage::RecordStage;
use crate::release_lock::ReleaseLock;
use crate::run_checks::RunChecks;
use crate::start_deployments::StartDeployments;
use crate::start_task::StartTask;
use crate::sweep::Sweep;
use crate::watch_executions::{WatchExecutions, WatchExecutionsInput};
use crate::watch_task::WatchTask;
use crate::watch_wave::WatchWave;

/// What the world does not play itself: Step Functions.
#[async_trait]
pub trait WorldOutside: Send + Sync {
    /// How the execution is doing.
    async fn state(&self, execution: &ExecutionArn) -> ExecutionState;
    /// Starts an execution of the release machine.
    async fn start(&self, name: &str, input: &Value) -> Started;
    /// Stops an execution.
    async fn stop(&self, execution: &ExecutionArn);
    /// Lets a waiting state go on. `false`: it does not wait any more.
    async fn succeed(&self, token: &str) -> bool;
    /// Lets a waiting state fail. `false`: it does not wait any more.
    async fn fail(&self, token: &str, error: &str) -> bool;
}

/// What passes of the world's time between two calls: Wait states have it pass outside.
const BETWEEN: Duration = Duration::from_secs(10);

/// What the people of this world do when they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// They agree.
    Agree,
    /// They say no.
    Refuse,
    /// They agree, and somebody deploys by hand right after the first time, so that they have to be asked again.
    AgreeWhileTheWorldMoves,
}

/// A step that failed, as Step Functions would be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the state machine sees.
    pub error: String,
    /// What people read.
    pub words: String,
}

/// One world. Its time passes only when a step sleeps.
pub struct World {
    pipeline: Pipeline,
    commit: CommitSha,
    store: MemoryStore,
    clock: &'static FakeClock,
    stages: BTreeMap<StageName, FakeStage<'static>>,
    registry: FakeRegistry,
    logs: FakeLogs,
    probe: FakeProbe,
    people: People,
    asked: Mutex<u32>,
    outside: Box<dyn WorldOutside>,
    /// Executions whose tokens are not answered just now: the answer is lost on its way.
    deaf: Mutex<bool>,
}

impl World {
    /// Every service runs digest `a`; a commit that brings digest `b` is ready to be released.
    pub async fn new(commit: &str, people: People, outside: Box<dyn WorldOutside>) -> Self {
        let pipeline = small();
        let commit = CommitSha::new(commit).unwrap();
        // A few bytes for each world: its stages live as long as the clock they look at.
        let clock: &'static FakeClock = Box::leak(Box::new(FakeClock::at("2026-11-21T12:00:00Z")));
        let running = |stage: &gantry_domain::pipeline::Stage| {
            (stage.name.clone(), FakeStage::running(&pipeline, &given::digest('a'), clock))
        };
        let stages = pipeline.stages.iter().map(running).collect();
        let world = Self {
            store: MemoryStore::default(),
            registry: FakeRegistry::default(),
            logs: FakeLogs::default(),
            probe: FakeProbe::answering([answered(200, r#"{"status": "ok"}"#)]),
            asked: Mutex::default(),
            deaf: Mutex::default(),
            pipeline,
            commit,
            clock,
            stages,
            people,
            outside,
        };
        world.push().await;
        world
    }

    /// The commit was pushed, its image and its workflow are there.
    async fn push(&self) {
        let Self { pipeline, commit, store, registry, .. } = self;
        let at: jiff::Timestamp = "2026-11-21T11:50:00Z".parse().unwrap();
        let component = &pipeline.components[0];
        let push = PushFact {
            commit: commit.clone(),
            branch: BranchName::new("main").unwrap(),
            before: None,
            changes: ChangedPaths::Known([format!("{}/file", component.name)].into()),
            commits: Vec::new(),
            pushed_at: at,
        };
        store.put_push(&pipeline.name, &push).await.unwrap();
        let tag = format!("sha-{}", commit.short());
        registry.push(&component.repository, &given::digest('b'), &[&tag]);
        let image = ImageFact {
            commit: CommitPrefix::new(commit.short()).unwrap(),
            component: component.name.clone(),
            repository: component.repository.clone(),
            digest: given::digest('b'),
            tag: Tag::new(tag).unwrap(),
            pushed_at: at,
        };
        store.put_image(&pipeline.name, &image).await.unwrap();
        let workflow = WorkflowFact {
            commit: commit.clone(),
            path: format!(".github/workflows/{}.yml", component.name),
            run: 1,
            attempt: 1,
            state: WorkflowState::Succeeded,
        };
        store.put_workflow(&pipeline.name, &workflow).await.unwrap();
    }

    /// ECS takes the next deployment of that service back by itself.
    pub fn deployment_fails(&self, stage: &str, service: &str) {
        self.stages[&given::stage(stage)].fate(service, Fate::RollsBack("tasks failed to start"));
    }

    /// From now on no answer to a waiting state arrives, until this is called with `false`.
    pub fn lose_answers(&self, lost: bool) {
        *self.deaf.lock().unwrap() = lost;
    }

    /// Runs the step of a function, named as the machines name it, with what the state gives.
    pub async fn invoke(&self, function: &str, input: Value) -> Result<Value, Failure> {
        self.clock.pass(BETWEEN);
        let at = input.get("stage").and_then(Value::as_str);
        let at = at.map_or_else(|| self.pipeline.stages[0].name.clone(), given::stage);
        let stage = &self.stages[&at];
        let ports = Ports { world: self };
        let Self { pipeline, store, clock, registry, logs, probe, .. } = self;
        let (clock, tokens, executions) = (*clock, &ports, &ports);
        let (releases, plans, locks, verified, approvals) = (store, store, store, store, store);
        match function {
            "ClaimRelease" => {
                let candidates = store;
                let step = ClaimRelease {
                    pipeline,
                    releases,
                    candidates,
                    verified,
                    locks,
                    executions,
                    registry,
                    stage,
                    clock,
                };
                run(input, async |input| step.run(input).await).await
            }
            "PlanStage" => {
                let observe = stage;
                let step = PlanStage { pipeline, releases, plans, locks, verified, observe, registry, clock };
                run(input, async |input| step.run(input).await).await
            }
            "AskApproval" => {
                let step =
                    AskApproval { pipeline, releases, plans, verified, approvals, executions, tokens, clock };
                run(input, async |input| step.run(input).await).await
            }
            "ReadDecision" => run(input, async |input| ReadDecision { approvals }.run(input).await).await,
            "AcquireLock" => {
                let step = AcquireLock { locks, releases, tokens, clock };
                run(input, async |input| step.run(input).await).await
            }
            "ReleaseLock" => {
                let step = ReleaseLock { locks, releases, tokens, clock };
                run(input, async |input| step.run(input).await).await
            }
            "StartTask" => {
                let step = StartTask { plans, locks, observe: stage, deploy: stage, clock };
                run(input, async |input| step.run(input).await).await
            }
            "WatchTask" => {
                let step = WatchTask { plans, releases, observe: stage, logs, clock };
                run(input, async |input| step.run(input).await).await
            }
            "StartDeployments" => {
                let step = StartDeployments { plans, locks, observe: stage, deploy: stage, clock };
                run(input, async |input| step.run(input).await).await
            }
            "WatchWave" => {
                let step = WatchWave { plans, releases, observe: stage, logs, clock };
                run(input, async |input| step.run(input).await).await
            }
            "RunChecks" => {
                let step = RunChecks { plans, releases, probe, clock };
                run(input, async |input| step.run(input).await).await
            }
            "RecordStage" => {
                let step = RecordStage { releases, plans, verified, stage, clock };
                run(input, async |input| step.run(input).await).await
            }
            "PlanRollback" => {
                let observe = stage;
                let step = PlanRollback { pipeline, releases, plans, locks, verified, observe, clock };
                run(input, async |input| step.run(input).await).await
            }
            "RecordRollback" => {
                let (holds, observe) = (store, stage);
                let step = RecordRollback { pipeline, releases, plans, verified, holds, observe, clock };
                run(input, async |input| step.run(input).await).await
            }
            "RecordEnd" => {
                let step = RecordEnd { pipeline, releases, locks, tokens, clock };
                run(input, async |input| step.run(input).await).await
            }
            other => {
                let words = format!("function {other} is not in this world: say here how its step is run");
                Err(Failure { error: "UnknownFunction".to_owned(), words })
            }
        }
    }

    /// People answer every question that is open. Returns how many were.
    pub async fn decide(&self) -> usize {
        let ports = Ports { world: self };
        let decide = Decide { approvals: &self.store, tokens: &ports, clock: self.clock };
        let mut decided = 0;
        for stored in self.store.open().await.unwrap() {
            if stored.approval.decision.is_some() {
                continue;
            }
            let choice = match self.people {
                People::Agree | People::AgreeWhileTheWorldMoves => Choice::Approve,
                People::Refuse => Choice::Reject { reason: "not today".to_owned() },
            };
            let first = {
                let mut asked = self.asked.lock().unwrap();
                *asked += 1;
                *asked == 1
            };
            if first && self.people == People::AgreeWhileTheWorldMoves {
                self.stages[&stored.approval.stage].somebody_deploys("web");
                self.clock.pass(super::TAKES);
            }
            let told = decide.click(&stored.approval.id, &given::person("U0LEAD"), choice).await.unwrap();
            assert!(matches!(told, Told::Decided(_)), "{told:?}");
            decided += 1;
        }
        decided
    }

    /// EventBridge tells the watcher that an execution has ended.
    pub async fn hear(&self, event: Value) -> Result<(), String> {
        let input: WatchExecutionsInput = serde_json::from_value(event).map_err(|error| error.to_string())?;
        let ports = Ports { world: self };
        let heard = WatchExecutions { aftermath: self.aftermath(&ports) }.run(input).await;
        heard.map(drop).map_err(|error| format!("the watcher failed: {error:?}"))
    }

    /// The sweeper comes by.
    pub async fn sweep(&self) -> Result<(), String> {
        let ports = Ports { world: self };
        let sweep = Sweep { aftermath: self.aftermath(&ports), outbox: &self.store, deliver: &ports };
        sweep.run().await.map(drop).map_err(|error| format!("the sweeper failed: {error:?}"))
    }

    fn aftermath<'a>(&'a self, ports: &'a Ports<'a>) -> Aftermath<'a> {
        Aftermath {
            pipeline: &self.pipeline,
            releases: &self.store,
            plans: &self.store,
            approvals: &self.store,
            locks: &self.store,
            executions: ports,
            start: ports,
            stop: ports,
            tokens: ports,
            clock: self.clock,
        }
    }

    /// Lets everything that is under way come to its end.
    pub fn settle(&self) {
        self.clock.pass(Duration::from_secs(3600));
    }

    /// Every end that people were told, of whatever release.
    pub fn ends_told(&self) -> Vec<End> {
        let told = self.store.everything_told();
        told.into_iter()
            .filter_map(|(_, notice)| match notice {
                Notice::Ended { end, .. } => Some(end),
                _ => None,
            })
            .collect()
    }

    /// What people were told last of all, as they read it: end, reason and what to do next.
    pub fn last_words(&self) -> String {
        let told = self.store.everything_told().into_iter().rev();
        let ended = told.filter_map(|(_, notice)| match notice {
            Notice::Ended { end, reason, next, .. } => {
                Some(format!("{end}: {reason} {}", next.unwrap_or_default()))
            }
            _ => None,
        });
        ended.take(1).collect()
    }

    /// The stages whose lock somebody has, and the reason where it is kept on purpose.
    pub async fn locks(&self) -> BTreeMap<String, Option<String>> {
        let mut held = BTreeMap::new();
        for stage in self.stages.keys() {
            if let Some(stored) = Locks::read(&self.store, stage).await.unwrap() {
                held.insert(stage.to_string(), stored.lock.kept);
            }
        }
        held
    }

    /// How many stand in line for a lock.
    pub async fn waiting(&self) -> usize {
        let mut waiting = 0;
        for stage in self.stages.keys() {
            waiting += self.store.waiters(stage).await.unwrap().len();
        }
        waiting
    }

    /// Questions that nobody has decided, or whose decision did not arrive.
    pub async fn open_questions(&self) -> usize {
        self.store.open().await.unwrap().len()
    }

    /// The stages that hold.
    pub async fn holds(&self) -> BTreeSet<String> {
        let mut holds = BTreeSet::new();
        for stage in self.stages.keys() {
            if crate::ports::store::Holds::hold(&self.store, stage).await.unwrap().is_some() {
                holds.insert(stage.to_string());
            }
        }
        holds
    }

    /// What the services of a stage run, by service: `a` is the old version, `b` the new one.
    pub fn runs(&self, stage: &str) -> BTreeMap<String, char> {
        self.stages[&given::stage(stage)].digests().into_iter().map(letter).collect()
    }

    /// Does the history of the stage say that this release passed, and was not rolled back?
    pub async fn is_verified(&self, stage: &str) -> bool {
        let component = &self.pipeline.components[0].name;
        let rows = self.store.history(&given::stage(stage), component, u32::MAX).await.unwrap();
        rows.iter().any(|row| row.digest == given::digest('b') && !row.rolled_back)
    }

    /// What was written in a stage, in order.
    pub fn written(&self, stage: &str) -> Vec<String> {
        self.stages[&given::stage(stage)].written()
    }
}

fn letter((service, digest): (ServiceName, Digest)) -> (String, char) {
    (service.to_string(), digest.as_str().chars().last().unwrap())
}

/// The Exchange, cut down to its backend.
fn small() -> Pipeline {
    let mut pipeline = given::exchange();
    pipeline.components.truncate(1);
    let backend = &mut pipeline.components[0];
    backend.waves.truncate(2);
    backend.backup = None;
    for stage in &mut pipeline.stages {
        stage.checks.truncate(1);
    }
    pipeline
}

async fn run<I, O, E>(input: Value, step: impl AsyncFnOnce(I) -> Result<O, E>) -> Result<Value, Failure>
where
    I: DeserializeOwned,
    O: Serialize,
    E: StepError,
{
    let failure = |error: ErrorName, words: String| Failure { error: error.as_str().to_owned(), words };
    let input =
        serde_json::from_value(input).map_err(|error| failure(ErrorName::InvalidInput, error.to_string()))?;
    let output = step(input).await.map_err(|error| failure(error.name(), error.words()))?;
    Ok(serde_json::to_value(output).unwrap())
}

/// The world's outside as the steps see it.
struct Ports<'a> {
    world: &'a World,
}

impl Ports<'_> {
    fn is_deaf(&self, call: &str) -> Result<(), PortError> {
        if *self.world.deaf.lock().unwrap() {
            let source = "lost on its way".into();
            return Err(PortError::Unavailable { call: call.to_owned(), source });
        }
        Ok(())
    }
}

#[async_trait]
impl Executions for Ports<'_> {
    async fn state(&self, execution: &ExecutionArn) -> Result<ExecutionState, PortError> {
        Ok(self.world.outside.state(execution).await)
    }
}

#[async_trait]
impl StartRelease for Ports<'_> {
    async fn start(&self, name: &str, input: &Value) -> Result<Started, PortError> {
        Ok(self.world.outside.start(name, input).await)
    }
}

#[async_trait]
impl StopExecutions for Ports<'_> {
    async fn stop(&self, execution: &ExecutionArn, _: &str) -> Result<(), PortError> {
        self.world.outside.stop(execution).await;
        Ok(())
    }
}

#[async_trait]
impl TaskTokens for Ports<'_> {
    async fn succeed(&self, token: &TaskToken, _: &Value) -> Result<Answered, PortError> {
        self.is_deaf("SendTaskSuccess")?;
        let open = self.world.outside.succeed(token.expose()).await;
        Ok(if open { Answered::Delivered } else { Answered::Closed })
    }

    async fn fail(&self, token: &TaskToken, error: ErrorName, _: &str) -> Result<Answered, PortError> {
        self.is_deaf("SendTaskFailure")?;
        let open = self.world.outside.fail(token.expose(), error.as_str()).await;
        Ok(if open { Answered::Delivered } else { Answered::Closed })
    }
}

/// Delivery is another test's business.
#[async_trait]
impl Deliver for Ports<'_> {
    async fn deliver(&self, _: &[ReleaseId]) -> Result<(), PortError> {
        Ok(())
    }
}
