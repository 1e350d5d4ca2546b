use futures::future::join_all;
use gantry_domain::approval::{Approval, Choice, Decision, Outcome};
use gantry_domain::names::{ApprovalId, SlackId};
use gantry_domain::notice::Notice;
use std::time::Duration;

use super::{Decide, Told};
use crate::ports::store::{Approvals, Asked, NewApproval, NewNotice};
use crate::testing::given::{self, person, token};
use crate::testing::{FakeClock, FakeTokens, Fault, MemoryStore};

/// A question that U0LEAD and U0QA may decide, and that lapses after four hours.
struct World {
    store: MemoryStore,
    tokens: FakeTokens,
    clock: FakeClock,
    approval: Approval,
}

impl World {
    async fn new() -> Self {
        let pipeline = given::exchange();
        let release = given::release(&pipeline, 'a', "2026-11-21T12:00:00Z");
        let approval = Approval {
            id: ApprovalId::new("0123456789abcdef0123456789abcdef").unwrap(),
            release: release.id.clone(),
            execution: release.execution.clone(),
            stage: given::stage("production"),
            plan: given::plan_hash('d'),
            approvers: vec![person("U0LEAD"), person("U0QA")],
            asked_at: "2026-11-21T12:00:00Z".parse().unwrap(),
            expires_at: "2026-11-21T16:00:00Z".parse().unwrap(),
            decision: None,
        };
        let store = MemoryStore::default();
        store.given_release(&release);
        let moved = Notice::ApprovalVoided {
            approval: approval.id.clone(),
            stage: approval.stage.clone(),
            moved: Vec::new(),
        };
        let notice = NewNotice::new(approval.asked_at, moved);
        let new =
            NewApproval { approval: &approval, token: &token("token-1"), replaces: None, notice: &notice };
        assert!(matches!(store.ask(&new).await, Ok(Asked::Now)));
        let clock = FakeClock::at("2026-11-21T12:30:00Z");
        Self { store, tokens: FakeTokens::default(), clock, approval }
    }

    fn decide(&self) -> Decide<'_> {
        Decide { approvals: &self.store, tokens: &self.tokens, clock: &self.clock }
    }

    async fn click(&self, who: &str, choice: Choice) -> Told {
        self.decide().click(&self.approval.id, &person(who), choice).await.unwrap()
    }

    /// How often people were told of a decision.
    fn decisions_told(&self) -> usize {
        let notices = self.store.notices(&self.approval.release);
        notices.iter().filter(|notice| matches!(notice, Notice::ApprovalDecided { .. })).count()
    }

    async fn outcome(&self) -> Option<Outcome> {
        let stored = self.store.find(&self.approval.id).await.unwrap().unwrap();
        stored.approval.decision.map(|decision| decision.outcome)
    }
}

fn reject() -> Choice {
    Choice::Reject { reason: "the price is wrong".to_owned() }
}

#[tokio::test]
async fn t05_two_approvers_decide_once() {
    for seed in 0..60 {
        let world = World::new().await;
        world.store.faults.shuffle(seed);
        let clicks = (0..100).map(|n| {
            let (who, choice) = if n % 2 == 0 { ("U0LEAD", Choice::Approve) } else { ("U0QA", reject()) };
            world.click(who, choice)
        });
        let told = join_all(clicks).await;
        let decided: Vec<_> = told.iter().filter(|told| matches!(told, Told::Decided(_))).collect();
        assert_eq!(decided.len(), 1, "seed {seed}");
        let Told::Decided(decision) = decided[0] else { unreachable!() };
        let others = told.iter().filter(|told| **told == Told::AlreadyDecided(decision.clone())).count();
        assert_eq!(others, 99, "everybody else is told who decided what, seed {seed}");
        assert_eq!(world.tokens.succeeded(), ["token-1"], "seed {seed}");
        assert_eq!(world.decisions_told(), 1, "seed {seed}");
        assert!(world.store.open().await.unwrap().is_empty(), "seed {seed}");
    }
}

#[tokio::test]
async fn t03_somebody_who_is_no_approver_changes_nothing() {
    let world = World::new().await;
    assert_eq!(world.click("U0MALLORY", Choice::Approve).await, Told::NotApprover);
    assert_eq!(world.outcome().await, None);
    assert_eq!(world.tokens.succeeded(), Vec::<String>::new());
    assert_eq!(world.decisions_told(), 0);
}

#[tokio::test]
async fn t03_a_stranger_does_not_learn_what_was_decided() {
    let world = World::new().await;
    world.click("U0QA", reject()).await;
    assert_eq!(world.click("U0MALLORY", Choice::Approve).await, Told::NotApprover);
}

#[tokio::test]
async fn t06_an_id_nobody_asked_under_decides_nothing() {
    let world = World::new().await;
    let guessed = ApprovalId::new("f".repeat(32)).unwrap();
    let told = world.decide().click(&guessed, &person("U0LEAD"), Choice::Approve).await.unwrap();
    assert_eq!(told, Told::Unknown);
    assert_eq!(world.outcome().await, None);
}

