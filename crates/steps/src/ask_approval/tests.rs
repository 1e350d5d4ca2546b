use std::time::Duration;

use gantry_domain::approval::{Choice, Outcome};
use gantry_domain::names::{PlanHash, StepName};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::plan::Plan;
use gantry_domain::release::Release;
use gantry_domain::verified::VerifiedEntry;
use gantry_domain::{End, ErrorName};

use super::{AskApproval, AskApprovalError, AskApprovalInput};
use crate::StepError as _;
use crate::decide::Decide;
use crate::ports::ExecutionState;
use crate::ports::store::{Approvals, NewNotice, Plans, Releases, StoredApproval, Verified};
use crate::read_decision::{ReadDecision, ReadDecisionError, ReadDecisionInput};
use crate::testing::given::{self, component, digest, execution, person, stage, task_definition, token};
use crate::testing::{FakeClock, FakeExecutions, FakeTokens, Fault, MemoryStore};

struct World {
    pipeline: Pipeline,
    store: MemoryStore,
    executions: FakeExecutions,
    tokens: FakeTokens,
    clock: FakeClock,
}

/// A release and a plan of it for production.
struct Case {
    release: Release,
    hash: PlanHash,
}

impl World {
    fn new() -> Self {
        Self {
            pipeline: given::exchange(),
            store: MemoryStore::default(),
            executions: FakeExecutions::default(),
            tokens: FakeTokens::default(),
            clock: FakeClock::at("2026-11-21T12:00:00Z"),
        }
    }

    /// A release of that digit that wants to deploy the backend to production, where digest `0` of commit `0` runs.
    async fn case(&self, digit: char, claimed_at: &str) -> Case {
        let release = given::release(&self.pipeline, digit, claimed_at);
        self.store.given_release(&release);
        let plan = given::plan(&self.pipeline, &release, "production", &["backend"], '0');
        let hash = self.planned(&plan).await;
        Case { release, hash }
    }

    async fn planned(&self, plan: &Plan) -> PlanHash {
        self.store.put(plan).await.unwrap()
    }

    fn step(&self) -> AskApproval<'_> {
        let Self { pipeline, store, executions, tokens, clock } = self;
        AskApproval {
            pipeline,
            releases: store,
            plans: store,
            verified: store,
            approvals: store,
            executions,
            tokens,
            clock,
        }
    }

    async fn try_ask(&self, case: &Case, with: &str) -> Result<(), AskApprovalError> {
        let input = AskApprovalInput {
            execution: case.release.execution.clone(),
            release: case.release.id.clone(),
            stage: stage("production"),
            plan_hash: case.hash.clone(),
            token: token(with),
        };
        self.step().run(input).await
    }

    async fn ask(&self, case: &Case, with: &str) {
        self.try_ask(case, with).await.unwrap();
    }

    async fn asked(&self, case: &Case) -> StoredApproval {
        let stored = self.store.of_plan(&case.release.id, &stage("production"), &case.hash).await;
        stored.unwrap().unwrap()
    }

    async fn outcome(&self, case: &Case) -> Option<Outcome> {
        self.asked(case).await.approval.decision.map(|decision| decision.outcome)
    }

    async fn click(&self, case: &Case, choice: Choice) {
        let Self { store, tokens, clock, .. } = self;
        let decide = Decide { approvals: store, tokens, clock };
        decide.click(&self.asked(case).await.approval.id, &person("U0LEAD"), choice).await.unwrap();
    }

    async fn read(&self, case: &Case, by: &str) -> Result<String, ReadDecisionError> {
        let input = ReadDecisionInput {
            execution: execution(by),
            release: case.release.id.clone(),
            stage: stage("production"),
            plan_hash: case.hash.clone(),
        };
        Ok(ReadDecision { approvals: &self.store }.run(input).await?.outcome)
    }
}

