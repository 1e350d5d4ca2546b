//! The harness of the stories: each starts a local world with the stack deployed into it, lets people and machines do
//! things, and looks at what people saw and what AWS was asked to do.
//!
//! [`tell`] runs one story. What must hold after every story, whatever it was about, is in [`Story::must_be_over`]; a story
//! that leaves something unlooked at fails. Nothing here knows how Gantry works inside: it reads Slack, the journal of
//! the simulated AWS, tables, queues, logs and executions, as an operator could.
//!
//! The functions must have been built (`make build`; `make test` does). One story: `cargo test -p gantry-tests t05`. A story
//! that fails says where everything stood; with `GANTRY_STORY_REPORT=1` every story does.

mod asked;
mod channel;
mod closing;
mod deeds;
mod keys;
mod mishaps;
mod names;
mod operator;
mod outcomes;
mod story;
mod tables;
mod vendors;
mod wait;

pub use deeds::{ADA, BOB, CAT, GUS, Work};
pub use keys::{Answered, Keys};
pub use operator::Said;
pub use story::{Story, quick, tell, with};
pub use vendors::Vendor;

pub use gantry_simulator::faults::Fault;

pub use gantry_local::deeds::Change;
pub use gantry_local::world::WorldOptions;
