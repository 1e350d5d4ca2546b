//! A chat that remembers what it shows, and a drawer for dead letters.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use async_trait::async_trait;
use gantry_domain::names::SlackId;
use gantry_domain::notice::Notice;

use crate::ports::{
    Chat, ChatError, DeadLetter, DeadLetters, Message, MessageAt, PortError, ReasonQuestion, Whisper,
};

/// A message in the channel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    /// The head of the thread, for a reply.
    pub(crate) thread: Option<String>,
    pub(crate) notice: Notice,
    pub(crate) outcome: Option<Notice>,
}

/// One channel. Messages are named `m1`, `m2` and so on.
#[derive(Default)]
pub(crate) struct FakeChat {
    shown: Mutex<BTreeMap<String, Shown>>,
    posted: Mutex<u32>,
    whispers: Mutex<Vec<(String, Whisper)>>,
    questions: Mutex<Vec<(String, ReasonQuestion)>>,
    failures: Mutex<VecDeque<(&'static str, ChatError)>>,
    lost: Mutex<u32>,
}

impl FakeChat {
    /// The next call of that name fails like this, without effect.
    pub(crate) fn fail(&self, call: &'static str, error: ChatError) {
        self.failures.lock().unwrap().push_back((call, error));
    }

    /// The next message is posted, and nobody hears of it.
    pub(crate) fn lose_answer(&self) {
        *self.lost.lock().unwrap() += 1;
    }

    pub(crate) fn remove(&self, ts: &str) {
        self.shown.lock().unwrap().remove(ts);
    }

    /// The channel, oldest first.
    pub(crate) fn shown(&self) -> Vec<(String, Shown)> {
        let mut shown: Vec<_> = self.shown.lock().unwrap().clone().into_iter().collect();
        shown.sort_by_key(|(ts, _)| ts[1..].parse::<u32>().unwrap());
        shown
    }

    pub(crate) fn whispers(&self) -> Vec<(String, Whisper)> {
        self.whispers.lock().unwrap().clone()
    }

    pub(crate) fn questions(&self) -> Vec<(String, ReasonQuestion)> {
        self.questions.lock().unwrap().clone()
    }

    async fn before(&self, call: &'static str) -> Result<(), ChatError> {
        tokio::task::yield_now().await;
        let mut failures = self.failures.lock().unwrap();
        match failures.iter().position(|(of, _)| *of == call).and_then(|index| failures.remove(index)) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}

fn shown(message: Message<'_>, thread: Option<&MessageAt>) -> Shown {
    Shown {
        thread: thread.map(|at| at.ts.clone()),
        notice: message.notice.clone(),
        outcome: message.outcome.cloned(),
    }
}

#[async_trait]
impl Chat for FakeChat {
    async fn post(&self, message: Message<'_>, thread: Option<&MessageAt>) -> Result<MessageAt, ChatError> {
        self.before("post").await?;
        if thread.is_some_and(|at| !self.shown.lock().unwrap().contains_key(&at.ts)) {
            return Err(ChatError::Refused { call: "post", code: "thread_not_found".into() });
        }
        let ts = {
            let mut posted = self.posted.lock().unwrap();
            *posted += 1;
            format!("m{posted}")
        };
        self.shown.lock().unwrap().insert(ts.clone(), shown(message, thread));
        let mut lost = self.lost.lock().unwrap();
        if *lost > 0 {
            *lost -= 1;
            return Err(ChatError::Unavailable { call: "post", source: "the answer was lost".into() });
        }
        Ok(MessageAt { channel: SlackId::new("C0RELEASES").unwrap(), ts })
    }

    async fn update(&self, at: &MessageAt, message: Message<'_>) -> Result<bool, ChatError> {
        self.before("update").await?;
        let mut channel = self.shown.lock().unwrap();
        let Some(old) = channel.get_mut(&at.ts) else { return Ok(false) };
        *old = Shown { thread: old.thread.clone(), ..shown(message, None) };
        Ok(true)
    }

    async fn whisper(&self, address: &str, whisper: &Whisper) -> Result<(), ChatError> {
        self.before("whisper").await?;
        self.whispers.lock().unwrap().push((address.to_owned(), whisper.clone()));
        Ok(())
    }

    async fn ask_reason(&self, trigger: &str, question: &ReasonQuestion) -> Result<(), ChatError> {
        self.before("ask_reason").await?;
        self.questions.lock().unwrap().push((trigger.to_owned(), question.clone()));
        Ok(())
    }
}

/// Letters nobody could deliver.
#[derive(Default)]
pub(crate) struct FakeDeadLetters(Mutex<Vec<DeadLetter>>);

impl FakeDeadLetters {
    pub(crate) fn letters(&self) -> Vec<DeadLetter> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl DeadLetters for FakeDeadLetters {
    async fn put(&self, letter: &DeadLetter) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        self.0.lock().unwrap().push(letter.clone());
        Ok(())
    }
}
