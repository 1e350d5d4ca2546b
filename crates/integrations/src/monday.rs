//! Monday: a board where each release is an item.

mod api;
mod item;
mod refusal;
mod tell;

pub use tell::{MondayTeller, MondayTellerSettings};
