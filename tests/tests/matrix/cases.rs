//! Which cases there are: made from the definitions, the closed set of errors, and what each road was seen to pass when
//! nothing went wrong. A new state, a new error or a new retry is in the next run without anybody remembering it.

mod stops;

use std::collections::{BTreeMap, BTreeSet};

use gantry_domain::ErrorName;

use crate::case::{Case, Fault, Moment, Place, Road, Times, Way};
use crate::machines::{Task, Timing, Which};
use crate::scene::counted;

/// Errors that Step Functions itself raises for a function, beside those the machines retry by name.
const OF_LAMBDA: [&str; 2] = ["Lambda.ResourceNotFoundException", "Runtime.HandlerError"];

/// What a road passes when nothing goes wrong.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    /// Call by call.
    pub(crate) calls: Vec<Place>,
    /// Where its execution lets time pass.
    pub(crate) waits: Vec<Place>,
}

/// All roads.
pub(crate) type Rehearsals = BTreeMap<Road, Passed>;

/// All cases.
pub(crate) fn all(tasks: &[Task], rehearsals: &Rehearsals) -> Result<Vec<Case>, String> {
    let homes = homes(tasks, rehearsals)?;
    let mut cases = Vec::new();
    for road in Road::ALL {
        transient(road, tasks, &rehearsals[&road].calls, &mut cases);
    }
    for home in &homes {
        in_full(home, rehearsals, &mut cases);
    }
    let known: Vec<&Home<'_>> = homes.iter().collect();
    for task in tasks.iter().filter(|task| task.function.is_none()) {
        for home in Home::of_child(task, Road::UndoneByHand, rehearsals) {
            children(&home, rehearsals, &mut cases);
        }
    }
    for road in Road::ALL.into_iter().filter(|road| *road != Road::PutBack) {
        elsewhere(road, tasks, &rehearsals[&road].calls, &known, &mut cases);
    }
    // It is the same machine, and another end: nobody comes after this execution.
    for task in tasks {
        let calls = &rehearsals[&Road::PutBack].calls;
        if let Some(place) = place_of(task, calls) {
            in_full(&Home { task, road: Road::PutBack, place }, rehearsals, &mut cases);
        }
    }
    cases.extend(stops::all(tasks, rehearsals)?);
    // Executions are told apart by the names of their cases.
    let mut names = BTreeSet::new();
    match cases.iter().find(|case| !names.insert(&case.name)) {
        Some(case) => Err(format!("two cases are named {}", case.name)),
        None => Ok(cases),
    }
}

/// Where a state is tried out in full: the first place any road comes to it.
struct Home<'a> {
    task: &'a Task,
    road: Road,
    place: Place,
}

impl<'a> Home<'a> {
    /// Everywhere a road comes to a state that starts a child.
    fn of_child(task: &'a Task, road: Road, rehearsals: &Rehearsals) -> Vec<Self> {
        let places = places_of_child(task, &rehearsals[&road].calls);
        places.into_iter().map(|place| Self { task, road, place }).collect()
    }

    /// What the child calls.
    fn calls_of_child<'b>(&self, rehearsals: &'b Rehearsals) -> Vec<&'b Place> {
        let way = way_of(self.task);
        let calls = rehearsals[&self.road].calls.iter();
        let of_child = |call: &&Place| {
            call.machine == Which::Rollout && call.stage == self.place.stage && call.way == way
        };
        calls.filter(of_child).collect()
    }
}

fn homes<'a>(tasks: &'a [Task], rehearsals: &Rehearsals) -> Result<Vec<Home<'a>>, String> {
    tasks
        .iter()
        .map(|task| {
            let found = Road::ALL.into_iter().find_map(|road| {
                let place = place_of(task, &rehearsals[&road].calls)?;
                Some(Home { task, road, place })
            });
            let name = &task.name;
            found.ok_or_else(|| format!("no road comes to {name}: add one to case.rs that does"))
        })
        .collect()
}

/// Where a road comes to a state first. A child execution is where its calls are.
fn place_of(task: &Task, calls: &[Place]) -> Option<Place> {
    if task.function.is_some() {
        return calls.iter().find(|place| place.machine == task.machine && place.state == task.name).cloned();
    }
    places_of_child(task, calls).into_iter().next()
}

/// The stages in which a state starts a child, in their order.
fn places_of_child(task: &Task, calls: &[Place]) -> Vec<Place> {
    let way = way_of(task);
    let mut places: Vec<Place> = Vec::new();
    for call in calls.iter().filter(|call| call.machine == Which::Rollout && call.way == way) {
        if places.last().is_none_or(|place| place.stage != call.stage) {
            let (machine, state, stage) = (task.machine, task.name.clone(), call.stage.clone());
            places.push(Place { machine, state, stage, way: Way::Forth });
        }
    }
    places
}

/// Which way the child of that state goes.
fn way_of(task: &Task) -> Way {
    if task.name == "RollBack" { Way::Back } else { Way::Forth }
}

fn in_full(home: &Home<'_>, rehearsals: &Rehearsals, cases: &mut Vec<Case>) {
    if home.task.function.is_some() {
        final_errors(home, cases);
    } else {
        children(home, rehearsals, cases);
    }
}

