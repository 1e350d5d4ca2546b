//! In which states an execution of the release machine dies: in each in which it can be found waiting, made from the
//! definition and from what each road was seen to pass.

use super::{Home, Rehearsals, name_of};
use crate::case::{Case, Death, Fault, Left, Place, Road};
use crate::machines::{Task, Timing, Which, waits};
use crate::oracle::{self, Right};
use crate::scene::counted;

/// A place where an execution dies, and at which call there.
struct Stop {
    road: Road,
    place: Place,
    nth: usize,
    timing: Option<Timing>,
}

/// All of them. What must come of it decides which are alike: in a place that several roads come to, one of them is
/// enough if the same must come of it.
pub(super) fn all(tasks: &[Task], rehearsals: &Rehearsals) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    let mut seen: Vec<(Place, usize, Left, Right)> = Vec::new();
    let mut sampled: Vec<String> = Vec::new();
    for stop in stops(tasks, rehearsals)? {
        let has_function = stop.timing.is_none();
        for left in Left::ALL.into_iter().filter(|left| has_function || *left == Left::Undone) {
            let case = stop.case(left, Death::Stopped);
            let alike = (stop.place.clone(), stop.nth, left, oracle::right(&case, tasks)?);
            if !seen.contains(&alike) {
                seen.push(alike);
                cases.push(case);
            }
        }
        // Once for each state: how it died is all that is different, and who finds out.
        if has_function && !sampled.contains(&stop.place.state) {
            sampled.push(stop.place.state.clone());
            cases.push(stop.case(Left::Done, Death::TimedOut));
            cases.push(stop.case(Left::Done, Death::Unheard));
        }
    }
    Ok(cases)
}

impl Stop {
    fn case(&self, left: Left, death: Death) -> Case {
        let fault = Fault::Stopped(left, death);
        let name = name_of(self.road, &self.place, self.nth, &fault);
        let faults = vec![(self.place.clone(), self.nth, fault)];
        Case { name, road: self.road, faults, timing: self.timing.clone() }
    }
}

fn stops(tasks: &[Task], rehearsals: &Rehearsals) -> Result<Vec<Stop>, String> {
    let mut stops = Vec::new();
    let mut tried: Vec<&str> = Vec::new();
    for road in Road::ALL {
        let passed = &rehearsals[&road];
        let own: Vec<Place> = road.own_faults().into_iter().map(|(place, ..)| place).collect();
        for (place, count) in counted(&passed.calls) {
            if place.machine == Which::Release && !own.contains(&place) {
                let nths = if count > 1 { vec![1, count] } else { vec![1] };
                stops.extend(nths.into_iter().map(|nth| Stop {
                    road,
                    place: place.clone(),
                    nth,
                    timing: None,
                }));
            }
        }
        for task in tasks.iter().filter(|task| task.function.is_none()) {
            for home in Home::of_child(task, road, rehearsals) {
                let calls = home.calls_of_child(rehearsals);
                let own = |nth: &usize| own.contains(calls[nth - 1]);
                // In full where the child is first come to; elsewhere where it begins and where it ends.
                let first = !tried.contains(&task.name.as_str());
                let of_its_own = matches!(road, Road::UndoneByHand | Road::PutBack);
                tried.push(&task.name);
                let nths =
                    (1..=calls.len()).filter(|nth| first || of_its_own || *nth == 1 || *nth == calls.len());
                let nths = nths.filter(|nth| !own(nth));
                stops.extend(nths.map(|nth| Stop { road, place: home.place.clone(), nth, timing: None }));
            }
        }
        for place in &passed.waits {
            let timing = Some(Timing::Long(place.state.clone()));
            stops.push(Stop { road, place: place.clone(), nth: 1, timing });
        }
    }
    for wait in waits() {
        if !stops.iter().any(|stop| stop.place.state == wait) {
            return Err(format!("no road comes to {wait}: add one to case.rs that does"));
        }
    }
    Ok(stops)
}
