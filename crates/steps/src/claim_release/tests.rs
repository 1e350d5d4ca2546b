use futures::future::join_all;
use gantry_domain::End;
use gantry_domain::ErrorName;
use gantry_domain::candidate::{ImageFact, PushFact, WorkflowFact, WorkflowState};
use gantry_domain::changes::ChangedPaths;
use gantry_domain::names::{BranchName, CommitPrefix, Digest, Tag};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::release::{CommitSummary, ComponentSource, Origin, Release};
use gantry_domain::verified::VerifiedEntry;
use serde_json::{Value, json};

use super::{ClaimRelease, ClaimReleaseError, ClaimReleaseInput, ClaimReleaseOutput};
use crate::StepError as _;
use crate::ports::store::{Candidates, EndOutcome, NewNotice, Releases, Verified};
use crate::ports::{ExecutionState, ImageKind};
use crate::testing::given::{self, commit, component, digest, execution, stage, task_definition};
use crate::testing::{FakeClock, FakeExecutions, FakeRegistry, FakeStage, Fault, MemoryStore};

/// The Exchange before Gantry's first release: every service runs digest `0`.
pub(super) struct World<'a> {
    pipeline: Pipeline,
    pub(super) store: MemoryStore,
    executions: FakeExecutions,
    registry: FakeRegistry,
    stage: FakeStage<'a>,
    clock: &'a FakeClock,
}

pub(super) fn clock() -> FakeClock {
    FakeClock::at("2026-11-21T12:00:00Z")
}

impl<'a> World<'a> {
    pub(super) fn new(clock: &'a FakeClock) -> Self {
        let pipeline = given::exchange();
        Self {
            stage: FakeStage::running(&pipeline, &digest('0'), clock),
            pipeline,
            store: MemoryStore::default(),
            executions: FakeExecutions::default(),
            registry: FakeRegistry::default(),
            clock,
        }
    }

    pub(super) async fn claim(
        &self,
        name: &str,
        input: Value,
    ) -> Result<ClaimReleaseOutput, ClaimReleaseError> {
        let Self { pipeline, store, executions, registry, stage, clock } = self;
        let step = ClaimRelease {
            pipeline,
            releases: store,
            candidates: store,
            verified: store,
            locks: store,
            executions,
            registry,
            stage,
            clock: *clock,
        };
        let input = ClaimReleaseInput {
            execution: execution(name),
            execution_name: name.to_owned(),
            started_at: "2026-11-21T12:00:00.000Z".to_owned(),
            input,
        };
        step.run(input).await
    }

    pub(super) async fn refused(&self, input: Value) -> ClaimReleaseError {
        self.claim("by-hand", input).await.unwrap_err()
    }

    /// A push to a branch that touches these components, whose images and workflows follow.
    pub(super) async fn pushed(&self, digit: char, branch: &str, touched: &[&str], at: &str) {
        let push = PushFact {
            commit: commit(digit),
            branch: BranchName::new(branch).unwrap(),
            before: None,
            changes: ChangedPaths::Known(touched.iter().map(|name| format!("{name}/file")).collect()),
            commits: Vec::new(),
            pushed_at: at.parse().unwrap(),
        };
        self.store.put_push(&self.pipeline.name, &push).await.unwrap();
        for name in touched {
            self.built(digit, name, at).await;
        }
    }

    async fn built(&self, digit: char, name: &str, at: &str) {
        let configured = self.pipeline.component(&component(name)).unwrap();
        let tag = format!("sha-{}", commit(digit).short());
        self.registry.push(&configured.repository, &digest(digit), &[&tag]);
        let image = ImageFact {
            commit: CommitPrefix::new(commit(digit).short()).unwrap(),
            component: configured.name.clone(),
            repository: configured.repository.clone(),
            digest: digest(digit),
            tag: Tag::new(tag).unwrap(),
            pushed_at: at.parse().unwrap(),
        };
        self.store.put_image(&self.pipeline.name, &image).await.unwrap();
        self.workflow(digit, name, WorkflowState::Succeeded).await;
    }

    async fn workflow(&self, digit: char, name: &str, state: WorkflowState) {
        let workflow = WorkflowFact {
            commit: commit(digit),
            path: format!(".github/workflows/{name}.yml"),
            run: 1,
            attempt: 1,
            state,
        };
        self.store.put_workflow(&self.pipeline.name, &workflow).await.unwrap();
    }

