//! May the release still be deployed? Its manifest never changes, while the world does.

use std::collections::BTreeSet;

use gantry_domain::names::StageName;
use gantry_domain::release::Release;
use gantry_domain::verified::withdrawn;

use super::{PlanStage, PlanStageError};
use crate::histories::Histories;

/// How many rows back the release that a stage runs is looked for: more than are rolled back at once.
const HISTORY: u32 = 100;

impl PlanStage<'_> {
    /// Releases are ordered when they are claimed; a queue or a gate may still let a later one pass (T13).
    pub(super) async fn still_newest(
        &self,
        stage: &StageName,
        release: &Release,
    ) -> Result<(), PlanStageError> {
        let brought = release.components.iter().filter(|(_, brought)| brought.source.is_new());
        let mut runs = BTreeSet::new();
        for (component, _) in brought {
            let history = self.verified.history(stage, component, HISTORY).await?;
            runs.extend(history.into_iter().find(|row| !row.rolled_back).map(|row| row.release));
        }
        runs.remove(&release.id);
        for newer in runs {
            let stored = self.releases.find(&newer).await?;
            let is_newer = |other: Release| (other.claimed_at, &other.id) > (release.claimed_at, &release.id);
            if stored.is_some_and(|stored| is_newer(stored.release)) {
                return Err(PlanStageError::Overtaken { newer, stage: stage.clone() });
            }
        }
        Ok(())
    }

    /// What an older release brought is carried while that one is still on its way, or has just arrived: should it be
    /// put back afterwards, nobody else may bring the same image again (invariant 1).
    pub(super) async fn still_good(&self, release: &Release) -> Result<(), PlanStageError> {
        let Self { pipeline, verified, releases, .. } = *self;
        let histories = Histories { pipeline, verified, releases };
        for (component, carried) in release.carried() {
            let stages = histories.of(component).await?;
            if let Some(row) = withdrawn(&stages).get(&carried.digest) {
                return Err(PlanStageError::Withdrawn {
                    component: component.clone(),
                    digest: carried.digest.clone(),
                    how: if row.rejected { "refused after it had passed" } else { "rolled back in" },
                    stage: row.entry.stage.clone(),
                    by: row.entry.release.clone(),
                });
            }
        }
        Ok(())
    }
}
