//! The local world: an AWS of one's own on loopback, with the real stack deployed into it.
//!
//! MiniStack plays everything except ECS and ECR, which the simulator plays together with Slack and GitHub. The
//! functions are the real binaries. Nothing here is part of what ships.

pub mod client;
pub mod executions;
pub mod ministack;
pub mod package;
pub mod places;
pub mod schedules;
pub mod stack;
