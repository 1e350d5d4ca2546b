//! What must come of each fault, and why: the design's sentences as a table, not a recording of what happens.

mod stopped;

use std::collections::BTreeMap;

use gantry_domain::End;

use crate::case::{Case, Fault, PREPRODUCTION, PRODUCTION, Place, Road, Way};
use crate::machines::Task;

/// What a stage is to run when everything is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    /// What ran before, in every service.
    Old,
    /// The release, in every service.
    New,
    /// Whatever: the lock is kept and a person is called.
    AsItStands,
}

/// The right end of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Right {
    /// What is on record and what people are told; `None` for an execution that never had a release and could not say so.
    pub(crate) recorded: Option<End>,
    /// How the execution itself ends: differs where it could not read back what is on record. `None`: it is stopped.
    pub(crate) execution: Option<End>,
    /// What stands in the reason that people are told last.
    pub(crate) words: Option<&'static str>,
    /// Is the rollout stopped in which the execution died? `None`: it did not die in one.
    pub(crate) rollout_stopped: Option<bool>,
    pub(crate) stages: BTreeMap<&'static str, Runs>,
    /// The stage whose lock is kept.
    pub(crate) kept: Option<&'static str>,
    /// The stage that holds.
    pub(crate) holds: Option<&'static str>,
    pub(crate) because: &'static str,
}

/// What follows from a state that failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// There is no release to end.
    Nothing,
    /// The release ends clean, and the stage runs what it ran.
    Clean,
    /// The release goes no further, and the stage runs it: it had passed.
    NoFurther,
    /// The stage is put back.
    PutBack,
    /// The stage needs a person.
    Dirty,
    /// The release has come to its end already; only the execution does not know.
    Recorded,
}

/// The table. A state that is not in it fails the test, which says so.
const TABLE: &[(&[&str], Way, Follows, &str)] = &[
    (
        &["ClaimRelease", "PlanForApproval", "AskApproval", "ReadDecision"],
        Way::Forth,
        Follows::Clean,
        "nothing of the stage is locked or written before people have agreed",
    ),
    (
        &["AcquireLock", "PlanUnderLock", "ReleaseLockToAskAgain"],
        Way::Forth,
        Follows::Clean,
        "the stage is written to by the rollout only, and it has not begun",
    ),
    (
        &["StartTask", "WatchTask", "StartDeployments", "WatchWave", "RunChecks"],
        Way::Forth,
        Follows::PutBack,
        "a step that writes may have begun, so what it may have changed goes back",
    ),
    (
        &["RollOut"],
        Way::Forth,
        Follows::PutBack,
        "nobody knows how far a child came that returned no outcome",
    ),
    (
        &["RecordStage"],
        Way::Forth,
        Follows::PutBack,
        "what is not on record as verified could not be gone back to later",
    ),
    (
        &["ReleaseLock"],
        Way::Forth,
        Follows::NoFurther,
        "the stage passed and is on record; the end passes the lock on, and the release goes no further",
    ),
    (
        &["PlanRollback", "RollBack", "RecordRollback"],
        Way::Forth,
        Follows::Dirty,
        "a rollback is never rolled back: the lock stays, and a person is called",
    ),
    (
        &["StartDeployments", "WatchWave"],
        Way::Back,
        Follows::Dirty,
        "a rollback that fails leaves the stage to a person",
    ),
    (
        &["RecordSuccess", "RecordDecline", "RecordPutBack", "RecordFailure"],
        Way::Forth,
        Follows::Recorded,
        "what happened is on record in the release's log: whoever comes after ends the release accordingly; where there \
         is no release, the execution itself says why",
    ),
];

/// What is different where a person takes back a release that ran well.
const BY_HAND: &[(&[&str], Way, Follows, &str)] = &[(
    &["ClaimRelease", "AcquireLock", "PlanRollback"],
    Way::Forth,
    Follows::Clean,
    "nothing is put back yet: the stage runs what it ran",
)];

/// What is different for the execution that puts a stage back.
const PUTTING_BACK: &[(&[&str], Way, Follows, &str)] = &[(
    &["ClaimRelease", "AcquireLock"],
    Way::Forth,
    Follows::Dirty,
    "the stage is as it was left: the lock stays, and a person is called",
)];

/// The right end of a case.
pub(crate) fn right(case: &Case, tasks: &[Task]) -> Result<Right, String> {
    let own = of_road(case.road);
    let mut decisive = None;
    for (place, nth, fault) in &case.faults {
        let task = tasks.iter().find(|task| task.machine == place.machine && task.name == place.state);
        let passes = task.is_some_and(|task| fault.passes(task));
        if passes || is_asked_again(place, fault) {
            continue;
        }
        if decisive.replace((place, *nth, fault)).is_some() {
            return Err("two faults that both decide the end make no case".to_owned());
        }
    }
    match decisive {
        None => Ok(own),
        Some((place, nth, Fault::Stopped(left, death))) => {
            stopped::right(case.road, place, nth, *left, *death, own)
        }
        Some((place, _, fault)) => follow(case.road, place, fault, own),
    }
}

/// A question that nobody answered in its time is put again: expiry is a decision of its own (see the design).
fn is_asked_again(place: &Place, fault: &Fault) -> bool {
    place.state == "AskApproval" && matches!(fault, Fault::Silent(_))
}

