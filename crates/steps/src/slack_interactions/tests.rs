use std::time::Duration;

use gantry_domain::approval::{Approval, Decision, Outcome};
use gantry_domain::notice::Notice;

use super::*;
use crate::ports::store::{Approvals, NewApproval, NewNotice};
use crate::ports::{ChatError, Clock as _};
use crate::testing::given::{exchange, execution, person, plan_hash, release, stage, token};
use crate::testing::{FakeChat, FakeClock, FakeTokens, Fault, MemoryStore};

const ID: &str = "0123456789abcdef0123456789abcdef";
const ADDRESS: &str = "https://hooks.slack.com/actions/T0/1/x";

struct World {
    pipeline: Pipeline,
    store: MemoryStore,
    tokens: FakeTokens,
    chat: FakeChat,
    clock: FakeClock,
}

impl World {
    /// The Exchange with one open question about production, asked of those people.
    async fn asked(approvers: &[&str]) -> Self {
        let pipeline = exchange();
        let release = release(&pipeline, '4', "2026-11-21T11:00:00Z");
        let world = Self {
            pipeline,
            store: MemoryStore::default(),
            tokens: FakeTokens::default(),
            chat: FakeChat::default(),
            clock: FakeClock::at("2026-11-21T12:00:00Z"),
        };
        world.store.given_release(&release);
        let approval = Approval {
            id: ApprovalId::new(ID).unwrap(),
            release: release.id.clone(),
            execution: execution(release.id.as_str()),
            stage: stage("production"),
            plan: plan_hash('a'),
            approvers: approvers.iter().map(|id| person(id)).collect(),
            asked_at: world.clock.now(),
            expires_at: "2026-11-22T12:00:00Z".parse().unwrap(),
            decision: None,
        };
        let notice = NewNotice::new(
            world.clock.now(),
            Notice::ApprovalVoided {
                approval: approval.id.clone(),
                stage: approval.stage.clone(),
                moved: vec![],
            },
        );
        let new =
            NewApproval { approval: &approval, token: &token("the-token"), replaces: None, notice: &notice };
        world.store.ask(&new).await.unwrap();
        world
    }

    async fn run(&self, interaction: &Interaction) -> Result<SlackInteractionsOutput, PortError> {
        let Self { pipeline, store, tokens, chat, clock } = self;
        let decide = Decide { approvals: store, tokens, clock };
        SlackInteractions { pipeline, decide, holds: store, chat }.run(interaction).await
    }

    async fn does(&self, user: &str, act: Act) -> SlackInteractionsOutput {
        self.run(&interaction(user, act)).await.unwrap()
    }

    async fn decision(&self) -> Option<Decision> {
        self.store.find(&ApprovalId::new(ID).unwrap()).await.unwrap().unwrap().approval.decision
    }

    fn whispers(&self) -> Vec<Whisper> {
        self.chat.whispers().into_iter().map(|(_, whisper)| whisper).collect()
    }
}

fn interaction(user: &str, act: Act) -> Interaction {
    let is_form = matches!(act, Act::Reject { .. });
    Interaction {
        sender: Sender {
            app: Some("A0GANTRY".into()),
            team: Some("T0EXCHANGE".into()),
            user: Some(user.into()),
            user_team: Some("T0EXCHANGE".into()),
            channel: (!is_form).then(|| "C0RELEASES".into()),
        },
        act,
        reply_to: (!is_form).then(|| ADDRESS.into()),
    }
}

fn approve() -> Act {
    Act::Approve { approval: ID.into() }
}

fn ask_to_reject() -> Act {
    Act::AskToReject { approval: ID.into(), trigger: "1.2.3".into() }
}

fn reject(reason: &str) -> Act {
    Act::Reject { approval: ID.into(), reason: reason.into() }
}

#[tokio::test]
async fn an_approver_approves_and_the_waiting_state_goes_on() {
    let world = World::asked(&["U0LEAD", "U0QA"]).await;
    assert_eq!(world.does("U0LEAD", approve()).await, SlackInteractionsOutput::Received);
    let decision = world.decision().await.unwrap();
    assert_eq!((decision.outcome, decision.by), (Outcome::Approved, Some(person("U0LEAD"))));
    assert_eq!(world.tokens.succeeded(), ["the-token"]);
    assert_eq!(world.whispers(), []);
}

#[tokio::test]
async fn an_approver_rejects_with_a_reason_asked_for_in_a_form() {
    let world = World::asked(&["U0QA"]).await;
    world.does("U0QA", ask_to_reject()).await;
    assert_eq!(world.decision().await, None);
    let [(trigger, question)] = world.chat.questions().try_into().unwrap();
    assert_eq!((&*trigger, question.approval.as_str(), question.stage), ("1.2.3", ID, stage("production")));
    assert_eq!(world.does("U0QA", reject("  ")).await, SlackInteractionsOutput::ReasonMissing);
    assert_eq!(world.does("U0QA", reject(" too slow ")).await, SlackInteractionsOutput::Received);
    let decision = world.decision().await.unwrap();
    assert_eq!((decision.outcome, decision.reason.as_deref()), (Outcome::Rejected, Some("too slow")));
}

