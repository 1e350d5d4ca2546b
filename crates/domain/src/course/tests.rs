use super::*;
use crate::approval::Decision;
use crate::names::{ApprovalId, HoldId};
use crate::pipeline::Pipeline;
use crate::release::Origin;
use crate::testing::exchange;

const AT: Timestamp = Timestamp::UNIX_EPOCH;

fn stage(name: &str) -> StageName {
    StageName::new(name).unwrap()
}

fn started(undoes: Option<Undoing>) -> Notice {
    Notice::Started {
        commit: CommitSha::new("4".repeat(40)).unwrap(),
        origin: Origin::Push,
        components: vec![],
        commits: vec![],
        undoes,
    }
}

fn verified(name: &str) -> Notice {
    Notice::StageVerified { stage: stage(name), deployed: vec![], unchanged: vec![], passed: vec![] }
}

fn asked() -> Notice {
    Notice::ApprovalRequested {
        approval: ApprovalId::new("a".repeat(32)).unwrap(),
        stage: stage("production"),
        plan: crate::names::PlanHash::new("a".repeat(64)).unwrap(),
        changes: vec![],
        commits: vec![],
        passed: vec![],
        look_at: vec![],
        approvers: vec![],
        expires_at: AT,
    }
}

fn decided(outcome: Outcome) -> Notice {
    Notice::ApprovalDecided {
        approval: ApprovalId::new("a".repeat(32)).unwrap(),
        stage: stage("production"),
        decision: Decision { outcome, by: None, at: AT, reason: None },
    }
}

fn rolled_back(name: &str) -> Notice {
    Notice::RolledBack {
        stage: stage(name),
        hold: HoldId::new("b".repeat(32)).unwrap(),
        until: crate::hold::HoldEnds::Resumed,
        resumers: vec![],
        reason: "web: 3 tasks failed".to_owned(),
        services: vec![],
    }
}

fn ended(end: End, at: Option<&str>) -> Notice {
    Notice::Ended { end, stage: at.map(stage), reason: "why".to_owned(), next: None }
}

/// The stages in short, after each notice of a log.
fn told(pipeline: &Pipeline, log: &[Notice]) -> Vec<String> {
    let mut course = Course::new(&pipeline.stages);
    let mut told = Vec::new();
    for notice in log {
        course.follow(AT, notice);
        let stages = course.stages.iter().map(|course| {
            let standing = course.standing.map_or_else(|| "-".to_owned(), |standing| format!("{standing:?}"));
            format!("{}{standing}", if course.has_begun { "" } else { "(not begun) " })
        });
        told.push(stages.collect::<Vec<_>>().join(" | "));
    }
    told
}

#[test]
fn a_release_that_goes_all_the_way_moves_stage_by_stage() {
    let log = [
        started(None),
        verified("preproduction"),
        asked(),
        decided(Outcome::Approved),
        verified("production"),
        ended(End::Succeeded, Some("production")),
    ];
    assert_eq!(
        told(&exchange(), &log),
        [
            "UnderWay | (not begun) -",
            "Verified | (not begun) -",
            "Verified | (not begun) Asked",
            "Verified | UnderWay",
            "Verified | Verified",
            "Verified | Verified",
        ]
    );
}

#[test]
fn a_stage_without_approvers_begins_when_the_one_before_is_verified() {
    let mut pipeline = exchange();
    pipeline.stages[1].approval = None;
    let log = [started(None), verified("preproduction")];
    assert_eq!(told(&pipeline, &log)[1], "Verified | UnderWay");
    pipeline.stages[0].approval = exchange().stages[1].approval.clone();
    assert_eq!(told(&pipeline, &log)[0], "(not begun) - | (not begun) -", "people are asked first");
}

#[test]
fn every_end_shows_in_the_stage_it_came_in() {
    let pipeline = exchange();
    let before = [started(None), verified("preproduction"), asked()];
    for (end, expected) in [
        (End::Declined, "Verified | (not begun) Declined(\"why\")"),
        (End::RolledBack, "Verified | (not begun) RolledBack(\"why\")"),
        (End::FailedClean, "Verified | (not begun) FailedClean(\"why\")"),
        (End::FailedDirty, "Verified | (not begun) FailedDirty(\"why\")"),
        (End::Succeeded, "Verified | (not begun) Asked"),
    ] {
        for at in [Some("production"), None] {
            let log = [&before[..], &[decided(Outcome::Rejected), ended(end, at)]].concat();
            assert_eq!(told(&pipeline, &log)[4], expected, "{end} {at:?}");
        }
    }
}

#[test]
fn the_reason_of_a_stage_that_was_put_back_stays_when_the_release_ends() {
    let log = [
        started(None),
        rolled_back("preproduction"),
        ended(End::RolledBack, Some("preproduction")),
        Notice::Resumed {
            stage: stage("preproduction"),
            hold: HoldId::new("b".repeat(32)).unwrap(),
            by: None,
            operator: None,
            release: None,
        },
    ];
    let expected = "RolledBack(\"web: 3 tasks failed\") | (not begun) -";
    assert_eq!(told(&exchange(), &log)[1..], [expected, expected, expected]);
}

#[test]
fn a_rollback_that_a_person_asked_for_is_about_its_stage_alone() {
    let undoes = Undoing { stage: stage("production"), components: vec![], to: None };
    let log = [started(Some(undoes)), rolled_back("production"), ended(End::RolledBack, Some("production"))];
    assert_eq!(told(&exchange(), &log)[..2], ["UnderWay", "RolledBack(\"web: 3 tasks failed\")"]);
}

#[test]
fn what_was_turned_away_has_no_start() {
    let pipeline = exchange();
    let end = ended(End::FailedClean, None);
    let course = Course::of(&pipeline.stages, [(AT, &end)]);
    assert!(course.start.is_none() && course.stages.is_empty() && course.end.is_some());
}
