//! A hold: automation stopped for a stage after a rollback, until a newer commit comes or a person resumes it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{CommitSha, HoldId, ReleaseId, StageName};
use crate::pipeline::Stage;
use crate::release::Release;

/// A stage that lets nothing in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// Names it on the button that ends it.
    pub id: HoldId,
    /// The stage.
    pub stage: StageName,
    /// The release that was rolled back, or that rolled back.
    pub release: ReleaseId,
    /// Its commit.
    pub commit: CommitSha,
    /// When it was claimed: what was claimed later may be newer.
    pub claimed_at: Timestamp,
    /// Why.
    pub reason: String,
    /// Since when, in world time.
    pub since: Timestamp,
    /// What ends it.
    pub until: HoldEnds,
}

/// What ends a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HoldEnds {
    /// A release of a newer commit, or a person.
    NewerCommit,
    /// A person.
    Resumed,
}

/// Whether a hold lets a release in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// It waits in line.
    Waits,
    /// It comes in, and the hold is over.
    Ends,
    /// It comes in, and the hold stays: it is a rollback.
    Passes,
}

impl Stage {
    /// What ends a hold of this stage: where people decide, a person does.
    pub fn hold_ends(&self) -> HoldEnds {
        match &self.approval {
            Some(_) => HoldEnds::Resumed,
            None => HoldEnds::NewerCommit,
        }
    }
}

impl Hold {
    /// Does it let this release in?
    pub fn passage(&self, release: &Release) -> Passage {
        if release.undoes.is_some() {
            return Passage::Passes;
        }
        let newer = release.commit != self.commit && release.claimed_at > self.claimed_at;
        match self.until {
            HoldEnds::NewerCommit if newer => Passage::Ends,
            HoldEnds::NewerCommit | HoldEnds::Resumed => Passage::Waits,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::names::ExecutionArn;
    use crate::release::{Origin, Undoing};
    use crate::testing::exchange;

    fn release(commit: char, claimed_at: i64) -> Release {
        let commit = CommitSha::new(commit.to_string().repeat(40)).unwrap();
        Release {
            id: crate::claim::release_id(&exchange(), &commit, 1).unwrap(),
            commit,
            attempt: 1,
            origin: Origin::Push,
            execution: ExecutionArn::new("arn:aws:states:us-west-2:111122223333:execution:release:one")
                .unwrap(),
            claimed_at: Timestamp::from_second(claimed_at).unwrap(),
            config: exchange().hash,
            components: BTreeMap::new(),
            commits: Vec::new(),
            undoes: None,
        }
    }

    fn hold(stage: usize) -> Hold {
        let undone = release('a', 100);
        let pipeline = exchange();
        Hold {
            id: HoldId::new("0".repeat(32)).unwrap(),
            stage: pipeline.stages[stage].name.clone(),
            release: undone.id,
            commit: undone.commit,
            claimed_at: undone.claimed_at,
            reason: "web failed".to_owned(),
            since: undone.claimed_at,
            until: pipeline.stages[stage].hold_ends(),
        }
    }

    #[test]
    fn pre_production_opens_for_a_newer_commit_and_for_nothing_else() {
        assert_eq!(hold(0).passage(&release('b', 101)), Passage::Ends);
        assert_eq!(hold(0).passage(&release('b', 99)), Passage::Waits, "older");
        assert_eq!(hold(0).passage(&release('b', 100)), Passage::Waits, "claimed with it");
        assert_eq!(hold(0).passage(&release('a', 101)), Passage::Waits, "the same commit once more");
    }

    #[test]
    fn a_stage_with_approvers_opens_for_no_commit() {
        assert_eq!(hold(1).passage(&release('b', 101)), Passage::Waits);
    }

    #[test]
    fn a_rollback_comes_in_and_the_hold_stays() {
        let undoes = Undoing { stage: hold(1).stage, components: Vec::new(), to: None };
        let back = Release { undoes: Some(undoes), ..release('a', 99) };
        for stage in [0, 1] {
            assert_eq!(hold(stage).passage(&back), Passage::Passes);
        }
    }
}
