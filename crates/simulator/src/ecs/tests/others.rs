//! Deployments that others interfere with, and successes that come early.

use serde_json::json;

use super::stage::{CLUSTER, Stage};
use crate::ecs::ServiceSeed;

#[test]
fn somebody_else_s_deployment_stops_ours() {
    let mut stage = Stage::with_web();
    stage.deploy("2", &[]);
    let ours = stage.at(20).deployment("web");
    stage.ecs.somebody_deploys(CLUSTER, "web", "web:1").unwrap();
    assert_eq!(stage.statuses(), ["PENDING", "STOPPED", "SUCCESSFUL"]);
    let again = stage
        .ask("DescribeServiceDeployments", json!({"serviceDeploymentArns": [ours["serviceDeploymentArn"]]}))
        ["serviceDeployments"][0]
        .take();
    assert_eq!(again["statusReason"], "Service deployment was stopped because a newer one started.");
    assert_eq!(stage.at(200).tasks("web"), ["1 RUNNING x2", "1 STOPPED x2", "2 STOPPED x2"]);
    assert_eq!(stage.statuses(), ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"], "stable, but not with ours");
}

#[test]
fn a_deployment_stopped_by_hand_turns_back_even_without_a_breaker() {
    let mut stage = Stage::with_web();
    stage.configure(json!({"deploymentCircuitBreaker": {"enable": false, "rollback": false}}));
    stage.deploy("2", &[]);
    stage.at(20).ecs.somebody_stops(CLUSTER, "web").unwrap();
    assert_eq!(stage.deployment("web")["status"], "ROLLBACK_REQUESTED");
    assert_eq!(stage.at(21).deployment("web")["status"], "ROLLBACK_IN_PROGRESS");
    let deployment = stage.at(100).deployment("web");
    assert_eq!(deployment["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(deployment["deploymentCircuitBreaker"]["status"], "DISABLED");
    assert_eq!(stage.ecs.somebody_stops(CLUSTER, "web").unwrap_err().code, "ConflictException");
}

#[test]
fn a_deployment_stopped_while_pending_never_starts_a_task() {
    let mut stage = Stage::with_web();
    stage.deploy("2", &[]);
    stage.ecs.somebody_stops(CLUSTER, "web").unwrap();
    assert_eq!(stage.at(60).statuses(), ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]);
}

#[test]
fn a_deployment_that_would_be_done_while_its_stop_is_under_way_turns_back_all_the_same() {
    let mut stage = Stage::with_web();
    stage.deploy("2", &[]);
    stage.at(40).ecs.somebody_stops(CLUSTER, "web").unwrap();
    // The last old task is gone at 41, the moment at which the rollback begins.
    assert_eq!(stage.at(41).deployment("web")["status"], "ROLLBACK_IN_PROGRESS");
    let tasks = stage.at(200).tasks("web");
    assert_eq!(tasks, ["1 RUNNING x2", "1 STOPPED x2", "2 STOPPED x2"]);
}

#[test]
fn a_service_scaled_to_nothing_succeeds_with_nothing() {
    let mut before = Stage::with_web();
    before.ecs.somebody_scales(CLUSTER, "web", 0).unwrap();
    before.at(30).service("web");
    before.deploy("2", &[("never-healthy", "true")]);
    assert_eq!(before.at(31).deployment("web")["status"], "SUCCESSFUL");
    assert_eq!(before.service("web")["runningCount"], 0);

    let mut during = Stage::with_web();
    during.deploy("2", &[("never-healthy", "true")]);
    during.at(20).ecs.somebody_scales(CLUSTER, "web", 0).unwrap();
    assert_eq!(during.deployment("web")["status"], "IN_PROGRESS", "tasks are stopping");
    assert_eq!(during.at(35).deployment("web")["status"], "SUCCESSFUL");
    assert_eq!(during.tasks("web"), ["1 STOPPED x2", "2 STOPPED x2"]);
}

#[test]
fn an_alarm_turns_a_deployment_back() {
    for (rollback, wanted) in [(true, "ROLLBACK_IN_PROGRESS"), (false, "STOPPED")] {
        let mut stage = Stage::with_web();
        stage.configure(json!({
            "alarms": {"enable": true, "rollback": rollback, "alarmNames": ["web-5xx", "web-latency"]},
        }));
        stage.deploy("2", &[]);
        let alarms = stage.at(20).deployment("web")["alarms"].take();
        assert_eq!((&alarms["status"], &alarms["triggeredAlarmNames"]), (&json!("MONITORING"), &json!([])));
        stage.ecs.alarm("sidekiq-queue", true);
        assert_eq!(stage.deployment("web")["status"], "IN_PROGRESS", "another service's alarm");
        stage.ecs.alarm("web-5xx", true);
        let deployment = stage.deployment("web");
        assert_eq!(deployment["status"], wanted);
        assert_eq!(
            deployment["alarms"],
            json!({"status": "TRIGGERED", "alarmNames": ["web-5xx", "web-latency"], "triggeredAlarmNames": ["web-5xx"]})
        );
        assert_eq!(deployment["deploymentCircuitBreaker"]["status"], "MONITORING_COMPLETE");
        assert!(stage.lines("deployment failed")[0].ends_with("deployment failed: alarm detected."));
        assert_eq!(stage.at(200).service("web")["deployments"][1]["status"] == "ACTIVE", !rollback);
    }
}

#[test]
fn the_event_bus_hears_of_a_failed_deployment_only_with_a_breaker() {
    for breaker in [true, false] {
        let mut stage = Stage::with_web();
        stage.configure(json!({
            "deploymentCircuitBreaker": {"enable": breaker, "rollback": false},
            "alarms": {"enable": true, "rollback": true, "alarmNames": ["web-5xx"]},
        }));
        stage.deploy("2", &[]);
        stage.at(20).ecs.alarm("web-5xx", true);
        assert_eq!(
            stage.at(100).deployment("web")["status"],
            "ROLLBACK_SUCCESSFUL",
            "the alarm's own rollback"
        );
        let events = stage.events();
        let failed = events.iter().filter(|event| event.detail["eventName"] == "SERVICE_DEPLOYMENT_FAILED");
        assert_eq!(failed.count(), usize::from(breaker), "breaker {breaker}");
    }
}

#[test]
fn an_alarm_that_rings_already_is_not_watched() {
    let mut stage = Stage::with_web();
    stage.configure(json!({"alarms": {"enable": true, "rollback": true, "alarmNames": ["web-5xx"]}}));
    stage.ecs.alarm("web-5xx", true);
    stage.deploy("2", &[]);
    assert_eq!(stage.at(20).deployment("web")["alarms"]["status"], "DISABLED");
    stage.ecs.alarm("web-5xx", false);
    stage.ecs.alarm("web-5xx", true);
    assert_eq!(stage.at(60).deployment("web")["status"], "SUCCESSFUL");
}

#[test]
fn a_bake_time_keeps_a_deployment_open_for_alarms() {
    let mut stage = Stage::with_web();
    stage.configure(json!({
        "bakeTimeInMinutes": 5, "alarms": {"enable": true, "rollback": true, "alarmNames": ["web-5xx"]},
    }));
    stage.deploy("2", &[]);
    // Complete at 41, and then five minutes more.
    assert_eq!(stage.at(340).deployment("web")["status"], "IN_PROGRESS");
    assert_eq!(stage.at(341).deployment("web")["status"], "SUCCESSFUL");
    stage.deploy("3", &[]);
    assert_eq!(stage.at(500).tasks("web"), ["1 STOPPED x2", "2 STOPPED x2", "3 RUNNING x2"]);
    stage.ecs.alarm("web-5xx", true);
    assert_eq!(stage.deployment("web")["status"], "ROLLBACK_IN_PROGRESS");
    assert_eq!(stage.at(600).tasks("web")[0], "1 STOPPED x2");
    assert!(stage.tasks("web").contains(&"2 RUNNING x2".to_owned()), "back on the second");
}

#[test]
fn early_success_is_declared_while_the_rest_is_still_to_come() {
    let early = |cleanup: &str| {
        json!({
            "minimumHealthyPercent": 50,
            "earlySuccessCriteria": {"enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup},
        })
    };
    // The first task of two becomes healthy, the second never does.
    let behaviour = [("never-healthy", "true"), ("only-tasks", "after:1")];
    let mut deferred = Stage::with_web();
    deferred.configure(early("DEFERRED"));
    deferred.deploy("2", &behaviour);
    assert_eq!(deferred.at(25).deployment("web")["status"], "IN_PROGRESS");
    let deployment = deferred.at(26).deployment("web");
    assert_eq!(deployment["status"], "SUCCESSFUL");
    assert_eq!(deployment["targetServiceRevision"]["runningTaskCount"], 2, "one of them is not healthy");
    let service = deferred.service("web");
    assert_eq!(service["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!(service["deployments"].as_array().unwrap().len(), 2, "old tasks still drain");
    assert_eq!(deferred.tasks("web"), ["1 DEACTIVATING x1", "1 STOPPED x1", "2 RUNNING x2"]);
    // Nobody turns it back, whatever becomes of the rest.
    assert_eq!(deferred.at(900).statuses(), ["SUCCESSFUL", "SUCCESSFUL"]);
    assert!(deferred.lines("steady state").len() <= 1);

    let mut blocking = Stage::with_web();
    blocking.configure(early("BLOCKING"));
    blocking.deploy("2", &behaviour);
    assert_eq!(blocking.at(40).deployment("web")["status"], "IN_PROGRESS");
    assert_eq!(blocking.at(41).deployment("web")["status"], "SUCCESSFUL", "once the old tasks are gone");
}

#[test]
fn a_rollback_is_never_declared_early() {
    let mut stage = Stage::with_web();
    stage.configure(json!({
        "minimumHealthyPercent": 50, "maximumPercent": 100,
        "earlySuccessCriteria": {"enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": "DEFERRED"},
    }));
    stage.deploy("2", &[("exit-code", "1")]);
    let status = |stage: &Stage| stage.deployment("web")["status"].as_str().unwrap().to_owned();
    let begun = (0..300).find(|second| status(stage.at(*second)).starts_with("ROLLBACK")).unwrap();
    assert_eq!(status(&stage), "ROLLBACK_IN_PROGRESS", "half of the old tasks are still there");
    let ended = (begun..600).find(|second| status(stage.at(*second)) == "ROLLBACK_SUCCESSFUL").unwrap();
    assert!(ended >= begun + 25, "a task was started again: from {begun} to {ended}");
    assert_eq!(stage.service("web")["runningCount"], 2);
}

#[test]
fn configurations_that_make_no_sense_are_refused() {
    let stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 2));
    let refused = |configuration: serde_json::Value| {
        let input = json!({"cluster": CLUSTER, "service": "web", "deploymentConfiguration": configuration});
        stage.refused("UpdateService", input).message
    };
    let early = |percent: i64| {
        json!({"earlySuccessCriteria": {
            "enable": true, "healthyPercent": percent, "sourceServiceRevisionCleanup": "DEFERRED",
        }})
    };
    assert!(refused(early(101)).starts_with("healthyPercent must be between"));
    assert!(refused(early(50)).contains("minimumHealthyPercent"), "the service's minimum is 100");
    assert!(refused(json!({"earlySuccessCriteria": {"enable": true}})).contains("are required"));
    let count = json!({"deploymentCircuitBreaker": {
        "enable": true, "rollback": true, "thresholdConfiguration": {"type": "COUNT", "value": 0},
    }});
    assert!(refused(count).contains("at least 1"));
}

#[test]
fn calls_are_throttled_only_when_a_test_asks_for_it() {
    use crate::aws::JsonService;
    let stage = Stage::with_web();
    let input = json!({"family": "web", "containerDefinitions": [{"name": "app", "image": "host/web:1"}]});
    let register = || stage.ecs.call("RegisterTaskDefinition", &input);
    assert!((0..60).all(|_| register().is_ok()));
    stage.ecs.throttle(true);
    let refusal = (0..60).find_map(|_| register().err()).unwrap();
    assert_eq!((refusal.status, refusal.to_string().as_str()), (400, "ThrottlingException: Rate exceeded"));
    assert!(stage.ecs.call("DescribeClusters", &json!({})).is_ok(), "its own bucket is full");
    stage.ecs.throttle(false);
    assert!((0..60).all(|_| register().is_ok()));
}
