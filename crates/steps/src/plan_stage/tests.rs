use gantry_domain::verified::VerifiedEntry;

use super::*;
use crate::ports::store::LogEntry;
use crate::testing::{Fault, Road, given, road};

#[tokio::test]
async fn the_plan_is_kept_under_its_hash_and_told_in_few_words() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let output = road.plan(road.plan_input()).await.unwrap();
    assert_eq!((output.changes, output.step_count, output.moved.len()), (6, output.steps.len(), 0));
    assert_eq!(
        output.steps[0],
        StepLabel { kind: "task".to_owned(), label: "backend: backup backup".to_owned(), writes: false }
    );
    let writes: Vec<&str> =
        output.steps.iter().filter(|step| step.writes).map(|step| step.label.as_str()).collect();
    assert_eq!(writes.len(), 7, "the migration and six waves: {writes:?}");
    let plan = road.plan_of(&output.plan_hash).await;
    assert_eq!(plan.terms.hash().unwrap(), output.plan_hash);
    assert_eq!(road.stage.written(), Vec::<String>::new(), "planning changes nothing");
}

#[tokio::test]
async fn planning_twice_is_planning_once() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let once = road.plan(road.plan_input()).await.unwrap();
    clock.pass(std::time::Duration::from_secs(60));
    assert_eq!(road.plan(road.plan_input()).await.unwrap(), once);
}

#[tokio::test]
async fn t19_what_ran_before_is_noted_once_as_the_baseline() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.plan(road.plan_input()).await.unwrap();
    let web = "web".parse().unwrap();
    let first = road.store.baseline(&road.name(), &web).await.unwrap().unwrap();
    assert_eq!(first.digest, Some(given::digest('a')));
    road.stage.somebody_deploys("web");
    clock.pass(crate::testing::TAKES);
    road.plan(road.plan_input()).await.unwrap();
    assert_eq!(road.store.baseline(&road.name(), &web).await.unwrap().unwrap(), first);
}

#[tokio::test]
async fn what_moved_since_the_approval_is_said() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let approved =
        road.plan(PlanStageInput { under_lock: false, ..road.plan_input() }).await.unwrap().plan_hash;
    let again = || PlanStageInput { approved_hash: Some(approved.clone()), ..road.plan_input() };
    assert!(road.plan(again()).await.unwrap().moved.is_empty());

    road.stage.somebody_deploys("web");
    clock.pass(crate::testing::TAKES);
    let output = road.plan(again()).await.unwrap();
    assert_ne!(output.plan_hash, approved);
    assert_eq!(output.moved, ["web runs web:2 now, not web:1."]);
    let told =
        |log: Vec<LogEntry>| log.iter().filter(|entry| entry.key.starts_with("approval-voided")).count();
    assert_eq!(told(road.store.log(&road.release.id).await.unwrap()), 0, "nobody had been asked");
}

#[tokio::test]
async fn people_whose_word_no_longer_counts_are_told_once() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let approved =
        road.plan(PlanStageInput { under_lock: false, ..road.plan_input() }).await.unwrap().plan_hash;
    road.is_asked(&approved).await;
    road.stage.somebody_deploys("web");
    clock.pass(crate::testing::TAKES);
    for _ in 0..2 {
        let again = PlanStageInput { approved_hash: Some(approved.clone()), ..road.plan_input() };
        assert_eq!(road.plan(again).await.unwrap().moved.len(), 1);
    }
    let log = road.store.log(&road.release.id).await.unwrap();
    let voided: Vec<&LogEntry> =
        log.iter().filter(|entry| entry.key.starts_with("approval-voided")).collect();
    assert_eq!(voided.len(), 1);
    assert!(
        matches!(&voided[0].notice, Notice::ApprovalVoided { moved, .. } if moved[0].starts_with("web runs"))
    );
}

#[tokio::test]
async fn people_are_asked_while_another_release_is_deployed_and_nothing_is_done_meanwhile() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.stage.somebody_deploys("web");
    let asked = road.plan(PlanStageInput { under_lock: false, ..road.plan_input() }).await.unwrap().plan_hash;
    let web = "web".parse().unwrap();
    assert_eq!(road.store.baseline(&road.name(), &web).await.unwrap(), None, "half of another release");
    let again = || PlanStageInput { approved_hash: Some(asked.clone()), ..road.plan_input() };
    let error = road.plan(again()).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::UnsupportedService, "{error}");
    clock.pass(crate::testing::TAKES);
    assert_eq!(road.plan(again()).await.unwrap().plan_hash, asked, "it ended as people saw it");
}

