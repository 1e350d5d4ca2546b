//! What AWS asks for one release: what of it can be counted.
//!
//! Prices of us-west-2 without any free tier, from <https://aws.amazon.com/step-functions/pricing/> and
//! <https://aws.amazon.com/lambda/pricing/>, as those pages had them when these figures were written down (November 2026).

use std::time::Duration;

use crate::release::{FACTOR, Figures};

/// USD for a transition of a Standard machine.
const TRANSITION: f64 = 0.025 / 1_000.0;
/// USD for a call of a function.
const INVOCATION: f64 = 0.20 / 1_000_000.0;
/// USD for a GB-second on x86, the dearer processor.
const GB_SECOND: f64 = 0.000_016_666_7;
/// What each function is given: `infra/globals.yaml`.
const MEMORY_GB: f64 = 0.25;
/// A start and an end beside the states, in each execution.
const EDGES: usize = 2;

/// What one release costs.
pub(crate) struct Cost {
    pub(crate) transitions: usize,
    /// What functions are billed for at most: as long as they would run if all they did was wait for the world.
    pub(crate) billed_at_most: Duration,
    pub(crate) usd: f64,
}

impl Cost {
    pub(crate) fn of(figures: &Figures) -> Self {
        let transitions = figures.states_entered + EDGES * figures.executions;
        let billed_at_most = figures.billed.mul_f64(FACTOR);
        let usd = count(transitions) * TRANSITION
            + count(figures.invocations) * INVOCATION
            + billed_at_most.as_secs_f64() * MEMORY_GB * GB_SECOND;
        Self { transitions, billed_at_most, usd }
    }
}

/// Counts here are far below what a `u32` holds.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
