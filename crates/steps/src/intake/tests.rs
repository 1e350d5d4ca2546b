use std::sync::Mutex;

use async_trait::async_trait;
use gantry_domain::candidate::{WorkflowFact, WorkflowState};
use gantry_domain::changes::ChangedPaths;
use gantry_domain::image_event::EcrImageAction;
use gantry_domain::names::{AccountId, BranchName, GitHubRepository, Region};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;

use super::*;
use crate::ecr_intake::{EcrIntake, EcrIntakeInput, EcrIntakeOutput};
use crate::github_webhook::{GitHubEvent, GitHubWebhook, GitHubWebhookInput, GitHubWebhookOutput, Pushed};
use crate::ports::Compare;
use crate::ports::store::{NewClaim, NewNotice};
use crate::testing::{FakeClock, FakeExecutions, Fault, MemoryStore, given};

/// GitHub, which knows what changed or does not.
struct FakeCompare(Mutex<Option<ChangedPaths>>);

#[async_trait]
impl Compare for FakeCompare {
    async fn changed_paths(
        &self,
        _: &GitHubRepository,
        _: &CommitSha,
        _: &CommitSha,
    ) -> Result<ChangedPaths, PortError> {
        self.0.lock().unwrap().clone().ok_or_else(|| PortError::Unavailable {
            call: "compare".to_owned(),
            source: "GitHub is down".into(),
        })
    }
}

struct World {
    pipeline: Pipeline,
    store: MemoryStore,
    executions: FakeExecutions,
    compare: FakeCompare,
    clock: FakeClock,
}