    pub(super) async fn release(&self, output: &ClaimReleaseOutput) -> Release {
        Releases::find(&self.store, &output.release).await.unwrap().unwrap().release
    }

    pub(super) async fn end(&self, output: &ClaimReleaseOutput) {
        let release = self.release(output).await;
        let end = End::Succeeded;
        let notice = Notice::Ended { end, stage: None, reason: String::new(), next: None };
        let notice = NewNotice::new(release.claimed_at, notice);
        let ended = Releases::end(&self.store, &release.id, end, "", &notice).await.unwrap();
        assert_eq!(ended, EndOutcome::Recorded);
        self.executions.end(&release.execution, ExecutionState::Succeeded);
    }

    /// The release passed a stage with what it holds.
    pub(super) async fn passed(&self, output: &ClaimReleaseOutput, name: &str, at: &str) {
        let release = self.release(output).await;
        let entries = self.pipeline.components.iter().flat_map(|component| {
            let released = release.components.get(&component.name).unwrap();
            component.services().map(|service| VerifiedEntry {
                stage: stage(name),
                component: component.name.clone(),
                service: service.clone(),
                release: release.id.clone(),
                commit: released.commit.clone(),
                digest: released.digest.clone(),
                task_definition: task_definition(service.as_str(), 2),
                at: at.parse().unwrap(),
                rolled_back: false,
            })
        });
        let entries: Vec<VerifiedEntry> = entries.collect();
        let notice = Notice::StageVerified {
            stage: stage(name),
            deployed: Vec::new(),
            unchanged: Vec::new(),
            passed: Vec::new(),
        };
        let notice = NewNotice::new(at.parse().unwrap(), notice);
        self.store.record(&release.id, &entries, &notice).await.unwrap();
    }
}

fn runs(release: &Release, name: &str) -> (Digest, ComponentSource) {
    let released = release.components.get(&component(name)).unwrap();
    (released.digest.clone(), released.source.clone())
}

fn carried(from: &str) -> ComponentSource {
    ComponentSource::Carried { stage: stage(from) }
}

#[tokio::test]
async fn a_pushed_commit_becomes_a_complete_manifest_of_digests() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    let output = world.claim("exchange-aaaaaaaaaaaa-1", json!({"commit": "aaaaaaa"})).await.unwrap();
    assert_eq!(output.release.as_str(), "exchange-aaaaaaaaaaaa-1");
    assert_eq!(
        serde_json::to_value(&output.stages).unwrap(),
        json!([
            {"name": "preproduction", "gated": false}, {"name": "production", "gated": true}
        ])
    );
    let release = world.release(&output).await;
    assert_eq!((release.origin, release.attempt), (Origin::Push, 1));
    assert_eq!(runs(&release, "backend"), (digest('a'), ComponentSource::Built));
    let baseline = ComponentSource::Baseline { stage: stage("preproduction") };
    assert_eq!(runs(&release, "client"), (digest('0'), baseline.clone()));
    assert_eq!(runs(&release, "engine"), (digest('0'), baseline));
    let told = world.store.notices(&output.release);
    let [Notice::Started { components, .. }] = told.as_slice() else { panic!("{told:?}") };
    let order: Vec<&str> = components.iter().map(|started| started.component.as_str()).collect();
    assert_eq!(order, ["backend", "client", "engine"]);
}

#[tokio::test]
async fn t10_the_same_execution_gets_the_same_release_however_often_it_asks() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    world.store.faults.plan("claim_release", Fault::AnswerLost);
    world.claim("run", json!({"commit": "aaaaaaa"})).await.unwrap_err();
    let first = world.claim("run", json!({"commit": "aaaaaaa"})).await.unwrap();
    let second = world.claim("run", json!({"commit": "aaaaaaa"})).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(world.store.notices(&first.release).len(), 1, "people hear of it once");
}

#[tokio::test]
async fn t10_of_many_executions_for_one_commit_one_has_it() {
    for seed in 0..20 {
        let clock = clock();
        let world = World::new(&clock);
        world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
        world.store.faults.shuffle(seed);
        let names: Vec<String> = (0..8).map(|n| format!("run-{n}")).collect();
        let claims = names.iter().map(|name| world.claim(name, json!({"commit": "aaaaaaa"})));
        let outcomes = join_all(claims).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "seed {seed}");
        for error in outcomes.into_iter().filter_map(Result::err) {
            assert_eq!(error.name(), ErrorName::ReleaseAlreadyClaimed, "seed {seed}: {error}");
        }
    }
}

