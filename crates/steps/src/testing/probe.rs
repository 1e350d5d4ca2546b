//! An endpoint that gives the answers a test wrote down; the last one again and again.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::{HttpProbe, ProbeAnswer, ProbeRequest};

/// An endpoint.
pub(crate) struct FakeProbe {
    answers: Mutex<Vec<ProbeAnswer>>,
    asked: Mutex<Vec<String>>,
}

impl FakeProbe {
    pub(crate) fn answering(answers: impl IntoIterator<Item = ProbeAnswer>) -> Self {
        let mut answers: Vec<ProbeAnswer> = answers.into_iter().collect();
        answers.reverse();
        Self { answers: Mutex::new(answers), asked: Mutex::default() }
    }

    /// The URLs that were asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// An answer in JSON, quickly.
pub(crate) fn answered(status: u16, body: &str) -> ProbeAnswer {
    let latency = Duration::from_millis(20);
    ProbeAnswer::Answered { status, body: body.as_bytes().to_vec(), cut: false, latency }
}

#[async_trait]
impl HttpProbe for FakeProbe {
    async fn get(&self, request: ProbeRequest<'_>) -> ProbeAnswer {
        self.asked.lock().unwrap().push(request.url.to_owned());
        let mut answers = self.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() }
    }
}
