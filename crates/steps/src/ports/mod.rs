//! What steps ask of the outside world: one narrow trait per capability.

mod clock;
mod dead_letters;
mod error;
mod people;
mod source;

pub use clock::Clock;
pub use dead_letters::{DeadLetter, DeadLetters};
pub use error::PortError;
pub use people::{Chat, ChatError, Message, MessageAt, ReasonQuestion, Whisper};
pub use source::Compare;
