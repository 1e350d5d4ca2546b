use gantry_domain::End;
use gantry_domain::approval::{Decision, Outcome};
use gantry_domain::names::ApprovalId;
use gantry_domain::release::Origin;

use super::*;
use crate::ports::store::NewNotice;
use crate::testing::given::{commit, person, plan_hash, release_id, stage};
use crate::testing::{FakeChat, FakeClock, FakeDeadLetters, Fault, MemoryStore, Shown};

struct World {
    store: MemoryStore,
    chat: FakeChat,
    dead_letters: FakeDeadLetters,
    clock: FakeClock,
    release: ReleaseId,
}

impl World {
    fn with(notices: Vec<Notice>) -> Self {
        let world = Self {
            store: MemoryStore::default(),
            chat: FakeChat::default(),
            dead_letters: FakeDeadLetters::default(),
            clock: FakeClock::at("2026-11-21T12:00:00Z"),
            release: release_id("exchange-4f2a9c1d2e3f-1"),
        };
        world.tell(notices);
        world
    }

    fn tell(&self, notices: Vec<Notice>) {
        for notice in notices {
            self.store.given_notice(&self.release, &NewNotice::new(self.clock.now(), notice));
        }
    }

    fn sender(&self) -> SendNotices<'_> {
        let Self { store, chat, dead_letters, clock, .. } = self;
        let vendors = TellVendors {
            vendors: vec![],
            stages: &[],
            desks: store,
            outbox: store,
            releases: store,
            dead_letters,
            clock,
        };
        SendNotices { outbox: store, chat, dead_letters, clock, vendors }
    }

    async fn send(&self) {
        self.sender().deliver(std::slice::from_ref(&self.release)).await.unwrap();
    }

    async fn undelivered(&self) -> usize {
        self.store.undelivered().await.unwrap().len()
    }

    async fn log(&self) -> Vec<Delivery> {
        self.store.entries(&self.release).await.unwrap().into_iter().map(|entry| entry.delivery).collect()
    }

    /// The channel in short: name, thread, what it tells, what became of it.
    fn channel(&self) -> Vec<String> {
        self.chat.shown().iter().map(|(ts, shown)| in_short(ts, shown)).collect()
    }
}

fn in_short(ts: &str, shown: &Shown) -> String {
    let thread = shown.thread.as_ref().map_or_else(String::new, |head| format!(" in {head}"));
    let outcome = shown.outcome.as_ref().map_or_else(String::new, |outcome| format!(" → {}", kind(outcome)));
    format!("{ts}{thread}: {}{outcome}", kind(&shown.notice))
}

fn kind(notice: &Notice) -> &'static str {
    match notice {
        Notice::Started { .. } => "started",
        Notice::StageVerified { .. } => "verified",
        Notice::ApprovalRequested { .. } => "question",
        Notice::ApprovalDecided { .. } => "decided",
        Notice::ApprovalVoided { .. } => "voided",
        Notice::WaitingForLock { .. } => "waiting",
        Notice::RolledBack { .. } => "rolled back",
        Notice::Held { .. } => "held",
        Notice::Resumed { .. } => "resumed",
        Notice::StepFailed { .. } => "step-failed",
        Notice::Ended { .. } => "ended",
    }
}

fn started() -> Notice {
    Notice::Started {
        commit: commit('4'),
        origin: Origin::Push,
        components: vec![],
        commits: vec![],
        undoes: None,
    }
}

fn verified(at: &str) -> Notice {
    Notice::StageVerified { stage: stage(at), deployed: vec![], unchanged: vec![], passed: vec![] }
}

fn approval(digit: char) -> ApprovalId {
    ApprovalId::new(digit.to_string().repeat(32)).unwrap()
}

fn question(digit: char) -> Notice {
    Notice::ApprovalRequested {
        approval: approval(digit),
        stage: stage("production"),
        plan: plan_hash(digit),
        changes: vec![],
        commits: vec![],
        passed: vec![],
        look_at: vec![],
        approvers: vec![person("U0LEAD")],
        expires_at: "2026-11-22T12:00:00Z".parse().unwrap(),
    }
}