#[tokio::test]
async fn an_approved_plan_that_is_not_recorded_is_a_contradiction() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let input = PlanStageInput { approved_hash: Some(given::plan_hash('9')), ..road.plan_input() };
    let error = road.plan(input).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::Inconsistent, "{error}");
}

#[tokio::test]
async fn under_the_lock_only_its_owner_plans() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.lose_the_lock().await;
    let error = road.plan(road.plan_input()).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::LockLost);
    assert!(road.plan(PlanStageInput { under_lock: false, ..road.plan_input() }).await.is_ok());
}

#[tokio::test]
async fn t01_an_execution_plans_only_its_own_release() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let other = PlanStageInput {
        execution: given::execution("somebody-else"),
        under_lock: false,
        ..road.plan_input()
    };
    assert_eq!(road.plan(other).await.unwrap_err().name(), ErrorName::Inconsistent);
    let unknown =
        PlanStageInput { release: given::release_id("exchange-000000000000-1"), ..road.plan_input() };
    assert!(matches!(road.plan(unknown).await, Err(PlanStageError::NoRelease(_))));
    let nowhere = PlanStageInput { stage: given::stage("moon"), ..road.plan_input() };
    assert_eq!(road.plan(nowhere).await.unwrap_err().name(), ErrorName::Misconfigured);
}

#[tokio::test]
async fn services_that_cannot_be_deployed_are_refused_all_at_once() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.stage.change_service("web", |web| web.desired_count = 0);
    road.stage.change_definition("sidekiq", |sidekiq| sidekiq.unknown = vec!["sandbox".to_owned()]);
    let error = road.plan(road.plan_input()).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::UnsupportedService);
    let words = error.to_string();
    assert!(words.contains("web wants 0 tasks") && words.contains("sandbox"), "{words}");
}

#[tokio::test]
async fn t37_no_value_of_an_environment_reaches_a_plan() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let hash = road.plan(road.plan_input()).await.unwrap().plan_hash;
    let plan = serde_json::to_string(&road.plan_of(&hash).await).unwrap();
    assert!(!plan.contains("hush"));
}

#[tokio::test]
async fn errors_of_the_stage_keep_their_names() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.stage.faults.plan("services", Fault::Refused);
    assert_eq!(road.plan(road.plan_input()).await.unwrap_err().name(), ErrorName::Unavailable);
    road.stage.deny("deployments_of");
    assert_eq!(road.plan(road.plan_input()).await.unwrap_err().name(), ErrorName::AccessDenied);
}

#[tokio::test]
async fn people_can_read_which_commit_runs_now() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let tags = ["branch-main", "sha-aaaaaaa", &format!("sha-{}", "a".repeat(40))];
    road.registry.push(&"exchange-backend-f899186".parse().unwrap(), &given::digest('a'), &tags);
    let plan = road.plan_of(&road.plan(road.plan_input()).await.unwrap().plan_hash).await;
    let commit = |service: &str| {
        let found = plan.observations.iter().find(|seen| seen.service.as_str() == service);
        found.unwrap().running_commit.clone()
    };
    assert_eq!(commit("web"), Some(given::commit('a')));
    assert_eq!(commit("exchange-client-web"), None, "no tag tells");
}

/// A release claimed at that time has passed the stage with all its services.
async fn passed(road: &Road<'_>, digit: char, claimed_at: &str, rolled_back: bool) {
    let other = given::release(&road.pipeline, digit, claimed_at);
    road.store.given_release(&other);
    let entry = |component: &gantry_domain::pipeline::Component,
                 service: &gantry_domain::names::ServiceName| {
        VerifiedEntry {
            stage: road.name(),
            component: component.name.clone(),
            service: service.clone(),
            release: other.id.clone(),
            commit: Some(other.commit.clone()),
            digest: given::digest(digit),
            task_definition: given::task_definition(service.as_str(), 2),
            at: road.clock.now(),
            rolled_back,
        }
    };
    let services = road.pipeline.components.iter();
    let entries: Vec<VerifiedEntry> = services
        .flat_map(|component| component.services().map(move |service| entry(component, service)))
        .collect();
    let notice = Notice::StageVerified {
        stage: road.name(),
        deployed: Vec::new(),
        unchanged: Vec::new(),
        passed: Vec::new(),
    };
    road.store.record(&other.id, &entries, &NewNotice::new(road.clock.now(), notice)).await.unwrap();
}

