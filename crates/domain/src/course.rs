//! The course of a release, stage by stage, as its log tells it.
//!
//! Vendors that show a state, not a story (a commit's statuses, a row of a board), are told how this differs from one notice
//! to the next. What only people in the channel need (waiting in line, holds) changes nothing here.

use jiff::Timestamp;

use crate::End;
use crate::approval::Outcome;
use crate::names::{CommitSha, StageName};
use crate::notice::{Notice, StartedComponent};
use crate::pipeline::Stage;
use crate::release::{CommitSummary, Undoing};

/// What a release set out with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start<'a> {
    /// Its commit; for a rollback that a person asked for, the one that is undone.
    pub commit: &'a CommitSha,
    /// What it holds.
    pub components: &'a [StartedComponent],
    /// The commits it brings, newest last.
    pub commits: &'a [CommitSummary],
    /// What it undoes, if that is what it is for.
    pub undoes: Option<&'a Undoing>,
}

/// How a stage stands for one release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// People are asked.
    Asked,
    /// It is being changed, or the release is in line for it.
    UnderWay,
    /// It runs the release, verified.
    Verified,
    /// It was not opened: why.
    Declined(&'a str),
    /// What ran before runs again: why.
    RolledBack(&'a str),
    /// It failed and nothing was changed: why.
    FailedClean(&'a str),
    /// It failed and needs a person: why.
    FailedDirty(&'a str),
}

/// One stage's part in the course.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StageCourse<'a> {
    /// The stage.
    pub stage: &'a StageName,
    /// How it stands. `None`: its turn has not come.
    pub standing: Option<Standing<'a>>,
    /// Since when, in world time.
    pub since: Option<Timestamp>,
    /// When it was verified, if it was.
    pub verified_at: Option<Timestamp>,
    /// Had its turn come to be changed?
    pub has_begun: bool,
}

/// The course of one release, up to some notice of its log.
#[derive(Debug, Clone, PartialEq)]
pub struct Course<'a> {
    /// What it set out with. `None`: it was turned away before it was a release.
    pub start: Option<Start<'a>>,
    /// Its stages, in order.
    pub stages: Vec<StageCourse<'a>>,
    /// How it ended, and why.
    pub end: Option<(End, &'a str)>,
    pipeline: &'a [Stage],
}

impl<'a> Course<'a> {
    /// Nothing has been told yet.
    pub fn new(pipeline: &'a [Stage]) -> Self {
        Self { start: None, stages: Vec::new(), end: None, pipeline }
    }

    /// What a log says so far.
    pub fn of(pipeline: &'a [Stage], log: impl IntoIterator<Item = (Timestamp, &'a Notice)>) -> Self {
        let mut course = Self::new(pipeline);
        for (at, notice) in log {
            course.follow(at, notice);
        }
        course
    }

    /// The stage of that name.
    pub fn stage(&self, name: &StageName) -> Option<&StageCourse<'a>> {
        self.stages.iter().find(|course| course.stage == name)
    }

    /// The newest stage whose turn has come.
    pub fn latest(&self) -> Option<(&'a StageName, Standing<'a>)> {
        self.stages.iter().rev().find_map(|course| Some((course.stage, course.standing?)))
    }

    /// Goes on by one notice.
    pub fn follow(&mut self, at: Timestamp, notice: &'a Notice) {
        match notice {
            Notice::Started { commit, components, commits, undoes, .. } => {
                self.start = Some(Start { commit, components, commits, undoes: undoes.as_ref() });
                self.set_out(at, undoes.as_ref());
            }
            Notice::ApprovalRequested { stage, .. } => self.stands(at, stage, Standing::Asked),
            Notice::ApprovalDecided { stage, decision, .. } => match decision.outcome {
                Outcome::Approved => self.stands(at, stage, Standing::UnderWay),
                // The end follows, and says so.
                Outcome::Rejected | Outcome::Expired | Outcome::Superseded => {}
            },
            Notice::StageVerified { stage, .. } => {
                self.stands(at, stage, Standing::Verified);
                let next = self.pipeline.iter().skip_while(|known| known.name != *stage).nth(1);
                if let Some(next) = next.filter(|next| next.approval.is_none()) {
                    self.stands(at, &next.name, Standing::UnderWay);
                }
            }
            Notice::RolledBack { stage, reason, .. } => self.stands(at, stage, Standing::RolledBack(reason)),
            Notice::Ended { end, stage, reason, .. } => {
                self.end = Some((*end, reason));
                self.ends(at, *end, stage.as_ref(), reason);
            }
            Notice::ApprovalVoided { .. }
            | Notice::StepFailed { .. }
            | Notice::WaitingForLock { .. }
            | Notice::Held { .. }
            | Notice::Resumed { .. } => {}
        }
    }

    fn set_out(&mut self, at: Timestamp, undoes: Option<&'a Undoing>) {
        let known = self.pipeline.iter().map(|stage| &stage.name);
        let stages: Vec<&StageName> = match undoes {
            Some(undoes) => vec![&undoes.stage],
            None => known.collect(),
        };
        self.stages = stages.into_iter().map(StageCourse::new).collect();
        let gated = self.pipeline.first().is_some_and(|first| first.approval.is_some());
        if let Some(first) = self.stages.first().map(|course| course.stage)
            && (undoes.is_some() || !gated)
        {
            self.stands(at, first, Standing::UnderWay);
        }
    }

    /// What an end means for the stage it came in: the one it names, else the first that is not verified.
    fn ends(&mut self, at: Timestamp, end: End, stage: Option<&'a StageName>, reason: &'a str) {
        let standing = match end {
            End::Succeeded => return,
            End::Declined => Standing::Declined(reason),
            End::RolledBack => Standing::RolledBack(reason),
            End::FailedClean => Standing::FailedClean(reason),
            End::FailedDirty => Standing::FailedDirty(reason),
        };
        let open = |course: &&StageCourse<'a>| course.standing != Some(Standing::Verified);
        let Some(stage) = stage.or_else(|| self.stages.iter().find(open).map(|course| course.stage)) else {
            return;
        };
        let is_told = matches!(
            (self.stage(stage).and_then(|course| course.standing), end),
            (Some(Standing::RolledBack(_)), End::RolledBack)
        );
        if !is_told {
            self.stands(at, stage, standing);
        }
    }

    fn stands(&mut self, at: Timestamp, stage: &'a StageName, standing: Standing<'a>) {
        if !self.stages.iter().any(|course| course.stage == stage) {
            // The configuration has changed since, or the start is not on record.
            self.stages.push(StageCourse::new(stage));
        }
        for course in self.stages.iter_mut().filter(|course| course.stage == stage) {
            course.standing = Some(standing);
            course.since = Some(at);
            course.has_begun |= matches!(standing, Standing::UnderWay | Standing::Verified);
            if standing == Standing::Verified {
                course.verified_at = Some(at);
            }
        }
    }
}

impl<'a> StageCourse<'a> {
    fn new(stage: &'a StageName) -> Self {
        Self { stage, standing: None, since: None, verified_at: None, has_begun: false }
    }
}

#[cfg(test)]
mod tests;
