//! A case of the matrix: a road, and what goes wrong on it where.

use std::fmt;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::machines::{Task, Which};

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
}

impl Road {
    pub(crate) const ALL: [Self; 8] = [
        Self::Straight,
        Self::Moved,
        Self::Refused,
        Self::BrokenInPreproduction,
        Self::BrokenInProduction,
        Self::Stuck,
        Self::UndoneByHand,
        Self::Unclaimable,
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
        if self != Self::Stuck {
            return Vec::new();
        }
        let place = Place {
            machine: Which::Rollout,
            state: "WatchWave".to_owned(),
            stage: PRODUCTION.to_owned(),
            way: Way::Back,
        };
        vec![(place, 1, Fault::Error("Inconsistent".to_owned(), Moment::Before, Times::FromNowOn))]
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
    /// The state whose timeout is short.
    pub(crate) short: Option<Task>,
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
        Self { name: format!("rehearsal-{}", road.name()), road, faults: Vec::new(), short: None }
    }
}
