//! What passed in a stage, service by service: the rollback target, and what untouched components carry.

use std::collections::BTreeMap;

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

/// What a service goes back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its task definition.
    pub task_definition: TaskDefinitionArn,
    /// Its digest.
    pub digest: Digest,
    /// The release that passed with it. `None`: what ran before Gantry came.
    pub release: Option<ReleaseId>,
    /// The commit its image was built from, where known.
    pub commit: Option<CommitSha>,
}

/// What a service goes back to when `undone` is taken back: its newest row that stands and is of another release, else
/// the baseline.
///
/// Rows come newest first. `None`: nothing is known, or nobody can tell which image the baseline ran.
pub fn target(
    rows: &[VerifiedEntry],
    service: &ServiceName,
    undone: &ReleaseId,
    baseline: Option<&BaselineEntry>,
) -> Option<Target> {
    let row = rows.iter().find(|row| row.service == *service && !row.rolled_back && row.release != *undone);
    row.map(Target::of).or_else(|| baseline.and_then(Target::of_baseline))
}

impl Target {
    /// A row as a target.
    pub fn of(row: &VerifiedEntry) -> Self {
        Self {
            task_definition: row.task_definition.clone(),
            digest: row.digest.clone(),
            release: Some(row.release.clone()),
            commit: row.commit.clone(),
        }
    }

    /// A baseline as a target.
    pub fn of_baseline(entry: &BaselineEntry) -> Option<Self> {
        Some(Self {
            task_definition: entry.task_definition.clone(),
            digest: entry.digest.clone()?,
            release: None,
            commit: None,
        })
    }
}

/// The rows of a service that a rollback to `target` goes back behind: none of them is chosen again. Rows come newest
/// first; one with the target's own digest was not wrong.
pub fn undone<'a>(
    rows: &'a [VerifiedEntry],
    service: &'a ServiceName,
    target: &'a Digest,
    to: Option<&'a ReleaseId>,
) -> impl Iterator<Item = &'a VerifiedEntry> {
    rows.iter()
        .filter(move |row| row.service == *service)
        .take_while(move |row| Some(&row.release) != to)
        .filter(move |row| !row.rolled_back && row.digest != *target)
}

/// The release whose rows are newest, and the newest one before it under which something ran another digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Before {
    /// The newest. `None`: nothing passed.
    pub newest: Option<ReleaseId>,
    /// The one before. `None`: there is none, so it is what ran before Gantry came.
    pub before: Option<ReleaseId>,
}

/// Which release a person means by "the one before", for the components whose rows these are. Releases that changed none
/// of them are passed over.
pub fn before(rows: &[&VerifiedEntry]) -> Before {
    let mut standing: Vec<&VerifiedEntry> = rows.iter().copied().filter(|row| !row.rolled_back).collect();
    standing.sort_by_key(|row| std::cmp::Reverse(row.at));
    let Some(newest) = standing.first().map(|row| &row.release) else { return Before::default() };
    let of_newest = |service: &ServiceName| {
        standing.iter().find(|row| row.release == *newest && row.service == *service).map(|row| &row.digest)
    };
    let other = standing
        .iter()
        .find(|row| row.release != *newest && of_newest(&row.service) != Some(&row.digest))
        .map(|row| row.release.clone());
    Before { newest: Some(newest.clone()), before: other }
}

/// A row that a component could be carried from, with what people have said about its release since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// The row.
    pub entry: VerifiedEntry,
    /// Did a person refuse the release that brought this digest as something new?
    pub rejected: bool,
}

/// The digests of a component that are not carried: rolled back in some stage, or brought by a release that a person
/// refused.
pub fn withdrawn(stages: &[Vec<History>]) -> BTreeMap<&Digest, &History> {
    let rows = stages.iter().flatten().filter(|row| row.rejected || row.entry.rolled_back);
    rows.map(|row| (&row.entry.digest, row)).collect()
}

