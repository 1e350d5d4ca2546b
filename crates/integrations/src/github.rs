//! GitHub: signed webhooks in, the compare API out.

mod compare;
mod payload;

pub use compare::{GitHubClient, GitHubSettings};
pub use payload::{Heard, PayloadError, parse};
