//! One module per Task state and per entry point: input, output, errors and what is done, over narrow ports.
//!
//! A step holds references to exactly the ports it may use, so its fields are also the list of its permissions.
//! No AWS, no HTTP and no wall clock here: `gantry-aws` and `gantry-integrations` implement the ports.

pub mod acquire_lock;
pub mod decide;
pub mod ecr_intake;
mod error;
pub mod github_webhook;
pub mod intake;
pub mod pass_lock;
pub mod ports;
pub mod read_decision;
pub mod record_end;
pub mod record_stage;
pub mod release_lock;
pub mod send_notices;
pub mod slack_interactions;
pub mod sweep;

pub use error::StepError;
