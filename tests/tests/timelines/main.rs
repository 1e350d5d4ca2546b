//! Whole deployments in the simulated ECS, told over its wire to the real adapter and judged by the real step: what ECS
//! says is what its world does, not what a test writes down. Scripted answers are `watch_wave::timelines`'s.
//!
//! Second 0 is when the wave was started. Everything is looked at every five seconds. A wave fails after ten minutes, a
//! success must hold for one, and two crashes are too many.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops where its own ground is missing")]

mod giving_up;
mod others;
mod soaking;
mod successes;
mod world;
