//! The local world: an AWS of one's own on loopback, with the real stack deployed into it.
//!
//! MiniStack plays everything except ECS and ECR, which the simulator plays together with Slack and GitHub. The
//! functions are the real binaries. Nothing here is part of what ships.

pub mod client;
pub mod command;
mod controls;
pub mod deeds;
pub mod demo;
mod diagnosis;
pub mod exchange;
pub mod executions;
pub mod login;
pub mod ministack;
pub mod pack;
pub mod package;
pub mod places;
pub mod road;
pub mod schedules;
pub mod signing;
pub mod simulation;
pub mod stack;
pub mod story;
pub mod views;
pub mod world;
