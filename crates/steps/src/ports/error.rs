//! How a call to the outside can fail, by what the caller may do about it.

use std::error::Error;

/// A failed call. Expected refusals (a condition that did not hold, a thing that is not there) are values of the port's
/// methods, not errors.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// The other side asks to slow down.
    #[error("{call} was throttled")]
    Throttled {
        /// What was called, for example `ecs:UpdateService web`.
        call: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// No answer, or a failure that may pass. The call may have had its effect.
    #[error("{call} got no usable answer")]
    Unavailable {
        /// What was called.
        call: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The other side refused for lack of permission.
    #[error("{call} was denied")]
    Denied {
        /// What was called.
        call: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The other side refused the request as it is.
    #[error("{call} was refused")]
    Rejected {
        /// What was called.
        call: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer, or a stored row, is not what it should be.
    #[error("{call} answered something unreadable")]
    Malformed {
        /// What was called.
        call: String,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}
