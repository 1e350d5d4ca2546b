//! What both ways in share: gathering what is known of a commit, and starting its release once it is ready.
//!
//! Every event writes its fact first and looks at all facts afterwards, with consistent reads: whoever comes last sees
//! everything, so a release is started however events are ordered, and only once, because its execution has one name.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::try_join;
use gantry_domain::candidate::{
    CandidateFacts, ExpectedImage, ImageFact, Missing, PushFact, Readiness, readiness,
};
use gantry_domain::claim::release_id;
use gantry_domain::names::{CommitPrefix, CommitSha, ComponentName, NameError, ReleaseId};
use gantry_domain::pipeline::Pipeline;
use serde_json::json;

use crate::ports::store::{Candidates, Releases};
use crate::ports::{PortError, StartRelease, Started};

/// How far back along the branch an overtaken commit is looked for.
pub(crate) const LONGEST_CHAIN: usize = 50;

/// What looking at a commit came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// This event completed it: its release was started.
    Started(ReleaseId),
    /// It had been started before.
    StartedBefore,
    /// A newer push of its components has been released: it is skipped, and contained in what came after.
    Overtaken,
    /// It still waits.
    Waiting(Vec<Missing>),
    /// It will never be released; the reason is for people.
    Ignored(String),
}

/// The ports intake uses.
pub struct Intake<'a> {
    /// The configuration.
    pub pipeline: &'a Pipeline,
    /// Facts about commits.
    pub candidates: &'a dyn Candidates,
    /// Which commits have been claimed.
    pub releases: &'a dyn Releases,
    /// Starts releases.
    pub start: &'a dyn StartRelease,
}

/// Everything known of a commit and of the pushes before it that no release has claimed yet.
pub async fn gather(
    pipeline: &Pipeline,
    candidates: &dyn Candidates,
    releases: &dyn Releases,
    commit: &CommitSha,
) -> Result<CandidateFacts, PortError> {
    let mut facts = CandidateFacts::default();
    let mut seen = BTreeSet::new();
    let mut next = Some(commit.clone());
    while let Some(commit) = next.take() {
        if facts.pushes.len() >= LONGEST_CHAIN || !seen.insert(commit.clone()) {
            break;
        }
        let Some(push) = push_of(pipeline, candidates, &commit).await? else { break };
        if !facts.pushes.is_empty()
            && (push.branch != pipeline.source.branch
                || releases.claimed(&pipeline.name, &commit).await?.is_some())
        {
            break;
        }
        let (images, workflows) = try_join(
            candidates.images(&pipeline.name, &commit),
            candidates.workflows(&pipeline.name, &commit),
        )
        .await?;
        for image in images {
            if is_unambiguous(pipeline, candidates, &image).await? {
                facts.images.push(image);
            }
        }
        facts.workflows.extend(workflows);
        next.clone_from(&push.before);
        facts.pushes.push(push);
    }
    Ok(facts)
}

/// The push of a commit, to the released branch if there was one.
pub(crate) async fn push_of(
    pipeline: &Pipeline,
    candidates: &dyn Candidates,
    commit: &CommitSha,
) -> Result<Option<PushFact>, PortError> {
    let mut pushes = candidates.pushes(&pipeline.name, &prefix_of(commit.as_str())?).await?;
    pushes.retain(|push| push.commit == *commit);
    pushes.sort_by_key(|push| push.branch != pipeline.source.branch);
    Ok(pushes.into_iter().next())
}

/// A short tag counts only while it can mean one commit alone.
async fn is_unambiguous(
    pipeline: &Pipeline,
    candidates: &dyn Candidates,
    image: &ImageFact,
) -> Result<bool, PortError> {
    if image.commit.as_str().len() == 40 {
        return Ok(true);
    }
    let pushes = candidates.pushes(&pipeline.name, &image.commit).await?;
    Ok(pushes.iter().map(|push| &push.commit).collect::<BTreeSet<_>>().len() <= 1)
}

fn prefix_of(commit: &str) -> Result<CommitPrefix, PortError> {
    CommitPrefix::new(commit).map_err(malformed)
}

/// A stored name that is none: a defect.
fn malformed(source: NameError) -> PortError {
    PortError::Malformed { call: "reading a commit".to_owned(), source: Box::new(source) }
}

