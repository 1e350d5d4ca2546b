//! Time, as steps see it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// World time: real on AWS, stretched in the local world. Never used for signatures or credentials.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now, in world time.
    fn now(&self) -> Timestamp;

    /// Waits for a span of world time.
    async fn sleep(&self, span: Duration);
}