#[tokio::test]
async fn people_are_shown_what_changes_what_passed_and_where_to_look() {
    let world = World::new();
    let case = world.case('a', "2026-11-21T11:00:00Z").await;
    let before = given::release(&world.pipeline, '0', "2026-11-20T11:00:00Z");
    let ran = VerifiedEntry {
        stage: stage("production"),
        component: component("backend"),
        service: "web".parse().unwrap(),
        release: before.id.clone(),
        commit: Some(before.commit.clone()),
        digest: digest('0'),
        task_definition: task_definition("web", 1),
        at: before.claimed_at,
        rolled_back: false,
    };
    let verified = |name: &str, passed: &str| Notice::StageVerified {
        stage: stage(name),
        deployed: Vec::new(),
        unchanged: Vec::new(),
        passed: vec![StepName::new(passed).unwrap()],
    };
    let old = NewNotice::new(before.claimed_at, verified("production", "old"));
    world.store.record(&before.id, &[ran], &old).await.unwrap();
    let passed = NewNotice::new(case.release.claimed_at, verified("preproduction", "acceptance"));
    world.store.record(&case.release.id, &[], &passed).await.unwrap();

    world.ask(&case, "t").await;

    let Some(Notice::ApprovalRequested { changes, passed, look_at, approvers, expires_at, .. }) =
        world.store.notices(&case.release.id).pop()
    else {
        panic!("people are asked")
    };
    let backend = &changes[0];
    assert_eq!(backend.from_commit, Some(before.commit));
    assert_eq!((backend.from_digest.clone(), backend.to_digest.clone()), (Some(digest('0')), digest('a')));
    assert_eq!(backend.services.len(), 4);
    assert!(changes[1].services.is_empty() && changes[2].services.is_empty(), "{changes:?}");
    assert_eq!(passed, [StepName::new("acceptance").unwrap()]);
    assert_eq!(look_at, ["https://preproduction.exchange.example/"]);
    assert_eq!(approvers, [person("U0LEAD"), person("U0QA")]);
    assert_eq!(expires_at, "2026-11-22T12:00:00Z".parse().unwrap());
}

#[tokio::test]
async fn t06_every_question_has_an_id_that_nobody_can_guess() {
    let world = World::new();
    let one = world.case('a', "2026-11-21T11:00:00Z").await;
    let two = world.case('b', "2026-11-21T11:01:00Z").await;
    world.ask(&one, "t1").await;
    world.ask(&two, "t2").await;
    let (one, two) = (world.asked(&one).await.approval, world.asked(&two).await.approval);
    assert_ne!(one.id, two.id);
    assert_eq!(one.id.as_str().len(), 32, "128 bits");
}

#[tokio::test]
async fn asked_twice_it_finds_its_own_question_and_answers_the_newer_token() {
    for fault in [None, Some(("ask", Fault::AnswerLost)), Some(("renew_token", Fault::Refused))] {
        let world = World::new();
        let case = world.case('a', "2026-11-21T11:00:00Z").await;
        world.ask(&case, "t0").await;
        let asked = world.store.notices(&case.release.id).len();
        if let Some((call, fault)) = fault {
            world.store.faults.plan(call, fault);
        }
        let _ = world.try_ask(&case, "t1").await;
        world.ask(&case, "t2").await;
        assert_eq!(world.store.notices(&case.release.id).len(), asked, "people are asked once");
        world.click(&case, Choice::Approve).await;
        assert_eq!(world.tokens.succeeded(), ["t2"]);
    }
}

#[tokio::test]
async fn t05_asked_again_after_the_decision_it_is_answered_at_once() {
    let world = World::new();
    let case = world.case('a', "2026-11-21T11:00:00Z").await;
    world.ask(&case, "t1").await;
    world.click(&case, Choice::Reject { reason: "no".to_owned() }).await;
    world.ask(&case, "t2").await;
    assert_eq!(world.tokens.succeeded(), ["t1", "t2"]);
    assert_eq!(world.outcome(&case).await, Some(Outcome::Rejected));
}

