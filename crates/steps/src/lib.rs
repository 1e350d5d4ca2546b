//! One module per Task state and per entry point: input, output, errors and what is done, over narrow ports.
//!
//! A step holds references to exactly the ports it may use, so its fields are also the list of its permissions.
//! No AWS, no HTTP and no wall clock here: `gantry-aws` and `gantry-integrations` implement the ports.

pub mod ecr_intake;
mod error;
pub mod github_webhook;
pub mod intake;
pub mod ports;

pub use error::StepError;
