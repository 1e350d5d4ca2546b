//! Dead letters in an SQS queue.

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use gantry_steps::ports::{DeadLetter, DeadLetters, PortError};

use crate::error::classify;

/// An SQS message holds 256 KiB to be safe everywhere; the event is cut to leave room for the rest.
const EVENT_LIMIT: usize = 200_000;

/// The queue that people look into.
#[derive(Debug, Clone)]
pub struct SqsDeadLetters {
    client: Client,
    queue: String,
}

impl SqsDeadLetters {
    /// Sends to the queue at that URL.
    pub fn new(config: &aws_config::SdkConfig, queue: impl Into<String>) -> Self {
        Self { client: Client::new(config), queue: queue.into() }
    }
}

#[async_trait]
impl DeadLetters for SqsDeadLetters {
    async fn put(&self, letter: &DeadLetter) -> Result<(), PortError> {
        let call = || "sqs:SendMessage".to_owned();
        let letter = DeadLetter { event: cut(&letter.event), ..letter.clone() };
        let body = serde_json::to_string(&letter)
            .map_err(|error| PortError::Malformed { call: call(), source: error.into() })?;
        let sent = self.client.send_message().queue_url(&self.queue).message_body(body).send().await;
        sent.map(drop).map_err(|error| classify(call(), error))
    }
}

/// The beginning of a text, in whole characters.
fn cut(text: &str) -> String {
    let mut end = text.len().min(EVENT_LIMIT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
