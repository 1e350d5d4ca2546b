//! One module per Task state and per entry point: input, output, errors and what is done, over narrow ports.
//!
//! A step holds references to exactly the ports it may use, so its fields are also the list of its permissions.
//! No AWS, no HTTP and no wall clock here: `gantry-aws` and `gantry-integrations` implement the ports.

pub mod acquire_lock;
pub mod aftermath;
pub mod ask_approval;
pub mod claim_release;
pub mod decide;
pub mod ecr_intake;
mod error;
mod failures;
pub mod github_webhook;
mod histories;
pub mod intake;
pub mod observe;
pub mod pass_lock;
pub mod plan_rollback;
pub mod plan_stage;
pub mod ports;
pub mod read_decision;
pub mod reconcile;
pub mod record_end;
pub mod record_rollback;
pub mod record_stage;
pub mod release_lock;
pub mod resume;
mod rollout;
pub mod run_checks;
mod save_failures;
pub mod send_notices;
pub mod slack_interactions;
pub mod start_deployments;
pub mod start_task;
pub mod sweep;
pub mod tell_vendors;
#[cfg(any(test, feature = "testing"))]
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "of the fakes, others use the world only"))]
#[expect(clippy::unwrap_used, reason = "a fake whose ground is missing should stop the test")]
pub mod testing;
pub mod watch_executions;
pub mod watch_task;
pub mod watch_wave;

pub use error::StepError;
pub use rollout::RolloutError;
