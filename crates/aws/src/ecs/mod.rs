//! A stage's ECS. Reads and writes of one stage go through the sessions of its two roles.

mod convert;
mod deploy;
mod fields;
mod inventory;
mod observe;
mod once;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use inventory::{EcsInventory, LiveContainer, LiveDefinition, LiveService};

use crate::sts::StageSessions;

/// ECS in the stages' accounts. What may be done is decided by the role in the scope.
#[derive(Debug, Clone)]
pub struct EcsStage {
    sessions: Arc<StageSessions>,
}

impl EcsStage {
    /// Uses these sessions.
    pub fn new(sessions: Arc<StageSessions>) -> Self {
        Self { sessions }
    }
}
