//! One case being played: every call of a function is counted, runs its step in the case's own world, and meets the
//! fault that is planned for it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use gantry_domain::names::ExecutionArn;
use gantry_steps::testing::{Failure, People, World, WorldOutside};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::case::{Case, Fault, Moment, PREPRODUCTION, PRODUCTION, Place, Road, Way};
use crate::machines::{Task, Which};
use crate::theatre::Outside;

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
            Road::Straight | Road::Refused | Road::Moved | Road::UndoneByHand | Road::Unclaimable => {}
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
        }
    }

    pub(crate) fn case(&self) -> &Case {
        &self.case
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// The road begins: from now on calls are counted, and meet what is planned for them.
    pub(crate) fn begin(&self) {
        self.on_the_road.store(true, Ordering::Relaxed);
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
        let reply = if self.on_the_road.load(Ordering::Relaxed) {
            self.called_on_the_road(caller, input).await
        } else {
            self.step(caller["function"].as_str().unwrap(), input).await
        };
        if caller["function"] == "RecordEnd" {
            self.ending.send_replace(true);
        }
        reply
    }

    async fn called_on_the_road(&self, caller: &Value, input: Value) -> Reply {
        let call = self.note(caller, &input);
        if call.place.machine == Which::Release || call.place.way == Way::Back {
            let late = self.is_late.load(Ordering::Relaxed);
            let own = self.is_about(&call, |fault| *fault == Fault::ChildLate).is_some();
            if late && !own {
                self.moved_on.send_replace(true);
            }
        }
        let planned = self.planned(&call);
        match planned {
            None => self.play(&call, input).await,
            Some((index, fault)) => {
                self.met.lock().unwrap()[index] += 1;
                self.meet(&call, input, &fault).await
            }
        }
    }

    fn note(&self, caller: &Value, input: &Value) -> Call {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let machine = if caller["machine"] == "release" { Which::Release } else { Which::Rollout };
        let execution = text(&caller["execution"]);
        let back = machine == Which::Rollout && execution.ends_with("-rollback");
        let place = Place {
            machine,
            state: text(&caller["state"]),
            stage: text(&input["stage"]),
            way: if back { Way::Back } else { Way::Forth },
        };
        let mut calls = self.calls.lock().unwrap();
        calls.push(place.clone());
        let nth = calls.iter().filter(|earlier| **earlier == place).count();
        let token = input["token"].as_str().map(str::to_owned);
        Call { nth, place, function: text(&caller["function"]), execution, token }
    }

    /// The fault that this call meets. The case's own come first; those of its road are met without being counted.
    fn planned(&self, call: &Call) -> Option<(usize, Fault)> {
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

    /// As the function would do it.
    async fn play(&self, call: &Call, input: Value) -> Reply {
        let own = self.case.road.own_faults();
        let roads = own.iter().find(|(place, nth, _)| *place == call.place && call.nth >= *nth);
        if let Some((_, _, Fault::Error(error, ..))) = roads {
            return Reply::Fail(error.clone(), "as this road has it".to_owned());
        }
        self.step(&call.function, input).await
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
