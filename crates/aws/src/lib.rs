//! Placeholder.

mod dead_letters;

pub use dead_letters::SqsDeadLetters;
