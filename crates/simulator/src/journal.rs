//! What AWS was asked to do: every call that reached the front door, in order, with its answer.
//!
//! Tests assert on it and wait for it instead of sleeping. It keeps everything; it does not filter.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use crate::aws::AwsError;

/// One call and what became of it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The service the caller signed for: `ecs`, `ecr`, `sts`.
    pub service: String,
    /// For example `UpdateService`.
    pub operation: String,
    /// ARN of the caller's role, `root` for the harness's own keys, empty when the signature was refused.
    pub role: String,
    /// The request as it arrived.
    pub input: Value,
    /// The answer, or the refusal.
    pub outcome: Result<Value, AwsError>,
    /// World time of the answer.
    pub at: Timestamp,
}

/// The record of all calls. Clones share it.
#[derive(Debug, Clone)]
pub struct Journal {
    calls: Arc<Mutex<Vec<Call>>>,
    length: Arc<watch::Sender<usize>>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { calls: Arc::default(), length: Arc::new(watch::Sender::new(0)) }
    }
}

impl Journal {
    /// Appends a call and wakes whoever waits.
    pub fn record(&self, call: Call) {
        let length = {
            let mut calls = self.lock();
            calls.push(call);
            calls.len()
        };
        self.length.send_replace(length);
    }

    /// Everything so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().clone()
    }

    /// Waits until a call matches, past or future, and returns the first that does.
    pub async fn wait_for(&self, matches: impl Fn(&Call) -> bool) -> Call {
        let mut length = self.length.subscribe();
        loop {
            length.borrow_and_update();
            let found = self.lock().iter().find(|call| matches(call)).cloned();
            if let Some(call) = found {
                return call;
            }
            // The sender lives in `self`, so this only ends with a change.
            let _ = length.changed().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
