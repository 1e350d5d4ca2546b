//! GitHub: signed webhooks in, the compare API out, statuses and deployments out.

mod compare;
mod payload;
mod rest;
mod tell;

pub use compare::{GitHubClient, GitHubSettings};
pub use payload::{Heard, PayloadError, parse};
pub use tell::{GitHubTeller, GitHubTellerSettings};
