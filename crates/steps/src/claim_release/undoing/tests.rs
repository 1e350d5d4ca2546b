use gantry_domain::ErrorName;
use gantry_domain::lock::Lock;
use gantry_domain::names::ReleaseId;
use serde_json::{Value, json};

use crate::StepError as _;
use crate::claim_release::ClaimReleaseOutput;
use crate::claim_release::tests::{World, clock};
use crate::ports::store::Locks as _;
use crate::testing::given::{digest, execution, stage, token};

/// Two releases of the backend have passed production, `a` and then `b`.
async fn passed_twice(world: &World<'_>) -> (ClaimReleaseOutput, ClaimReleaseOutput) {
    let mut passed = Vec::new();
    for (digit, minute) in [('a', 1), ('b', 5)] {
        world.pushed(digit, "main", &["backend"], &format!("2026-11-21T12:0{minute}:00Z")).await;
        let commit = json!({ "commit": digit.to_string().repeat(7) });
        let release = world.claim(&format!("release-{digit}"), commit).await.unwrap();
        world.passed(&release, "preproduction", &format!("2026-11-21T12:0{}:00Z", minute + 1)).await;
        world.passed(&release, "production", &format!("2026-11-21T12:0{}:00Z", minute + 2)).await;
        world.end(&release).await;
        passed.push(release);
    }
    let [first, second] = <[ClaimReleaseOutput; 2]>::try_from(passed).unwrap();
    (first, second)
}

/// A release is at work in production.
async fn at_work(world: &World<'_>, release: &ReleaseId) {
    let lock = Lock {
        stage: stage("production"),
        owner: execution("at-work"),
        release: release.clone(),
        rollout: None,
        plan: None,
        tasks: Vec::new(),
        acquired_at: "2026-11-21T12:10:00Z".parse().unwrap(),
        kept: None,
    };
    world.store.take(&lock, &token("lock")).await.unwrap();
}

fn back(to: Option<&ReleaseId>) -> Value {
    let mut rollback = json!({ "stage": "production", "components": ["backend"] });
    if let Some(to) = to {
        rollback["to"] = json!(to);
    }
    json!({ "rollback": rollback })
}

#[tokio::test]
async fn without_a_name_it_goes_back_to_the_release_before() {
    let clock = clock();
    let world = World::new(&clock);
    let (first, second) = passed_twice(&world).await;
    let output = world.claim("back", back(None)).await.unwrap();
    assert!(output.is_rollback && output.release.as_str().starts_with("exchange-rollback-"));
    assert_eq!(output.commit, second.commit, "what is undone: a newer commit ends the hold");
    let release = world.release(&output).await;
    let undoes = release.undoes.unwrap();
    assert_eq!((undoes.to, undoes.stage), (Some(first.release), stage("production")));
    let backend = release.components.iter().next().unwrap();
    assert_eq!((backend.0.as_str(), &backend.1.digest), ("backend", &digest('a')));
    assert_eq!(world.claim("back", back(None)).await.unwrap(), output, "asked again");
}

#[tokio::test]
async fn while_a_release_is_at_work_the_one_before_is_not_guessed() {
    let clock = clock();
    let world = World::new(&clock);
    let (first, second) = passed_twice(&world).await;
    at_work(&world, &second.release).await;
    let error = world.refused(back(None)).await;
    assert_eq!(error.name(), ErrorName::InvalidInput);
    let words = error.to_string();
    assert!(words.starts_with(&format!("{} is at work in production", second.release)), "{words}");
    let output = world.claim("named", back(Some(&first.release))).await.unwrap();
    assert_eq!(world.release(&output).await.undoes.unwrap().to, Some(first.release));
    let elsewhere = json!({ "rollback": { "stage": "preproduction", "components": ["backend"] } });
    assert!(world.claim("elsewhere", elsewhere).await.is_ok());
}

#[tokio::test]
async fn t20_a_release_that_never_stood_there_is_not_gone_back_to() {
    let clock = clock();
    let world = World::new(&clock);
    let error = world.refused(back(None)).await;
    assert!(error.to_string().contains("nothing stands verified in production"), "{error}");
    passed_twice(&world).await;
    let never: ReleaseId = "exchange-cccccccccccc-1".parse().unwrap();
    let error = world.refused(back(Some(&never))).await;
    assert_eq!(error.name(), ErrorName::InvalidInput);
    assert!(error.to_string().contains("does not stand verified in production"), "{error}");
}
