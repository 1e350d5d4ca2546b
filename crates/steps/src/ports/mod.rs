//! What steps ask of the outside world: one narrow trait per capability.

mod clock;
mod error;

pub use clock::Clock;
pub use error::PortError;