#[tokio::test]
async fn t13_a_release_is_not_deployed_over_one_that_was_claimed_later() {
    for under_lock in [false, true] {
        let clock = road::clock();
        let road = Road::new(&clock).await;
        passed(&road, 'c', "2026-11-21T11:59:30Z", false).await;
        let error = road.plan(PlanStageInput { under_lock, ..road.plan_input() }).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::ReleaseAlreadyClaimed);
        let words = error.to_string();
        assert!(words.starts_with("exchange-cccccccccccc-1 was claimed later"), "{words}");
        let web = "web".parse().unwrap();
        assert_eq!(road.store.baseline(&road.name(), &web).await.unwrap(), None, "nothing is noted");
    }
}

#[tokio::test]
async fn t13_a_release_is_deployed_over_earlier_ones_itself_and_what_was_rolled_back() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    passed(&road, 'a', "2026-11-21T11:58:00Z", false).await;
    road.plan(road.plan_input()).await.unwrap();
    clock.pass(std::time::Duration::from_secs(1));
    passed(&road, 'b', "2026-11-21T11:59:00Z", false).await;
    road.plan(road.plan_input()).await.unwrap();
    clock.pass(std::time::Duration::from_secs(1));
    passed(&road, 'c', "2026-11-21T11:59:30Z", true).await;
    road.plan(road.plan_input()).await.unwrap();
}

/// The backend is the only thing that the release brings; client and engine come from the release with that digit.
fn carries(release: &mut gantry_domain::release::Release, digit: char) {
    for (name, component) in &mut release.components {
        if name.as_str() != "backend" {
            component.digest = given::digest(digit);
            component.commit = Some(given::commit(digit));
        }
    }
}

#[tokio::test]
async fn t19_what_was_put_back_after_the_claim_is_not_brought_again_by_who_carries_it() {
    for under_lock in [false, true] {
        let clock = road::clock();
        let mut road = Road::new(&clock).await;
        carries(&mut road.release, 'c');
        road.store.given_release(&road.release);
        let input = PlanStageInput { under_lock, ..road.plan_input() };
        road.plan(input.clone()).await.unwrap();
        passed(&road, 'c', "2026-11-21T11:58:00Z", true).await;
        let error = road.plan(input).await.unwrap_err();
        assert_eq!(error.name(), ErrorName::Withdrawn);
        let words = error.to_string();
        assert!(words.starts_with("client is not of this commit"), "{words}");
        assert!(words.contains("rolled back in preproduction with exchange-cccccccccccc-1"), "{words}");
    }
}

#[tokio::test]
async fn a_release_brings_its_own_image_again_even_if_it_was_put_back_before() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    passed(&road, 'b', "2026-11-21T11:58:00Z", true).await;
    road.plan(road.plan_input()).await.unwrap();
}

#[tokio::test]
async fn what_people_refused_after_the_claim_is_not_brought_by_who_carries_it() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    carries(&mut road.release, 'c');
    road.store.given_release(&road.release);
    passed(&road, 'c', "2026-11-21T11:58:00Z", false).await;
    road.plan(road.plan_input()).await.unwrap();
    road.store.given_rejected(&given::release_id("exchange-cccccccccccc-1"), "production");
    let error = road.plan(road.plan_input()).await.unwrap_err();
    assert!(error.to_string().contains("refused after it had passed preproduction"), "{error}");
}

#[tokio::test]
async fn t21_a_release_does_not_begin_where_a_person_wants_the_stage_put_back() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    road.is_to_turn_back().await;
    let error = road.plan(road.plan_input()).await.unwrap_err();
    assert_eq!(error.name(), ErrorName::LockLost);
    assert!(error.to_string().contains("does not begin there"), "{error}");
}