fn follow(road: Road, place: &Place, fault: &Fault, own: Right) -> Result<Right, String> {
    let special = match road {
        Road::UndoneByHand => BY_HAND,
        Road::PutBack => PUTTING_BACK,
        _ => &[],
    };
    let mut rows = special.iter().chain(TABLE);
    let row = rows.find(|(states, way, ..)| states.contains(&place.state.as_str()) && *way == place.way);
    let Some((_, _, follows, because)) = row else {
        return Err(format!("say in the oracle what must come of a failure of {place}"));
    };
    if *follows == Follows::Recorded {
        let unheard = road == Road::Unclaimable && !fault.had_its_effect();
        let recorded = own.recorded.filter(|_| !unheard);
        return Ok(Right { recorded, execution: Some(End::FailedDirty), because, ..own });
    }
    // Then the stage is put back and says so: only the answer was lost.
    let said = place.state == "RecordRollback" && fault.had_its_effect();
    let right = ends(road, place, if said { Follows::PutBack } else { *follows }, own);
    Ok(Right { because, ..right })
}

/// What is to be found when that follows from a state in that place.
fn ends(road: Road, place: &Place, follows: Follows, own: Right) -> Right {
    let by_hand = road == Road::UndoneByHand;
    let stage = stage_of(place).or((road == Road::PutBack).then_some(PREPRODUCTION));
    let (end, here) = match follows {
        Follows::Nothing => {
            let unwritten = if by_hand { Runs::New } else { Runs::Old };
            let stages = own.stages.into_keys().map(|stage| (stage, unwritten)).collect();
            return Right { recorded: None, execution: None, stages, holds: None, kept: None, ..own };
        }
        Follows::Recorded => return own,
        Follows::Clean => (End::FailedClean, if by_hand { Runs::New } else { Runs::Old }),
        // Nothing comes after the last stage: what goes no further has arrived.
        Follows::NoFurther if stage == Some(PRODUCTION) => (End::Succeeded, Runs::New),
        Follows::NoFurther => (End::FailedClean, Runs::New),
        Follows::PutBack => (End::RolledBack, Runs::Old),
        Follows::Dirty => (End::FailedDirty, Runs::AsItStands),
    };
    let stages = match stage.or(by_hand.then_some(PRODUCTION)) {
        Some(PRODUCTION) => BTreeMap::from([(PREPRODUCTION, Runs::New), (PRODUCTION, here)]),
        _ => BTreeMap::from([(PREPRODUCTION, here), (PRODUCTION, Runs::Old)]),
    };
    Right {
        recorded: Some(end),
        execution: Some(end),
        words: None,
        rollout_stopped: None,
        stages,
        kept: stage.filter(|_| end == End::FailedDirty),
        holds: stage.filter(|_| end == End::RolledBack),
        because: own.because,
    }
}

fn stage_of(place: &Place) -> Option<&'static str> {
    [PREPRODUCTION, PRODUCTION].into_iter().find(|stage| *stage == place.stage)
}

/// The end of a road on which every fault passes.
fn of_road(road: Road) -> Right {
    let right = |end, preproduction, production, because| Right {
        recorded: Some(end),
        execution: Some(end),
        words: None,
        rollout_stopped: None,
        stages: BTreeMap::from([(PREPRODUCTION, preproduction), (PRODUCTION, production)]),
        kept: None,
        holds: None,
        because,
    };
    use Runs::{AsItStands, New, Old};
    match road {
        Road::Straight => {
            right(End::Succeeded, New, New, "what passes is tried again, with the effect of once")
        }
        Road::Moved => right(End::Succeeded, New, New, "people agreed a second time, to what is there now"),
        Road::Refused => right(End::Declined, New, Old, "a person said no"),
        Road::BrokenInPreproduction => Right {
            holds: Some(PREPRODUCTION),
            ..right(End::RolledBack, Old, Old, "a stage that breaks is put back, and holds")
        },
        Road::BrokenInProduction => Right {
            holds: Some(PRODUCTION),
            ..right(End::RolledBack, New, Old, "a stage that breaks is put back, and holds")
        },
        Road::UndoneByHand => Right {
            holds: Some(PRODUCTION),
            ..right(End::RolledBack, New, Old, "a person wanted what ran before, and the stage holds")
        },
        Road::Stuck => Right {
            kept: Some(PRODUCTION),
            ..right(End::FailedDirty, New, AsItStands, "a rollback that fails leaves the stage to a person")
        },
        Road::Lost => Right {
            holds: Some(PRODUCTION),
            ..right(
                End::RolledBack,
                New,
                Old,
                "nobody knows how far a rollout came that was stopped: all goes back",
            )
        },
        Road::PutBack => Right {
            holds: Some(PREPRODUCTION),
            words: Some("Its execution was stopped by a person. It was changing preproduction."),
            ..right(End::RolledBack, Old, Old, "what a dead execution had changed is put back by another")
        },
        Road::Unclaimable => right(End::FailedClean, Old, Old, "a refused execution touches nothing"),
    }
}

/// The end of an execution as Step Functions shows it.
pub(crate) fn end_of(status: &str, error: Option<&str>, output: &serde_json::Value) -> Option<End> {
    let name = if status == "SUCCEEDED" { output["end"].as_str() } else { error };
    End::ALL.into_iter().find(|end| Some(end.as_str()) == name)
}
