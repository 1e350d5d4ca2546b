//! The local AWS by itself: MiniStack, its client, packaging and stacks.

#![expect(clippy::unwrap_used, reason = "a test ends by panicking")]

mod ministack;
mod stack;
mod support;
