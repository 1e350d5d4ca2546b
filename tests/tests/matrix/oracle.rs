//! What must come of each fault, and why: the design's sentences as a table, not a recording of what happens.

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
    /// How the execution itself ends: differs only where it could not read back what is on record.
    pub(crate) execution: End,
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

/// The right end of a case.
pub(crate) fn right(case: &Case, tasks: &[Task]) -> Result<Right, String> {
    let own = of_road(case.road);
    let mut decisive = None;
    for (place, _, fault) in &case.faults {
        let task = tasks.iter().find(|task| task.machine == place.machine && task.name == place.state);
        let task = task.ok_or_else(|| format!("{place} is no Task"))?;
        if fault.passes(task) || is_asked_again(place, fault) {
            continue;
        }
        if decisive.replace((place, fault)).is_some() {
            return Err("two faults that both decide the end make no case".to_owned());
        }
    }
    match decisive {
        None => Ok(own),
        Some((place, fault)) => follow(case.road, place, fault, own),
    }
}

/// A question that nobody answered in its time is put again: expiry is a decision of its own (see the design).
fn is_asked_again(place: &Place, fault: &Fault) -> bool {
    place.state == "AskApproval" && matches!(fault, Fault::Silent(_))
}

fn follow(road: Road, place: &Place, fault: &Fault, own: Right) -> Result<Right, String> {
    let by_hand = road == Road::UndoneByHand;
    let special = BY_HAND.iter().filter(|_| by_hand);
    let mut rows = special.chain(TABLE);
    let row = rows.find(|(states, way, ..)| states.contains(&place.state.as_str()) && *way == place.way);
    let Some((_, _, follows, because)) = row else {
        return Err(format!("say in the oracle what must come of a failure of {place}"));
    };
    let stage = stage_of(place);
    let (end, here) = match follows {
        Follows::Recorded => {
            let unheard = road == Road::Unclaimable && !fault.had_its_effect();
            let recorded = own.recorded.filter(|_| !unheard);
            return Ok(Right { recorded, execution: End::FailedDirty, because, ..own });
        }
        Follows::Clean => (End::FailedClean, if by_hand { Runs::New } else { Runs::Old }),
        // Nothing comes after the last stage: what goes no further has arrived.
        Follows::NoFurther if stage == Some(PRODUCTION) => (End::Succeeded, Runs::New),
        Follows::NoFurther => (End::FailedClean, Runs::New),
        Follows::PutBack => (End::RolledBack, Runs::Old),
        // Then the stage is put back and says so: only the answer was lost.
        Follows::Dirty if place.state == "RecordRollback" && fault.had_its_effect() => {
            (End::RolledBack, Runs::Old)
        }
        Follows::Dirty => (End::FailedDirty, Runs::AsItStands),
    };
    let stages = match stage.or(by_hand.then_some(PRODUCTION)) {
        Some(PRODUCTION) => BTreeMap::from([(PREPRODUCTION, Runs::New), (PRODUCTION, here)]),
        _ => BTreeMap::from([(PREPRODUCTION, here), (PRODUCTION, Runs::Old)]),
    };
    Ok(Right {
        recorded: Some(end),
        execution: end,
        stages,
        kept: stage.filter(|_| end == End::FailedDirty),
        holds: stage.filter(|_| end == End::RolledBack),
        because,
    })
}

fn stage_of(place: &Place) -> Option<&'static str> {
    [PREPRODUCTION, PRODUCTION].into_iter().find(|stage| *stage == place.stage)
}

/// The end of a road on which every fault passes.
fn of_road(road: Road) -> Right {
    let right = |end, preproduction, production, because| Right {
        recorded: Some(end),
        execution: end,
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
        Road::Unclaimable => right(End::FailedClean, Old, Old, "a refused execution touches nothing"),
    }
}

/// The end of an execution as Step Functions shows it.
pub(crate) fn end_of(status: &str, error: Option<&str>, output: &serde_json::Value) -> Option<End> {
    let name = if status == "SUCCEEDED" { output["end"].as_str() } else { error };
    End::ALL.into_iter().find(|end| Some(end.as_str()) == name)
}
