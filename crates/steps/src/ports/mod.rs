//! What steps ask of the outside world: one narrow trait per capability.

mod clock;
mod dead_letters;
mod error;
mod executions;
mod http_probe;
mod logs;
mod people;
mod registry;
mod secrets;
mod source;
mod stage;
pub mod store;
mod vendors;

pub use clock::Clock;
pub use dead_letters::{DeadLetter, DeadLetters};
pub use error::PortError;
pub use executions::{
    Answered, ExecutionState, Executions, StartRelease, Started, StopExecutions, TaskToken, TaskTokens,
};
pub use http_probe::{HttpProbe, ProbeAnswer, ProbeRequest};
pub use logs::ReadLogs;
pub use people::{Chat, ChatError, Message, MessageAt, ReasonQuestion, Whisper};
pub use registry::{ImageKind, PushedImage, Registry, RegistryImage, TaggedImage};
pub use secrets::Secrets;
pub use source::Compare;
pub use stage::{DeployStage, ObserveStage, StageScope, TaskRequest, TaskStart, TaskState};
pub use vendors::{Bulletin, Vendor, VendorError, VendorName};
