//! Holds in memory.

use async_trait::async_trait;
use gantry_domain::hold::Hold;
use gantry_domain::names::StageName;

use super::MemoryStore;
use crate::ports::PortError;
use crate::ports::store::{Holds, NewNotice, PutBack, Recorded, Resumer};

#[async_trait]
impl Holds for MemoryStore {
    async fn hold(&self, stage: &StageName) -> Result<Option<Hold>, PortError> {
        self.faults.before("hold").await?;
        Ok(self.state().holds.get(stage).cloned())
    }

    async fn put_back(&self, put_back: &PutBack<'_>) -> Result<Recorded, PortError> {
        self.faults.before("put_back").await?;
        let recorded = {
            let mut state = self.state();
            let recorded = state.tell(put_back.release, put_back.notice);
            if recorded == Recorded::Now {
                for row in state.verified.iter_mut().filter(|row| put_back.undone.contains(row)) {
                    row.rolled_back = true;
                }
                state.verified.extend_from_slice(put_back.failed);
                state.holds.insert(put_back.hold.stage.clone(), put_back.hold.clone());
            }
            recorded
        };
        self.faults.after("put_back")?;
        Ok(recorded)
    }

    async fn resume(&self, hold: &Hold, _: &Resumer, notice: &NewNotice) -> Result<Recorded, PortError> {
        self.faults.before("resume").await?;
        let recorded = {
            let mut state = self.state();
            if state.holds.get(&hold.stage).is_some_and(|held| held.id == hold.id) {
                state.holds.remove(&hold.stage);
                state.tell(&hold.release, notice)
            } else {
                Recorded::Before
            }
        };
        self.faults.after("resume")?;
        Ok(recorded)
    }
}
