//! What every function shares: settings, logging, wiring, and the way from an event to a step and from its error to what
//! Step Functions, a client or a queue sees.
//!
//! The only crate beside the functions that knows the Lambda runtime. It decides nothing about releases.
//!
//! | variable | what it holds | default |
//! |---|---|---|
//! | `GANTRY_RELEASES_TABLE` | name of the table of releases, logs and candidates | none |
//! | `GANTRY_APPROVALS_TABLE` | name of the table of approvals | none |
//! | `GANTRY_LOCKS_TABLE` | name of the table of locks | none |
//! | `GANTRY_RELEASE_MACHINE` | ARN of the release machine | none |
//! | `GANTRY_DEAD_LETTER_QUEUE` | URL of the queue for what was not understood | none |
//! | `GANTRY_SLACK_SIGNING_SECRET` | ARN of the secret Slack signs with | none |
//! | `GANTRY_SLACK_TOKEN_SECRET` | ARN of the bot token's secret | none |
//! | `GANTRY_SLACK_BASE_URL` | Slack's Web API | `https://slack.com/api` |
//! | `GANTRY_SLACK_HOOKS_URL` | where response URLs point to | `https://hooks.slack.com` |
//! | `GANTRY_GITHUB_WEBHOOK_SECRET` | ARN of the secret GitHub signs with | none |
//! | `GANTRY_GITHUB_TOKEN_SECRET` | ARN of the token's secret | asks without a token |
//! | `GANTRY_GITHUB_STATUS_TOKEN_SECRET` | ARN of the secret of the token that tells GitHub | none |
//! | `GANTRY_GITHUB_BASE_URL` | GitHub's REST API | `https://api.github.com` |
//! | `GANTRY_MONDAY_TOKEN_SECRET` | ARN of the secret of Monday's token | none |
//! | `GANTRY_MONDAY_BASE_URL` | Monday's GraphQL API | `https://api.monday.com/v2` |
//! | `GANTRY_CLOCK_ORIGIN`, `GANTRY_CLOCK_FACTOR` | the local world's clock | real time |
//! | `GANTRY_LOG` | which log lines are written | `warn,lambda_runtime::layers::panic=off,gantry=info` |
//! | `LAMBDA_TASK_ROOT` | folder of `gantry.json`; set by Lambda | `.` |
//!
//! Each function has only the variables it uses; what it lacks ends in `Misconfigured` with the variable's name.

mod clock;
mod configuration;
mod dead_executions;
mod diagnostic;
mod events;
mod http;
mod mask;
mod routes;
mod runtime;
mod settings;
mod telemetry;
#[cfg(test)]
mod testing;
mod wiring;

pub use clock::WorldClock;
pub use configuration::ConfigurationError;
pub use dead_executions::DeadExecutions;
pub use diagnostic::SetupError;
pub use events::{Read, Unreadable, ecr_push, execution_ended, grown_logs, tick};
pub use http::{HttpAnswer, HttpRequest};
pub use mask::{MASK, Mask, MaskedSecrets};
pub use routes::{GitHubDoor, Route, SlackDoor};
pub use runtime::{event, http, task};
pub use settings::{Environment, SettingError, Settings, Source};
pub use wiring::{Vendors, Wiring};