#[tokio::test]
async fn a_person_repeats_an_ended_release_as_the_next_attempt_and_a_push_does_not() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    let first = world.claim("by-hand", json!({"commit": "aaaaaaa"})).await.unwrap();
    world.end(&first).await;
    let late = world.claim("exchange-aaaaaaaaaaaa-1", json!({"commit": "aaaaaaa"})).await.unwrap_err();
    assert!(matches!(late, ClaimReleaseError::Ended { .. }), "{late}");
    let again = world.claim("again", json!({"commit": "aaaaaaa"})).await.unwrap();
    assert_eq!(again.release.as_str(), "exchange-aaaaaaaaaaaa-2");
    assert_eq!(world.release(&again).await.origin, Origin::Console);
}

#[tokio::test]
async fn t13_an_older_push_of_the_same_component_is_skipped() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    world.pushed('b', "main", &["backend"], "2026-11-21T11:55:00Z").await;
    world.claim("newer", json!({"commit": "bbbbbbb"})).await.unwrap();
    let error = world.claim("older", json!({"commit": "aaaaaaa"})).await.unwrap_err();
    assert!(matches!(error, ClaimReleaseError::Older { .. }), "{error}");
    assert_eq!(world.store.running().await.unwrap().len(), 1, "nothing is left of it");
}

#[tokio::test]
async fn t13_an_older_push_of_another_component_is_released() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["client"], "2026-11-21T11:50:00Z").await;
    world.pushed('b', "main", &["backend"], "2026-11-21T11:55:00Z").await;
    world.claim("newer", json!({"commit": "bbbbbbb"})).await.unwrap();
    world.claim("older", json!({"commit": "aaaaaaa"})).await.unwrap();
}

#[tokio::test]
async fn an_untouched_component_is_carried_from_what_pre_production_runs_verified() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    let first = world.claim("one", json!({"commit": "aaaaaaa"})).await.unwrap();
    world.passed(&first, "preproduction", "2026-11-21T12:05:00Z").await;
    world.pushed('b', "main", &["client"], "2026-11-21T12:06:00Z").await;
    let second = world.claim("two", json!({"commit": "bbbbbbb"})).await.unwrap();
    let release = world.release(&second).await;
    assert_eq!(runs(&release, "backend"), (digest('a'), carried("preproduction")));
    assert_eq!(release.components.get(&component("backend")).unwrap().commit, Some(commit('a')));
    assert_eq!(runs(&release, "client"), (digest('b'), ComponentSource::Built));
}

#[tokio::test]
async fn what_people_rejected_is_not_carried_on() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    let first = world.claim("one", json!({"commit": "aaaaaaa"})).await.unwrap();
    world.passed(&first, "preproduction", "2026-11-21T12:01:00Z").await;
    world.passed(&first, "production", "2026-11-21T12:02:00Z").await;
    world.end(&first).await;
    world.pushed('b', "main", &["backend"], "2026-11-21T12:03:00Z").await;
    let second = world.claim("two", json!({"commit": "bbbbbbb"})).await.unwrap();
    world.passed(&second, "preproduction", "2026-11-21T12:04:00Z").await;
    world.store.given_rejected(&second.release, "production");
    world.end(&second).await;
    world.pushed('c', "main", &["client"], "2026-11-21T12:05:00Z").await;
    let third = world.claim("three", json!({"commit": "ccccccc"})).await.unwrap();
    let release = world.release(&third).await;
    assert_eq!(runs(&release, "backend"), (digest('a'), carried("preproduction")));
    assert_eq!(runs(&release, "engine").0, digest('0'), "what the rejected release carried is not rejected");
}

#[tokio::test]
async fn a_release_under_way_is_not_undone_by_the_next_one() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    world.claim("one", json!({"commit": "aaaaaaa"})).await.unwrap();
    world.pushed('b', "main", &["client"], "2026-11-21T11:55:00Z").await;
    let second = world.claim("two", json!({"commit": "bbbbbbb"})).await.unwrap();
    let release = world.release(&second).await;
    assert_eq!(runs(&release, "backend").0, digest('a'), "the first one's backend, not the one before it");
}

