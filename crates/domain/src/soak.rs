//! The time for which a success must hold before it counts: what dies a minute after its first good health check is no
//! success, and ECS has stopped counting by then.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a success must hold, and what it may suffer meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Soak {
    /// How long.
    pub lasts: Duration,
    /// So many tasks that stop by themselves meanwhile make it a failure; fewer only make it begin anew.
    pub crash_limit: u32,
}

impl Default for Soak {
    fn default() -> Self {
        Self { lasts: Duration::from_secs(60), crash_limit: 2 }
    }
}

impl Soak {
    /// Is it the default? Not written then, so that plans from before it could be configured keep their hash.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// How many crashes are too many for a service of that size: all its tasks, in any case.
    pub fn limit_for(&self, tasks: u32) -> usize {
        usize::try_from(self.crash_limit.min(tasks).max(1)).unwrap_or(usize::MAX)
    }
}