/// Everything a field can be that it should not be.
fn wrong(field: usize) -> Vec<Option<String>> {
    let other = ["A0OTHER", "T0OTHER", "U0NOBODY", "T0OTHER", "C0OTHER"][field];
    vec![None, Some(String::new()), Some(other.into()), Some(other.to_lowercase()), Some("<!channel>".into())]
}

fn set(sender: &mut Sender, field: usize, value: Option<String>) {
    let Sender { app, team, user, user_team, channel } = sender;
    *[app, team, user, user_team, channel][field] = value;
}

#[tokio::test]
async fn t03_every_mix_of_wrong_fields_is_denied_visibly() {
    let world = World::asked(&["U0LEAD"]).await;
    let mut denied = 0;
    for mask in 1_usize..32 {
        for choice in 0..wrong(0).len() {
            let mut click = interaction("U0LEAD", approve());
            for field in (0..5).filter(|field| mask & (1 << field) != 0) {
                set(&mut click.sender, field, wrong(field)[choice].clone());
            }
            assert_eq!(world.run(&click).await.unwrap(), SlackInteractionsOutput::Received);
            denied += 1;
            assert_eq!(world.whispers(), vec![Whisper::NotAllowed; denied], "{click:?}");
        }
    }
    assert_eq!(world.decision().await, None);
    // Nothing wrong: it counts.
    world.does("U0LEAD", approve()).await;
    assert!(world.decision().await.is_some());
}

#[tokio::test]
async fn t03_a_form_is_held_to_the_same_and_says_so_itself() {
    let world = World::asked(&["U0LEAD"]).await;
    for mask in (1_usize..32).filter(|mask| mask & 16 == 0) {
        for choice in 0..wrong(0).len() {
            let mut form = interaction("U0LEAD", reject("no"));
            for field in (0..4).filter(|field| mask & (1 << field) != 0) {
                set(&mut form.sender, field, wrong(field)[choice].clone());
            }
            let answer = world.run(&form).await.unwrap();
            assert_eq!(answer, SlackInteractionsOutput::Note(Whisper::NotAllowed), "{form:?}");
        }
    }
    let mut elsewhere = interaction("U0LEAD", reject("no"));
    elsewhere.sender.channel = Some("C0OTHER".into());
    assert_eq!(world.run(&elsewhere).await.unwrap(), SlackInteractionsOutput::Note(Whisper::NotAllowed));
    assert_eq!(world.decision().await, None);
}

#[tokio::test]
async fn t03_whoever_cannot_be_told_is_turned_away_all_the_same() {
    let world = World::asked(&["U0LEAD"]).await;
    let mut click = interaction("U0NOBODY", approve());
    world.chat.fail("whisper", ChatError::Refused { call: "whisper", code: "no".into() });
    assert_eq!(world.run(&click).await.unwrap(), SlackInteractionsOutput::TurnedAway);
    click.reply_to = None;
    assert_eq!(world.run(&click).await.unwrap(), SlackInteractionsOutput::TurnedAway);
    assert_eq!(world.decision().await, None);
}

#[tokio::test]
async fn t03_an_empty_list_denies_everybody() {
    let mut world = World::asked(&["U0LEAD"]).await;
    for stage in &mut world.pipeline.stages {
        if let Some(gate) = &mut stage.approval {
            gate.approvers.clear();
        }
    }
    world.does("U0LEAD", approve()).await;
    assert_eq!((world.decision().await, world.whispers()), (None, vec![Whisper::NotAllowed]));
    // Asked of nobody: being in the configuration is not enough.
    let world = World::asked(&[]).await;
    world.does("U0LEAD", approve()).await;
    assert_eq!((world.decision().await, world.whispers()), (None, vec![Whisper::NotAllowed]));
}

#[tokio::test]
async fn t03_an_approver_of_another_stage_does_not_decide_this_one() {
    let mut world = World::asked(&["U0LEAD", "U0QA"]).await;
    let production = world.pipeline.stages[1].approval.clone().unwrap();
    world.pipeline.stages[0].approval = Some(production);
    world.pipeline.stages[1].approval.as_mut().unwrap().approvers = vec![person("U0QA")];
    for act in [approve(), ask_to_reject()] {
        world.does("U0LEAD", act).await;
    }
    assert_eq!(world.does("U0LEAD", reject("no")).await, SlackInteractionsOutput::Note(Whisper::NotAllowed));
    assert_eq!(world.whispers(), [Whisper::NotAllowed, Whisper::NotAllowed]);
    assert_eq!((world.decision().await, world.chat.questions()), (None, vec![]));
}

