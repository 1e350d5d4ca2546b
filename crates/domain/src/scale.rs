//! How world time follows from real time where the world runs fast.
//!
//! On AWS the two are the same. In the local world the simulator, the functions and MiniStack's waits share one
//! factor, so that ten minutes of a rollout pass in seconds. Signatures and credentials always use real time.

use jiff::{SignedDuration, Timestamp};

/// A world clock: it read `origin` when real time did, and has run `factor` times as fast since.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    origin: Timestamp,
    factor: f64,
}

/// Why a scale cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScaleError {
    /// The factor would stop time or turn it back.
    #[error("the clock's factor must be between 1 and 10000, got {0}")]
    Factor(f64),
}

impl Scale {
    /// Real time.
    pub const REAL: Self = Self { origin: Timestamp::UNIX_EPOCH, factor: 1.0 };

    /// A clock that has run `factor` (1 to 10,000) times as fast as real time since `origin`.
    pub fn new(origin: Timestamp, factor: f64) -> Result<Self, ScaleError> {
        if !(1.0..=10_000.0).contains(&factor) {
            return Err(ScaleError::Factor(factor));
        }
        Ok(Self { origin, factor })
    }

    /// How many seconds of world time pass in one real second.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// When world and real time were the same.
    pub fn origin(&self) -> Timestamp {
        self.origin
    }

    /// World time at a moment of real time. Saturates at the ends of what a timestamp can hold.
    pub fn world(&self, real: Timestamp) -> Timestamp {
        let passed = real.duration_since(self.origin).as_secs_f64() * self.factor;
        let passed = SignedDuration::try_from_secs_f64(passed).unwrap_or(SignedDuration::ZERO);
        self.origin.checked_add(passed).unwrap_or(real)
    }

    /// How long to wait in real time for a span of world time to pass.
    pub fn real(&self, world: std::time::Duration) -> std::time::Duration {
        world.div_f64(self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_time_is_its_own_world_time() {
        let now: Timestamp = "2026-11-21T12:00:00.5Z".parse().unwrap();
        assert_eq!(Scale::REAL.world(now), now);
    }

    #[test]
    fn a_factor_stretches_time_from_the_origin() {
        let origin: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let scale = Scale::new(origin, 60.0).unwrap();
        assert_eq!(
            scale.world("2026-11-21T12:00:02Z".parse().unwrap()),
            "2026-11-21T12:02:00Z".parse().unwrap()
        );
        assert_eq!(scale.real(std::time::Duration::from_secs(60)), std::time::Duration::from_secs(1));
    }

    #[test]
    fn a_clock_that_stands_still_or_runs_back_is_refused() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Scale::new(Timestamp::UNIX_EPOCH, factor).is_err());
        }
    }
}
