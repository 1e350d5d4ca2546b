//! Webhook deliveries that were dealt with.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::ports::PortError;

/// Deliveries of GitHub, remembered so that a replay changes nothing (T31).
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Was this delivery dealt with?
    async fn is_done(&self, delivery: &str) -> Result<bool, PortError>;

    /// Remembers that it was, until then.
    async fn done(&self, delivery: &str, until: Timestamp) -> Result<(), PortError>;
}
