//! Measured times, in order.

use std::time::Duration;

/// Some measurements of the same thing; at least one.
#[derive(Debug, Clone)]
pub(crate) struct Sample(Vec<Duration>);

impl Sample {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    /// The smallest value that so many hundredths of all are not above.
    pub(crate) fn percentile(&self, hundredths: usize) -> Duration {
        let place = (self.0.len() * hundredths).div_ceil(100).saturating_sub(1);
        self.0.get(place).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}