/// What is ready of a commit without what a newer push has overtaken: images that the release brings. Empty: all of it
/// was overtaken, and nothing is lost by skipping the commit.
pub(crate) async fn not_overtaken(
    pipeline: &Pipeline,
    releases: &dyn Releases,
    facts: &CandidateFacts,
    images: BTreeMap<ComponentName, ExpectedImage>,
) -> Result<BTreeMap<ComponentName, ExpectedImage>, PortError> {
    let mut left = BTreeMap::new();
    for (component, expected) in images {
        let source = facts.pushes.iter().find(|push| push.commit == expected.commit);
        if releases.newest_push(&pipeline.name, &component).await? <= source.map(|push| push.pushed_at) {
            left.insert(component, expected);
        }
    }
    Ok(left)
}

impl Intake<'_> {
    /// Starts the commit's release if everything it needs is there, or that of the newest commit after it that now has
    /// everything: what a later push waited for may have come with this one.
    pub async fn look_at(&self, commit: &CommitSha) -> Result<Looked, PortError> {
        if self.releases.claimed(&self.pipeline.name, commit).await?.is_some() {
            return Ok(Looked::StartedBefore);
        }
        let mut facts = self.facts_of_branch().await?;
        if !facts.pushes.iter().any(|push| push.commit == *commit) {
            let facts = gather(self.pipeline, self.candidates, self.releases, commit).await?;
            return self.judge(commit, &facts).await;
        }
        loop {
            let Some(newest) = facts.pushes.first().map(|push| push.commit.clone()) else {
                return Ok(Looked::StartedBefore);
            };
            let looked = self.judge(&newest, &facts).await?;
            if newest == *commit || matches!(looked, Looked::Started(_)) {
                return Ok(looked);
            }
            facts.pushes.remove(0);
        }
    }

    /// Looks at the branch as a whole: the newest of its unclaimed pushes that has everything is started. Those before it
    /// are contained in it, so they are not looked at; nor are any, once one of them is found to be started.
    pub async fn look_at_branch(&self) -> Result<Option<ReleaseId>, PortError> {
        let mut facts = self.facts_of_branch().await?;
        while let Some(newest) = facts.pushes.first().map(|push| push.commit.clone()) {
            match self.judge(&newest, &facts).await? {
                Looked::Started(release) => return Ok(Some(release)),
                Looked::StartedBefore => return Ok(None),
                Looked::Overtaken | Looked::Waiting(_) | Looked::Ignored(_) => {
                    facts.pushes.remove(0);
                }
            }
        }
        Ok(None)
    }

    /// Pushes of the released branch, newest first, from the last one that was heard of back to the last one before it
    /// that a release has claimed.
    pub async fn branch(&self) -> Result<Vec<CommitSha>, PortError> {
        Ok(self.facts_of_branch().await?.pushes.into_iter().map(|push| push.commit).collect())
    }

    async fn facts_of_branch(&self) -> Result<CandidateFacts, PortError> {
        let branch = &self.pipeline.source.branch;
        match self.candidates.newest_push(&self.pipeline.name, branch).await? {
            Some(head) => gather(self.pipeline, self.candidates, self.releases, &head.commit).await,
            None => Ok(CandidateFacts::default()),
        }
    }

    /// Starts the commit's release if its facts allow it.
    async fn judge(&self, commit: &CommitSha, facts: &CandidateFacts) -> Result<Looked, PortError> {
        if self.releases.claimed(&self.pipeline.name, commit).await?.is_some() {
            return Ok(Looked::StartedBefore);
        }
        let images = match readiness(self.pipeline, facts) {
            Readiness::Ready { images } => images,
            Readiness::Waiting { missing } => return Ok(Looked::Waiting(missing)),
            Readiness::Ignored { why } => return Ok(Looked::Ignored(why.to_string())),
        };
        if not_overtaken(self.pipeline, self.releases, facts, images).await?.is_empty() {
            return Ok(Looked::Overtaken);
        }
        let release = release_id(self.pipeline, commit, 1).map_err(malformed)?;
        match self.start.start(release.as_str(), &json!({"commit": commit})).await? {
            Started::Now => Ok(Looked::Started(release)),
            Started::Before => Ok(Looked::StartedBefore),
        }
    }

    /// Looks at every commit that a short or full commit id can mean; two or more are refused.
    pub async fn look_at_prefix(&self, commit: &CommitPrefix) -> Result<Looked, PortError> {
        let pushes = self.candidates.pushes(&self.pipeline.name, commit).await?;
        let commits: BTreeSet<CommitSha> = pushes.into_iter().map(|push| push.commit).collect();
        let mut commits = commits.into_iter();
        match (commits.next(), commits.next()) {
            (None, _) => Ok(Looked::Waiting(vec![Missing::Push])),
            (Some(commit), None) => self.look_at(&commit).await,
            (Some(_), Some(_)) => Ok(Looked::Ignored(format!("{commit} can mean more than one commit"))),
        }
    }
}

#[cfg(test)]
mod tests;
