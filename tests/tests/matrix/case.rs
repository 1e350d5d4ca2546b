//! A case of the matrix: a road, and what goes wrong on it where.

use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::machines::{Task, Timing, Which};

/// Is the stage being brought forward, or put back?
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    Forth,
    Back,
}

/// A place on the road: a Task state in a stage.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) machine: Which,
    pub(crate) state: String,
    /// Empty where the state does not know one yet.
    pub(crate) stage: String,
    pub(crate) way: Way,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = if self.stage.is_empty() { "no stage" } else { &self.stage };
        let back = if self.way == Way::Back { ", going back" } else { "" };
        write!(f, "{}.{} ({stage}{back})", self.machine.name(), self.state)
    }
}

/// Before the step has had its effect, or after: then its answer is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Before,
    After,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    Once,
    FromNowOn,
}

/// What becomes of the function that is at work in the state in which an execution dies: nobody stops a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Left {
    /// It never has its effect.
    Undone,
    /// It has had its effect.
    Done,
    /// It goes on, and has its effect when all others believe that it cannot any more: after the death was found out, and
    /// after whoever goes on with the release has the lock.
    Late,
}

impl Left {
    pub(crate) const ALL: [Self; 3] = [Self::Undone, Self::Done, Self::Late];
}

/// How an execution of the release machine dies without recording its end, and who finds out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    /// A person stops it, and the event of its end arrives.
    Stopped,
    /// It takes longer than it may, and the event of its end arrives.
    TimedOut,
    /// A person stops it, and no event of an end arrives from then on: there is only the sweeper.
    Unheard,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The function fails with that error.
    Error(String, Moment, Times),
    /// The function's process ends.
    Dies(Moment, Times),
    /// No answer until the state's time is over.
    Silent(Moment),
    /// The function answers without what the state takes from it.
    Empty,
    /// The child execution is stopped during that call of one of its functions.
    ChildStopped(Moment),
    /// The child execution takes longer than it may, and goes on once its parent has moved on.
    ChildLate,
    /// The execution of the release machine itself ends without recording it: in that state, or during that call of its child.
    Stopped(Left, Death),
}

impl Fault {
    /// The error that Step Functions sees.
    pub(crate) fn error(&self) -> &str {
        match self {
            Self::Error(name, ..) => name,
            Self::Dies(..) => "Runtime.ExitError",
            Self::Silent(_) | Self::ChildLate => "States.Timeout",
            Self::Empty => "States.QueryEvaluationError",
            Self::ChildStopped(_) => "States.TaskFailed",
            Self::Stopped(_, Death::TimedOut) => "(TIMED_OUT)",
            Self::Stopped(..) => "(ABORTED)",
        }
    }

    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Error(_, _, Times::FromNowOn) | Self::Dies(_, Times::FromNowOn))
    }

    /// Did the step do all it does, so that only its answer was lost?
    pub(crate) fn had_its_effect(&self) -> bool {
        match self {
            Self::Error(_, moment, _) | Self::Dies(moment, _) | Self::Silent(moment) => {
                *moment == Moment::After
            }
            Self::ChildStopped(moment) => *moment == Moment::After,
            Self::Stopped(left, _) => *left == Left::Done,
            Self::Empty => true,
            Self::ChildLate => false,
        }
    }

    pub(crate) fn needs_short_timeout(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::ChildLate)
    }

    /// Does the machine try again, so that nothing is lost?
    pub(crate) fn passes(&self, task: &Task) -> bool {
        !self.is_lasting() && task.retried.contains(self.error())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = |moment: &Moment| match moment {
            Moment::Before => "",
            Moment::After => " after its effect",
        };
        match self {
            Self::Error(name, moment, times) => {
                let lasting = if *times == Times::FromNowOn { ", again and again" } else { "" };
                write!(f, "fails with {name}{}{lasting}", when(moment))
            }
            Self::Dies(moment, times) => {
                let lasting = if *times == Times::FromNowOn { ", again and again" } else { "" };
                write!(f, "dies{}{lasting}", when(moment))
            }
            Self::Silent(moment) => write!(f, "is not heard of{}", when(moment)),
            Self::Empty => f.write_str("answers without what the state takes"),
            Self::ChildStopped(moment) => write!(f, "is stopped{}", when(moment)),
            Self::ChildLate => f.write_str("takes too long, and goes on"),
            Self::Stopped(left, death) => {
                let death = match death {
                    Death::Stopped => "its release is stopped",
                    Death::TimedOut => "its release times out",
                    Death::Unheard => "its release is stopped unheard",
                };
                let left = match left {
                    Left::Undone => "before its effect",
                    Left::Done => "after its effect",
                    Left::Late => "and it goes on",
                };
                write!(f, "{death} {left}")
            }
        }
    }
}

