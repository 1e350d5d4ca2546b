//! Tells vendors that show how a release stands (GitHub, Monday) what they have not been told, from the same outbox as the
//! chat, each on its own schedule.
//!
//! One sender at a time writes to a vendor: it sits at the vendor's desk and goes through all releases. Who finds the desk
//! occupied leaves, because the one who sits there looks for new notices once more after getting up. Within a release a
//! notice that cannot be told now ends the attempt, and what follows waits for it. What is told once more is told such
//! that it has the effect of once; that is each vendor's business.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::{Duration, Instant};

use gantry_domain::course::Course;
use gantry_domain::names::{ExecutionArn, ReleaseId};
use gantry_domain::pipeline::Stage;

use crate::failures::Failures;
use crate::ports::store::{Desks, LogEntry, Outbox, Releases, Seat, Told, Untold};
use crate::ports::{Bulletin, Clock, DeadLetters, PortError, Vendor, VendorError};
use crate::send_notices::{MOST_ATTEMPTS, dead_letter, later, pause};

/// Longer than any function that sends may run: who died at a desk has left it after this.
pub const LONGEST_AT_DESK: Duration = Duration::from_secs(90);
/// Nothing new is begun after so much real time, so that a slow vendor does not cost the function its life.
const BEGIN_WITHIN: Duration = Duration::from_secs(25);
/// After so many releases of which a vendor could not be told, it is taken to be down for this time.
const MOST_FAILURES: usize = 2;

/// The ports of this step.
pub struct TellVendors<'a> {
    /// Who is told.
    pub vendors: Vec<&'a dyn Vendor>,
    /// The stages, in order.
    pub stages: &'a [Stage],
    /// Who sits where, and how far each was told.
    pub desks: &'a dyn Desks,
    /// What is to be told.
    pub outbox: &'a dyn Outbox,
    /// The releases, for their executions.
    pub releases: &'a dyn Releases,
    /// What is given up.
    pub dead_letters: &'a dyn DeadLetters,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// What a vendor's answer means for the rest of this visit.
enum Visit {
    /// Go on.
    Fine,
    /// This release waits.
    Waits,
    /// The vendor wants to be left alone: for this long, if it says so.
    Rest(Option<Duration>),
}

