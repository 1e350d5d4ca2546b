//! The HTTP side of simulated services: `/services/{cluster}/{service}/health` (or `/api/health`) and `/version` answer
//! from whatever tasks run.
//!
//! Tasks answer in turn, so during a rollout old and new alternate, as behind a load balancer. Latencies are real time:
//! a checker's stopwatch is not the world's.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use crate::ecs::Ecs;

#[derive(Clone)]
struct Balancer {
    ecs: Arc<Ecs>,
    turn: Arc<AtomicUsize>,
}

/// The endpoints of every service of this ECS.
pub fn router(ecs: Arc<Ecs>) -> Router {
    let balancer = Balancer { ecs, turn: Arc::default() };
    Router::new().route("/services/{cluster}/{service}/{*path}", get(answer)).with_state(balancer)
}

async fn answer(
    State(balancer): State<Balancer>,
    Path((cluster, service, path)): Path<(String, String, String)>,
) -> Response {
    let Some(tasks) = balancer.ecs.answering(&cluster, &service) else {
        return (StatusCode::NOT_FOUND, Json(json!({"error": "no such service"}))).into_response();
    };
    let turn = balancer.turn.fetch_add(1, Ordering::Relaxed);
    let Some(task) = turn.checked_rem(tasks.len()).and_then(|index| tasks.get(index)) else {
        return (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": "no healthy task"}))).into_response();
    };
    if task.http.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(task.http.latency_ms)).await;
    }
    let status = StatusCode::from_u16(task.http.status).unwrap_or(StatusCode::OK);
    let body = match path.as_str() {
        "health" | "api/health" => {
            json!({"status": if status.is_success() { "ok" } else { "failing" }, "commit": task.revision})
        }
        "version" => json!({"version": task.version, "revision": task.revision, "digest": task.digest}),
        _ => return (StatusCode::NOT_FOUND, Json(json!({"error": "no such page"}))).into_response(),
    };
    let location = task.http.location.as_deref().and_then(|target| HeaderValue::from_str(target).ok());
    let headers: HeaderMap = location.map(|target| (header::LOCATION, target)).into_iter().collect();
    (status, headers, Json(body)).into_response()
}
