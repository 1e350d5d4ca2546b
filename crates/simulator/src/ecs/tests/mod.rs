//! The world at chosen times: timelines of rollouts and tasks, and the answers on the wire.

mod authorization;
mod breaker;
mod failures;
mod http;
mod logs;
mod others;
mod placement;
mod properties;
mod rollouts;
mod run_task;
mod snapshot;
mod stage;
mod wire;
