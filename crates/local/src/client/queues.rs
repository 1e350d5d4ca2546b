//! SQS: what nobody could act on is taken out and looked at.

use serde_json::json;

use super::{Client, ClientError, QUEUES};

/// The most messages SQS hands out at once.
const MOST: u64 = 10;

impl Client {
    /// Takes every message out of a queue; their bodies, in the order in which they came.
    pub async fn take_messages(&self, queue_url: &str) -> Result<Vec<String>, ClientError> {
        let mut bodies = Vec::new();
        loop {
            let body = json!({ "QueueUrl": queue_url, "MaxNumberOfMessages": MOST, "WaitTimeSeconds": 0 });
            let answer = self.json(QUEUES, "ReceiveMessage", &body).await?;
            let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
            if messages.is_empty() {
                return Ok(bodies);
            }
            for message in messages {
                bodies.push(message["Body"].as_str().unwrap_or_default().to_owned());
                let body = json!({ "QueueUrl": queue_url, "ReceiptHandle": message["ReceiptHandle"] });
                self.json(QUEUES, "DeleteMessage", &body).await?;
            }
        }
    }

    /// How many messages wait in a queue; they are left there.
    pub async fn waiting_messages(&self, queue_url: &str) -> Result<u64, ClientError> {
        const COUNT: &str = "ApproximateNumberOfMessages";
        let body = json!({ "QueueUrl": queue_url, "AttributeNames": [COUNT] });
        let answer = self.json(QUEUES, "GetQueueAttributes", &body).await?;
        Ok(answer["Attributes"][COUNT].as_str().and_then(|count| count.parse().ok()).unwrap_or_default())
    }
}