#[tokio::test]
async fn a_release_that_died_on_the_way_is_not_carried_on() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    let first = world.claim("one", json!({"commit": "aaaaaaa"})).await.unwrap();
    let release = world.release(&first).await;
    world.executions.end(&release.execution, ExecutionState::Failed);
    world.pushed('b', "main", &["client"], "2026-11-21T11:55:00Z").await;
    let second = world.claim("two", json!({"commit": "bbbbbbb"})).await.unwrap();
    assert_eq!(runs(&world.release(&second).await, "backend").0, digest('0'));
}

#[tokio::test]
async fn components_named_on_the_console_are_resolved_once_to_digests() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend", "client"], "2026-11-21T11:50:00Z").await;
    let input = json!({"components": {"backend": "sha-aaaaaaa"}});
    let output = world.claim("by-hand", input.clone()).await.unwrap();
    let backend = &world.pipeline.component(&component("backend")).unwrap().repository;
    world.registry.push(backend, &digest('e'), &["sha-aaaaaaa"]);
    assert_eq!(world.claim("by-hand", input).await.unwrap(), output);
    let release = world.release(&output).await;
    assert_eq!(
        runs(&release, "backend"),
        (digest('a'), ComponentSource::Named),
        "t01: the tag moved in vain"
    );
    assert_eq!((release.commit.clone(), release.origin), (commit('a'), Origin::Console));
    assert_eq!(runs(&release, "client").0, digest('0'), "only what was named is new");
}

#[tokio::test]
async fn a_whole_commit_in_a_tag_needs_no_push_but_proof_of_the_branch() {
    let clock = clock();
    let mut world = World::new(&clock);
    for component in &mut world.pipeline.components {
        component.workflows.clear();
    }
    let repository = world.pipeline.component(&component("engine")).unwrap().repository.clone();
    let tag = format!("sha-{}", commit('a'));
    let input = json!({"components": {"engine": tag}});
    world.registry.push(&repository, &digest('a'), &[&tag]);
    let error = world.refused(input.clone()).await;
    assert!(matches!(error, ClaimReleaseError::BranchUnproven { .. }), "{error}");
    world.registry.push(&repository, &digest('a'), &["branch-main"]);
    let output = world.claim("by-hand", input).await.unwrap();
    assert_eq!(runs(&world.release(&output).await, "engine").0, digest('a'));
}

#[tokio::test]
async fn every_refusal_has_its_name_says_why_and_touches_nothing() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    world.pushed('b', "feature", &["backend"], "2026-11-21T11:51:00Z").await;
    world.pushed('c', "main", &[], "2026-11-21T11:52:00Z").await;
    world.pushed('d', "main", &["client"], "2026-11-21T11:53:00Z").await;
    world.workflow('d', "client", WorkflowState::Failed).await;
    let client = world.pipeline.component(&component("client")).unwrap().repository.clone();
    let signature = ImageKind::Other("application/vnd.dev.cosign.simplesigning.v1+json".to_owned());
    world.registry.push_kind(&client, &digest('9'), &["sha-aaaaaaa"], signature);
    let cases = [
        (json!({"comit": "aaaaaaa"}), ErrorName::InvalidInput, "field \"comit\" is unknown"),
        (json!({"commit": "eeeeeee"}), ErrorName::NotReady, "no push of commit eeeeeee"),
        (json!({"commit": "bbbbbbb"}), ErrorName::NotReady, "branch feature, which is not released"),
        (json!({"commit": "ccccccc"}), ErrorName::NotReady, "it touches no component"),
        (json!({"commit": "ddddddd"}), ErrorName::NotReady, ".github/workflows/client.yml to succeed"),
        (json!({"components": {"client": "sha-ddddddd"}}), ErrorName::NotReady, "to succeed on ddddddd"),
        (json!({"components": {"backend": "nightly-2026"}}), ErrorName::InvalidInput, "sha-<commit>"),
        (json!({"components": {"backend": "sha-eeeeeee"}}), ErrorName::InvalidInput, "sha-<commit>"),
        (json!({"components": {"engine": "sha-aaaaaaa"}}), ErrorName::ImageNotFound, "no image with tag"),
        (json!({"components": {"client": "sha-aaaaaaa"}}), ErrorName::ImageNotFound, "cosign"),
        (json!({"components": {"backend": "sha-bbbbbbb"}}), ErrorName::NotReady, "branch main"),
    ];
    for (input, name, words) in cases {
        let error = world.refused(input.clone()).await;
        assert_eq!(error.name(), name, "{input}: {error}");
        assert!(error.words().contains(words), "{input}: {}", error.words());
    }
    assert!(world.store.running().await.unwrap().is_empty());
    assert!(world.stage.written().is_empty());
}

