//! A candidate: a commit whose images and checks are still arriving, and whether it may start.
//!
//! Events only ever add facts; whether a commit is ready is worked out anew from all facts each time, so their order and
//! number do not matter. Nothing here knows where facts are kept or how they came.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::changes::ChangedPaths;
use crate::names::{BranchName, CommitPrefix, CommitSha, ComponentName, Digest, RepositoryName, Tag};
use crate::pipeline::Pipeline;
use crate::release::CommitSummary;

/// A push to a branch, as GitHub told it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushFact {
    /// The commit the branch points to now.
    pub commit: CommitSha,
    /// The branch.
    pub branch: BranchName,
    /// The commit it pointed to before; `None` for a new branch.
    pub before: Option<CommitSha>,
    /// What changed between the two.
    pub changes: ChangedPaths,
    /// The commits pushed, newest last, as far as the event tells.
    pub commits: Vec<CommitSummary>,
    /// When Gantry heard of it, in world time.
    pub pushed_at: Timestamp,
}

/// A deployable image with a commit's tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageFact {
    /// The commit as the tag tells it.
    pub commit: CommitPrefix,
    /// The component built into it.
    pub component: ComponentName,
    /// Its repository.
    pub repository: RepositoryName,
    /// Its digest: what is deployed.
    pub digest: Digest,
    /// The tag that told the commit. Never read again.
    pub tag: Tag,
    /// When it was pushed, as the event tells.
    pub pushed_at: Timestamp,
}

/// The newest known state of a workflow for a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkflowFact {
    /// The commit it ran on.
    pub commit: CommitSha,
    /// The workflow's file, for example `.github/workflows/backend.yml`.
    pub path: String,
    /// The run.
    pub run: u64,
    /// Which attempt of the run; a re-run counts up.
    pub attempt: u64,
    /// How far it is.
    pub state: WorkflowState,
}

/// How far a workflow is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WorkflowState {
    /// Not finished.
    Running,
    /// Concluded `success`.
    Succeeded,
    /// Concluded in any other way.
    Failed,
}

/// Everything known about a commit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CandidateFacts {
    /// The commit's own push first, then the pushes before it on the branch, back to (and without) the last one that was
    /// claimed by a release. Empty when the commit's push has not been heard of.
    pub pushes: Vec<PushFact>,
    /// Images tagged with any of these commits.
    pub images: Vec<ImageFact>,
    /// Workflows that ran on any of these commits.
    pub workflows: Vec<WorkflowFact>,
}

/// Whether a commit may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// All is there.
    Ready {
        /// The images the release brings. Components not named here are carried.
        images: BTreeMap<ComponentName, ExpectedImage>,
    },
    /// Something is missing.
    Waiting {
        /// What, in a stable order.
        missing: Vec<Missing>,
    },
    /// There will never be anything to release.
    Ignored {
        /// Why.
        why: Ignored,
    },
}

/// An image that a release brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedImage {
    /// The newest commit that touched the component.
    pub commit: CommitSha,
    /// Its image.
    pub image: ImageFact,
}

/// What a candidate waits for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// GitHub's push event: it proves the branch and tells what changed.
    Push,
    /// An image of this component, built from this commit.
    Image(ComponentName, CommitSha),
    /// A successful run of this workflow on this commit.
    Workflow(String, CommitSha),
    /// A workflow ran on this commit and failed; a re-run, or a newer commit, may still succeed.
    WorkflowFailed(String, CommitSha),
}

/// Why a commit is never released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ignored {
    /// It is on another branch.
    OtherBranch(BranchName),
    /// It changes nothing that is built into a component.
    TouchesNothing,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Push => f.write_str("GitHub's push event"),
            Self::Image(component, commit) => write!(f, "an image of {component} from {}", commit.short()),
            Self::Workflow(path, commit) => write!(f, "workflow {path} to succeed on {}", commit.short()),
            Self::WorkflowFailed(path, commit) => {
                write!(f, "workflow {path} to succeed on {}, where it failed", commit.short())
            }
        }
    }
}

impl std::fmt::Display for Ignored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OtherBranch(branch) => write!(f, "it is on branch {branch}, which is not released"),
            Self::TouchesNothing => f.write_str("it touches no component"),
        }
    }
}

/// Works out whether the commit may start, from all facts.
///
/// A component is expected from the newest push that touched it, back to the last claimed release: a commit that was
/// overtaken before it started is not lost.
pub fn readiness(pipeline: &Pipeline, facts: &CandidateFacts) -> Readiness {
    let Some(push) = facts.pushes.first() else {
        return Readiness::Waiting { missing: vec![Missing::Push] };
    };
    if push.branch != pipeline.source.branch {
        return Readiness::Ignored { why: Ignored::OtherBranch(push.branch.clone()) };
    }
    if push.changes.components(pipeline).is_empty() {
        return Readiness::Ignored { why: Ignored::TouchesNothing };
    }
    let expected = expected_commits(pipeline, &facts.pushes);
    let mut images = BTreeMap::new();
    let mut missing = BTreeSet::new();
    for (name, commit) in expected {
        match image_of(facts, &name, &commit) {
            Some(image) => {
                images.insert(name.clone(), ExpectedImage { commit: commit.clone(), image: image.clone() });
            }
            None => {
                missing.insert(Missing::Image(name.clone(), commit.clone()));
            }
        }
        let workflows =
            pipeline.component(&name).map(|component| component.workflows.as_slice()).unwrap_or_default();
        missing.extend(workflows.iter().filter_map(|path| missing_workflow(facts, path, &commit)));
    }
    if missing.is_empty() {
        Readiness::Ready { images }
    } else {
        Readiness::Waiting { missing: missing.into_iter().collect() }
    }
}

/// What is still missing of a workflow on a commit, if anything.
pub fn missing_workflow(facts: &CandidateFacts, path: &str, commit: &CommitSha) -> Option<Missing> {
    let newest = facts
        .workflows
        .iter()
        .filter(|fact| fact.path == path && fact.commit == *commit)
        .max_by_key(|fact| (fact.run, fact.attempt, fact.state != WorkflowState::Running));
    match newest.map(|fact| fact.state) {
        Some(WorkflowState::Succeeded) => None,
        Some(WorkflowState::Failed) => Some(Missing::WorkflowFailed(path.to_owned(), commit.clone())),
        Some(WorkflowState::Running) | None => Some(Missing::Workflow(path.to_owned(), commit.clone())),
    }
}

/// For each touched component the newest commit that touched it; pushes are newest first.
fn expected_commits(pipeline: &Pipeline, pushes: &[PushFact]) -> BTreeMap<ComponentName, CommitSha> {
    let mut expected = BTreeMap::new();
    for push in pushes {
        for component in push.changes.components(pipeline) {
            expected.entry(component).or_insert_with(|| push.commit.clone());
        }
    }
    expected
}

/// The newest image of a component with the commit's tag.
fn image_of<'a>(
    facts: &'a CandidateFacts,
    component: &ComponentName,
    commit: &CommitSha,
) -> Option<&'a ImageFact> {
    facts
        .images
        .iter()
        .filter(|image| image.component == *component && commit.starts_with(&image.commit))
        .max_by_key(|image| (image.pushed_at, image.digest.clone()))
}

#[cfg(test)]
mod tests;
