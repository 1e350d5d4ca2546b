//! The world's clock: real time stretched by a factor from an origin, the same formula the functions use.
//!
//! Signatures, credentials and HTTP latencies are not its business: those live in real time.

use std::time::Duration;

use gantry_domain::Scale;
use jiff::Timestamp;

/// A clock that reads world time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorldClock {
    scale: Scale,
}

impl WorldClock {
    /// A clock on this scale.
    pub fn new(scale: Scale) -> Self {
        Self { scale }
    }

    /// The scale, for those that convert by themselves.
    pub fn scale(&self) -> Scale {
        self.scale
    }

    /// What time it is in the world.
    pub fn now(&self) -> Timestamp {
        self.scale.world(Timestamp::now())
    }

    /// Waits until `world` has passed in the world.
    pub async fn sleep(&self, world: Duration) {
        tokio::time::sleep(self.scale.real(world)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_hour_of_a_fast_world_passes_in_under_a_second() {
        let clock = WorldClock::new(Scale::new(Timestamp::now(), 10_000.0).unwrap());
        let before = clock.now();
        clock.sleep(Duration::from_secs(3600)).await;
        assert!(clock.now().duration_since(before).as_secs() >= 3600);
    }
}