#[tokio::test]
async fn t27_asked_again_after_the_question_lapsed_it_is_answered_at_once() {
    let world = World::new();
    let case = world.case('a', "2026-11-21T11:00:00Z").await;
    world.ask(&case, "t1").await;
    world.clock.pass(Duration::from_secs(86400));
    world.ask(&case, "t2").await;
    assert_eq!(world.outcome(&case).await, Some(Outcome::Expired));
    assert_eq!(world.tokens.succeeded(), ["t2"]);
}

#[tokio::test]
async fn a_newer_release_supersedes_an_older_one_that_waits_for_the_same_stage() {
    let world = World::new();
    let older = world.case('a', "2026-11-21T11:00:00Z").await;
    let newer = world.case('b', "2026-11-21T11:01:00Z").await;
    world.ask(&older, "older").await;
    world.ask(&newer, "newer").await;
    assert_eq!(world.outcome(&older).await, Some(Outcome::Superseded));
    assert_eq!(world.outcome(&newer).await, None);
    assert_eq!(world.tokens.succeeded(), ["older"]);
    let reason = world.asked(&older).await.approval.decision.unwrap().reason.unwrap();
    assert!(reason.contains(newer.release.id.as_str()), "{reason}");
}

#[tokio::test]
async fn an_older_release_that_asks_late_gives_way_to_the_newer_one() {
    let world = World::new();
    let older = world.case('a', "2026-11-21T11:00:00Z").await;
    let newer = world.case('b', "2026-11-21T11:01:00Z").await;
    world.ask(&newer, "newer").await;
    world.ask(&older, "older").await;
    assert_eq!((world.outcome(&older).await, world.outcome(&newer).await), (Some(Outcome::Superseded), None));
    assert_eq!(world.tokens.succeeded(), ["older"]);
}

#[tokio::test]
async fn a_newer_release_that_died_takes_nobodys_place() {
    for ended in [ExecutionState::Aborted, ExecutionState::Failed, ExecutionState::TimedOut] {
        let world = World::new();
        let older = world.case('a', "2026-11-21T11:00:00Z").await;
        let newer = world.case('b', "2026-11-21T11:01:00Z").await;
        world.ask(&newer, "newer").await;
        world.executions.end(&newer.release.execution, ended);
        world.ask(&older, "older").await;
        assert_eq!(world.outcome(&older).await, None, "{ended:?}");
    }
}

#[tokio::test]
async fn a_newer_release_whose_end_is_recorded_takes_nobodys_place() {
    let world = World::new();
    let older = world.case('a', "2026-11-21T11:00:00Z").await;
    let newer = world.case('b', "2026-11-21T11:01:00Z").await;
    world.ask(&newer, "newer").await;
    let notice = Notice::Ended { end: End::FailedClean, stage: None, reason: String::new(), next: None };
    let notice = NewNotice::new(newer.release.claimed_at, notice);
    Releases::end(&world.store, &newer.release.id, End::FailedClean, "", &notice).await.unwrap();
    world.ask(&older, "older").await;
    assert_eq!(world.outcome(&older).await, None);
}

#[tokio::test]
async fn a_newer_release_that_is_not_known_yet_takes_the_older_ones_place() {
    let world = World::new();
    let older = world.case('a', "2026-11-21T11:00:00Z").await;
    let newer = world.case('b', "2026-11-21T11:01:00Z").await;
    world.ask(&newer, "newer").await;
    world.executions.end(&newer.release.execution, ExecutionState::Gone);
    world.ask(&older, "older").await;
    assert_eq!(world.outcome(&older).await, Some(Outcome::Superseded));
}

#[tokio::test]
async fn of_two_that_ask_at_once_exactly_the_older_one_gives_way() {
    for seed in 0..60 {
        let world = World::new();
        let older = world.case('a', "2026-11-21T11:00:00Z").await;
        let newer = world.case('b', "2026-11-21T11:01:00Z").await;
        world.store.faults.shuffle(seed);
        futures::join!(world.ask(&older, "older"), world.ask(&newer, "newer"));
        let outcomes = (world.outcome(&older).await, world.outcome(&newer).await);
        assert_eq!(outcomes, (Some(Outcome::Superseded), None), "seed {seed}");
        assert_eq!(world.tokens.succeeded(), ["older"], "seed {seed}");
    }
}

