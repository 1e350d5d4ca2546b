//! Secrets, read when they are needed.

use async_trait::async_trait;
use secrecy::SecretString;

use super::PortError;

/// Where secrets are kept.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The text of a secret, by its ARN. An empty one is refused: a missing secret must not look like a short one.
    async fn read(&self, arn: &str) -> Result<SecretString, PortError>;
}
