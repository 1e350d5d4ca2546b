//! The reconciler: looks every few minutes at the first stage's registry for images whose event never came (T12).
//!
//! It keeps the facts that are missing and lets intake look at the branch again, newest push first, so it also starts a
//! release whose start was lost after its last fact. It does what events do and nothing else: no commit is started that
//! an event could not have started, and none twice.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gantry_domain::candidate::ImageFact;
use gantry_domain::image_event::{EcrImageAction, ImageEvent, classify, commit_of_tag};
use gantry_domain::names::{CommitPrefix, CommitSha, NameError, ReleaseId, RepositoryName, Tag};
use gantry_domain::pipeline::Stage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failures::Failures;
use crate::intake::{Intake, Looked};
use crate::ports::{Clock, PortError, PushedImage, Registry, StageScope};

/// How far back pushes are looked at. EventBridge itself gives up on an event after this time.
const WINDOW: Duration = Duration::from_secs(24 * 3600);

/// So many of the newest images of a repository are looked at.
const NEWEST: usize = 50;

/// What came of a look, for the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReconcileOutput {
    /// Images that were compared with what is known.
    pub images: usize,
    /// Images nobody had told of.
    pub kept: usize,
    /// Releases that were started.
    pub started: Vec<ReleaseId>,
}

/// Reconciles.
pub struct Reconcile<'a> {
    /// Facts and starts.
    pub intake: Intake<'a>,
    /// The first stage's registry, to look at.
    pub registry: &'a dyn Registry,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl Reconcile<'_> {
    /// Looks once. A repository that cannot be read does not keep the others from being looked at.
    pub async fn run(&self) -> Result<ReconcileOutput, PortError> {
        let mut failures = Failures::default();
        let mut output = ReconcileOutput::default();
        let waiting = failures.some("the branch", self.intake.branch().await);
        let seen = self.seen(&waiting, &mut failures).await?;
        output.images = seen.len();
        let kept = self.keep_missing(seen, &mut failures).await;
        output.kept = kept.len();

        let looked = self.intake.look_at_branch().await;
        output
            .started
            .extend(failures.some("the branch", looked.map(|started| started.into_iter().collect())));
        for commit in kept.iter().rev().filter(|commit| !waiting.iter().any(|one| one.starts_with(commit))) {
            match self.intake.look_at_prefix(commit).await {
                Ok(Looked::Started(release)) => output.started.push(release),
                Ok(_) => {}
                Err(error) => failures.note("a commit", Err(error)),
            }
        }
        failures.or(output)
    }

    /// Images of all components that may be worth a fact, oldest first.
    async fn seen(
        &self,
        waiting: &[CommitSha],
        failures: &mut Failures,
    ) -> Result<Vec<ImageFact>, PortError> {
        let pipeline = self.intake.pipeline;
        let Some(stage) = pipeline.stages.first() else { return Ok(Vec::new()) };
        let scope = StageScope::observing(stage, &session(pipeline.name.as_str())?);
        let repositories: BTreeSet<&RepositoryName> =
            pipeline.components.iter().map(|component| &component.repository).collect();
        let mut seen = Vec::new();
        for repository in repositories {
            let tagged = self.registry.tagged(&scope, repository).await;
            let images = failures.some("a repository", tagged.map(Option::unwrap_or_default));
            let facts = images.iter().flat_map(|image| self.facts(stage, repository, image)).collect();
            seen.extend(self.recent(facts, waiting));
        }
        seen.sort_by_key(|fact| fact.pushed_at);
        Ok(seen)
    }

    /// What the image's tags would have been kept as, had their events come.
    fn facts(&self, stage: &Stage, repository: &RepositoryName, image: &PushedImage) -> Vec<ImageFact> {
        let of_commits = image.tags.iter().filter(|tag| commit_of_tag(tag.as_str()).is_some());
        of_commits
            .filter_map(|tag| {
                let event = as_event(repository, image, tag);
                match classify(self.intake.pipeline, &stage.account, &stage.region, &event) {
                    ImageEvent::Ignored(_) => None,
                    ImageEvent::Deployable(found) => Some(ImageFact {
                        commit: found.commit,
                        component: found.component,
                        repository: found.repository,
                        digest: found.digest,
                        tag: found.tag,
                        pushed_at: image.pushed_at,
                    }),
                }
            })
            .collect()
    }

    /// The newest of the last day, and whatever a waiting commit names: an image that was built before and only got one
    /// more tag is as old as its first push.
    fn recent(&self, mut facts: Vec<ImageFact>, waiting: &[CommitSha]) -> Vec<ImageFact> {
        let since = self.clock.now().checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
        facts.sort_by_key(|fact| std::cmp::Reverse(fact.pushed_at));
        let wanted = |fact: &ImageFact| waiting.iter().any(|commit| commit.starts_with(&fact.commit));
        let mut place = 0..;
        facts.retain(|fact| {
            let is_among_newest = fact.pushed_at >= since && place.next().is_some_and(|place| place < NEWEST);
            is_among_newest || wanted(fact)
        });
        facts
    }

    /// Keeps what is not known yet. Returns its commits, oldest push first.
    async fn keep_missing(&self, seen: Vec<ImageFact>, failures: &mut Failures) -> Vec<CommitPrefix> {
        let Intake { pipeline, candidates, .. } = self.intake;
        let mut known = BTreeMap::new();
        let mut kept: Vec<CommitPrefix> = Vec::new();
        for fact in seen {
            if !known.contains_key(&fact.commit) {
                match candidates.images_tagged(&pipeline.name, &fact.commit).await {
                    Ok(facts) => drop(known.insert(fact.commit.clone(), facts)),
                    Err(error) => {
                        failures.note("what is known of a commit", Err(error));
                        continue;
                    }
                }
            }
            if known.get(&fact.commit).is_some_and(|known| known.iter().any(|known| tells(known, &fact))) {
                continue;
            }
            tracing::warn!(repository = %fact.repository, tag = %fact.tag, "an image came without an event");
            match candidates.put_image(&pipeline.name, &fact).await {
                Ok(()) if kept.contains(&fact.commit) => {}
                Ok(()) => kept.push(fact.commit),
                Err(error) => failures.note("an image", Err(error)),
            }
        }
        kept
    }
}

/// Does what is known make a fact worth nothing? Events tell of a push a moment later than the registry does.
fn tells(known: &ImageFact, fact: &ImageFact) -> bool {
    known.component == fact.component && (known.digest == fact.digest || known.pushed_at >= fact.pushed_at)
}

/// The event that should have told of a tag.
fn as_event(repository: &RepositoryName, image: &PushedImage, tag: &Tag) -> EcrImageAction {
    EcrImageAction {
        result: "SUCCESS".to_owned(),
        repository_name: repository.to_string(),
        image_digest: image.digest.to_string(),
        action_type: "PUSH".to_owned(),
        image_tag: tag.to_string(),
        manifest_media_type: image.manifest_media_type.clone(),
        artifact_media_type: image.artifact_media_type.clone(),
    }
}

/// What the session in the stage is named after, in place of a release.
fn session(pipeline: &str) -> Result<ReleaseId, PortError> {
    let malformed = |source: NameError| PortError::Malformed {
        call: "naming the reconciler's session".to_owned(),
        source: Box::new(source),
    };
    ReleaseId::new(format!("{pipeline}-reconcile")).map_err(malformed)
}

#[cfg(test)]
mod tests;