fn decided(digit: char) -> Notice {
    let at = "2026-11-21T13:00:00Z".parse().unwrap();
    let decision = Decision { outcome: Outcome::Approved, by: Some(person("U0LEAD")), at, reason: None };
    Notice::ApprovalDecided { approval: approval(digit), stage: stage("production"), decision }
}

fn voided(digit: char) -> Notice {
    Notice::ApprovalVoided {
        approval: approval(digit),
        stage: stage("production"),
        moved: vec!["web moved".into()],
    }
}

fn ended() -> Notice {
    Notice::Ended {
        end: End::Succeeded,
        stage: Some(stage("production")),
        reason: "Done.".into(),
        next: None,
    }
}

fn down() -> ChatError {
    ChatError::Unavailable { call: "post", source: "it is down".into() }
}

fn refused() -> ChatError {
    ChatError::Refused { call: "post", code: "invalid_blocks".into() }
}

#[tokio::test]
async fn a_release_is_one_thread_and_its_question_stands_in_the_channel() {
    let world = World::with(vec![
        started(),
        verified("preproduction"),
        question('a'),
        decided('a'),
        verified("production"),
        ended(),
    ]);
    world.send().await;
    assert_eq!(
        world.channel(),
        [
            "m1: started → ended",
            "m2 in m1: verified",
            "m3: question → decided",
            "m4 in m1: verified",
            "m5 in m1: ended"
        ]
    );
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn what_was_told_is_not_told_again() {
    let world = World::with(vec![started()]);
    world.send().await;
    world.send().await;
    world.tell(vec![ended()]);
    world.send().await;
    world.send().await;
    assert_eq!(world.channel(), ["m1: started → ended", "m2 in m1: ended"]);
}

#[tokio::test]
async fn stream_and_sweeper_side_by_side_tell_once() {
    let world = World::with(vec![started(), verified("preproduction"), question('a'), decided('a'), ended()]);
    let (one, other, third) = (world.sender(), world.sender(), world.sender());
    let input = SendNoticesInput { releases: vec![world.release.clone()] };
    tokio::join!(one.run(input.clone()), other.run(input.clone()), third.run(input));
    // A sender that found an entry in other hands went away; whoever had it went on.
    assert_eq!(
        world.channel(),
        ["m1: started → ended", "m2 in m1: verified", "m3: question → decided", "m4 in m1: ended"]
    );
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn a_voided_question_is_closed_and_the_next_one_is_its_own() {
    let world =
        World::with(vec![started(), question('a'), decided('a'), voided('a'), question('b'), decided('b')]);
    world.send().await;
    assert_eq!(world.channel(), ["m1: started", "m2: question → voided", "m3: question → decided"]);
}

#[tokio::test]
async fn t43_while_the_chat_is_down_everything_waits_in_order_and_is_told_later() {
    let world = World::with(vec![started(), verified("preproduction"), ended()]);
    world.chat.fail("post", down());
    world.send().await;
    assert_eq!(world.channel(), [""; 0]);
    let next = "2026-11-21T12:00:05Z".parse().unwrap();
    assert_eq!(world.log().await[0], Delivery::Pending { attempts: 1, next_attempt_at: Some(next) });
    // Too early: not even tried.
    world.send().await;
    assert_eq!(world.log().await[0], Delivery::Pending { attempts: 1, next_attempt_at: Some(next) });
    world.clock.pass(Duration::from_secs(5));
    world.send().await;
    assert_eq!(world.channel(), ["m1: started → ended", "m2 in m1: verified", "m3 in m1: ended"]);
}

#[tokio::test]
async fn t43_pauses_grow_up_to_ten_minutes() {
    let world = World::with(vec![started()]);
    let mut pauses = Vec::new();
    for _ in 0..10 {
        world.chat.fail("post", down());
        world.send().await;
        let Delivery::Pending { next_attempt_at: Some(at), .. } = world.log().await[0] else {
            panic!("settled")
        };
        pauses.push(at.duration_since(world.clock.now()).as_secs());
        world.clock.set(at);
    }
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
}

#[tokio::test]
async fn t44_the_pause_a_chat_asks_for_is_kept() {
    let world = World::with(vec![started()]);
    let wait = Some(Duration::from_secs(90));
    world.chat.fail("post", ChatError::Throttled { call: "post", retry_after: wait });
    world.send().await;
    let next = "2026-11-21T12:01:30Z".parse().unwrap();
    assert_eq!(world.log().await[0], Delivery::Pending { attempts: 1, next_attempt_at: Some(next) });
}

#[tokio::test]
async fn a_notice_that_is_always_refused_is_put_aside_and_the_rest_goes_on() {
    let world = World::with(vec![started(), verified("preproduction"), ended()]);
    world.chat.fail("post", refused());
    world.send().await;
    assert_eq!(world.channel(), ["m1: verified", "m2: ended"]);
    assert_eq!(world.log().await[0], Delivery::Dropped { reason: "post was refused: invalid_blocks".into() });
    let letters = world.dead_letters.letters();
    assert_eq!((letters.len(), &*letters[0].function), (1, "send-notices"));
    assert!(letters[0].cause.contains("invalid_blocks") && letters[0].event.contains("\"kind\":\"started\""));
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn after_days_of_failures_a_person_has_to_look() {
    let world = World::with(vec![started()]);
    for _ in 0..MOST_ATTEMPTS {
        world.chat.fail("post", ChatError::NotSetUp { call: "post", code: "not_in_channel".into() });
        world.send().await;
        world.clock.pass(LONGEST_PAUSE);
    }
    assert!(matches!(world.log().await[0], Delivery::Dropped { .. }));
    assert_eq!(world.dead_letters.letters().len(), 1);
    assert_eq!(world.channel(), [""; 0]);
}

#[tokio::test]
async fn a_lost_answer_ends_in_a_second_message_and_not_in_none() {
    let world = World::with(vec![started(), ended()]);
    world.chat.lose_answer();
    world.send().await;
    world.clock.pass(FIRST_PAUSE);
    world.send().await;
    assert_eq!(world.channel(), ["m1: started", "m2: started → ended", "m3 in m2: ended"]);
}

#[tokio::test]
async fn an_end_whose_reply_failed_changes_its_start_again_and_replies_once() {
    let world = World::with(vec![started()]);
    world.send().await;
    world.tell(vec![ended()]);
    world.chat.fail("post", down());
    world.send().await;
    assert_eq!(world.channel(), ["m1: started → ended"]);
    world.clock.pass(FIRST_PAUSE);
    world.send().await;
    assert_eq!(world.channel(), ["m1: started → ended", "m2 in m1: ended"]);
}

#[tokio::test]
async fn messages_that_somebody_removed_are_not_missed() {
    let world = World::with(vec![started(), question('a')]);
    world.send().await;
    world.chat.remove("m1");
    world.chat.remove("m2");
    world.tell(vec![decided('a'), verified("production"), ended()]);
    world.send().await;
    assert_eq!(world.channel(), ["m3: decided", "m4: verified", "m5: ended"]);
}

#[tokio::test]
async fn an_end_without_a_start_stands_by_itself() {
    let world = World::with(vec![ended()]);
    world.send().await;
    assert_eq!(world.channel(), ["m1: ended"]);
}

#[tokio::test]
async fn a_table_that_fails_holds_nobody_up() {
    let world = World::with(vec![started()]);
    for call in ["claim_notice", "mark"] {
        world.store.faults.plan(call, Fault::Refused);
        world.sender().run(SendNoticesInput { releases: vec![world.release.clone()] }).await;
        assert_eq!(world.undelivered().await, 1, "{call}");
        world.clock.pass(HELD);
    }
    world.send().await;
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn a_sender_that_died_with_a_notice_loses_it_after_a_while() {
    let world = World::with(vec![started()]);
    let until = later(world.clock.now(), HELD);
    assert!(world.store.claim(&world.release, 1, 0, until).await.unwrap());
    world.send().await;
    assert_eq!(world.channel(), [""; 0]);
    world.clock.pass(HELD);
    world.send().await;
    assert_eq!(world.channel(), ["m1: started"]);
}
