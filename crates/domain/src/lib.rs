//! The rules of a release. Pure: no async, no clock, no AWS; time and facts come in as arguments.

pub mod approval;
mod end;
mod error_name;
pub mod names;
pub mod notice;
pub mod pipeline;
pub mod plan;
pub mod release;
mod scale;

pub use end::End;
pub use error_name::ErrorName;
pub use scale::{Scale, ScaleError};
