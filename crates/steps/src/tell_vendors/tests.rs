use gantry_domain::End;
use gantry_domain::names::{HoldId, StageName};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::release::Origin;
use jiff::Timestamp;

use super::*;
use crate::ports::store::{Deliver as _, NewNotice};
use crate::ports::{ChatError, VendorName};
use crate::send_notices::SendNotices;
use crate::testing::given::{commit, exchange, release_id, stage};
use crate::testing::{FakeChat, FakeClock, FakeDeadLetters, FakeVendor, Fault, MemoryStore};

struct World {
    pipeline: Pipeline,
    store: MemoryStore,
    chat: FakeChat,
    github: FakeVendor,
    monday: FakeVendor,
    dead_letters: FakeDeadLetters,
    clock: FakeClock,
}

const ONE: &str = "exchange-4f2a9c1d2e3f-1";
const TWO: &str = "exchange-5f2a9c1d2e3f-1";

impl World {
    fn new() -> Self {
        Self {
            pipeline: exchange(),
            store: MemoryStore::default(),
            chat: FakeChat::default(),
            github: FakeVendor::new(VendorName::GitHub),
            monday: FakeVendor::new(VendorName::Monday),
            dead_letters: FakeDeadLetters::default(),
            clock: FakeClock::at("2026-11-21T12:00:00Z"),
        }
    }

    fn with(notices: Vec<Notice>) -> Self {
        let world = Self::new();
        world.tell(ONE, notices);
        world
    }

    fn tell(&self, release: &str, notices: Vec<Notice>) {
        for notice in notices {
            self.store.given_notice(&release_id(release), &NewNotice::new(self.clock.now(), notice));
        }
    }