#[tokio::test]
async fn a_short_commit_that_can_mean_two_is_refused_with_both() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    let twin = format!("aaaaaaa{}", "b".repeat(33));
    let push: PushFact = serde_json::from_value(json!({
        "commit": twin, "branch": "main", "before": null, "changes": "unclear", "commits": [],
        "pushedAt": "2026-11-21T11:51:00Z"
    }))
    .unwrap();
    world.store.put_push(&world.pipeline.name, &push).await.unwrap();
    let error = world.refused(json!({"commit": "aaaaaaa"})).await;
    assert_eq!(error.name(), ErrorName::InvalidInput);
    assert!(error.to_string().contains(&twin), "{error}");
    assert!(error.to_string().contains(commit('a').as_str()), "{error}");
}

#[tokio::test]
async fn without_anything_known_to_run_an_untouched_component_is_refused() {
    let clock = clock();
    let mut world = World::new(&clock);
    world.pushed('a', "main", &["client"], "2026-11-21T11:50:00Z").await;
    world.pipeline.components[0].containers = vec!["ghost".parse().unwrap()];
    let error = world.refused(json!({"commit": "aaaaaaa"})).await;
    assert_eq!(error.name(), ErrorName::UnsupportedService);
    assert!(error.to_string().contains("does not tell the digest that web runs"), "{error}");
    world.pipeline.components[0].waves.insert(0, vec!["ghost".parse().unwrap()]);
    let error = world.refused(json!({"commit": "aaaaaaa"})).await;
    assert_eq!(error.name(), ErrorName::UnsupportedService);
    assert!(error.to_string().contains("service ghost of component backend"), "{error}");
}

#[tokio::test]
async fn a_manifest_tells_of_the_newest_commits_of_many_pushes_and_stays_one_row() {
    let clock = clock();
    let world = World::new(&clock);
    let mut before = None;
    for digit in ['1', '2', '3', '4'] {
        let summary = |n: u32| CommitSummary {
            sha: format!("{digit}{n:039x}").parse().unwrap(),
            author: "ä".repeat(200),
            title: "ä".repeat(200),
        };
        let push = PushFact {
            commit: commit(digit),
            branch: BranchName::new("main").unwrap(),
            before: before.replace(commit(digit)),
            changes: ChangedPaths::Known(vec!["backend/file".to_owned()]),
            commits: (0..50).map(summary).collect(),
            pushed_at: format!("2026-11-21T11:0{digit}:00Z").parse().unwrap(),
        };
        world.store.put_push(&world.pipeline.name, &push).await.unwrap();
    }
    world.built('4', "backend", "2026-11-21T11:05:00Z").await;
    let output = world.claim("by-hand", json!({ "commit": commit('4') })).await.unwrap();
    let release = world.release(&output).await;
    let bytes = serde_json::to_vec(&release).unwrap().len();
    assert!(bytes < 300_000, "a row of DynamoDB holds 400 KB: {bytes}");
    assert_eq!(release.commits.first().unwrap().sha.as_str().chars().next(), Some('2'));
    assert_eq!(release.commits.last().unwrap().sha.as_str(), format!("4{:039x}", 49));
}

#[tokio::test]
async fn a_commit_is_not_taken_from_an_execution_that_is_not_known_yet() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:00:00Z").await;
    let input = || json!({ "commit": commit('a') });
    let output = world.claim("one", input()).await.unwrap();
    world.executions.end(&world.release(&output).await.execution, ExecutionState::Gone);
    let error = world.claim("two", input()).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::ReleaseAlreadyClaimed, "{error}");
    clock.pass(std::time::Duration::from_secs(600));
    assert_ne!(world.claim("two", input()).await.unwrap().release, output.release);
}

#[tokio::test]
async fn a_release_whose_execution_is_not_known_yet_is_under_way() {
    let clock = clock();
    let world = World::new(&clock);
    world.pushed('a', "main", &["backend"], "2026-11-21T11:50:00Z").await;
    let first = world.claim("one", json!({"commit": "aaaaaaa"})).await.unwrap();
    world.executions.end(&world.release(&first).await.execution, ExecutionState::Gone);
    world.pushed('b', "main", &["client"], "2026-11-21T11:55:00Z").await;
    let second = world.claim("two", json!({"commit": "bbbbbbb"})).await.unwrap();
    assert_eq!(runs(&world.release(&second).await, "backend").0, digest('a'), "not the one before it");
}
