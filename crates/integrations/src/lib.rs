//! Slack, GitHub and Monday on the wire: signatures, payloads, messages, clients; and the probe of HTTP checks.
//!
//! Nothing here decides: steps do. Whatever comes from outside is proved by its signature before it is parsed.

pub mod github;
pub mod http_probe;
mod json;
mod links;
pub mod monday;
mod outgoing;
pub mod signature;
pub mod slack;
mod text;

/// Why an HTTP client could not be set up.
pub use reqwest::Error as HttpError;