    fn sender(&self) -> SendNotices<'_> {
        let Self { pipeline, store, chat, github, monday, dead_letters, clock } = self;
        let vendors = TellVendors {
            vendors: vec![github, monday],
            stages: &pipeline.stages,
            desks: store,
            outbox: store,
            releases: store,
            dead_letters,
            clock,
        };
        SendNotices { outbox: store, chat, dead_letters, clock, vendors }
    }

    /// As the stream or the sweeper wakes it.
    async fn send(&self) {
        let due = self.store.undelivered().await.unwrap();
        self.sender().deliver(&due).await.unwrap();
    }

    async fn undelivered(&self) -> usize {
        self.store.undelivered().await.unwrap().len()
    }

    async fn monday_has(&self, release: &str) -> Told {
        self.store.told(&release_id(release), VendorName::Monday).await.unwrap()
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

fn waiting() -> Notice {
    Notice::WaitingForLock { stage: stage("production"), held_by: "another".into() }
}

fn ended(end: End) -> Notice {
    let stage: Option<StageName> = (end != End::Succeeded).then(|| stage("production"));
    Notice::Ended { end, stage, reason: "why".into(), next: None }
}

fn down() -> ChatError {
    ChatError::Unavailable { call: "call", source: "it is down".into() }
}

fn log() -> Vec<Notice> {
    vec![started(), verified("preproduction"), waiting(), verified("production"), ended(End::Succeeded)]
}

/// What a vendor shows of a release that goes all the way. Waiting in line is nothing to it.
fn whole_story(release: &str) -> [String; 4] {
    [
        "1: preproduction UnderWay",
        "2: preproduction Verified",
        "4: preproduction Verified, production Verified",
        "5: preproduction Verified, production Verified, ended Succeeded",
    ]
    .map(|line| format!("{release} {line}"))
}

#[tokio::test]
async fn everybody_is_told_in_order_and_once() {
    let world = World::with(log());
    world.send().await;
    world.send().await;
    assert_eq!(world.github.told(), whole_story(ONE));
    assert_eq!(world.monday.told(), whole_story(ONE));
    assert_eq!(world.chat.shown().len(), 5);
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn every_end_is_told() {
    for end in End::ALL {
        let world = World::with(vec![started(), verified("preproduction"), ended(end)]);
        world.send().await;
        let told = world.github.told();
        assert!(told.last().unwrap().ends_with(&format!("ended {end}")), "{told:?}");
        assert_eq!(world.undelivered().await, 0, "{end}");
    }
}

#[tokio::test]
async fn t43_a_vendor_that_is_down_holds_up_no_other_and_is_told_later_in_order_and_once() {
    let world = World::with(log());
    world.monday.fail(down());
    world.send().await;
    assert_eq!(world.github.told(), whole_story(ONE));
    assert_eq!(world.chat.shown().len(), 5);
    assert_eq!(world.monday.told(), [""; 0]);
    assert_eq!(world.undelivered().await, 1, "Monday does not know yet");
    // Too early: not even tried.
    world.send().await;
    assert_eq!(world.monday.asked(), 1);
    world.clock.pass(Duration::from_secs(5));
    world.send().await;
    let mut story = whole_story(ONE);
    story[0].push_str(" (again, 0 refusals)");
    assert_eq!(world.monday.told(), story);
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn t43_a_chat_that_is_down_holds_up_no_vendor() {
    let world = World::with(log());
    world.chat.fail("post", down());
    world.send().await;
    assert_eq!(world.chat.shown().len(), 0);
    assert_eq!(world.monday.told(), whole_story(ONE));
    assert_eq!(world.undelivered().await, 1);
    world.clock.pass(Duration::from_secs(5));
    world.send().await;
    assert_eq!((world.chat.shown().len(), world.undelivered().await), (5, 0));
    assert_eq!(world.monday.told().len(), 4, "it heard nothing twice");
}

#[tokio::test]
async fn t44_a_vendor_that_asks_to_be_left_alone_is_asked_for_no_release_until_then() {
    let world = World::with(vec![started()]);
    world.tell(TWO, vec![started()]);
    let wait = Some(Duration::from_secs(90));
    world.monday.fail(ChatError::Throttled { call: "call", retry_after: wait });
    world.send().await;
    assert_eq!(world.monday.asked(), 1, "the second release was not tried");
    let until: Timestamp = "2026-11-21T12:01:30Z".parse().unwrap();
    assert_eq!(world.monday_has(ONE).await.next_attempt_at, Some(until));
    world.clock.pass(Duration::from_secs(89));
    world.tell(TWO, vec![verified("preproduction")]);
    world.send().await;
    assert_eq!(world.monday.asked(), 1);
    assert_eq!(world.github.told().len(), 3, "another vendor's pause is its own");
    world.clock.pass(Duration::from_secs(1));
    world.send().await;
    assert_eq!(
        world.monday.told(),
        [
            format!("{ONE} 1: preproduction UnderWay (again, 1 refusals)"),
            format!("{TWO} 1: preproduction UnderWay"),
            format!("{TWO} 2: preproduction Verified"),
        ]
    );
}

#[tokio::test]
async fn t43_a_vendor_that_is_down_costs_two_attempts_a_visit_whatever_waits() {
    let world = World::new();
    for number in 1..=6 {
        world.tell(&format!("exchange-4f2a9c1d2e3f-{number}"), vec![started()]);
        world.monday.fail(down());
    }
    world.send().await;
    assert_eq!(world.monday.asked(), 2);
    world.monday.fail(ChatError::NotSetUp { call: "call", code: "the token has expired".into() });
    world.send().await;
    assert_eq!(world.monday.asked(), 4, "those whose time has not come are passed over");
}

#[tokio::test]
async fn t43_a_release_that_a_vendor_chokes_on_does_not_keep_it_from_the_others() {
    let world = World::with(vec![started()]);
    world.tell(TWO, vec![started()]);
    world.monday.fail(down());
    world.send().await;
    assert_eq!(world.monday.told(), [format!("{TWO} 1: preproduction UnderWay")]);
}

#[tokio::test]
async fn a_notice_that_is_refused_is_put_aside_and_what_follows_is_told() {
    let world = World::with(log());
    world.monday.fail(ChatError::Refused { call: "call", code: "no such commit".into() });
    world.send().await;
    assert_eq!(world.monday.told(), whole_story(ONE)[1..]);
    let letters = world.dead_letters.letters();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].cause, "monday: call was refused: no such commit");
    assert!(letters[0].event.contains("\"kind\":\"started\""));
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn after_days_of_failures_a_person_has_to_look() {
    let world = World::with(vec![started()]);
    for _ in 0..MOST_ATTEMPTS {
        world.monday.fail(down());
        world.send().await;
        world.clock.pass(Duration::from_secs(600));
    }
    assert_eq!((world.monday_has(ONE).await.up_to, world.dead_letters.letters().len()), (1, 1));
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn a_lost_answer_is_told_from_a_no_when_it_is_tried_again() {
    let world = World::with(vec![started()]);
    world.monday.lose_answer();
    world.send().await;
    world.monday.fail(ChatError::NotSetUp { call: "call", code: "no such column".into() });
    for _ in 0..2 {
        world.clock.pass(Duration::from_secs(600));
        world.send().await;
    }
    assert_eq!(
        world.monday.told(),
        [
            format!("{ONE} 1: preproduction UnderWay"),
            format!("{ONE} 1: preproduction UnderWay (again, 1 refusals)")
        ]
    );
}

#[tokio::test]
async fn one_sender_at_a_time_writes_to_a_vendor_and_nothing_is_left_lying() {
    for seed in 0..50 {
        let world = World::with(log());
        world.tell(TWO, log());
        world.store.faults.shuffle(seed);
        let senders = [world.sender(), world.sender(), world.sender()];
        let releases = [release_id(ONE), release_id(TWO)];
        let late = async {
            tokio::task::yield_now().await;
            world.tell(
                TWO,
                vec![Notice::RolledBack {
                    stage: stage("production"),
                    hold: HoldId::new("b".repeat(32)).unwrap(),
                    until: gantry_domain::hold::HoldEnds::Resumed,
                    resumers: vec![],
                    reason: "it broke".into(),
                    services: vec![],
                }],
            );
            world.sender().deliver(&releases).await
        };
        let [one, other, third] = &senders;
        let sent = futures::join!(
            one.deliver(&releases),
            other.deliver(&releases[1..]),
            third.deliver(&releases),
            late
        );
        assert!(sent.0.is_ok() && sent.1.is_ok() && sent.2.is_ok() && sent.3.is_ok());
        assert_eq!((world.github.most_at_once(), world.monday.most_at_once()), (1, 1), "seed {seed}");
        assert_eq!(world.monday.told().len(), 9, "seed {seed}: {:#?}", world.monday.told());
        assert_eq!(world.github.told().len(), 9, "seed {seed}");
        assert_eq!(world.undelivered().await, 0, "seed {seed}");
    }
}

#[tokio::test]
async fn a_sender_that_died_at_a_desk_loses_it_after_a_while() {
    let world = World::with(vec![started()]);
    assert_eq!(
        world.store.sit_down(VendorName::Monday, "the dead", LONGEST_AT_DESK).await.unwrap(),
        Seat::Taken
    );
    world.send().await;
    assert_eq!((world.monday.asked(), world.github.asked()), (0, 1));
    world.store.desk_is_left(VendorName::Monday);
    world.send().await;
    assert_eq!(world.monday.told().len(), 1);
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn t23_a_sender_that_died_after_telling_leaves_word_that_it_may_have_told() {
    let world = World::with(vec![started()]);
    // The second note is the one that says it was told.
    world.store.faults.plan("note", Fault::AnswerLost);
    assert!(world.sender().deliver(&[release_id(ONE)]).await.is_err());
    world.send().await;
    assert_eq!(
        world.github.told().iter().chain(&world.monday.told()).filter(|told| told.contains("again")).count(),
        1
    );
    assert_eq!(world.undelivered().await, 0);
}

#[tokio::test]
async fn a_table_that_fails_leaves_the_desk_free_and_the_notice_to_the_next_sender() {
    for call in ["untold", "sit_down", "told", "note"] {
        let world = World::with(vec![started()]);
        world.store.faults.plan(call, Fault::Refused);
        assert!(world.sender().deliver(&[release_id(ONE)]).await.is_err(), "{call}");
        world.send().await;
        assert_eq!(world.undelivered().await, 0, "{call}");
        assert_eq!((world.github.told().len(), world.monday.told().len()), (1, 1), "{call}");
    }
}
