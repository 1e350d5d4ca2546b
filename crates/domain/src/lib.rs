//! The rules of a release. Pure: no async, no clock, no AWS; time and facts come in as arguments.

pub mod approval;
pub mod candidate;
pub mod changes;
pub mod check;
pub mod claim;
pub mod course;
pub mod ecs;
mod end;
mod error_name;
pub mod failure;
pub mod hold;
pub mod image_event;
pub mod lock;
pub mod names;
pub mod notice;
pub mod pipeline;
pub mod plan;
pub mod record;
pub mod redact;
pub mod release;
mod scale;
pub mod soak;
pub mod task_definition;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod verdict;
pub mod verified;

pub use end::End;
pub use error_name::ErrorName;
pub use scale::{Scale, ScaleError};
