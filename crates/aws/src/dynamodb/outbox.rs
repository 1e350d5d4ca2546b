//! The outbox: delivery of the log's entries.

use async_trait::async_trait;
use gantry_domain::names::ReleaseId;
use gantry_steps::ports::PortError;
use gantry_steps::ports::store::{Delivery, LogEntry, Outbox, Releases as _};
use jiff::Timestamp;

use super::call::Expression;
use super::item::{Key, Row, n, readable, s, time};
use super::log;
use super::releases::ReleasesTable;

#[async_trait]
impl Outbox for ReleasesTable {
    async fn entries(&self, release: &ReleaseId) -> Result<Vec<LogEntry>, PortError> {
        self.log(release).await
    }

    async fn claim(
        &self,
        release: &ReleaseId,
        seq: u32,
        attempts: u32,
        until: Timestamp,
    ) -> Result<bool, PortError> {
        let change = Expression::update("SET #attempts = :more, #nextAttemptAt = :until")
            .and_when("#delivery = :pending AND #attempts <= :attempts")
            .with("more", n(attempts.saturating_add(1)))
            .with("until", s(time(until)))
            .with("pending", s("pending"))
            .with("attempts", n(attempts));
        Ok(self.table().change(&log::entry(release, seq), &change).await?.is_some())
    }

    async fn mark(&self, release: &ReleaseId, seq: u32, delivery: &Delivery) -> Result<bool, PortError> {
        let change = match delivery {
            Delivery::Pending { attempts, next_attempt_at } => {
                let change = Expression::update("SET #attempts = :attempts").with("attempts", n(attempts));
                match next_attempt_at {
                    Some(at) => change.and_set("#nextAttemptAt = :next").with("next", s(time(*at))),
                    None => change,
                }
            }
            Delivery::Delivered { message } => {
                let change = Expression::update("SET #delivery = :delivery").with("delivery", s("delivered"));
                match message {
                    Some(at) => change
                        .and_set("#channel = :channel, #ts = :ts")
                        .with("channel", s(&at.channel))
                        .with("ts", s(&at.ts)),
                    None => change,
                }
            }
            Delivery::Dropped { reason } => {
                Expression::update("SET #delivery = :delivery, #dropped = :dropped")
                    .with("delivery", s("dropped"))
                    .with("dropped", s(reason))
            }
        };
        let change = change.and_when("#delivery = :pending").with("pending", s("pending"));
        Ok(self.table().change(&log::entry(release, seq), &change).await?.is_some())
    }

    async fn settled(&self, release: &ReleaseId, last_seq: u32) -> Result<(), PortError> {
        let unchanged = Expression::when("#upTo = :last").with("last", n(last_seq));
        self.table().remove(&Key::new("undelivered", release.as_str()), &unchanged).await.map(drop)
    }

    async fn undelivered(&self) -> Result<Vec<ReleaseId>, PortError> {
        let rows = self.table().all("undelivered", "").await?;
        rows.iter().map(|item| Row(item).parsed("sk")).filter_map(readable).collect()
    }
}
