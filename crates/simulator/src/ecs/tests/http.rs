//! What simulated services answer over HTTP while they roll out.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::stage::{CLUSTER, Stage, digest};
use crate::ecs::ServiceSeed;
use crate::services_http;

/// Serves the stage's services and returns their base URL.
async fn serve(stage: &Stage) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/services/{CLUSTER}", listener.local_addr().unwrap());
    let router = services_http::router(Arc::clone(&stage.ecs));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn get(url: &str, path: &str) -> (u16, Value) {
    let answer = reqwest::get(format!("{url}/{path}")).await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn versions(url: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for _ in 0..4 {
        let (_, body) = get(url, "web/version").await;
        seen.push(body["version"].as_str().unwrap_or("none").to_owned());
    }
    seen.sort();
    seen
}

#[tokio::test]
async fn old_and_new_tasks_answer_in_turn_during_a_rollout() {
    let mut stage = Stage::with_web();
    let url = serve(&stage).await;
    let (status, health) = get(&url, "web/health").await;
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    assert_eq!(health["commit"], get(&url, "web/version").await.1["revision"]);
    assert_eq!(get(&url, "web/api/health").await, (200, health));
    let (status, version) = get(&url, "web/version").await;
    assert_eq!((status, &version["digest"]), (200, &json!(digest("1"))));
    stage.push("2", &[]);
    // At most three tasks: the first new one is healthy while two old ones still answer.
    let second = stage.register("web", "2", json!({}));
    stage.ask(
        "UpdateService",
        json!({
            "cluster": CLUSTER, "service": "web", "taskDefinition": second,
            "deploymentConfiguration": {"maximumPercent": 150},
        }),
    );
    stage.at(20);
    assert_eq!(versions(&url).await, ["1", "1", "1", "1"], "a task is asked only once it is healthy");
    stage.at(26);
    assert_eq!(versions(&url).await, ["1", "1", "2", "2"]);
    stage.at(200);
    assert_eq!(versions(&url).await, ["2", "2", "2", "2"]);
}

#[tokio::test]
async fn a_service_without_a_healthy_task_is_unavailable_and_labels_choose_the_status() {
    let mut stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 1).singleton());
    let url = serve(&stage).await;
    stage.push("2", &[("http.status", "500"), ("http.latency-ms", "20")]);
    let second = stage.register("web", "2", json!({}));
    stage.update("web", &second);
    stage.at(5);
    assert_eq!(get(&url, "web/health").await.0, 503);
    stage.at(60);
    let before = std::time::Instant::now();
    let (status, health) = get(&url, "web/health").await;
    assert_eq!((status, &health["status"]), (500, &json!("failing")));
    assert!(before.elapsed().as_millis() >= 20);
    assert_eq!(get(&url, "ghost/health").await.0, 404);
    assert_eq!(get(&url, "web/admin").await.0, 404);
}

#[tokio::test]
async fn a_label_sends_whoever_asks_elsewhere() {
    let mut stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 1).singleton());
    let url = serve(&stage).await;
    stage.push("2", &[("http.status", "302"), ("http.location", "http://169.254.169.254/latest")]);
    let second = stage.register("web", "2", json!({}));
    stage.update("web", &second);
    stage.at(60);
    let client =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.get(format!("{url}/web/health")).send().await.unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], "http://169.254.169.254/latest");
}

#[tokio::test]
async fn an_endpoint_can_flap_while_ecs_sees_a_healthy_task() {
    let mut stage = Stage::with(ServiceSeed::new(CLUSTER, "web", "web", 1).singleton());
    let url = serve(&stage).await;
    stage.deploy("2", &[("http.flap-seconds", "30")]);
    // The old task has ended after 6 seconds; the new one is RUNNING 15 seconds later, at 21.
    let mut seen = Vec::new();
    for second in [50, 51, 80, 81] {
        stage.at(second);
        seen.push(get(&url, "web/health").await.0);
    }
    assert_eq!(seen, [200, 503, 503, 200]);
    assert_eq!(stage.statuses()[0], "SUCCESSFUL");
}
