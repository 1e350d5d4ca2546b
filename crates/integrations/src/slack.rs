//! Slack: what people read and click, in Slack's own formats.
//!
//! Nothing here decides anything. Requests come in as [`parse`]d interactions, messages go out through [`SlackClient`].

mod blocks;
mod client;
mod messages;
mod modal;
mod mrkdwn;
mod payload;
mod whisper;

pub use client::{SetupError, SlackClient, SlackSettings};
pub use modal::{REASON_LENGTH, closing_note, reason_missing};
pub use payload::{PayloadError, parse};

/// The button that approves.
pub const APPROVE: &str = "approve";
/// The button that asks for a reason to reject.
pub const REJECT: &str = "reject";
/// The button that ends a hold.
pub const RESUME: &str = "resume";
