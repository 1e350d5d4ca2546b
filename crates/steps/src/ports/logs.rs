//! What containers print.

use async_trait::async_trait;
use gantry_domain::task_definition::LogStream;

use super::{PortError, StageScope};

/// Reads logs of a stage's tasks.
#[async_trait]
pub trait ReadLogs: Send + Sync {
    /// The last events of a stream, oldest first, at most `count`. `None`: there is no such stream (yet).
    async fn tail(
        &self,
        scope: &StageScope,
        stream: &LogStream,
        count: u16,
    ) -> Result<Option<Vec<String>>, PortError>;
}
