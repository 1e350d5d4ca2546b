//! World time for functions: real on AWS, stretched in the local world.

use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::Scale;
use gantry_steps::ports::Clock;
use jiff::Timestamp;

/// The machine's clock, on a scale.
#[derive(Debug, Clone, Copy)]
pub struct WorldClock {
    scale: Scale,
}

impl WorldClock {
    /// A clock on that scale.
    pub fn new(scale: Scale) -> Self {
        Self { scale }
    }
}

#[async_trait]
impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.scale.world(Timestamp::now())
    }

    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(self.scale.real(span)).await;
    }
}