/// Errors that pass: one execution meets one error at every Task of its road, once each, because the end is to be the
/// same as without.
fn transient(road: Road, tasks: &[Task], calls: &[Place], cases: &mut Vec<Case>) {
    let places: BTreeSet<&Place> = calls.iter().collect();
    let retried: BTreeSet<&String> = tasks.iter().flat_map(|task| &task.retried).collect();
    for error in retried {
        for moment in [Moment::Before, Moment::After] {
            let faults: Vec<(Place, usize, Fault)> = places
                .iter()
                .filter(|place| {
                    tasks.iter().any(|task| {
                        (task.machine, &task.name) == (place.machine, &place.state)
                            && task.function.is_some()
                            && task.retried.contains(error)
                    })
                })
                .filter(|place| road.own_faults().iter().all(|(own, ..)| own != **place))
                .map(|place| ((*place).clone(), 1, once(error, moment)))
                .collect();
            if !faults.is_empty() {
                let name = format!("passing-{}-{}-{}", road.name(), slug(error), word(moment));
                cases.push(Case { name, road, faults, timing: None });
            }
        }
    }
}

fn once(error: &str, moment: Moment) -> Fault {
    if error == "Runtime.ExitError" {
        Fault::Dies(moment, Times::Once)
    } else {
        Fault::Error(error.to_owned(), moment, Times::Once)
    }
}

/// Errors that end the release, each by itself: every name that is not retried, those that are retried in vain, silence,
/// and an answer without what it should hold.
fn final_errors(home: &Home<'_>, cases: &mut Vec<Case>) {
    let task = home.task;
    let names = ErrorName::ALL.into_iter().map(ErrorName::as_str).chain(OF_LAMBDA);
    for name in names.filter(|name| !task.retried.contains(*name)) {
        one(home, 1, Fault::Error(name.to_owned(), Moment::Before, Times::Once), cases);
    }
    one(home, 1, Fault::Error("Inconsistent".to_owned(), Moment::After, Times::Once), cases);
    if task.retried.contains("Unavailable") {
        one(home, 1, Fault::Error("Unavailable".to_owned(), Moment::Before, Times::FromNowOn), cases);
    }
    if task.retried.contains("Runtime.ExitError") {
        one(home, 1, Fault::Dies(Moment::After, Times::FromNowOn), cases);
    }
    one(home, 1, Fault::Silent(Moment::Before), cases);
    one(home, 1, Fault::Silent(Moment::After), cases);
    if task.takes {
        one(home, 1, Fault::Empty, cases);
    }
}

/// A child execution fails as a whole: stopped at each of its calls, and late at each of its calls.
fn children(home: &Home<'_>, rehearsals: &Rehearsals, cases: &mut Vec<Case>) {
    for nth in 1..=home.calls_of_child(rehearsals).len() {
        one(home, nth, Fault::ChildStopped(Moment::Before), cases);
        one(home, nth, Fault::ChildStopped(Moment::After), cases);
        one(home, nth, Fault::ChildLate, cases);
    }
}

/// The other places of a state, and its later calls in a place: there only what tells them from its home is tried.
fn elsewhere(road: Road, tasks: &[Task], calls: &[Place], homes: &[&Home<'_>], cases: &mut Vec<Case>) {
    for (place, count) in counted(calls) {
        let task = tasks.iter().find(|task| task.machine == place.machine && task.name == place.state);
        let Some(task) = task else { continue };
        let home = Home { task, road, place: place.clone() };
        let is_home = homes.iter().any(|home| home.place == place && home.road == road);
        // What a road has in common with an earlier one need not be gone again, except how it ends.
        let alike = road != Road::UndoneByHand && !place.state.starts_with("Record");
        let seen = alike && earlier(road, &place, homes, cases);
        let own = road.own_faults().iter().any(|(own, ..)| *own == place);
        if own || seen {
            continue;
        }
        let first = if is_home { 2 } else { 1 };
        for nth in BTreeSet::from([first, count]).into_iter().filter(|nth| (first..=count).contains(nth)) {
            one(&home, nth, Fault::Error("AccessDenied".to_owned(), Moment::Before, Times::Once), cases);
            one(&home, nth, Fault::Error("Inconsistent".to_owned(), Moment::After, Times::Once), cases);
            one(&home, nth, Fault::Error("Throttled".to_owned(), Moment::Before, Times::FromNowOn), cases);
        }
    }
}

fn earlier(road: Road, place: &Place, homes: &[&Home<'_>], cases: &[Case]) -> bool {
    let elsewhere = |other: Road| other < road;
    let tried = cases.iter().filter(|case| !case.name.starts_with("passing-"));
    let mut tried = tried.filter(|case| elsewhere(case.road) || case.road != road);
    tried.any(|case| case.faults.iter().any(|(at, ..)| at == place))
        || homes.iter().any(|home| home.place == *place && home.road != road)
}

fn one(home: &Home<'_>, nth: usize, fault: Fault, cases: &mut Vec<Case>) {
    let timing = fault.needs_short_timeout().then(|| Timing::Short(home.task.clone()));
    let (road, place) = (home.road, &home.place);
    let name = name_of(road, place, nth, &fault);
    cases.push(Case { name, road, faults: vec![(place.clone(), nth, fault)], timing });
}

fn name_of(road: Road, place: &Place, nth: usize, fault: &Fault) -> String {
    let machine = if place.way == Way::Back { "back" } else { place.machine.name() };
    let what = slug(&format!("{}-{fault}", place.stage));
    format!("{}-{machine}-{}-{nth}-{what}", road.name(), place.state)
}

fn word(moment: Moment) -> &'static str {
    match moment {
        Moment::Before => "before",
        Moment::After => "after",
    }
}

/// For names of executions.
fn slug(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-")
}
