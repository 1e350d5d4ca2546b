//! What must come of an execution that dies in a state, and why.

use super::{Follows, Right, ends};
use crate::case::{Death, Left, PRODUCTION, Place, Road};

/// States, when (at which call of a child, and what the function at work still does), what follows, and why. The first
/// row that fits counts. A state that is in no row fails the test, which says so.
type Row = (&'static [&'static str], fn(usize, Left) -> bool, Follows, &'static str);

const TABLE: &[Row] = &[
    (
        &["ClaimRelease"],
        |_, left| left == Left::Undone,
        Follows::Nothing,
        "nothing was claimed, so nobody is told",
    ),
    (
        &["ClaimRelease", "PlanForApproval", "AskApproval", "ReadDecision"],
        always,
        Follows::Clean,
        "nothing of the stage is locked or written before people have agreed",
    ),
    (
        &["AcquireLock", "PlanUnderLock", "ReleaseLockToAskAgain"],
        always,
        Follows::Clean,
        "the stage is written to by the rollout only, and it has not begun",
    ),
    (
        &["RollOut"],
        begins,
        Follows::Clean,
        "a rollout that has not noted itself in the lock finds that it may not write any more",
    ),
    (&["RollOut"], always, Follows::PutBack, "what the rollout may have changed goes back"),
    (
        &["RecordStage"],
        |_, left| left != Left::Done,
        Follows::PutBack,
        "what is not on record as verified could not be gone back to later",
    ),
    (
        &["RecordStage", "ReleaseLock"],
        always,
        Follows::NoFurther,
        "the stage passed and is on record, and the release goes no further",
    ),
    (
        &["LetWritersEnd", "WaitForTask", "PlanRollback"],
        always,
        Follows::PutBack,
        "going back has not begun, so another execution does it",
    ),
    (&["RollBack"], begins, Follows::PutBack, "going back has not begun, so another execution does it"),
    (
        &["RecordRollback"],
        |_, left| left == Left::Done,
        Follows::PutBack,
        "the stage is put back, and the log says so",
    ),
    (
        &["RollBack", "RecordRollback"],
        always,
        Follows::Dirty,
        "a rollback is never rolled back: the lock stays, and a person is called",
    ),
    (
        &["RecordSuccess", "RecordDecline", "RecordPutBack", "RecordFailure"],
        always,
        Follows::Recorded,
        "what happened is on record in the release's log: whoever comes after ends the release accordingly",
    ),
];

/// What is different on a road.
const ON: &[(Road, Row)] = &[
    (
        Road::Unclaimable,
        (&["ClaimRelease"], always, Follows::Nothing, "an execution that is refused never has a release"),
    ),
    (
        Road::Unclaimable,
        (
            &["RecordFailure"],
            |_, left| left == Left::Undone,
            Follows::Nothing,
            "an execution that never had a release cannot say so any more",
        ),
    ),
    (Road::Refused, (&["ReadDecision"], always, Follows::Recorded, "what people decided is on record")),
    (
        Road::UndoneByHand,
        (&["PlanRollback"], always, Follows::Clean, "nothing is put back yet: the stage runs what it ran"),
    ),
    (
        Road::UndoneByHand,
        (&["RollBack"], begins, Follows::Clean, "nothing is put back yet: the stage runs what it ran"),
    ),
    (
        Road::PutBack,
        (
            &["ClaimRelease", "AcquireLock", "LetWritersEnd", "WaitForTask", "PlanRollback", "RollBack"],
            always,
            Follows::Dirty,
            "the release is not put back twice: the lock stays, and a person is called",
        ),
    ),
];

fn always(_: usize, _: Left) -> bool {
    true
}

/// The child has not come to note itself in the lock.
fn begins(nth: usize, left: Left) -> bool {
    nth == 1 && left != Left::Done
}

/// The right end of a case in which the execution dies.
pub(super) fn right(
    road: Road,
    place: &Place,
    nth: usize,
    left: Left,
    death: Death,
    own: Right,
) -> Result<Right, String> {
    let special = ON.iter().filter(|(on, _)| *on == road).map(|(_, row)| row);
    let fits = |(states, when, ..): &&Row| states.contains(&place.state.as_str()) && when(nth, left);
    let Some((_, _, follows, because)) = special.chain(TABLE).find(fits) else {
        return Err(format!("say in the oracle what must come of an execution that dies in {place}"));
    };
    let told = match death {
        Death::Stopped | Death::Unheard => "Its execution was stopped by a person.",
        Death::TimedOut => "Its execution took longer than it may.",
    };
    // What can be read back from the log needs no reason of its own, and who puts back says why it was to be done.
    let says = match follows {
        Follows::Clean | Follows::PutBack => place.state != "RecordRollback",
        Follows::NoFurther => place.stage != PRODUCTION,
        Follows::Dirty | Follows::Nothing | Follows::Recorded => false,
    };
    let mut right = ends(road, place, *follows, own);
    if place.state == "RecordRollback" && left == Left::Late {
        // The hold is put on the stage after all. That does no harm: a person looks at it anyway.
        right.holds = right.kept;
    }
    // One that has not noted itself cannot be found, and need not be: it may not write.
    let in_rollout = ["RollOut", "RollBack"].contains(&place.state.as_str());
    right.rollout_stopped = in_rollout.then(|| !begins(nth, left));
    Ok(Right { execution: None, words: says.then_some(told).or(right.words), because, ..right })
}
