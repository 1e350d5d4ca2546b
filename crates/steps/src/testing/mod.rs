//! Fakes with the conditional semantics of the real thing, written by hand. State is behind one lock, so a transaction
//! is one; every call gives way first, so that calls of concurrent steps interleave.

mod clock;
mod executions;
mod faults;
pub(crate) mod given;
mod left_behind;
mod logs;
mod people;
mod probe;
mod registry;
pub(crate) mod road;
mod stage;
mod store;
mod vendors;
mod world;

pub(crate) use clock::FakeClock;
pub(crate) use executions::{FakeExecutions, FakeTokens};
pub(crate) use faults::{Fault, Faults};
pub(crate) use left_behind::LeftBehind;
pub use logs::FakeLogs;
pub(crate) use people::{FakeChat, FakeDeadLetters, Shown};
pub(crate) use probe::{FakeProbe, answered};
pub(crate) use registry::FakeRegistry;
pub(crate) use road::Road;
pub(crate) use stage::{FakeStage, Fate, REGISTRY, TAKES};
pub use store::MemoryStore;
pub(crate) use vendors::FakeVendor;
pub use world::{Failure, People, World, WorldOutside};
