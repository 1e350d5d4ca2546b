//! Carries events of the simulated services to EventBridge, in the order in which they happened.
//!
//! The bus is MiniStack's: `PutEvents` over its JSON protocol, as root. While it is down events wait; an event that it
//! refuses for good is dropped with a log line, as AWS drops what a bus will not take. Filtering is EventBridge's affair.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::aws::BusEvent;
use crate::front::iam::{loopback_client, root_authorization};

/// What `PutEvents` takes at once.
const ENTRIES_PER_CALL: usize = 10;
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LONGEST_RETRY: Duration = Duration::from_secs(1);

/// Where the bus is and in whose name events arrive.
#[derive(Debug, Clone)]
pub struct Bus {
    /// For example `http://127.0.0.1:4566`.
    pub endpoint: String,
    /// The account events carry.
    pub account: String,
    /// The region events carry.
    pub region: String,
}

/// What became of one call.
enum Sent {
    /// These positions of the batch must be sent again.
    Again(Vec<usize>),
    /// The call itself failed.
    Failed(String),
}

impl Bus {
    /// Forwards until every sender is gone and the last event is delivered.
    pub async fn forward(self, mut events: UnboundedReceiver<BusEvent>) {
        let http = loopback_client();
        let mut batch = Vec::with_capacity(ENTRIES_PER_CALL);
        while events.recv_many(&mut batch, ENTRIES_PER_CALL).await > 0 {
            let mut entries: Vec<Value> = batch.drain(..).map(|event| entry(&event)).collect();
            let mut pause = FIRST_RETRY;
            while !entries.is_empty() {
                match self.put(&http, &entries).await {
                    Sent::Again(positions) => {
                        let kept =
                            positions.into_iter().filter_map(|position| entries.get(position).cloned());
                        entries = kept.collect();
                    }
                    Sent::Failed(reason) => tracing::debug!(reason, "the event bus does not answer"),
                }
                if !entries.is_empty() {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_RETRY);
                }
            }
        }
    }

    async fn put(&self, http: &reqwest::Client, entries: &[Value]) -> Sent {
        let sent = http
            .post(&self.endpoint)
            .header("authorization", root_authorization(&self.account, &self.region, "events"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", "AWSEvents.PutEvents")
            .body(json!({ "Entries": entries }).to_string())
            .send()
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Sent::Failed(error.to_string()),
        };
        let status = response.status();
        let body = match response.text().await {
            Ok(body) => body,
            Err(error) => return Sent::Failed(error.to_string()),
        };
        if !status.is_success() {
            if status.is_client_error() && status != reqwest::StatusCode::TOO_MANY_REQUESTS {
                tracing::error!(%status, body, "the event bus refused a batch");
                return Sent::Again(Vec::new());
            }
            return Sent::Failed(format!("{status}: {body}"));
        }
        Sent::Again(unsent(&body, entries))
    }
}

/// The positions of entries that failed in a way that may pass.
fn unsent(answer: &str, entries: &[Value]) -> Vec<usize> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let results = answer.get("Entries").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut again = Vec::new();
    for (position, (result, entry)) in results.iter().zip(entries).enumerate() {
        match result.get("ErrorCode").and_then(Value::as_str) {
            None => {}
            Some("InternalFailure" | "ThrottlingException" | "InternalException") => again.push(position),
            Some(code) => tracing::error!(code, %entry, "the event bus refused an event"),
        }
    }
    again
}

fn entry(event: &BusEvent) -> Value {
    json!({
        "Source": event.source,
        "DetailType": event.detail_type,
        "Resources": event.resources,
        "Detail": event.detail.to_string(),
        "EventBusName": "default",
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::Router;
    use axum::extract::State;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;

    #[derive(Default)]
    struct FakeBus {
        /// Answers to give first; afterwards all entries succeed.
        failures: Mutex<Vec<(StatusCode, Value)>>,
        received: Mutex<Vec<Vec<i64>>>,
        authorization: Mutex<String>,
    }

    async fn put(State(bus): State<Arc<FakeBus>>, headers: HeaderMap, body: String) -> (StatusCode, String) {
        assert_eq!(headers["x-amz-target"], "AWSEvents.PutEvents");
        *bus.authorization.lock().unwrap() = headers["authorization"].to_str().unwrap().to_owned();
        if let Some((status, answer)) = bus.failures.lock().unwrap().pop() {
            return (status, answer.to_string());
        }
        let request: Value = serde_json::from_str(&body).unwrap();
        let entries = request["Entries"].as_array().unwrap();
        let detail =
            |entry: &Value| serde_json::from_str::<Value>(entry["Detail"].as_str().unwrap()).unwrap();
        bus.received
            .lock()
            .unwrap()
            .push(entries.iter().map(|entry| detail(entry)["n"].as_i64().unwrap()).collect());
        let results: Vec<Value> = entries.iter().map(|_| json!({ "EventId": "x" })).collect();
        (StatusCode::OK, json!({ "FailedEntryCount": 0, "Entries": results }).to_string())
    }

    async fn forward(count: i64, failures: Vec<(StatusCode, Value)>) -> Arc<FakeBus> {
        let fake = Arc::new(FakeBus { failures: Mutex::new(failures), ..FakeBus::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(put)).with_state(Arc::clone(&fake));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let (sender, receiver) = mpsc::unbounded_channel();
        for n in 0..count {
            let event = BusEvent {
                source: "aws.ecr".into(),
                detail_type: "ECR Image Action".into(),
                resources: vec![],
                detail: json!({ "n": n }),
            };
            sender.send(event).unwrap();
        }
        drop(sender);
        Bus { endpoint, account: "111122223333".into(), region: "us-west-2".into() }.forward(receiver).await;
        server.abort();
        fake
    }

    #[tokio::test]
    async fn events_arrive_in_order_at_most_ten_at_once() {
        let bus = forward(23, vec![]).await;
        let received = bus.received.lock().unwrap();
        assert_eq!(received.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
        assert_eq!(received.concat(), (0..23).collect::<Vec<_>>());
        let authorization = bus.authorization.lock().unwrap();
        assert!(authorization.contains("Credential=111122223333/"), "{authorization}");
        assert!(authorization.contains("/us-west-2/events/aws4_request"), "{authorization}");
    }

    #[tokio::test]
    async fn a_bus_that_is_down_gets_the_events_when_it_is_back() {
        let down = (StatusCode::SERVICE_UNAVAILABLE, json!({}));
        let bus = forward(3, vec![down.clone(), down]).await;
        assert_eq!(*bus.received.lock().unwrap(), [[0, 1, 2]]);
    }

    #[tokio::test]
    async fn only_entries_that_failed_in_passing_are_sent_again() {
        let answer = json!({ "FailedEntryCount": 2, "Entries": [
            { "EventId": "x" },
            { "ErrorCode": "InternalFailure" },
            { "ErrorCode": "NotAuthorizedForSourceException" },
        ] });
        let bus = forward(3, vec![(StatusCode::OK, answer)]).await;
        assert_eq!(*bus.received.lock().unwrap(), [[1]]);
    }
}
