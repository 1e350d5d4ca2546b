//! The lock of a stage: one release at a time writes to it. The owner is an execution, not a lease with a clock.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::end::End;
use crate::names::{ExecutionArn, PlanHash, ReleaseId, StageName, TaskArn};

/// A lock that somebody has. A free lock has no row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// The stage.
    pub stage: StageName,
    /// The release machine's execution that has it.
    pub owner: ExecutionArn,
    /// Its release.
    pub release: ReleaseId,
    /// The execution that carries out the plan. `None`: nothing has been written in the stage.
    pub rollout: Option<ExecutionArn>,
    /// The plan that it carries out.
    pub plan: Option<PlanHash>,
    /// Tasks that were started.
    pub tasks: Vec<TaskArn>,
    /// Since when, in world time.
    pub acquired_at: Timestamp,
    /// Why the lock is kept on purpose, for a person to look at the stage.
    pub kept: Option<String>,
}

/// Somebody who waits for a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiter {
    /// The stage.
    pub stage: StageName,
    /// The execution that waits.
    pub execution: ExecutionArn,
    /// Its release.
    pub release: ReleaseId,
    /// Since when, in world time.
    pub since: Timestamp,
}

impl Lock {
    /// May this release execution write to the stage? Not when the lock is kept: then a person looks first.
    pub fn is_writable_by(&self, execution: &ExecutionArn) -> bool {
        self.owner == *execution && self.kept.is_none()
    }

    /// Who has it, as those who wait are told.
    pub fn held_by(&self) -> String {
        match &self.kept {
            None => self.release.to_string(),
            Some(reason) => format!("{} (kept: {reason})", self.release),
        }
    }

    /// What is to become of the lock when its owner ends so.
    ///
    /// A stage that needs a person keeps its lock; so does one where nobody knows whether it was left whole, which is
    /// when the owner died after a rollout had begun.
    pub fn fate(&self, owner: OwnerEnd<'_>) -> Fate {
        if self.kept.is_some() {
            return Fate::Stays;
        }
        match owner {
            OwnerEnd::Recorded(End::FailedDirty, reason) => Fate::Keep(reason.to_owned()),
            OwnerEnd::Recorded(End::Succeeded | End::Declined | End::RolledBack | End::FailedClean, _) => {
                Fate::PassOn
            }
            OwnerEnd::Died if self.rollout.is_none() => Fate::PassOn,
            OwnerEnd::Died => {
                Fate::Keep(format!("{} stopped while it was changing {}", self.release, self.stage))
            }
        }
    }
}

/// How the execution that has a lock ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerEnd<'a> {
    /// Its release has an end on record, with the reason.
    Recorded(End, &'a str),
    /// It ended without recording one.
    Died,
}

/// What is to become of a lock whose owner has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It goes to the oldest waiter, or is free.
    PassOn,
    /// It is kept, with the reason.
    Keep(String),
    /// It is kept already.
    Stays,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        Lock {
            stage: StageName::new("production").unwrap(),
            owner: execution("one"),
            release: ReleaseId::new("exchange-4f2a9c1-1").unwrap(),
            rollout: None,
            plan: None,
            tasks: Vec::new(),
            acquired_at: Timestamp::UNIX_EPOCH,
            kept: None,
        }
    }

    fn execution(name: &str) -> ExecutionArn {
        ExecutionArn::new(format!("arn:aws:states:us-west-2:111122223333:execution:release:{name}")).unwrap()
    }

    #[test]
    fn only_the_owner_writes_and_nobody_while_the_lock_is_kept() {
        let mut lock = lock();
        assert!(lock.is_writable_by(&execution("one")));
        assert!(!lock.is_writable_by(&execution("two")));
        lock.kept = Some("look at web".to_owned());
        assert!(!lock.is_writable_by(&execution("one")));
        assert!(lock.held_by().contains("look at web"));
    }

    #[test]
    fn t08_the_lock_of_an_owner_that_died_is_passed_on_only_if_nothing_was_begun() {
        let mut lock = lock();
        assert_eq!(lock.fate(OwnerEnd::Died), Fate::PassOn);
        lock.rollout = Some(execution("rollout"));
        assert!(matches!(lock.fate(OwnerEnd::Died), Fate::Keep(reason) if reason.contains("production")));
    }

    #[test]
    fn t08_a_recorded_end_decides_and_a_kept_lock_stays_kept() {
        let mut lock = lock();
        lock.rollout = Some(execution("rollout"));
        for end in End::ALL {
            let fate = lock.fate(OwnerEnd::Recorded(end, "web never started"));
            let expected = if end == End::FailedDirty {
                Fate::Keep("web never started".to_owned())
            } else {
                Fate::PassOn
            };
            assert_eq!(fate, expected, "{end}");
        }
        lock.kept = Some("look at web".to_owned());
        assert_eq!(lock.fate(OwnerEnd::Recorded(End::Succeeded, "")), Fate::Stays);
        assert_eq!(lock.fate(OwnerEnd::Died), Fate::Stays);
    }
}
