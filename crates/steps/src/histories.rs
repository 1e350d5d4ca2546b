//! What every stage verified of a component, with what people have said since about the releases that brought it.

use std::collections::BTreeMap;

use gantry_domain::names::{ComponentName, ReleaseId};
use gantry_domain::pipeline::Pipeline;
use gantry_domain::verified::History;

use crate::ports::PortError;
use crate::ports::store::{Releases, StoredRelease, Verified};

/// How many rows back are read for each stage. What is older is neither carried nor known to be withdrawn.
const ROWS: u32 = 100;

/// Reads them.
pub(crate) struct Histories<'a> {
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) verified: &'a dyn Verified,
    pub(crate) releases: &'a dyn Releases,
}

impl Histories<'_> {
    /// Stage after stage, newest first.
    pub(crate) async fn of(&self, component: &ComponentName) -> Result<Vec<Vec<History>>, PortError> {
        let mut releases: BTreeMap<ReleaseId, Option<StoredRelease>> = BTreeMap::new();
        let mut histories = Vec::new();
        for stage in &self.pipeline.stages {
            let mut rows = Vec::new();
            for entry in self.verified.history(&stage.name, component, ROWS).await? {
                if !releases.contains_key(&entry.release) {
                    releases.insert(entry.release.clone(), self.releases.find(&entry.release).await?);
                }
                let rejected = releases.get(&entry.release).and_then(Option::as_ref).is_some_and(|stored| {
                    let brought = stored.release.components.get(component);
                    stored.rejected.is_some() && brought.is_some_and(|brought| brought.source.is_new())
                });
                rows.push(History { entry, rejected });
            }
            histories.push(rows);
        }
        Ok(histories)
    }
}
