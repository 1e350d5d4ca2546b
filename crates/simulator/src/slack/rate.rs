//! The pace Slack allows for posting to one channel: a bucket that holds a burst and refills steadily.

use jiff::Timestamp;

/// How many messages a channel takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PostRate {
    /// Sustained messages per real second.
    pub per_second: f64,
    /// Messages that may come at once before the pace counts.
    pub burst: f64,
}

impl PostRate {
    /// What Slack allows: about one message a second in a channel, short bursts tolerated.
    pub const SLACK: Self = Self { per_second: 1.0, burst: 4.0 };

    /// Wide enough that a world on a fast clock never waits.
    pub const GENEROUS: Self = Self { per_second: 100.0, burst: 500.0 };
}

/// One channel's bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    rate: PostRate,
    left: f64,
    at: Option<Timestamp>,
}

impl Bucket {
    pub(super) fn new(rate: PostRate) -> Self {
        Self { rate, left: rate.burst, at: None }
    }

    /// Takes one message, or says how many whole seconds to wait.
    pub(super) fn take(&mut self, now: Timestamp) -> Result<(), u64> {
        let passed = self.at.map_or(0.0, |at| now.duration_since(at).as_secs_f64().max(0.0));
        self.left = (self.left + passed * self.rate.per_second).min(self.rate.burst);
        self.at = Some(now);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let wait = ((1.0 - self.left) / self.rate.per_second).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive whole number"
        )]
        Err(wait.clamp(1.0, 3600.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::new(1_763_755_200 + seconds, 0).unwrap()
    }

    #[test]
    fn a_burst_passes_then_one_a_second() {
        let mut bucket = Bucket::new(PostRate { per_second: 1.0, burst: 2.0 });
        assert_eq!([0, 0, 0].map(|second| bucket.take(at(second))), [Ok(()), Ok(()), Err(1)]);
        assert_eq!([1, 1, 2, 3].map(|second| bucket.take(at(second))), [Ok(()), Err(1), Ok(()), Ok(())]);
    }

    #[test]
    fn a_slow_pace_says_how_long_to_wait() {
        let mut bucket = Bucket::new(PostRate { per_second: 0.1, burst: 1.0 });
        assert_eq!(bucket.take(at(0)), Ok(()));
        assert_eq!(bucket.take(at(3)), Err(7));
        assert_eq!(bucket.take(at(10)), Ok(()));
    }
}
