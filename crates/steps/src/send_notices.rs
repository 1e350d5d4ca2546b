//! Tells people in the chat what they have not been told of a release, from the log that is the outbox, and has the other
//! vendors told beside it (`tell_vendors`), so that none waits for another.
//!
//! Strictly in order within a release: the first notice that cannot be told now ends the attempt, and what follows waits
//! for it. Nothing that a chat does or fails to do is an error here (T43): it is noted for later, or given up and put to
//! the dead letters. A notice may be told twice when an answer is lost, never not at all.

use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::names::{ApprovalId, HoldId, ReleaseId};
use gantry_domain::notice::Notice;
use jiff::Timestamp;

use crate::failures::Failures;
use crate::ports::store::{Deliver, Delivery, LogEntry, Outbox};
use crate::ports::{Chat, ChatError, Clock, DeadLetter, DeadLetters, Message, MessageAt, PortError};
use crate::tell_vendors::TellVendors;

/// A sender that died with a notice in its hands has it no longer after this.
const HELD: Duration = Duration::from_secs(5 * 60);
/// The first pause after a failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);
/// Three days of failures, more or less: then a person has to look.
pub(crate) const MOST_ATTEMPTS: u32 = 450;

/// What wakes the sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendNoticesInput {
    /// Releases whose log has grown.
    pub releases: Vec<ReleaseId>,
}

/// The ports of this step.
pub struct SendNotices<'a> {
    /// What is to be told.
    pub outbox: &'a dyn Outbox,
    /// The people.
    pub chat: &'a dyn Chat,
    /// What is given up.
    pub dead_letters: &'a dyn DeadLetters,
    /// World time.
    pub clock: &'a dyn Clock,
    /// Who else is told.
    pub vendors: TellVendors<'a>,
}

/// What became of one attempt.
enum Attempt {
    Told(Option<MessageAt>),
    Failed(ChatError),
}

impl SendNotices<'_> {
    /// Delivers for each release. Never an error: whoever wakes the sender must not be held up, and the sweeper comes by
    /// for what is left.
    pub async fn run(&self, input: SendNoticesInput) {
        if let Err(error) = self.deliver(&input.releases).await {
            tracing::error!(%error, source = ?std::error::Error::source(&error).map(ToString::to_string),
                "notices could not be read or marked; the sweeper tries again");
        }
    }

    /// Tells the chat of one release, and takes it off the list once the others know as much.
    async fn tell_chat(&self, release: &ReleaseId) -> Result<(), PortError> {
        let mut told = 0;
        loop {
            let log = self.outbox.entries(release).await?;
            let Some(last) = log.last().map(|entry| entry.seq) else { return Ok(()) };
            // Another sender may have left to us what was recorded while we were at work.
            if last == told {
                return self.vendors.settle(release).await;
            }
            if !self.tell_all(release, log).await? {
                return Ok(());
            }
            told = last;
        }
    }

    /// Tells what is left of a log, in order. `false`: something has to wait, and what follows with it.
    async fn tell_all(&self, release: &ReleaseId, mut log: Vec<LogEntry>) -> Result<bool, PortError> {
        for index in 0..log.len() {
            let Some(entry) = log.get(index).filter(|entry| !entry.delivery.is_settled()) else { continue };
            let seq = entry.seq;
            let Some(delivery) = self.tell(release, &log, entry).await? else { return Ok(false) };
            let is_ours = self.outbox.mark(release, seq, &delivery).await?;
            if !is_ours || !delivery.is_settled() {
                return Ok(false);
            }
            if let Some(entry) = log.get_mut(index) {
                entry.delivery = delivery;
            }
        }
        Ok(true)
    }

    /// Tells one notice. `None`: it is not to be told now.
    async fn tell(
        &self,
        release: &ReleaseId,
        log: &[LogEntry],
        entry: &LogEntry,
    ) -> Result<Option<Delivery>, PortError> {
        let Delivery::Pending { attempts, next_attempt_at } = entry.delivery else { return Ok(None) };
        let now = self.clock.now();
        if next_attempt_at.is_some_and(|at| at > now) {
            return Ok(None);
        }
        if !self.outbox.claim(release, entry.seq, attempts, later(now, HELD)).await? {
            return Ok(None);
        }
        let attempts = attempts.saturating_add(1);
        let error = match self.attempt(release, log, entry).await {
            Attempt::Told(message) => return Ok(Some(Delivery::Delivered { message })),
            Attempt::Failed(error) => error,
        };
        if error.may_pass() && attempts < MOST_ATTEMPTS {
            let at = later(self.clock.now(), pause(attempts, &error));
            tracing::warn!(%release, seq = entry.seq, attempts, %error, next_attempt_at = %at, "a notice waits");
            return Ok(Some(Delivery::Pending { attempts, next_attempt_at: Some(at) }));
        }
        tracing::error!(%release, seq = entry.seq, attempts, %error, "a notice was given up");
        self.dead_letters.put(&dead_letter(release, entry, &error)).await?;
        Ok(Some(Delivery::Dropped { reason: error.to_string() }))
    }

    async fn attempt(&self, release: &ReleaseId, log: &[LogEntry], entry: &LogEntry) -> Attempt {
        let story = Story { release, log };
        let told = match &entry.notice {
            // The head of the thread.
            Notice::Started { .. } => self.post(release, &entry.notice, None).await,
            // In the channel itself, so that people are called.
            Notice::ApprovalRequested { .. } | Notice::RolledBack { .. } => {
                self.post(release, &entry.notice, None).await
            }
            Notice::ApprovalDecided { approval, .. } | Notice::ApprovalVoided { approval, .. } => {
                self.close_question(&story, approval, &entry.notice).await
            }
            Notice::Ended { .. } => self.end(&story, &entry.notice).await,
            Notice::Resumed { hold, .. } => self.close_hold(&story, hold, &entry.notice).await,
            Notice::StageVerified { .. }
            | Notice::WaitingForLock { .. }
            | Notice::StepFailed { .. }
            | Notice::Held { .. } => self.post(release, &entry.notice, story.head()).await,
        };
        told.map_or_else(Attempt::Failed, Attempt::Told)
    }

    /// Changes the question into its answer. Where there is no question (any more), the answer stands by itself.
    async fn close_question(
        &self,
        story: &Story<'_>,
        approval: &ApprovalId,
        outcome: &Notice,
    ) -> Result<Option<MessageAt>, ChatError> {
        if let Some((question, at)) = story.question(approval) {
            let message = Message { release: story.release, notice: question, outcome: Some(outcome) };
            if self.chat.update(at, message).await? {
                return Ok(None);
            }
        }
        self.post(story.release, outcome, story.head()).await
    }

    /// Takes the button off the message that told of the hold, or says it in the thread where there is no such message.
    async fn close_hold(
        &self,
        story: &Story<'_>,
        hold: &HoldId,
        resumed: &Notice,
    ) -> Result<Option<MessageAt>, ChatError> {
        let Some((told, at)) = story.hold(hold) else {
            return self.post(story.release, resumed, story.head()).await;
        };
        let message = Message { release: story.release, notice: told, outcome: Some(resumed) };
        if self.chat.update(at, message).await? {
            return Ok(None);
        }
        self.post(story.release, resumed, story.head()).await
    }

    /// Changes the head of the thread, then tells the end in the thread. Changing it again does no harm, so it is first.
    async fn end(&self, story: &Story<'_>, end: &Notice) -> Result<Option<MessageAt>, ChatError> {
        let mut head = story.head();
        if let Some((started, at)) = story.started() {
            let message = Message { release: story.release, notice: started, outcome: Some(end) };
            if !self.chat.update(at, message).await? {
                head = None;
            }
        }
        self.post(story.release, end, head).await
    }

    async fn post(
        &self,
        release: &ReleaseId,
        notice: &Notice,
        thread: Option<&MessageAt>,
    ) -> Result<Option<MessageAt>, ChatError> {
        let message = Message { release, notice, outcome: None };
        match self.chat.post(message, thread).await {
            // Somebody removed the head of the thread.
            Err(ChatError::Refused { .. }) if thread.is_some() => {
                self.chat.post(message, None).await.map(Some)
            }
            told => told.map(Some),
        }
    }
}