#[tokio::test]
async fn t03_without_approvers_nobody_is_asked_and_the_release_fails() {
    let mut world = World::new();
    let case = world.case('a', "2026-11-21T11:00:00Z").await;
    world.pipeline.stages[1].approval.as_mut().unwrap().approvers.clear();
    let error = world.try_ask(&case, "t").await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Misconfigured);
    let failed = world.tokens.failed();
    assert_eq!((failed[0].0.as_str(), failed[0].1), ("t", ErrorName::Misconfigured));
    assert!(failed[0].2.contains("the list of approvers is empty"));
    assert!(world.store.open().await.unwrap().is_empty());
}

#[tokio::test]
async fn t06_a_plan_of_another_release_is_not_asked_about() {
    let world = World::new();
    let mine = world.case('a', "2026-11-21T11:00:00Z").await;
    let other = world.case('b', "2026-11-21T11:01:00Z").await;
    let mixed = Case { release: mine.release, hash: other.hash };
    let error = world.try_ask(&mixed, "t").await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Inconsistent);
}

#[tokio::test]
async fn t06_the_decision_is_read_for_exactly_this_execution_and_plan() {
    let world = World::new();
    let case = world.case('a', "2026-11-21T11:00:00Z").await;
    let mine = case.release.id.to_string();
    assert_eq!(world.read(&case, &mine).await.unwrap(), "pending", "nobody has asked");
    world.ask(&case, "t").await;
    assert_eq!(world.read(&case, &mine).await.unwrap(), "pending");
    world.click(&case, Choice::Approve).await;
    assert_eq!(world.read(&case, &mine).await.unwrap(), "approved");
    let moved = Case { release: case.release.clone(), hash: given::plan_hash('f') };
    assert_eq!(world.read(&moved, &mine).await.unwrap(), "pending", "another plan was not agreed to");
    let error = world.read(&case, "another").await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Inconsistent);
}

#[tokio::test]
async fn t06_what_was_called_void_does_not_count_again_when_the_stage_is_as_it_was() {
    let world = World::new();
    let case = world.case('a', "2026-11-21T11:00:00Z").await;
    world.ask(&case, "t1").await;
    world.click(&case, Choice::Approve).await;
    let first = world.asked(&case).await.approval;
    let voided = Notice::ApprovalVoided { approval: first.id.clone(), stage: first.stage, moved: Vec::new() };
    world.store.given_notice(&case.release.id, &NewNotice::new(first.asked_at, voided));

    world.store.faults.plan("ask", Fault::AnswerLost);
    world.try_ask(&case, "t2").await.unwrap_err();
    world.ask(&case, "t3").await;
    assert_eq!(world.outcome(&case).await, None, "people are asked again");
    assert_ne!(world.asked(&case).await.approval.id, first.id);
    assert_eq!(world.tokens.succeeded(), ["t1"]);
    let mine = case.release.id.to_string();
    assert_eq!(world.read(&case, &mine).await.unwrap(), "pending");
    let asked = |notice: &Notice| matches!(notice, Notice::ApprovalRequested { .. });
    let questions = world.store.notices(&case.release.id).iter().filter(|notice| asked(notice)).count();
    assert_eq!(questions, 2, "once more, and only once");
    world.click(&case, Choice::Approve).await;
    assert_eq!(world.read(&case, &mine).await.unwrap(), "approved");
    assert_eq!(world.tokens.succeeded(), ["t1", "t3"]);
}

#[test]
fn an_end_is_no_decision() {
    // The words of both sets stand in the state machine; a mix-up must not parse.
    assert!(serde_json::from_str::<Outcome>(&format!("\"{}\"", End::Succeeded)).is_err());
}
