//! Desks: `desk#<vendor>` `desk` holds heldBy and heldUntil (real time: a function's death is timed by it) and restUntil
//! (world time). `release#<id>` `told#<vendor>` holds upTo, attempts, refusals and nextAttemptAt.

use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::names::ReleaseId;
use gantry_steps::ports::store::{Desks, Seat, Told, Untold};
use gantry_steps::ports::{PortError, VendorName};
use jiff::Timestamp;

use super::call::{ABSENT, Expression};
use super::item::{Key, Row, n, readable, s, time};
use super::log;
use super::releases::ReleasesTable;

/// Nobody sits there, or has sat there for too long to be alive.
const FREE: &str = "attribute_not_exists(#heldBy) OR #heldUntil < :now";

#[async_trait]
impl Desks for ReleasesTable {
    async fn sit_down(&self, vendor: VendorName, who: &str, at_most: Duration) -> Result<Seat, PortError> {
        let now = Timestamp::now();
        let until = now.checked_add(at_most).unwrap_or(Timestamp::MAX);
        let change = Expression::update("SET #heldBy = :who, #heldUntil = :until")
            .and_when(FREE)
            .with("who", s(who))
            .with("until", s(time(until)))
            .with("now", s(time(now)));
        let Some(row) = self.table().change(&desk(vendor), &change).await? else {
            return Ok(Seat::Occupied);
        };
        let rest = Row(&row).maybe_parsed("restUntil")?;
        Ok(rest.map_or(Seat::Taken, Seat::Resting))
    }

    async fn get_up(
        &self,
        vendor: VendorName,
        who: &str,
        rest_until: Option<Timestamp>,
    ) -> Result<(), PortError> {
        let change = match rest_until {
            Some(until) => Expression::update("SET #restUntil = :rest REMOVE #heldBy, #heldUntil")
                .with("rest", s(time(until))),
            None => Expression::update("REMOVE #heldBy, #heldUntil, #restUntil"),
        };
        let change = change.and_when("#heldBy = :who").with("who", s(who));
        // Somebody who took the seat over keeps it.
        self.table().change(&desk(vendor), &change).await.map(drop)
    }

    async fn untold(&self) -> Result<Vec<Untold>, PortError> {
        let rows = self.table().all("undelivered", "").await?;
        let read = |row: Row<'_>| Ok(Untold { release: row.parsed("sk")?, newest: row.number("upTo")? });
        rows.iter().map(|item| read(Row(item))).filter_map(readable).collect()
    }

    async fn told(&self, release: &ReleaseId, vendor: VendorName) -> Result<Told, PortError> {
        let Some(item) = self.table().get(&progress(release, vendor)).await? else {
            return Ok(Told::default());
        };
        let row = Row(&item);
        Ok(Told {
            up_to: row.number("upTo")?,
            attempts: row.number("attempts")?,
            refusals: row.number("refusals")?,
            next_attempt_at: row.maybe_parsed("nextAttemptAt")?,
        })
    }

    async fn note(
        &self,
        release: &ReleaseId,
        vendor: VendorName,
        was: &Told,
        now: &Told,
    ) -> Result<bool, PortError> {
        let numbers = "SET #upTo = :upTo, #attempts = :attempts, #refusals = :refusals";
        let change = match now.next_attempt_at {
            Some(at) => {
                Expression::update(&format!("{numbers}, #nextAttemptAt = :next")).with("next", s(time(at)))
            }
            None => Expression::update(&format!("{numbers} REMOVE #nextAttemptAt")),
        };
        let change = change
            .and_when("#upTo = :wasUpTo AND #attempts = :wasAttempts")
            .with("upTo", n(now.up_to))
            .with("attempts", n(now.attempts))
            .with("refusals", n(now.refusals))
            .with("wasUpTo", n(was.up_to))
            .with("wasAttempts", n(was.attempts));
        let change = if *was == Told::default() { change.or_when(ABSENT) } else { change };
        Ok(self.table().change(&progress(release, vendor), &change).await?.is_some())
    }
}

fn desk(vendor: VendorName) -> Key {
    Key::new(format!("desk#{vendor}"), "desk")
}

fn progress(release: &ReleaseId, vendor: VendorName) -> Key {
    Key::new(log::partition(release), format!("told#{vendor}"))
}