/// The row that an untouched component is carried from: the newest one of the first stage that has any whose digest
/// is not withdrawn. Rows of each stage come newest first.
pub fn carried(stages: &[Vec<History>]) -> Option<&VerifiedEntry> {
    let withdrawn = withdrawn(stages);
    stages.iter().find_map(|rows| {
        rows.iter().map(|row| &row.entry).find(|entry| !withdrawn.contains_key(&entry.digest))
    })
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

    /// A row of production's history: later releases passed later.
    fn passed(service: &str, release: u32, digit: char, rolled_back: bool) -> VerifiedEntry {
        VerifiedEntry {
            service: service.parse().unwrap(),
            release: number(release),
            at: Timestamp::from_second(i64::from(release) * 3600).unwrap(),
            ..row("production", digit, false, rolled_back).entry
        }
    }

    fn number(release: u32) -> ReleaseId {
        ReleaseId::new(format!("exchange-{release:07}-1")).unwrap()
    }

    fn web() -> ServiceName {
        ServiceName::new("web").unwrap()
    }

    fn baseline(digest: Option<Digest>) -> BaselineEntry {
        let VerifiedEntry { stage, service, task_definition, at, .. } = passed("web", 0, 'a', false);
        BaselineEntry { stage, service, task_definition, digest, at }
    }

    #[test]
    fn t19_the_target_is_the_services_newest_row_that_stands_and_is_of_another_release() {
        let target_of = |rows: &[VerifiedEntry]| {
            target(rows, &web(), &number(9), Some(&baseline(Some(digest('0')))))
                .map(|target| (target.digest, target.release))
        };
        let good = || passed("web", 5, 'c', false);
        let chosen = Some((digest('c'), Some(number(5))));
        assert_eq!(target_of(&[passed("web", 9, 'e', false), good()]), chosen, "of another release");
        assert_eq!(target_of(&[passed("web", 8, 'd', true), good()]), chosen, "that stands");
        assert_eq!(target_of(&[passed("sidekiq", 8, 'd', false), good()]), chosen, "of this service");
        assert_eq!(target_of(&[good(), passed("web", 4, 'b', false)]), chosen, "the newest");
        assert_eq!(target_of(&[passed("web", 9, 'e', false)]), Some((digest('0'), None)), "the baseline");
    }

    #[test]
    fn t19_a_baseline_whose_digest_nobody_can_tell_is_no_target() {
        assert_eq!(target(&[], &web(), &number(9), Some(&baseline(None))), None);
        assert_eq!(target(&[], &web(), &number(9), None), None);
    }

    #[test]
    fn t19_a_rollback_marks_what_it_goes_back_behind_and_nothing_else() {
        let rows = [
            passed("web", 9, 'e', false),
            passed("sidekiq", 9, 'e', false),
            passed("web", 8, 'd', true),
            passed("web", 7, 'b', false),
            passed("web", 6, 'c', false),
            passed("web", 5, 'b', false),
            passed("web", 4, 'a', false),
        ];
        let marked = |to: Option<&ReleaseId>| -> Vec<ReleaseId> {
            undone(&rows, &web(), &digest('b'), to).map(|row| row.release.clone()).collect()
        };
        assert_eq!(marked(Some(&number(5))), [number(9), number(6)], "7 ran the target's own digest");
        assert_eq!(marked(None), [number(9), number(6), number(4)], "behind everything, to the baseline");
    }

    #[test]
    fn the_one_before_is_the_newest_under_which_something_ran_another_digest() {
        let of = |rows: &[VerifiedEntry]| before(&rows.iter().collect::<Vec<_>>());
        let ends = |newest: u32, other: Option<u32>| Before {
            newest: Some(number(newest)),
            before: other.map(number),
        };
        let (web, sidekiq) = (
            |release, digit, back| passed("web", release, digit, back),
            |release, digit| passed("sidekiq", release, digit, false),
        );
        assert_eq!(of(&[]), Before::default());
        assert_eq!(of(&[web(9, 'e', true)]), Before::default(), "nothing that stands");
        assert_eq!(of(&[web(9, 'e', false)]), ends(9, None));
        assert_eq!(of(&[web(9, 'e', false), web(8, 'd', true), web(7, 'c', false)]), ends(9, Some(7)));
        assert_eq!(of(&[web(7, 'c', false), web(9, 'e', false)]), ends(9, Some(7)), "by time, not by place");
        assert_eq!(
            of(&[web(9, 'e', false), web(8, 'e', false), web(7, 'c', false)]),
            ends(9, Some(7)),
            "8 changed nothing"
        );
        let both =
            [web(9, 'e', false), sidekiq(9, 'd'), web(8, 'e', false), sidekiq(8, 'c'), web(7, 'a', false)];
        assert_eq!(of(&both), ends(9, Some(8)), "sidekiq was another one");
        let listed_first = [sidekiq(9, 'd'), web(9, 'e', false), web(8, 'e', false), web(7, 'c', false)];
        assert_eq!(of(&listed_first), ends(9, Some(7)), "a service is compared with itself");
    }
}
