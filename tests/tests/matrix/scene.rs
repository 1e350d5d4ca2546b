//! One case being played: every call of a function is counted, runs its step in the case's own world, and meets the
//! fault that is planned for it.

mod dying;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use gantry_domain::names::ExecutionArn;
use gantry_steps::testing::{Failure, People, World, WorldOutside};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::case::{Case, Fault, Moment, PREPRODUCTION, PRODUCTION, Place, Road, Way};
use crate::machines::{Task, Which};
use crate::outside::Outside;
use dying::Deaths;

/// What the player is to do.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer(Value),
    Fail(String, String),
    Die,
}

/// Who calls.
struct Call {
    place: Place,
    function: String,
    execution: String,
    /// The execution of the release machine: the same, or the one that it belongs to.
    release: String,
    token: Option<String>,
    /// Which call of this state in this place it is.
    nth: usize,
}

/// A case at work.
pub(crate) struct Scene {
    case: Case,
    world: World,
    outside: Outside,
    tasks: Vec<Task>,
    calls: Mutex<Vec<Place>>,
    /// How often each of the case's faults was met.
    met: Mutex<Vec<usize>>,
    /// A function has been called after which an execution ends.
    ending: watch::Sender<bool>,
    /// What went before the road is over.
    on_the_road: AtomicBool,
    /// The parent of a child that is late has moved on.
    moved_on: watch::Sender<bool>,
    over: watch::Sender<bool>,
    is_late: AtomicBool,
    deaths: Deaths,
    /// The rollouts, and whose they are.
    rollouts: Mutex<BTreeMap<String, String>>,
    /// The execution that went the road.
    execution: Mutex<String>,
    /// What AWS would not have let happen.
    impossible: Mutex<Vec<String>>,
}

impl Scene {
    pub(crate) async fn new(case: Case, tasks: &[Task], outside: Outside) -> Self {
        let people = match case.road {
            Road::Refused => People::Refuse,
            Road::Moved => People::AgreeWhileTheWorldMoves,
            _ => People::Agree,
        };
        let world = World::new(&case.commit(), people, Box::new(outside.clone())).await;
        match case.road {
            Road::BrokenInProduction | Road::Stuck => world.deployment_fails(PRODUCTION, "sidekiq"),
            Road::BrokenInPreproduction => world.deployment_fails(PREPRODUCTION, "sidekiq"),
            Road::Straight
            | Road::Refused
            | Road::Moved
            | Road::UndoneByHand
            | Road::Unclaimable
            | Road::Lost
            | Road::PutBack => {}
        }
        Self {
            met: Mutex::new(vec![0; case.faults.len()]),
            case,
            world,
            outside,
            tasks: tasks.to_vec(),
            calls: Mutex::default(),
            ending: watch::Sender::new(false),
            on_the_road: AtomicBool::new(false),
            moved_on: watch::Sender::new(false),
            over: watch::Sender::new(false),
            is_late: AtomicBool::new(false),
            deaths: Deaths::default(),
            rollouts: Mutex::default(),
            execution: Mutex::default(),
            impossible: Mutex::default(),
        }
    }

