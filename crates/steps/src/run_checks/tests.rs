use super::*;
use crate::ports::ProbeAnswer;
use crate::testing::{FakeProbe, Road, answered, road};

const OK: &str = r#"{"status": "ok"}"#;

async fn input(road: &Road<'_>) -> RunChecksInput {
    let (plan_hash, step) = road.planned(road::is_checks).await;
    RunChecksInput {
        execution: road.rollout(),
        release_execution: road.release.execution.clone(),
        release: road.release.id.clone(),
        stage: road.name(),
        plan_hash,
        step,
        progress: None,
    }
}

async fn run(road: &Road<'_>, probe: &FakeProbe, input: RunChecksInput) -> RunChecksOutput {
    let step = RunChecks { plans: &road.store, releases: &road.store, probe, clock: road.clock };
    step.run(input).await.unwrap()
}

#[tokio::test]
async fn a_check_passes_after_several_good_answers_in_a_row() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let answers = [answered(200, OK), answered(503, ""), answered(200, OK)];
    let probe = FakeProbe::answering(answers);
    let output = run(&road, &probe, input(&road).await).await;
    assert_eq!((output.verdict, output.reason), (VerdictWord::Good, None));
    assert_eq!(probe.asked().len(), 5, "one good, one bad, three good");
    assert!(probe.asked()[0].starts_with("https://preproduction.exchange.example/"));
}

#[tokio::test]
async fn a_check_that_stays_bad_fails_with_what_was_wrong() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let probe = FakeProbe::answering([answered(503, "")]);
    let output = run(&road, &probe, input(&road).await).await;
    assert_eq!(output.verdict, VerdictWord::Bad);
    assert!(output.reason.unwrap().contains("it answered status 503, not 200"));
}

#[tokio::test]
async fn a_call_returns_in_time_and_the_next_one_goes_on_where_it_stopped() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    let gantry_domain::pipeline::CheckKind::Http(http) = &mut road.pipeline.stages[0].checks[0].kind else {
        panic!("not an HTTP check")
    };
    http.interval = Duration::from_secs(30);
    let probe = FakeProbe::answering([answered(200, OK)]);
    let before = clock.now();
    let mut given = input(&road).await;
    let first = run(&road, &probe, given.clone()).await;
    assert_eq!(first.verdict, VerdictWord::Pending);
    assert_eq!(probe.asked().len(), 2);
    assert!(clock.now().duration_since(before).as_secs() <= 40);

    let carried = serde_json::to_value(&first.progress).unwrap();
    given.progress = Some(serde_json::from_value(carried).unwrap());
    assert_eq!(run(&road, &probe, given).await.verdict, VerdictWord::Good);
    assert_eq!(probe.asked().len(), 3);
}

#[tokio::test]
async fn an_interval_that_is_longer_than_a_call_is_kept_all_the_same() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    let gantry_domain::pipeline::CheckKind::Http(http) = &mut road.pipeline.stages[0].checks[0].kind else {
        panic!("not an HTTP check")
    };
    http.interval = Duration::from_secs(60);
    let probe = FakeProbe::answering([answered(503, ""), answered(200, OK)]);
    let before = clock.now();
    let mut given = input(&road).await;
    for _ in 0..20 {
        let call = clock.now();
        let output = run(&road, &probe, given.clone()).await;
        assert!(clock.now().duration_since(call).as_secs() <= 40, "its function is stopped");
        given.progress = Some(output.progress);
        if output.verdict != VerdictWord::Pending {
            assert_eq!(output.verdict, VerdictWord::Good);
            break;
        }
    }
    assert_eq!(probe.asked().len(), 4, "one bad, three good");
    assert_eq!(clock.now().duration_since(before).as_secs(), 3 * 60);
}

#[tokio::test]
async fn t36_an_address_that_may_not_be_asked_fails_at_once() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let probe = FakeProbe::answering([ProbeAnswer::Forbidden { reason: "a metadata address".to_owned() }]);
    let output = run(&road, &probe, input(&road).await).await;
    assert_eq!((output.verdict, probe.asked().len()), (VerdictWord::Bad, 1));
    assert!(output.reason.unwrap().contains("a metadata address"));
}

#[tokio::test]
async fn no_answer_counts_as_a_bad_one() {
    let clock = road::clock();
    let road = Road::new(&clock).await;
    let refused = ProbeAnswer::Failed { reason: "connection refused".to_owned() };
    let probe = FakeProbe::answering([refused.clone(), refused, answered(200, OK)]);
    assert_eq!(run(&road, &probe, input(&road).await).await.verdict, VerdictWord::Good);
}

#[tokio::test]
async fn the_version_that_answers_must_be_the_releases() {
    let clock = road::clock();
    let mut road = Road::new(&clock).await;
    let gantry_domain::pipeline::CheckKind::Http(http) = &mut road.pipeline.stages[0].checks[0].kind else {
        panic!("not an HTTP check")
    };
    http.version = Some(
        serde_json::from_value(serde_json::json!({"pointer": "/version", "component": "backend"})).unwrap(),
    );
    for (version, verdict) in [("bbbbbbb", VerdictWord::Good), ("aaaaaaa", VerdictWord::Bad)] {
        let body = serde_json::json!({"status": "ok", "version": version}).to_string();
        let probe = FakeProbe::answering([answered(200, &body)]);
        assert_eq!(run(&road, &probe, input(&road).await).await.verdict, verdict, "{version}");
    }
}