#[derive(Clone)]
enum Event {
    Push { commit: char, before: Option<char>, changes: ChangedPaths },
    Image { repository: &'static str, tag: String, second: i64 },
    Workflow { component: &'static str, commit: char, attempt: u64, state: WorkflowState },
}

fn paths(paths: &[&str]) -> ChangedPaths {
    ChangedPaths::Known(paths.iter().map(|path| (*path).to_owned()).collect())
}

const BACKEND: &str = "exchange-backend-f899186";
const CLIENT: &str = "exchange-client-59deea6";

fn push(commit: char, before: Option<char>, changed: &[&str]) -> Event {
    Event::Push { commit, before, changes: paths(changed) }
}

fn image(repository: &'static str, commit: char, second: i64) -> Event {
    Event::Image { repository, tag: format!("sha-{}", commit.to_string().repeat(40)), second }
}

fn success(component: &'static str, commit: char) -> Event {
    Event::Workflow { component, commit, attempt: 1, state: WorkflowState::Succeeded }
}

impl World {
    fn new() -> Self {
        Self {
            pipeline: given::exchange(),
            store: MemoryStore::default(),
            executions: FakeExecutions::default(),
            compare: FakeCompare(Mutex::new(None)),
            clock: FakeClock::at("2026-11-21T12:00:00Z"),
        }
    }

    fn intake(&self) -> Intake<'_> {
        Intake {
            pipeline: &self.pipeline,
            candidates: &self.store,
            releases: &self.store,
            start: &self.executions,
        }
    }

    async fn image(&self, repository: &str, tag: &str, second: i64) -> Result<EcrIntakeOutput, PortError> {
        let detail = EcrImageAction {
            result: "SUCCESS".to_owned(),
            repository_name: repository.to_owned(),
            image_digest: given::digest('1').to_string(),
            action_type: "PUSH".to_owned(),
            image_tag: tag.to_owned(),
            manifest_media_type: None,
            artifact_media_type: None,
        };
        let input = EcrIntakeInput {
            account: AccountId::new("111122223333").unwrap(),
            region: Region::new("us-west-2").unwrap(),
            time: jiff::Timestamp::from_second(1_763_726_400 + second).unwrap(),
            detail,
        };
        EcrIntake { intake: self.intake() }.run(input).await
    }

    async fn deliver(&self, delivery: &str, event: GitHubEvent) -> Result<GitHubWebhookOutput, PortError> {
        let repository = GitHubRepository::new("exchange/exchange").unwrap();
        let step = GitHubWebhook {
            intake: self.intake(),
            deliveries: &self.store,
            compare: &self.compare,
            clock: &self.clock,
        };
        step.run(GitHubWebhookInput { delivery: delivery.to_owned(), repository, event }).await
    }

    async fn happens(&self, delivery: &str, event: &Event) -> Result<(), PortError> {
        match event.clone() {
            Event::Image { repository, tag, second } => self.image(repository, &tag, second).await.map(drop),
            Event::Push { commit, before, changes } => {
                self.deliver(delivery, pushed("main", commit, before, changes)).await.map(drop)
            }
            Event::Workflow { component, commit, attempt, state } => {
                let workflow = WorkflowFact {
                    commit: given::commit(commit),
                    path: format!(".github/workflows/{component}.yml"),
                    run: 7,
                    attempt,
                    state,
                };
                let branch = BranchName::new("main").unwrap();
                self.deliver(delivery, GitHubEvent::WorkflowRan { branch, workflow }).await.map(drop)
            }
        }
    }

    async fn all_happen(&self, events: &[Event]) {
        for (number, event) in events.iter().enumerate() {
            self.happens(&format!("delivery-{number}"), event).await.unwrap();
        }
    }

    fn started(&self) -> Vec<String> {
        self.executions.started().into_keys().collect()
    }

    /// What a release does with a commit.
    async fn claims(&self, commit: char) {
        self.claims_those(commit, |_| true).await;
    }

    async fn claims_only(&self, commit: char, component: &str) {
        self.claims_those(commit, |name| name == component).await;
    }

    async fn claims_those(&self, commit: char, brings: impl Fn(&str) -> bool) {
        let release = given::release(&self.pipeline, commit, "2026-11-21T12:00:01Z");
        let started = Notice::Started {
            commit: release.commit.clone(),
            origin: release.origin,
            components: vec![],
            commits: vec![],
            undoes: None,
        };
        let notice = NewNotice::new(release.claimed_at, started);
        let pushed: Vec<_> = release
            .components
            .keys()
            .map(|component| (component.clone(), release.claimed_at))
            .filter(|(component, _)| brings(component.as_str()))
            .collect();
        let claim = NewClaim {
            pipeline: &self.pipeline.name,
            release: &release,
            replaces: None,
            pushed: &pushed,
            notice: &notice,
        };
        self.store.claim(&claim).await.unwrap();
    }
}

fn pushed(branch: &str, commit: char, before: Option<char>, changes: ChangedPaths) -> GitHubEvent {
    GitHubEvent::Pushed(Pushed {
        commit: given::commit(commit),
        branch: BranchName::new(branch).unwrap(),
        before: before.map(given::commit),
        changes,
        commits: vec![],
    })
}

/// All orders of some things.
fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    if things.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for (at, first) in things.iter().enumerate() {
        let mut rest = things.to_vec();
        rest.remove(at);
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

#[tokio::test]
async fn t10_in_every_order_and_doubled_the_release_starts_once_when_the_last_thing_arrives() {
    let events = [
        push('a', None, &["backend/x.rb", "client/y.tsx"]),
        image(BACKEND, 'a', 1),
        image(CLIENT, 'a', 2),
        success("backend", 'a'),
        success("client", 'a'),
    ];
    for order in orders(&events) {
        let world = World::new();
        for (number, event) in order.iter().enumerate() {
            assert_eq!(world.started(), Vec::<String>::new(), "started before event {number}");
            world.happens(&format!("first-{number}"), event).await.unwrap();
        }
        assert_eq!(world.started(), ["exchange-aaaaaaaaaaaa-1"]);
        for (number, event) in order.iter().enumerate() {
            world.happens(&format!("again-{number}"), event).await.unwrap();
        }
        assert_eq!(world.started(), ["exchange-aaaaaaaaaaaa-1"]);
    }
}

#[tokio::test]
async fn a_start_names_the_commit_and_nothing_that_differs_between_events() {
    let world = World::new();
    world
        .all_happen(&[push('a', None, &["backend/x.rb"]), success("backend", 'a'), image(BACKEND, 'a', 1)])
        .await;
    let input = world.executions.started().into_values().next().unwrap();
    assert_eq!(input, serde_json::json!({"commit": "a".repeat(40)}));
}

#[tokio::test]
async fn a_later_push_that_waited_for_an_earlier_image_starts_with_it() {
    let world = World::new();
    world
        .all_happen(&[
            push('a', None, &["backend/x.rb"]),
            success("backend", 'a'),
            push('b', Some('a'), &["client/y.tsx"]),
            success("client", 'b'),
            image(CLIENT, 'b', 1),
        ])
        .await;
    assert_eq!(world.started(), Vec::<String>::new());
    world.happens("image", &image(BACKEND, 'a', 2)).await.unwrap();
    assert_eq!(world.started(), ["exchange-bbbbbbbbbbbb-1"], "it contains the earlier one");
}

#[tokio::test]
async fn a_claimed_commit_is_the_end_of_what_a_later_one_waits_for() {
    let world = World::new();
    world.happens("a", &push('a', None, &["backend/x.rb"])).await.unwrap();
    world.claims('a').await;
    world.clock.pass(std::time::Duration::from_secs(60));
    world
        .all_happen(&[push('b', Some('a'), &["client/y.tsx"]), success("client", 'b'), image(CLIENT, 'b', 1)])
        .await;
    assert_eq!(world.started(), ["exchange-bbbbbbbbbbbb-1"]);
}

#[tokio::test]
async fn t13_a_commit_that_a_newer_release_overtook_is_skipped() {
    let world = World::new();
    world.all_happen(&[push('a', None, &["backend/x.rb"]), success("backend", 'a')]).await;
    world.clock.pass(std::time::Duration::from_secs(60));
    world.happens("b", &push('b', Some('a'), &["backend/x.rb"])).await.unwrap();
    world.claims('b').await;
    let looked = world.image(BACKEND, &format!("sha-{}", "a".repeat(40)), 1).await.unwrap();
    assert_eq!(looked, EcrIntakeOutput::Kept(Looked::Overtaken));
    assert_eq!(world.started(), Vec::<String>::new());
}

#[tokio::test]
async fn t13_a_push_that_is_heard_of_after_its_successor_is_older_all_the_same() {
    // The successor was released before the earlier push was heard of: that one is skipped.
    let late = World::new();
    late.happens("c", &push('c', Some('b'), &["backend/x.rb"])).await.unwrap();
    late.claims('c').await;
    let before = push_time(&late, 'c').await;
    late.clock.pass(std::time::Duration::from_secs(3600));
    for (number, (commit, parent)) in [('b', 'a'), ('a', '0')].into_iter().enumerate() {
        let event = push(commit, Some(parent), &["backend/x.rb"]);
        late.happens(&format!("late-{number}"), &event).await.unwrap();
        late.happens(&format!("green-{number}"), &success("backend", commit)).await.unwrap();
        late.happens(&format!("image-{number}"), &image(BACKEND, commit, 1)).await.unwrap();
        assert!(push_time(&late, commit).await < before);
    }
    let main = BranchName::new("main").unwrap();
    let head = Candidates::newest_push(&late.store, &late.pipeline.name, &main).await.unwrap();
    assert_eq!(head.unwrap().commit, given::commit('c'));
    assert_eq!(late.started(), Vec::<String>::new());

    // Neither was released yet: the successor is not taken for the older one.
    let swapped = World::new();
    swapped.happens("b", &push('b', Some('a'), &["backend/x.rb"])).await.unwrap();
    swapped.clock.pass(std::time::Duration::from_secs(1));
    let events = [
        push('a', None, &["backend/x.rb"]),
        success("backend", 'a'),
        success("backend", 'b'),
        image(BACKEND, 'b', 2),
    ];
    swapped.all_happen(&events).await;
    assert_eq!(swapped.started(), ["exchange-bbbbbbbbbbbb-1"]);
}

/// When a commit was pushed, as it is kept.
async fn push_time(world: &World, commit: char) -> jiff::Timestamp {
    let prefix = CommitPrefix::new(commit.to_string().repeat(40)).unwrap();
    world.store.pushes(&world.pipeline.name, &prefix).await.unwrap()[0].pushed_at
}

#[tokio::test]
async fn t13_what_nobody_overtook_of_an_older_commit_is_still_released() {
    let world = World::new();
    world
        .all_happen(&[
            push('a', None, &["backend/x.rb", "client/y.tsx"]),
            success("backend", 'a'),
            success("client", 'a'),
            image(BACKEND, 'a', 1),
        ])
        .await;
    world.clock.pass(std::time::Duration::from_secs(60));
    world.claims_only('b', "backend").await;
    assert_eq!(world.started(), Vec::<String>::new());
    world.happens("image", &image(CLIENT, 'a', 2)).await.unwrap();
    assert_eq!(world.started(), ["exchange-aaaaaaaaaaaa-1"]);
}

#[tokio::test]
async fn a_short_tag_that_can_mean_two_commits_starts_neither() {
    let world = World::new();
    let long = |last: char| format!("{}{last}", "a".repeat(39));
    for (number, last) in ['b', 'c'].into_iter().enumerate() {
        let event = GitHubEvent::Pushed(Pushed {
            commit: CommitSha::new(long(last)).unwrap(),
            branch: BranchName::new("main").unwrap(),
            before: None,
            changes: paths(&["backend/x.rb"]),
            commits: vec![],
        });
        world.deliver(&format!("push-{number}"), event).await.unwrap();
    }
    let looked = world.image(BACKEND, "sha-aaaaaaa", 1).await.unwrap();
    let EcrIntakeOutput::Kept(Looked::Ignored(why)) = looked else { panic!("{looked:?}") };
    assert_eq!(why, "aaaaaaa can mean more than one commit");
}

#[tokio::test]
async fn t31_a_delivery_that_was_dealt_with_changes_nothing_and_one_that_failed_may_come_again() {
    let world = World::new();
    let event = || pushed("main", 'a', None, paths(&["backend/x.rb"]));
    world.store.faults.plan("put_push", Fault::Refused);
    world.deliver("guid", event()).await.unwrap_err();
    assert!(matches!(world.deliver("guid", event()).await.unwrap(), GitHubWebhookOutput::Kept(_)));
    assert_eq!(world.deliver("guid", event()).await.unwrap(), GitHubWebhookOutput::Repeated);
}

#[tokio::test]
async fn t40_another_repository_branch_or_event_keeps_nothing() {
    let world = World::new();
    let step = GitHubWebhook {
        intake: world.intake(),
        deliveries: &world.store,
        compare: &world.compare,
        clock: &world.clock,
    };
    let elsewhere = GitHubWebhookInput {
        delivery: "1".to_owned(),
        repository: GitHubRepository::new("somebody/else").unwrap(),
        event: pushed("main", 'a', None, ChangedPaths::Unclear),
    };
    assert!(matches!(step.run(elsewhere).await.unwrap(), GitHubWebhookOutput::Ignored(_)));
    for event in [pushed("feature", 'a', None, ChangedPaths::Unclear), GitHubEvent::Other("ping".to_owned())]
    {
        assert!(matches!(world.deliver("2", event).await.unwrap(), GitHubWebhookOutput::Ignored(_)));
    }
    let prefix = CommitPrefix::new("a".repeat(40)).unwrap();
    assert_eq!(world.store.pushes(&world.pipeline.name, &prefix).await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_push_that_does_not_tell_what_changed_asks_github_and_else_expects_everything() {
    let told = World::new();
    *told.compare.0.lock().unwrap() = Some(paths(&["client/y.tsx"]));
    let unclear = Event::Push { commit: 'b', before: Some('a'), changes: ChangedPaths::Unclear };
    told.all_happen(&[unclear.clone(), success("client", 'b'), image(CLIENT, 'b', 1)]).await;
    assert_eq!(told.started(), ["exchange-bbbbbbbbbbbb-1"]);

    let silent = World::new();
    silent.all_happen(&[unclear, success("client", 'b'), image(CLIENT, 'b', 1)]).await;
    assert_eq!(silent.started(), Vec::<String>::new(), "the other components may have changed too");
}
