use gantry_domain::release::Release;
use gantry_domain::{End, ErrorName};
use serde_json::{Value, json};

use crate::StepError as _;
use crate::claim_release::{ClaimRelease, ClaimReleaseError, ClaimReleaseInput, ClaimReleaseOutput};
use crate::ports::ExecutionState;
use crate::ports::store::Releases;
use crate::testing::given::{self, digest, execution};
use crate::testing::{FakeClock, FakeRegistry, FakeStage, Fault, LeftBehind};

/// An execution of that name asks for what a release had changed in production to be put back.
async fn claim(
    world: &LeftBehind,
    name: &str,
    release: &Release,
) -> Result<ClaimReleaseOutput, ClaimReleaseError> {
    let LeftBehind { pipeline, store, executions, clock, .. } = world;
    let registry = FakeRegistry::default();
    let stage = FakeStage::running(pipeline, &digest('0'), clock);
    let step = ClaimRelease {
        pipeline,
        releases: store,
        candidates: store,
        verified: store,
        locks: store,
        executions,
        registry: &registry,
        stage: &stage,
        clock,
    };
    let input: Value = json!({ "rollback": { "stage": "production", "release": release.id } });
    let input = ClaimReleaseInput {
        execution: execution(name),
        execution_name: name.to_owned(),
        started_at: "2026-11-21T12:00:00.000Z".to_owned(),
        input,
    };
    step.run(input).await
}

async fn dead(world: &LeftBehind) -> Release {
    let release = world.claimed('a').await;
    world.locked(&release).await;
    world.executions.end(&release.execution, ExecutionState::Aborted);
    release
}

#[tokio::test]
async fn t08_a_release_is_taken_over_from_an_execution_that_died() {
    let world = LeftBehind::new();
    let release = dead(&world).await;
    let output = claim(&world, "later", &release).await.unwrap();
    assert_eq!(output.release, release.id);
    let stages: Vec<(&str, bool)> =
        output.stages.iter().map(|stage| (stage.name.as_str(), stage.gated)).collect();
    assert_eq!((stages, output.stage_count), (vec![("production", false)], 1), "nobody is asked");
    assert!(output.is_rollback);
    assert_eq!(
        output.died.as_deref(),
        Some("Its execution was stopped by a person. It was changing production.")
    );
    let running = world.store.running().await.unwrap();
    assert_eq!(running.iter().map(|running| &running.execution).collect::<Vec<_>>(), [&execution("later")]);
}

#[tokio::test]
async fn t22_whose_answer_was_lost_finds_the_release_its_own() {
    let world = LeftBehind::new();
    let release = dead(&world).await;
    world.store.faults.plan("take_over_release", Fault::AnswerLost);
    claim(&world, "later", &release).await.unwrap_err();
    assert!(claim(&world, "later", &release).await.unwrap().died.unwrap().contains("stopped by a person"));
    // Another one is too late, while this one lives.
    let error = claim(&world, "too-late", &release).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Unavailable, "{error}: it may only seem to live");
}

#[tokio::test]
async fn t09_nothing_is_taken_from_an_execution_that_may_live() {
    let world = LeftBehind::new();
    let release = world.claimed('a').await;
    for (state, minutes) in [(ExecutionState::Running, 60), (ExecutionState::Gone, 1)] {
        let world = LeftBehind {
            clock: FakeClock::at(&format!("2026-11-21T12:{:02}:00Z", minutes % 60)),
            ..LeftBehind::new()
        };
        let release = world.claimed('a').await;
        world.locked(&release).await;
        world.executions.end(&release.execution, state);
        let error = claim(&world, "later", &release).await.unwrap_err();
        assert!(matches!(error, ClaimReleaseError::GoesOn { .. }), "{state:?} {error}");
        assert!(error.to_string().contains("stop arn:aws:states"), "{error}");
    }
    assert_eq!(world.end_of(&release).await, None);
}

#[tokio::test]
async fn a_release_that_has_ended_or_never_was_is_not_put_back() {
    let world = LeftBehind::new();
    let never = given::release(&world.pipeline, 'c', "2026-11-21T12:00:00Z");
    let ended = world.claimed('a').await;
    world.executions.end(&ended.execution, ExecutionState::Aborted);
    world.sweep().await;
    assert_eq!(world.end_of(&ended).await, Some(End::FailedClean));
    for release in [never, ended] {
        let error = claim(&world, "later", &release).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::InvalidInput);
        assert!(error.to_string().contains("is not under way"), "{error}");
    }
}

#[tokio::test]
async fn a_release_is_put_back_where_it_was_at_work_and_nowhere_else() {
    let world = LeftBehind::new();
    let release = world.claimed('a').await;
    world.executions.end(&release.execution, ExecutionState::Aborted);
    let other = world.claimed('b').await;
    world.locked(&other).await;
    let error = claim(&world, "later", &release).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::InvalidInput);
    assert!(error.to_string().contains("was not changing production"), "{error}");
    let running = world.store.running().await.unwrap();
    assert!(running.iter().all(|running| running.execution != execution("later")), "nothing is taken over");
}