#[tokio::test]
async fn t27_a_click_after_the_question_lapsed_expires_it() {
    let world = World::new().await;
    world.clock.set(world.approval.expires_at);
    assert_eq!(world.click("U0LEAD", Choice::Approve).await, Told::Expired);
    assert_eq!(world.outcome().await, Some(Outcome::Expired));
    assert_eq!(world.tokens.succeeded(), ["token-1"], "the release hears of it at once");
    assert_eq!(world.click("U0QA", Choice::Approve).await, Told::Expired);
    assert_eq!(world.decisions_told(), 1);
}

#[tokio::test]
async fn t27_a_question_that_lapses_between_form_and_answer_is_expired() {
    let world = World::new().await;
    let approver = world.decide().admit(&world.approval.id, &person("U0LEAD")).await.unwrap().unwrap();
    world.clock.pass(Duration::from_secs(4 * 3600));
    assert_eq!(world.decide().choose(&approver, reject()).await.unwrap(), Told::Expired);
    assert_eq!(world.outcome().await, Some(Outcome::Expired));
}

#[tokio::test]
async fn t05_an_answer_that_never_arrived_is_sent_again_by_the_next_click() {
    let world = World::new().await;
    world.tokens.faults.plan("succeed", Fault::Refused);
    assert!(matches!(world.click("U0LEAD", Choice::Approve).await, Told::Decided(_)));
    assert_eq!(world.tokens.succeeded(), Vec::<String>::new());
    assert!(matches!(world.click("U0QA", reject()).await, Told::AlreadyDecided(_)));
    assert_eq!(world.tokens.succeeded(), ["token-1"]);
    assert_eq!(world.outcome().await, Some(Outcome::Approved), "the recorded decision was sent");
}

#[tokio::test]
async fn t27_an_answer_that_arrived_unheard_is_closed_when_it_is_sent_again() {
    let world = World::new().await;
    world.tokens.faults.plan("succeed", Fault::AnswerLost);
    assert!(matches!(world.click("U0LEAD", Choice::Approve).await, Told::Decided(_)));
    assert_eq!(world.store.open().await.unwrap().len(), 1);
    assert!(matches!(world.click("U0LEAD", Choice::Approve).await, Told::AlreadyDecided(_)));
    assert_eq!(world.tokens.succeeded(), ["token-1"], "once");
    assert!(world.store.open().await.unwrap().is_empty(), "nothing is left to send");
}

#[tokio::test]
async fn t05_a_decision_whose_own_answer_was_lost_stands() {
    let world = World::new().await;
    world.store.faults.plan("decide", Fault::AnswerLost);
    let told = world.decide().click(&world.approval.id, &person("U0LEAD"), Choice::Approve).await;
    assert!(told.is_err(), "Slack shows an error and the person clicks again");
    assert!(matches!(world.click("U0LEAD", Choice::Approve).await, Told::AlreadyDecided(_)));
    assert_eq!(world.tokens.succeeded(), ["token-1"]);
    assert_eq!(world.decisions_told(), 1);
}

#[tokio::test]
async fn t05_a_token_renewed_while_somebody_decides_is_answered_all_the_same() {
    for seed in 0..40 {
        let world = World::new().await;
        world.store.faults.shuffle(seed);
        world.tokens.close("token-1");
        let repeated_step = async {
            let renewed =
                world.store.renew_token(&world.approval.id, &token("token-2")).await.unwrap().unwrap();
            world.decide().answer(&renewed).await.unwrap();
        };
        futures::join!(repeated_step, world.click("U0LEAD", Choice::Approve));
        for left in world.store.open().await.unwrap() {
            world.decide().answer(&left).await.unwrap();
        }
        assert_eq!(world.tokens.succeeded(), ["token-2"], "seed {seed}");
        assert!(world.store.open().await.unwrap().is_empty(), "seed {seed}");
    }
}

#[tokio::test]
async fn a_rejection_is_noted_at_the_release_and_keeps_its_reason() {
    let world = World::new().await;
    let Told::Decided(decision) = world.click("U0QA", reject()).await else { panic!("nobody was faster") };
    assert_eq!(decision.reason.as_deref(), Some("the price is wrong"));
    assert_eq!(decision.by, Some(SlackId::new("U0QA").unwrap()));
    let release = crate::ports::store::Releases::find(&world.store, &world.approval.release).await.unwrap();
    assert_eq!(release.unwrap().rejected, Some(given::stage("production")));
}

#[tokio::test]
async fn t03_no_decision_in_a_persons_name_is_made_without_that_persons_click() {
    let world = World::new().await;
    let stored = world.store.find(&world.approval.id).await.unwrap().unwrap();
    let forged = Decision {
        outcome: Outcome::Approved,
        by: Some(person("U0LEAD")),
        at: world.approval.asked_at,
        reason: None,
    };
    world.decide().close(&stored, forged).await.unwrap();
    assert_eq!(world.outcome().await, None);
    assert_eq!(world.decisions_told(), 0);
}

#[tokio::test]
async fn a_question_that_is_decided_is_not_closed_once_more() {
    let world = World::new().await;
    world.click("U0LEAD", Choice::Approve).await;
    let stored = world.store.find(&world.approval.id).await.unwrap().unwrap();
    world.clock.pass(Duration::from_secs(5 * 3600));
    world.decide().expire(&stored).await.unwrap();
    assert_eq!(world.outcome().await, Some(Outcome::Approved));
    assert_eq!(world.decisions_told(), 1);
}