impl TellVendors<'_> {
    /// Tells every vendor what is due, side by side.
    pub async fn run(&self) -> Result<(), PortError> {
        let visits = self.vendors.iter().map(|vendor| self.serve(*vendor));
        let mut failures = Failures::default();
        for (vendor, visit) in self.vendors.iter().zip(futures::future::join_all(visits).await) {
            failures.note(vendor.name().as_str(), visit);
        }
        failures.or(())
    }

    /// Takes a release off the list of undelivered ones, if everybody knows its newest notice.
    pub async fn settle(&self, release: &ReleaseId) -> Result<(), PortError> {
        let log = self.outbox.entries(release).await?;
        let Some(last) = log.last().map(|entry| entry.seq) else { return Ok(()) };
        if !log.iter().all(|entry| entry.delivery.is_settled()) {
            return Ok(());
        }
        for vendor in &self.vendors {
            if self.desks.told(release, vendor.name()).await?.up_to < last {
                return Ok(());
            }
        }
        self.outbox.settled(release, last).await
    }

    /// Sits at a vendor's desk until nothing new has come while doing so.
    async fn serve(&self, vendor: &dyn Vendor) -> Result<(), PortError> {
        let who = name();
        let begun = Instant::now();
        let mut seen = BTreeMap::new();
        loop {
            let news = self.news(&seen).await?;
            if news.is_empty() || begun.elapsed() > BEGIN_WITHIN {
                return Ok(());
            }
            match self.desks.sit_down(vendor.name(), &who, LONGEST_AT_DESK).await? {
                Seat::Taken => {}
                Seat::Occupied => return Ok(()),
                Seat::Resting(until) if until <= self.clock.now() => {}
                Seat::Resting(until) => {
                    tracing::info!(vendor = %vendor.name(), %until, "the vendor asked to be left alone");
                    return self.desks.get_up(vendor.name(), &who, Some(until)).await;
                }
            }
            let visit = self.visit(vendor, &news, begun).await;
            // Whatever happened, the next one must not wait for the seat.
            let rest = visit.as_ref().ok().copied().flatten().map(|span| later(self.clock.now(), span));
            self.desks.get_up(vendor.name(), &who, rest).await?;
            visit?;
            if rest.is_some() {
                return Ok(());
            }
            seen.extend(news.into_iter().map(|untold| (untold.release, untold.newest)));
        }
    }

    /// Releases with notices that this sender has not looked at.
    async fn news(&self, seen: &BTreeMap<ReleaseId, u32>) -> Result<Vec<Untold>, PortError> {
        let mut untold = self.desks.untold().await?;
        untold.retain(|untold| seen.get(&untold.release).is_none_or(|newest| *newest < untold.newest));
        Ok(untold)
    }

    /// Goes through releases. Returns for how long the vendor wants to be left alone.
    async fn visit(
        &self,
        vendor: &dyn Vendor,
        untold: &[Untold],
        begun: Instant,
    ) -> Result<Option<Duration>, PortError> {
        let mut failed = 0;
        for Untold { release, .. } in untold {
            if begun.elapsed() > BEGIN_WITHIN || failed == MOST_FAILURES {
                break;
            }
            match self.bring_up_to_date(vendor, release).await? {
                Visit::Fine => self.settle(release).await?,
                Visit::Waits => failed += 1,
                Visit::Rest(None) => break,
                Visit::Rest(asked) => return Ok(asked),
            }
        }
        Ok(None)
    }

    /// Tells a vendor all that is due of one release, in order.
    async fn bring_up_to_date(&self, vendor: &dyn Vendor, release: &ReleaseId) -> Result<Visit, PortError> {
        let mut told = self.desks.told(release, vendor.name()).await?;
        let log = self.outbox.entries(release).await?;
        if log.last().is_none_or(|last| last.seq <= told.up_to) {
            return Ok(Visit::Fine);
        }
        if told.next_attempt_at.is_some_and(|at| at > self.clock.now()) {
            // Nobody was asked, so this says nothing about the vendor.
            return Ok(Visit::Fine);
        }
        let stored = self.releases.find(release).await?;
        let execution = stored.map(|stored| stored.release.execution);
        for entry in &log {
            if entry.seq <= told.up_to {
                continue;
            }
            let Some(trying) = self.try_next(vendor, release, &told).await? else { return Ok(Visit::Waits) };
            let answer = self.tell(vendor, release, execution.as_ref(), &log, entry, &trying).await;
            let (now, visit) = self.judge(vendor, release, entry, &trying, answer).await?;
            if !self.desks.note(release, vendor.name(), &trying, &now).await? {
                return Ok(Visit::Waits);
            }
            if !matches!(visit, Visit::Fine) {
                return Ok(visit);
            }
            told = now;
        }
        Ok(Visit::Fine)
    }

    /// Counts the attempt before it is made: a sender that dies in it leaves word that it may have had its effect.
    async fn try_next(
        &self,
        vendor: &dyn Vendor,
        release: &ReleaseId,
        told: &Told,
    ) -> Result<Option<Told>, PortError> {
        let trying =
            Told { attempts: told.attempts.saturating_add(1), next_attempt_at: None, ..told.clone() };
        let is_ours = self.desks.note(release, vendor.name(), told, &trying).await?;
        Ok(is_ours.then_some(trying))
    }

    async fn tell(
        &self,
        vendor: &dyn Vendor,
        release: &ReleaseId,
        execution: Option<&ExecutionArn>,
        log: &[LogEntry],
        entry: &LogEntry,
        trying: &Told,
    ) -> Result<(), VendorError> {
        let earlier = log.iter().filter(|earlier| earlier.seq < entry.seq);
        let before = Course::of(self.stages, earlier.map(|earlier| (earlier.at, &earlier.notice)));
        let mut now = before.clone();
        now.follow(entry.at, &entry.notice);
        if now == before {
            return Ok(());
        }
        let bulletin = Bulletin {
            release,
            execution,
            seq: entry.seq,
            before: &before,
            now: &now,
            again: trying.attempts > 1,
            refusals: trying.refusals,
        };
        vendor.tell(&bulletin).await
    }

    /// What an answer means for the notice and for the visit.
    async fn judge(
        &self,
        vendor: &dyn Vendor,
        release: &ReleaseId,
        entry: &LogEntry,
        trying: &Told,
        answer: Result<(), VendorError>,
    ) -> Result<(Told, Visit), PortError> {
        let settled = || Told { up_to: entry.seq, ..Told::default() };
        let Err(error) = answer else { return Ok((settled(), Visit::Fine)) };
        let (vendor, seq, attempts) = (vendor.name(), entry.seq, trying.attempts);
        let cause = error.source().map(ToString::to_string);
        if !error.may_pass() || attempts >= MOST_ATTEMPTS {
            tracing::error!(%vendor, %release, seq, attempts, %error, cause, "a notice was given up");
            let mut letter = dead_letter(release, entry, &error);
            letter.cause = format!("{vendor}: {}", letter.cause);
            self.dead_letters.put(&letter).await?;
            return Ok((settled(), Visit::Fine));
        }
        let at = later(self.clock.now(), pause(attempts, &error));
        tracing::warn!(%vendor, %release, seq, attempts, %error, cause, next_attempt_at = %at, "a notice waits");
        let refusals = trying.refusals.saturating_add(u32::from(is_definite(&error)));
        let now = Told { refusals, next_attempt_at: Some(at), ..trying.clone() };
        let visit = match error {
            // It counts calls by account, not by release.
            VendorError::Throttled { .. } => Visit::Rest(Some(pause(1, &error))),
            // Nothing will work until a person has changed something.
            VendorError::NotSetUp { .. } => Visit::Rest(None),
            VendorError::Unavailable { .. } | VendorError::Refused { .. } => Visit::Waits,
        };
        Ok((now, visit))
    }
}

/// Did the vendor say no, so that nothing can have happened?
fn is_definite(error: &VendorError) -> bool {
    match error {
        VendorError::Throttled { .. } | VendorError::NotSetUp { .. } | VendorError::Refused { .. } => true,
        VendorError::Unavailable { .. } => false,
    }
}

/// A name for whoever sits down, unlike any other's.
fn name() -> String {
    let mut bytes = [0_u8; 8];
    if getrandom::fill(&mut bytes).is_err() {
        // Two senders of one name would both believe the desk theirs; the seat's own condition keeps them apart.
        tracing::warn!("no randomness for a sender's name");
    }
    hex::encode(bytes)
}

#[cfg(test)]
mod tests;
