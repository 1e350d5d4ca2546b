//! The two state machines, and what holds them to the code.
//!
//! The definitions are the JSON files beside this crate; CloudFormation deploys those very files. Here they are read,
//! linted for what published validators let pass, and compared with functions, steps and error names by the tests in
//! `tests/`. Nothing here runs a machine: the stories in `tests/` of the workspace do, in the local world.

mod lint;
mod machine;

pub use lint::{Finding, lint};
pub use machine::{Machine, release, rollout};
