use std::time::Duration;

use gantry_domain::candidate::{PushFact, WorkflowFact, WorkflowState};
use gantry_domain::changes::ChangedPaths;
use gantry_domain::names::BranchName;
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;

use super::*;
use crate::ports::ImageKind;
use crate::ports::store::{Candidates as _, NewClaim, NewNotice, Releases as _};
use crate::testing::{FakeClock, FakeExecutions, FakeRegistry, Fault, MemoryStore, given};

/// The backend's repository.
const BACKEND: &str = "exchange-backend-f899186";
const NOON: &str = "2026-11-21T12:00:00Z";

struct World {
    pipeline: Pipeline,
    store: MemoryStore,
    executions: FakeExecutions,
    registry: FakeRegistry,
    clock: FakeClock,
}

fn repository(name: &str) -> RepositoryName {
    RepositoryName::new(name).unwrap()
}

fn tag(commit: char) -> String {
    format!("sha-{}", commit.to_string().repeat(40))
}

impl World {
    fn new() -> Self {
        Self {
            pipeline: given::exchange(),
            store: MemoryStore::default(),
            executions: FakeExecutions::default(),
            registry: FakeRegistry::default(),
            clock: FakeClock::at(NOON),
        }
    }

    fn intake(&self) -> Intake<'_> {
        let Self { pipeline, store, executions, .. } = self;
        Intake { pipeline, candidates: store, releases: store, start: executions }
    }

    async fn try_run(&self) -> Result<ReconcileOutput, PortError> {
        Reconcile { intake: self.intake(), registry: &self.registry, clock: &self.clock }.run().await
    }

    async fn run(&self) -> ReconcileOutput {
        self.try_run().await.unwrap()
    }

    /// GitHub told of a push of the backend, and that its workflow succeeded.
    async fn pushed(&self, commit: char, before: Option<char>) {
        let push = PushFact {
            commit: given::commit(commit),
            branch: BranchName::new("main").unwrap(),
            before: before.map(given::commit),
            changes: ChangedPaths::Known(["backend/x.rb".to_owned()].into()),
            commits: vec![],
            pushed_at: self.clock.now(),
        };
        self.store.put_push(&self.pipeline.name, &push).await.unwrap();
        let workflow = WorkflowFact {
            commit: given::commit(commit),
            path: ".github/workflows/backend.yml".to_owned(),
            run: 7,
            attempt: 1,
            state: WorkflowState::Succeeded,
        };
        self.store.put_workflow(&self.pipeline.name, &workflow).await.unwrap();
        self.clock.pass(Duration::from_secs(60));
    }

    /// CI pushed the backend's image, and no event came.
    fn built(&self, commit: char) {
        let (repository, digest) = (repository(BACKEND), given::digest(commit));
        self.registry.push_at(&repository, &digest, &[&tag(commit), "branch-main"], self.clock.now());
        self.clock.pass(Duration::from_secs(60));
    }

    fn started(&self) -> Vec<String> {
        self.executions.started().into_keys().collect()
    }

    async fn images(&self, commit: char) -> Vec<ImageFact> {
        self.store.images(&self.pipeline.name, &given::commit(commit)).await.unwrap()
    }

    /// What a release does with a commit.
    async fn claims(&self, commit: char) {
        let release = given::release(&self.pipeline, commit, NOON);
        let notice = Notice::WaitingForLock { stage: given::stage("preproduction"), held_by: "x".to_owned() };
        let claim = NewClaim {
            pipeline: &self.pipeline.name,
            release: &release,
            replaces: None,
            pushed: &[(given::component("backend"), self.clock.now())],
            notice: &NewNotice::new(release.claimed_at, notice),
        };
        self.store.claim(&claim).await.unwrap();
    }
}

#[tokio::test]
async fn t12_an_image_whose_event_never_came_starts_its_release_once() {
    let world = World::new();
    world.pushed('a', None).await;
    world.built('a');
    let output = world.run().await;
    assert_eq!((output.images, output.kept), (1, 1));
    assert_eq!(world.started(), ["exchange-aaaaaaaaaaaa-1"]);
    let fact = world.images('a').await.pop().unwrap();
    assert_eq!((fact.digest, fact.tag.as_str()), (given::digest('a'), tag('a').as_str()));

    let again = world.run().await;
    assert_eq!((again.kept, again.started.len()), (0, 0));
    world.claims('a').await;
    world.clock.pass(Duration::from_secs(300));
    assert_eq!(world.run().await.started, []);
    assert_eq!(world.started().len(), 1);
}

#[tokio::test]
async fn t12_an_image_may_be_missed_before_its_push_is_heard_of() {
    let world = World::new();
    world.built('a');
    let output = world.run().await;
    assert_eq!((output.kept, output.started.len()), (1, 0), "nothing proves that the commit is on main");
    world.pushed('a', None).await;
    assert_eq!(world.run().await.started.len(), 1);
}

#[tokio::test]
async fn t12_a_start_that_was_lost_after_the_last_fact_is_made_up_for() {
    let world = World::new();
    world.pushed('a', None).await;
    world.built('a');
    world.executions.faults.plan("start", Fault::Refused);
    world.try_run().await.unwrap_err();
    assert_eq!((world.started().len(), world.images('a').await.len()), (0, 1), "the fact is kept");
    let output = world.run().await;
    assert_eq!((output.kept, output.started.len()), (0, 1));
    // The other way round: the start took effect and its answer was lost.
    let lost = World::new();
    lost.pushed('a', None).await;
    lost.built('a');
    lost.executions.faults.plan("start", Fault::AnswerLost);
    lost.try_run().await.unwrap_err();
    assert_eq!(lost.run().await.started, []);
    assert_eq!(lost.started().len(), 1);
}