#[async_trait]
impl Deliver for SendNotices<'_> {
    async fn deliver(&self, releases: &[ReleaseId]) -> Result<(), PortError> {
        let chat = async {
            let mut failures = Failures::default();
            for release in releases {
                failures.note("notices of a release", self.tell_chat(release).await);
            }
            failures.or(())
        };
        let (chat, vendors) = futures::join!(chat, self.vendors.run());
        chat.and(vendors)
    }
}

/// What was told before, and where it stands.
struct Story<'a> {
    release: &'a ReleaseId,
    log: &'a [LogEntry],
}

impl<'a> Story<'a> {
    fn told(&self) -> impl Iterator<Item = (&'a Notice, &'a MessageAt)> {
        self.log.iter().filter_map(|entry| match &entry.delivery {
            Delivery::Delivered { message: Some(at) } => Some((&entry.notice, at)),
            Delivery::Delivered { message: None } | Delivery::Pending { .. } | Delivery::Dropped { .. } => {
                None
            }
        })
    }

    fn started(&self) -> Option<(&'a Notice, &'a MessageAt)> {
        self.told().find(|(notice, _)| matches!(notice, Notice::Started { .. }))
    }

    fn head(&self) -> Option<&'a MessageAt> {
        self.started().map(|(_, at)| at)
    }

    fn hold(&self, wanted: &HoldId) -> Option<(&'a Notice, &'a MessageAt)> {
        self.told().find(|(notice, _)| matches!(notice, Notice::RolledBack { hold, .. } if hold == wanted))
    }

    fn question(&self, wanted: &ApprovalId) -> Option<(&'a Notice, &'a MessageAt)> {
        self.told().find(
            |(notice, _)| matches!(notice, Notice::ApprovalRequested { approval, .. } if approval == wanted),
        )
    }
}

/// How long to wait after so many attempts.
pub(crate) fn pause(attempts: u32, error: &ChatError) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(10)).min(LONGEST_PAUSE);
    match error {
        ChatError::Throttled { retry_after: Some(asked), .. } => doubled.max(*asked),
        ChatError::Throttled { .. }
        | ChatError::Unavailable { .. }
        | ChatError::NotSetUp { .. }
        | ChatError::Refused { .. } => doubled,
    }
}

pub(crate) fn later(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// What is kept of a notice that was given up.
pub(crate) fn dead_letter(release: &ReleaseId, entry: &LogEntry, error: &ChatError) -> DeadLetter {
    let event = serde_json::json!({"release": release, "seq": entry.seq, "notice": entry.notice});
    DeadLetter { function: "send-notices".to_owned(), cause: error.to_string(), event: event.to_string() }
}

#[cfg(test)]
mod tests;
