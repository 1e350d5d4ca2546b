//! Where an event goes that nobody can act on, so that a person can look at it.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;

/// Something that was not understood or cannot be delivered, with the cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The function that gave up on it.
    pub function: String,
    /// Why, in words for people: the whole chain of causes.
    pub cause: String,
    /// What it was, as it came.
    pub event: String,
}

/// A queue that people look into.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Puts a letter there.
    async fn put(&self, letter: &DeadLetter) -> Result<(), PortError>;
}
