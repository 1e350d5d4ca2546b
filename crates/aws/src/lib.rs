//! The ports on AWS: the only crate that uses the AWS SDK. One module per service; no decisions.

mod caller;
mod checkup;
mod config;
mod dead_letters;
mod dynamodb;
mod ecr;
mod ecs;
mod error;
mod logs;
mod secrets;
mod sfn;
mod sts;
#[cfg(test)]
mod testing;

pub use aws_config::SdkConfig;
pub use caller::Caller;
pub use checkup::{Checkup, SecretState};
pub use config::connect;
#[cfg(feature = "testing")]
pub use config::connect_to;
pub use dead_letters::SqsDeadLetters;
pub use dynamodb::{ApprovalsTable, LocksTable, ReleasesTable};
pub use ecr::EcrRegistry;
pub use ecs::{EcsInventory, EcsStage, LiveContainer, LiveDefinition, LiveService};
pub use logs::CloudWatchLogs;
pub use secrets::SecretsManager;
pub use sfn::{SfnExecutions, SfnStart, SfnTaskTokens};
pub use sts::StageSessions;