/// What people and ECS do on a road, whatever goes wrong with the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Road {
    /// Everything is well.
    Straight,
    /// People say no.
    Refused,
    /// Somebody deploys by hand right after people agreed.
    Moved,
    /// The new version does not start in production.
    BrokenInProduction,
    /// The new version does not start in pre-production.
    BrokenInPreproduction,
    /// As [`Self::BrokenInProduction`], and going back cannot be watched.
    Stuck,
    /// The release ran well in both stages before this execution, by which a person takes it back in production.
    UndoneByHand,
    /// The execution was started with something that is no release.
    Unclaimable,
    /// The rollout in production is stopped by hand while its migration runs.
    Lost,
    /// The execution was stopped by hand while it was changing pre-production. The road is that of the execution which puts the
    /// stage back.
    PutBack,
}

impl Road {
    pub(crate) const ALL: [Self; 10] = [
        Self::Straight,
        Self::Moved,
        Self::Refused,
        Self::BrokenInPreproduction,
        Self::BrokenInProduction,
        Self::Stuck,
        Self::UndoneByHand,
        Self::Unclaimable,
        Self::Lost,
        Self::PutBack,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Straight => "straight",
            Self::Refused => "refused",
            Self::Moved => "moved",
            Self::BrokenInProduction => "broken-in-production",
            Self::BrokenInPreproduction => "broken-in-preproduction",
            Self::Stuck => "stuck",
            Self::UndoneByHand => "undone-by-hand",
            Self::Unclaimable => "unclaimable",
            Self::Lost => "lost",
            Self::PutBack => "put-back",
        }
    }

    /// What the execution is started with.
    pub(crate) fn input(self, commit: &str) -> Value {
        match self {
            Self::Unclaimable => json!({"commits": commit}),
            Self::UndoneByHand => json!({"rollback": {"stage": PRODUCTION}}),
            _ => json!({"commit": commit}),
        }
    }

    /// The execution that went well before this road begins, if there is one: its input.
    pub(crate) fn before(self, commit: &str) -> Option<Value> {
        (self == Self::UndoneByHand).then(|| json!({"commit": commit}))
    }

    /// What goes wrong on this road in any case.
    pub(crate) fn own_faults(self) -> Vec<(Place, usize, Fault)> {
        let in_rollout = |state: &str, way: Way| Place {
            machine: Which::Rollout,
            state: state.to_owned(),
            stage: PRODUCTION.to_owned(),
            way,
        };
        match self {
            Self::Stuck => {
                let fails = Fault::Error("Inconsistent".to_owned(), Moment::Before, Times::FromNowOn);
                vec![(in_rollout("WatchWave", Way::Back), 1, fails)]
            }
            Self::Lost => {
                vec![(in_rollout("StartTask", Way::Forth), 1, Fault::ChildStopped(Moment::After))]
            }
            _ => Vec::new(),
        }
    }

    /// Where the execution died that had the release before this road begins: during that call of its child.
    pub(crate) fn begins_with(self) -> Option<(Place, usize, Fault)> {
        let place = || Place {
            machine: Which::Rollout,
            state: "WatchWave".to_owned(),
            stage: PREPRODUCTION.to_owned(),
            way: Way::Forth,
        };
        // The second of two waves has begun.
        (self == Self::PutBack).then(|| (place(), 3, Fault::Stopped(Left::Done, Death::Stopped)))
    }
}

pub(crate) const PREPRODUCTION: &str = "preproduction";
pub(crate) const PRODUCTION: &str = "production";

/// One run of the machines.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) road: Road,
    /// Where, at which call there (of a child execution: at which of its calls), and what. Each must be reached.
    pub(crate) faults: Vec<(Place, usize, Fault)>,
    /// The state that takes another time than it does otherwise.
    pub(crate) timing: Option<Timing>,
}

impl Case {
    /// What its execution is called: Step Functions takes no more than 80 characters.
    pub(crate) fn execution(&self) -> String {
        format!("matrix-{}", &self.commit()[..20])
    }

    /// The commit that it releases: no two cases have one in common, since children are named after it.
    pub(crate) fn commit(&self) -> String {
        hex::encode(&Sha256::digest(&self.name)[..20])
    }

    pub(crate) fn rehearsal(road: Road) -> Self {
        Self { name: format!("rehearsal-{}", road.name()), road, faults: Vec::new(), timing: None }
    }
}