#[tokio::test]
async fn t05_a_second_click_has_no_effect_and_is_told_of_the_first() {
    let world = World::asked(&["U0LEAD", "U0QA"]).await;
    world.does("U0LEAD", approve()).await;
    let first = world.decision().await.unwrap();
    world.does("U0LEAD", approve()).await;
    world.does("U0QA", ask_to_reject()).await;
    let late = world.does("U0QA", reject("no")).await;
    assert_eq!(late, SlackInteractionsOutput::Note(Whisper::AlreadyDecided(first.clone())));
    assert_eq!(world.whispers(), vec![Whisper::AlreadyDecided(first.clone()); 2]);
    assert_eq!(world.decision().await, Some(first));
    assert_eq!(world.tokens.succeeded(), ["the-token"]);
    assert_eq!(world.chat.questions(), []);
}

#[tokio::test]
async fn t05_two_people_at_once_decide_once_and_one_is_told() {
    let world = World::asked(&["U0LEAD", "U0QA"]).await;
    let form = interaction("U0QA", reject("no"));
    let click = interaction("U0LEAD", approve());
    let (clicked, sent) = tokio::join!(world.run(&click), world.run(&form));
    let decision = world.decision().await.unwrap();
    let told = usize::from(!world.whispers().is_empty())
        + usize::from(matches!(sent.unwrap(), SlackInteractionsOutput::Note(Whisper::AlreadyDecided(_))));
    assert_eq!((clicked.unwrap(), told), (SlackInteractionsOutput::Received, 1), "{decision:?}");
    assert_eq!(world.tokens.succeeded(), ["the-token"]);
}

#[tokio::test]
async fn t27_a_click_after_the_question_lapsed_is_told_so() {
    let world = World::asked(&["U0LEAD"]).await;
    world.clock.pass(Duration::from_secs(24 * 3600));
    world.does("U0LEAD", approve()).await;
    world.does("U0LEAD", ask_to_reject()).await;
    assert_eq!(world.does("U0LEAD", reject("no")).await, SlackInteractionsOutput::Note(Whisper::Expired));
    assert_eq!(world.whispers(), [Whisper::Expired, Whisper::Expired]);
    assert_eq!(world.decision().await.unwrap().outcome, Outcome::Expired);
    assert_eq!(world.chat.questions(), []);
}

#[tokio::test]
async fn t06_an_id_that_names_nothing_is_answered_kindly() {
    let world = World::asked(&["U0LEAD"]).await;
    for id in ["f".repeat(32), String::new(), "<!channel>".into(), ID.to_uppercase(), format!("{ID}0")] {
        world.does("U0LEAD", Act::Approve { approval: id }).await;
    }
    assert_eq!(world.whispers(), vec![Whisper::Unknown; 5]);
    assert_eq!(world.decision().await, None);
}

#[tokio::test]
async fn a_table_that_fails_decides_nothing_and_the_person_may_try_again() {
    let world = World::asked(&["U0LEAD"]).await;
    world.store.faults.plan("decide", Fault::Refused);
    assert!(world.run(&interaction("U0LEAD", approve())).await.is_err());
    assert_eq!((world.decision().await, world.whispers()), (None, vec![Whisper::TryAgain]));
    world.does("U0LEAD", approve()).await;
    assert!(world.decision().await.is_some());
}

#[tokio::test]
async fn a_form_that_does_not_open_is_said() {
    let world = World::asked(&["U0LEAD"]).await;
    world
        .chat
        .fail("ask_reason", ChatError::Refused { call: "views.open", code: "expired_trigger_id".into() });
    world.does("U0LEAD", ask_to_reject()).await;
    assert_eq!(world.whispers(), [Whisper::TryAgain]);
}

#[tokio::test]
async fn t43_a_chat_that_is_down_does_not_keep_a_decision_from_being_made() {
    let world = World::asked(&["U0LEAD"]).await;
    world.does("U0LEAD", approve()).await;
    let down = ChatError::Unavailable { call: "whisper", source: "down".into() };
    world.chat.fail("whisper", down);
    assert_eq!(world.does("U0LEAD", approve()).await, SlackInteractionsOutput::Received);
    assert_eq!(world.decision().await.unwrap().outcome, Outcome::Approved);
}

#[tokio::test]
async fn what_nothing_hangs_on_is_received_from_anybody() {
    let world = World::asked(&["U0LEAD"]).await;
    let anybody = Interaction { sender: Sender::default(), act: Act::Other, reply_to: None };
    assert_eq!(world.run(&anybody).await.unwrap(), SlackInteractionsOutput::Received);
    assert_eq!(world.whispers(), []);
}
