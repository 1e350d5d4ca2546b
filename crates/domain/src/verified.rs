//! What passed in a stage, service by service: the rollback target, and what untouched components carry.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{CommitSha, ComponentName, Digest, ReleaseId, ServiceName, StageName, TaskDefinitionArn};

/// One row of the append-only history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedEntry {
    /// The stage.
    pub stage: StageName,
    /// The component.
    pub component: ComponentName,
    /// The service.
    pub service: ServiceName,
    /// The release that passed.
    pub release: ReleaseId,
    /// The commit its image was built from, where known.
    pub commit: Option<CommitSha>,
    /// The digest.
    pub digest: Digest,
    /// What the service ran.
    pub task_definition: TaskDefinitionArn,
    /// When it passed, in world time.
    pub at: Timestamp,
    /// Was it rolled back from? Then it is never chosen again.
    pub rolled_back: bool,
}

/// What a service ran when Gantry first looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BaselineEntry {
    /// The stage.
    pub stage: StageName,
    /// The service.
    pub service: ServiceName,
    /// What it ran.
    pub task_definition: TaskDefinitionArn,
    /// The digest that ran, where ECS told it.
    pub digest: Option<Digest>,
    /// When Gantry looked, in world time.
    pub at: Timestamp,
}

/// A row that a component could be carried from, with what people have said about its release since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The row.
    pub entry: VerifiedEntry,
    /// Did a person refuse the release that brought this digest as something new?
    pub rejected: bool,
}

/// The row that an untouched component is carried from: the newest one of the first stage that has any, whose digest
/// was neither rolled back nor rejected anywhere. Rows of each stage come newest first.
pub fn carried(stages: &[Vec<History>]) -> Option<&VerifiedEntry> {
    let refused: BTreeSet<&Digest> = stages
        .iter()
        .flatten()
        .filter(|row| row.rejected || row.entry.rolled_back)
        .map(|row| &row.entry.digest)
        .collect();
    stages
        .iter()
        .find_map(|rows| rows.iter().map(|row| &row.entry).find(|entry| !refused.contains(&entry.digest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(stage: &str, digit: char, rejected: bool, rolled_back: bool) -> History {
        let entry = VerifiedEntry {
            stage: StageName::new(stage).unwrap(),
            component: ComponentName::new("backend").unwrap(),
            service: ServiceName::new("web").unwrap(),
            release: ReleaseId::new("exchange-4f2a9c1-1").unwrap(),
            commit: None,
            digest: digest(digit),
            task_definition: TaskDefinitionArn::new(
                "arn:aws:ecs:us-west-2:111122223333:task-definition/web:1",
            )
            .unwrap(),
            at: Timestamp::UNIX_EPOCH,
            rolled_back,
        };
        History { entry, rejected }
    }

    fn digest(digit: char) -> Digest {
        Digest::new(format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
    }

    #[test]
    fn the_newest_row_of_the_first_stage_is_carried() {
        let stages = [
            vec![row("preproduction", 'b', false, false), row("preproduction", 'a', false, false)],
            vec![row("production", 'a', false, false)],
        ];
        assert_eq!(carried(&stages).unwrap().digest, digest('b'));
    }

    #[test]
    fn what_a_person_refused_is_not_carried_even_from_a_release_that_carried_it() {
        let stages = [
            vec![
                row("preproduction", 'b', false, false),
                row("preproduction", 'b', true, false),
                row("preproduction", 'a', false, false),
            ],
            vec![],
        ];
        assert_eq!(carried(&stages).unwrap().digest, digest('a'));
    }

    #[test]
    fn what_was_rolled_back_in_any_stage_is_not_carried() {
        let stages = [
            vec![row("preproduction", 'b', false, false)],
            vec![row("production", 'b', false, true), row("production", 'a', false, false)],
        ];
        let entry = carried(&stages).unwrap();
        assert_eq!((entry.digest.clone(), entry.stage.as_str()), (digest('a'), "production"));
    }

    #[test]
    fn nothing_is_carried_where_nothing_passed() {
        assert_eq!(carried(&[vec![], vec![row("production", 'a', false, true)]]), None);
    }
}