#[tokio::test]
async fn t13_of_several_missed_commits_only_the_newest_is_started() {
    let world = World::new();
    world.pushed('a', None).await;
    world.pushed('b', Some('a')).await;
    world.built('b');
    world.built('a');
    for _ in 0..3 {
        world.run().await;
        assert_eq!(world.started(), ["exchange-bbbbbbbbbbbb-1"], "it contains the older one");
    }
    world.claims('b').await;
    assert_eq!(world.run().await.started, []);
    assert_eq!(world.started().len(), 1);
}

#[tokio::test]
async fn t13_an_older_image_that_was_missed_starts_nothing_once_a_newer_one_is_released() {
    let world = World::new();
    world.pushed('a', None).await;
    // The push between the two was never heard of, so nothing links them.
    world.pushed('c', Some('b')).await;
    world.claims('c').await;
    world.built('a');
    assert_eq!(world.run().await.kept, 1);
    assert_eq!(world.started(), [""; 0]);
}

#[tokio::test]
async fn t12_a_commit_that_nothing_links_to_the_branch_is_looked_at_when_its_image_is_found() {
    let world = World::new();
    world.pushed('a', None).await;
    world.pushed('c', Some('b')).await;
    world.built('a');
    assert_eq!(world.run().await.started.len(), 1);
    assert_eq!(world.started(), ["exchange-aaaaaaaaaaaa-1"]);
}

#[tokio::test]
async fn t12_an_old_image_with_a_new_tag_is_found_when_a_commit_waits_for_it() {
    let world = World::new();
    world.registry.push_at(&repository(BACKEND), &given::digest('1'), &[&tag('0')], world.clock.now());
    world.clock.pass(Duration::from_secs(72 * 3600));
    // The build of a new commit gave the same bytes: the registry only has one more tag for them.
    world.pushed('a', None).await;
    let pushed_at = "2026-11-21T12:00:00Z".parse().unwrap();
    world.registry.push_at(&repository(BACKEND), &given::digest('1'), &[&tag('a')], pushed_at);
    assert_eq!(world.run().await.started.len(), 1);
    assert_eq!(world.images('0').await, [], "what nobody waits for is as old as it is");
}

#[tokio::test]
async fn t10_what_events_have_told_is_not_written_again_and_a_moved_tag_is() {
    let world = World::new();
    world.built('a');
    world.run().await;
    // An event of the same push tells a slightly later time.
    let mut told = world.images('a').await.pop().unwrap();
    told.pushed_at = told.pushed_at.checked_add(Duration::from_secs(2)).unwrap();
    world.store.put_image(&world.pipeline.name, &told).await.unwrap();
    assert_eq!(world.run().await.kept, 0);

    let (repository, moved) = (repository(BACKEND), given::digest('9'));
    world.registry.push_at(&repository, &moved, &[&tag('a')], world.clock.now());
    assert_eq!(world.run().await.kept, 1);
    assert_eq!(world.images('a').await.pop().unwrap().digest, moved);
}

#[tokio::test]
async fn t11_only_images_that_can_run_and_name_a_commit_are_kept() {
    let world = World::new();
    let of_signature = ImageKind::Other("application/vnd.cncf.notary.signature".to_owned());
    let repository = repository(BACKEND);
    world.registry.push_kind(&repository, &given::digest('1'), &[&tag('a')], of_signature);
    world.registry.push_at(&repository, &given::digest('2'), &["latest", "cache-main"], world.clock.now());
    world.pushed('a', None).await;
    let output = world.run().await;
    assert_eq!((output.images, output.kept), (0, 0));
}

#[tokio::test]
async fn only_the_newest_images_of_the_last_day_are_compared() {
    let world = World::new();
    for number in 0..80 {
        let digest = gantry_domain::names::Digest::new(format!("sha256:{number:064x}")).unwrap();
        let tag = format!("sha-{number:040x}");
        world.registry.push_at(&repository(BACKEND), &digest, &[&tag], world.clock.now());
        world.clock.pass(Duration::from_secs(60));
    }
    assert_eq!(world.run().await.images, NEWEST);
    world.clock.pass(WINDOW);
    assert_eq!(world.run().await.images, 0);
}

#[tokio::test]
async fn a_look_that_finds_nothing_missing_is_cheap() {
    let world = World::new();
    world.pushed('a', None).await;
    world.built('a');
    world.run().await;
    world.claims('a').await;
    let (asked, read) = (world.registry.faults.called().len(), world.store.faults.called().len());
    world.run().await;
    assert_eq!(world.registry.faults.called().len() - asked, world.pipeline.components.len());
    let calls = world.store.faults.called().split_off(read);
    assert!(calls.len() <= 10, "{calls:?}");
    assert!(!calls.iter().any(|call| call.starts_with("put")), "{calls:?}");
}

#[tokio::test]
async fn t12_a_registry_that_is_down_is_told_and_keeps_nothing_else_back() {
    let world = World::new();
    world.pushed('a', None).await;
    world.built('a');
    world.registry.faults.plan("tagged", Fault::Refused);
    let error = world.try_run().await.unwrap_err();
    assert!(matches!(error, PortError::Unavailable { .. }), "{error:?}");
    world.run().await;
    assert_eq!(world.started(), ["exchange-aaaaaaaaaaaa-1"]);

    // The image is known, its start was lost, and the registry cannot be asked.
    let ready = World::new();
    ready.pushed('b', None).await;
    ready.built('b');
    ready.executions.faults.plan("start", Fault::Refused);
    ready.try_run().await.unwrap_err();
    for _ in 0..3 {
        ready.registry.faults.plan("tagged", Fault::Refused);
    }
    ready.try_run().await.unwrap_err();
    assert_eq!(ready.started(), ["exchange-bbbbbbbbbbbb-1"]);
}
