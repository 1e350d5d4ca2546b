//! Desks in memory. A seat is held until its holder gets up, or a test has the holder die.

use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::names::ReleaseId;
use jiff::Timestamp;

use super::MemoryStore;
use crate::ports::store::{Desks, Seat, Told, Untold};
use crate::ports::{PortError, VendorName};

/// One vendor's desk.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk {
    held_by: Option<String>,
    rest_until: Option<Timestamp>,
}

impl MemoryStore {
    /// Whoever sits there has died, and its time is over.
    pub(crate) fn desk_is_left(&self, vendor: VendorName) {
        self.state().desks.entry(vendor).or_default().held_by = None;
    }
}

#[async_trait]
impl Desks for MemoryStore {
    async fn sit_down(&self, vendor: VendorName, who: &str, _: Duration) -> Result<Seat, PortError> {
        self.faults.before("sit_down").await?;
        let mut state = self.state();
        let desk = state.desks.entry(vendor).or_default();
        if desk.held_by.is_some() {
            return Ok(Seat::Occupied);
        }
        desk.held_by = Some(who.to_owned());
        Ok(desk.rest_until.map_or(Seat::Taken, Seat::Resting))
    }

    async fn get_up(
        &self,
        vendor: VendorName,
        who: &str,
        rest_until: Option<Timestamp>,
    ) -> Result<(), PortError> {
        self.faults.before("get_up").await?;
        let mut state = self.state();
        let desk = state.desks.entry(vendor).or_default();
        if desk.held_by.as_deref() == Some(who) {
            desk.held_by = None;
            desk.rest_until = rest_until;
        }
        Ok(())
    }

    async fn untold(&self) -> Result<Vec<Untold>, PortError> {
        self.faults.before("untold").await?;
        let state = self.state();
        let all = state.undelivered.iter();
        Ok(all.map(|(release, newest)| Untold { release: release.clone(), newest: *newest }).collect())
    }

    async fn told(&self, release: &ReleaseId, vendor: VendorName) -> Result<Told, PortError> {
        self.faults.before("told").await?;
        Ok(self.state().told.get(&(release.clone(), vendor)).cloned().unwrap_or_default())
    }

    async fn note(
        &self,
        release: &ReleaseId,
        vendor: VendorName,
        was: &Told,
        now: &Told,
    ) -> Result<bool, PortError> {
        self.faults.before("note").await?;
        let noted = {
            let mut state = self.state();
            let told = state.told.entry((release.clone(), vendor)).or_default();
            let stands = (told.up_to, told.attempts) == (was.up_to, was.attempts);
            if stands {
                *told = now.clone();
            }
            stands
        };
        self.faults.after("note")?;
        Ok(noted)
    }
}
