//! People, as steps reach them: one channel of a chat.
//!
//! Steps say what happened; the adapter words it. Nothing here knows a vendor's format.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::approval::Decision;
use gantry_domain::names::{ApprovalId, ReleaseId, SlackId, StageName};
use gantry_domain::notice::Notice;
use serde::{Deserialize, Serialize};

/// Where a message stands, so that it can be changed and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageAt {
    /// The channel's id.
    pub channel: SlackId,
    /// The message's identity in its channel.
    pub ts: String,
}

/// A message in the channel: a notice, and what became of it since.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Message<'a> {
    /// The release it is about.
    pub release: &'a ReleaseId,
    /// What is told.
    pub notice: &'a Notice,
    /// A later notice that this message shows too: the end for a start, the decision for a question. A question that
    /// has one shows no buttons.
    pub outcome: Option<&'a Notice>,
}

/// What only one person is told, as the answer to what that person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whisper {
    /// The person, or the place the click came from, is not among those that count.
    NotAllowed,
    /// It was decided before: what, and by whom.
    AlreadyDecided(Decision),
    /// Nobody decided in time.
    Expired,
    /// There is no such question (any more).
    Unknown,
    /// The stage does not hold for this (any more).
    NoHold,
    /// It did not work this time, and nothing was changed.
    TryAgain,
}

/// The question for a reason, put to a person who clicked Reject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonQuestion {
    /// The approval that the reason will be about.
    pub approval: ApprovalId,
    /// The release that is turned away.
    pub release: ReleaseId,
    /// The stage it would have gone to.
    pub stage: StageName,
}

/// A channel where people are told and asked.
#[async_trait]
pub trait Chat: Send + Sync {
    /// Posts a message, as a reply when `thread` is given.
    async fn post(&self, message: Message<'_>, thread: Option<&MessageAt>) -> Result<MessageAt, ChatError>;

    /// Replaces a message. `false`: it is not there any more.
    async fn update(&self, at: &MessageAt, message: Message<'_>) -> Result<bool, ChatError>;

    /// Says something to one person, through the address that came with that person's click.
    async fn whisper(&self, address: &str, whisper: &Whisper) -> Result<(), ChatError>;

    /// Asks for a reason in a dialogue. `trigger` came with the click and lives for 3 seconds.
    async fn ask_reason(&self, trigger: &str, question: &ReasonQuestion) -> Result<(), ChatError>;
}

/// How a call to the chat, or to another vendor that is told, can fail, by what the caller may do about it.
#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    /// Too fast. Later it works.
    #[error("{call} was throttled")]
    Throttled {
        /// What was called.
        call: &'static str,
        /// How long the other side asks to wait, in real time.
        retry_after: Option<Duration>,
    },
    /// No answer, or a failure that may pass. The call may have had its effect.
    #[error("{call} got no usable answer")]
    Unavailable {
        /// What was called.
        call: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A person must change something (token, scope, membership of the channel) before it can work.
    #[error("{call} is not set up: {code}")]
    NotSetUp {
        /// What was called.
        call: &'static str,
        /// The other side's word for it.
        code: String,
    },
    /// The request itself is refused and always will be.
    #[error("{call} was refused: {code}")]
    Refused {
        /// What was called.
        call: &'static str,
        /// The other side's word for it.
        code: String,
    },
}

impl ChatError {
    /// May the same call succeed another time?
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } | Self::NotSetUp { .. } => true,
            Self::Refused { .. } => false,
        }
    }
}
