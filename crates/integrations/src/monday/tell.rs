//! Monday as somebody who is told: the release's item is found by its key, and created or changed.
//!
//! Whoever calls this is alone with the board: Monday's data suffers from mutations side by side. A mutation carries a key
//! that stays the same while its answer is unknown, and changes once Monday has said no, because it would only repeat that.

use std::sync::Arc;

use async_trait::async_trait;
use gantry_domain::names::GitHubRepository;
use gantry_domain::pipeline::{Monday, Pipeline};
use gantry_steps::ports::{Bulletin, Secrets, Vendor, VendorError, VendorName};
use reqwest::Client;

use super::api::Api;
use super::item;
use crate::{links, outgoing};

/// Where Monday is, and how to be let in.
#[derive(Debug, Clone)]
pub struct MondayTellerSettings {
    /// The GraphQL API, for example `https://api.monday.com/v2`.
    pub api: String,
    /// The ARN of the token's secret.
    pub token: String,
    /// GitHub's REST API, whose site the items lead to.
    pub github: String,
}

/// Tells Monday.
pub struct MondayTeller {
    http: Client,
    settings: MondayTellerSettings,
    secrets: Arc<dyn Secrets>,
    repository: GitHubRepository,
    monday: Monday,
}

impl MondayTeller {
    /// Tells Monday of this pipeline. `None`: it has no board.
    pub fn new(
        settings: MondayTellerSettings,
        secrets: Arc<dyn Secrets>,
        pipeline: &Pipeline,
    ) -> Result<Option<Self>, reqwest::Error> {
        let Some(monday) = pipeline.monday.clone() else { return Ok(None) };
        let repository = pipeline.source.repository.clone();
        Ok(Some(Self { http: outgoing::client()?, settings, secrets, repository, monday }))
    }

    fn api(&self) -> Api<'_> {
        let MondayTellerSettings { api, token, .. } = &self.settings;
        let board = self.monday.board.as_str();
        Api { http: &self.http, address: api, token, secrets: &*self.secrets, board }
    }
}

#[async_trait]
impl Vendor for MondayTeller {
    fn name(&self) -> VendorName {
        VendorName::Monday
    }

    async fn tell(&self, bulletin: &Bulletin<'_>) -> Result<(), VendorError> {
        // Without a start there was no release.
        let Some(start) = bulletin.now.start else { return Ok(()) };
        let Bulletin { release, seq, refusals, .. } = bulletin;
        let link = links::commit(&self.settings.github, &self.repository, start.commit);
        let values = item::values(&self.monday, release, bulletin.now, &start, &link);
        let found = self.api().find(self.monday.columns.key.as_str(), release.as_str()).await?;
        if found.len() > 1 {
            tracing::warn!(%release, items = ?found, "the board holds this release twice; the first item is changed");
        }
        let item = match found.into_iter().next() {
            Some(item) => item,
            None => {
                let name = item::name(release, &start);
                let group = self.monday.group.as_ref().map(|group| group.as_str());
                // Search may lag behind a creation. This key does not: it is the same for all notices of the release.
                let once = format!("{release}/new/{refusals}");
                let created = self.api().create(group, &name, &values, &once).await?;
                if !created.was_there {
                    return Ok(());
                }
                created.id
            }
        };
        self.api().change(&item, &values, &format!("{release}/{seq}/{refusals}")).await
    }
}

#[cfg(test)]
mod tests;
