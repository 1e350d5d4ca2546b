//! A release: an immutable, complete manifest of what every component is to run.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{
    CommitSha, ComponentName, ConfigHash, Digest, ExecutionArn, ReleaseId, RepositoryName, StageName,
};

/// Every component's repository and digest, the commit and the configuration's hash. Never changed once claimed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// Its id.
    pub id: ReleaseId,
    /// The commit it was started for.
    pub commit: CommitSha,
    /// 1 for the first release of a commit; a wanted repetition counts up.
    pub attempt: u32,
    /// Who asked for it.
    pub origin: Origin,
    /// The execution that owns it.
    pub execution: ExecutionArn,
    /// When it was claimed, in world time.
    pub claimed_at: Timestamp,
    /// The hash of the configuration it was planned with.
    pub config: ConfigHash,
    /// What every component is to run. Complete: components the commit did not touch are carried.
    pub components: BTreeMap<ComponentName, ReleasedComponent>,
    /// The commits it brings, newest last, as far as the push told them.
    pub commits: Vec<CommitSummary>,
    /// For a rollback that a person asked for: what it undoes. `None`: it brings something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<Undoing>,
}

/// What a person asked to roll back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Undoing {
    /// Where.
    pub stage: StageName,
    /// Which components, in deployment order.
    pub components: Vec<ComponentName>,
    /// The release to go back to. `None`: what ran before Gantry came.
    pub to: Option<ReleaseId>,
}

/// What one component is to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleasedComponent {
    /// Its repository, without registry.
    pub repository: RepositoryName,
    /// The image's digest: an index or a manifest.
    pub digest: Digest,
    /// The commit the image was built from, where known. A first baseline may not tell.
    pub commit: Option<CommitSha>,
    /// Why it is this one.
    pub source: ComponentSource,
}

/// Where a component's digest comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum ComponentSource {
    /// Built from the release's commit.
    Built,
    /// Named by a person on the console.
    Named,
    /// Not touched: what this stage runs verified.
    Carried {
        /// The stage it was taken from.
        stage: StageName,
    },
    /// Not touched and never verified by Gantry: what this stage ran when Gantry first looked.
    Baseline {
        /// The stage it was taken from.
        stage: StageName,
    },
}

impl Release {
    /// The components that the commit did not touch and nobody named: somebody else brought what they run.
    pub fn carried(&self) -> impl Iterator<Item = (&ComponentName, &ReleasedComponent)> {
        self.components.iter().filter(|(_, brought)| match &brought.source {
            // It may have been taken over from a release that was under way.
            ComponentSource::Built => brought.commit.as_ref() != Some(&self.commit),
            ComponentSource::Named => self.origin != Origin::Console,
            ComponentSource::Carried { .. } | ComponentSource::Baseline { .. } => true,
        })
    }
}

impl ComponentSource {
    /// Does the release bring something new for the component?
    pub fn is_new(&self) -> bool {
        matches!(self, Self::Built | Self::Named)
    }
}

/// Who asked for a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// A push, once its images and checks were there.
    Push,
    /// A person on the Step Functions console (or an API call that looks the same).
    Console,
}

/// A commit as messages show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitSummary {
    /// The commit.
    pub sha: CommitSha,
    /// Its author's name. Untrusted text.
    pub author: String,
    /// The first line of its message. Untrusted text.
    pub title: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn carried_is_what_neither_the_commit_nor_a_person_brought() {
        let component = |commit: char, source: serde_json::Value| {
            json!({
                "repository": "backend",
                "digest": format!("sha256:{}", "0".repeat(64)),
                "commit": commit.to_string().repeat(40),
                "source": source
            })
        };
        let release = |origin: &str| -> Release {
            serde_json::from_value(json!({
                "id": "exchange-aaaaaaaaaaaa-1",
                "commit": "a".repeat(40),
                "attempt": 1,
                "origin": origin,
                "execution": "arn:aws:states:us-west-2:111122223333:execution:gantry:e",
                "claimedAt": "2026-11-21T12:00:00Z",
                "config": "0".repeat(64),
                "components": {
                    "built": component('a', json!({"kind": "built"})),
                    "taken-over": component('b', json!({"kind": "built"})),
                    "named": component('b', json!({"kind": "named"})),
                    "carried": component('a', json!({"kind": "carried", "stage": "preproduction"})),
                    "baseline": component('a', json!({"kind": "baseline", "stage": "preproduction"})),
                },
                "commits": []
            }))
            .unwrap()
        };
        let carried = |release: &Release| -> Vec<String> {
            release.carried().map(|(name, _)| name.to_string()).collect()
        };
        assert_eq!(carried(&release("console")), ["baseline", "carried", "taken-over"]);
        assert_eq!(carried(&release("push")), ["baseline", "carried", "named", "taken-over"]);
    }
}