    pub(crate) fn case(&self) -> &Case {
        &self.case
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn outside(&self) -> &Outside {
        &self.outside
    }

    /// The road begins: what went before is not counted, and calls meet what is planned for them.
    pub(crate) fn begin(&self) {
        self.calls.lock().unwrap().clear();
        self.on_the_road.store(true, Ordering::Relaxed);
        self.ending.send_replace(false);
    }

    pub(crate) fn is_on_the_road(&self) -> bool {
        self.on_the_road.load(Ordering::Relaxed)
    }

    /// Another execution begins, which has an end of its own.
    pub(crate) fn goes_on(&self) {
        self.ending.send_replace(false);
    }

    /// Comes back when a function has been called after which an execution ends.
    pub(crate) async fn about_to_end(&self) {
        self.wait_for(&self.ending).await;
    }

    /// The faults that were never met.
    pub(crate) fn missed(&self) -> Vec<String> {
        let met = self.met.lock().unwrap();
        let faults = self.case.faults.iter().zip(met.iter());
        faults
            .filter(|(_, met)| **met == 0)
            .map(|((place, nth, fault), _)| format!("call {nth} of {place} {fault}"))
            .collect()
    }

    /// Every call so far, in order.
    pub(crate) fn calls(&self) -> Vec<Place> {
        self.calls.lock().unwrap().clone()
    }

    /// The same for people.
    pub(crate) fn programme(&self) -> String {
        self.calls().iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ")
    }

    /// Lets go of everything that is still held.
    pub(crate) async fn close(&self) {
        self.over.send_replace(true);
        self.moved_on.send_replace(true);
    }

    /// A function was called.
    pub(crate) async fn called(&self, caller: &Value, input: Value) -> Reply {
        let call = self.note(caller, &input);
        self.let_writers_end(&call).await;
        if call.place.machine == Which::Release || call.place.way == Way::Back {
            let late = self.is_late.load(Ordering::Relaxed);
            let own = self.is_about(&call, |fault| *fault == Fault::ChildLate).is_some();
            if late && !own {
                self.moved_on.send_replace(true);
            }
        }
        let reply = match self.planned(&call) {
            None => self.play(&call, input).await,
            Some((index, fault)) => {
                self.met.lock().unwrap()[index] += 1;
                self.meet(&call, input, &fault).await
            }
        };
        self.has_been_called(&call);
        if call.function == "RecordEnd" {
            self.ending.send_replace(true);
        }
        reply
    }

    fn note(&self, caller: &Value, input: &Value) -> Call {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let machine = if caller["machine"] == "release" { Which::Release } else { Which::Rollout };
        let (execution, release) = (text(&caller["execution"]), text(&caller["release"]));
        let stage = text(&input["stage"]);
        let back = machine == Which::Rollout && !execution.ends_with(&format!("-{stage}"));
        if machine == Which::Rollout {
            self.belongs(&execution, &release);
        }
        let way = if back { Way::Back } else { Way::Forth };
        let place = Place { machine, state: text(&caller["state"]), stage, way };
        let mut calls = self.calls.lock().unwrap();
        calls.push(place.clone());
        let nth = calls.iter().filter(|earlier| **earlier == place).count();
        let token = input["token"].as_str().map(str::to_owned);
        Call { nth, place, function: text(&caller["function"]), execution, release, token }
    }

    /// MiniStack lets the name of a child be used again, and forgets the first one.
    fn belongs(&self, rollout: &str, release: &str) {
        let mut rollouts = self.rollouts.lock().unwrap();
        let first = rollouts.entry(rollout.to_owned()).or_insert_with(|| release.to_owned());
        if first != release {
            let trouble =
                format!("{rollout} is {first}'s: Step Functions would not start it again for {release}");
            self.impossible.lock().unwrap().push(trouble);
        }
    }

    /// What AWS would not have let happen.
    pub(crate) fn impossible(&self) -> Vec<String> {
        self.impossible.lock().unwrap().clone()
    }

    /// The execution that went the road.
    pub(crate) fn was_played_by(&self, execution: &str) {
        execution.clone_into(&mut self.execution.lock().unwrap());
    }

    /// The execution that went the road.
    pub(crate) fn execution(&self) -> String {
        self.execution.lock().unwrap().clone()
    }

    /// Every rollout that called.
    pub(crate) fn rollouts(&self) -> Vec<String> {
        self.rollouts.lock().unwrap().keys().cloned().collect()
    }

    /// The fault of the case that this call meets.
    fn planned(&self, call: &Call) -> Option<(usize, Fault)> {
        if !self.is_on_the_road() {
            return None;
        }
        let own = self.case.faults.iter().enumerate();
        let here = own.filter(|(_, (place, ..))| self.concerns(place, call));
        let mut planned = here.filter(|(_, (place, nth, fault))| {
            let come = if *place == call.place { call.nth } else { self.calls_of_child(&call.place) };
            if fault.is_lasting() { come >= *nth } else { come == *nth }
        });
        planned.next().map(|(index, (_, _, fault))| (index, fault.clone()))
    }

    /// How often the child in that stage has called, this call included.
    fn calls_of_child(&self, place: &Place) -> usize {
        let same = |earlier: &&Place| {
            earlier.machine == place.machine && earlier.stage == place.stage && earlier.way == place.way
        };
        self.calls.lock().unwrap().iter().filter(same).count()
    }

    fn is_about(&self, call: &Call, wanted: impl Fn(&Fault) -> bool) -> Option<usize> {
        let mut faults = self.case.faults.iter();
        faults.position(|(place, _, fault)| wanted(fault) && self.concerns(place, call))
    }

    /// A fault at a state that starts a child is met in the child.
    fn concerns(&self, place: &Place, call: &Call) -> bool {
        let task = self.tasks.iter().find(|task| task.machine == place.machine && task.name == place.state);
        if task.is_some_and(|task| task.function.is_none()) {
            let way = if place.state == "RollBack" { Way::Back } else { Way::Forth };
            call.place.machine == Which::Rollout && call.place.stage == place.stage && call.place.way == way
        } else {
            *place == call.place
        }
    }

    /// As the function would do it, and as the road has it.
    async fn play(&self, call: &Call, input: Value) -> Reply {
        let own = if self.is_on_the_road() {
            self.case.road.own_faults()
        } else {
            Vec::from_iter(self.case.road.begins_with())
        };
        let comes = |(place, nth, fault): &(Place, usize, Fault)| {
            *place == call.place && if fault.is_lasting() { call.nth >= *nth } else { call.nth == *nth }
        };
        match own.into_iter().find(comes) {
            Some((.., fault)) => Box::pin(self.meet(call, input, &fault)).await,
            None => self.step(&call.function, input).await,
        }
    }

    /// Runs a step. People answer at once when it asks them.
    async fn step(&self, function: &str, input: Value) -> Reply {
        let reply = match self.world.invoke(function, input).await {
            Ok(answer) => Reply::Answer(answer),
            Err(Failure { error, words }) => Reply::Fail(error, words),
        };
        if function == "AskApproval" {
            self.world.decide().await;
        }
        reply
    }

    async fn meet(&self, call: &Call, input: Value, fault: &Fault) -> Reply {
        match fault {
            Fault::Error(error, moment, _) => {
                self.effect(call, input, *moment).await;
                self.tell_the_state(call, error).await;
                Reply::Fail(error.clone(), "as asked".to_owned())
            }
            Fault::Dies(moment, _) => {
                self.effect(call, input, *moment).await;
                self.tell_the_state(call, fault.error()).await;
                Reply::Die
            }
            Fault::Silent(moment) => {
                self.effect(call, input, *moment).await;
                // MiniStack counts the time of a state that waits for a token from its function's answer on.
                if call.token.is_none() {
                    self.wait_for(&self.over).await;
                }
                Reply::Answer(json!({}))
            }
            Fault::Empty => {
                self.effect(call, input, Moment::After).await;
                Reply::Answer(json!({}))
            }
            Fault::ChildStopped(moment) => {
                self.effect(call, input, *moment).await;
                self.outside.stop(&ExecutionArn::new(call.execution.as_str()).unwrap()).await;
                Reply::Answer(json!({}))
            }
            Fault::ChildLate => {
                self.is_late.store(true, Ordering::Relaxed);
                let reply = self.play(call, input).await;
                self.wait_for(&self.moved_on).await;
                reply
            }
            Fault::Stopped(left, death) => self.dies(call, input, *left, *death).await,
        }
    }

    /// The step runs, and nobody hears of it.
    async fn effect(&self, call: &Call, input: Value, moment: Moment) {
        if moment == Moment::After {
            self.world.lose_answers(true);
            let _ = self.world.invoke(&call.function, input).await;
            self.world.lose_answers(false);
        }
    }

    /// AWS fails a state that waits for a token when its function fails; MiniStack does not (see its notes), so the test
    /// does it in AWS's place.
    async fn tell_the_state(&self, call: &Call, error: &str) {
        if let Some(token) = &call.token {
            self.outside.fail(token, error).await;
        }
    }

    async fn wait_for(&self, what: &watch::Sender<bool>) {
        let _ = what.subscribe().wait_for(|come| *come).await;
    }
}

/// How often each place is come to.
pub(crate) fn counted(calls: &[Place]) -> BTreeMap<Place, usize> {
    let mut counts = BTreeMap::new();
    for place in calls {
        *counts.entry(place.clone()).or_insert(0) += 1;
    }
    counts
}
