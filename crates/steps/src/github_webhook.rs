//! GitHub told of a push or a workflow: keeps the fact, and starts the commit's release if that was the last thing missing.
//!
//! Who calls it has verified the signature and parsed the body. Deliveries are remembered once dealt with, so that a
//! replay changes nothing (T31); a delivery that failed midway is not, and may come again.

use std::time::Duration;

use gantry_domain::candidate::{PushFact, WorkflowFact};
use gantry_domain::changes::ChangedPaths;
use gantry_domain::names::{BranchName, CommitSha, GitHubRepository};
use gantry_domain::release::CommitSummary;
use jiff::Timestamp;

use crate::intake::{Intake, LONGEST_CHAIN, Looked, push_of};
use crate::ports::store::Deliveries;
use crate::ports::{Clock, Compare, PortError};

/// GitHub lets people redeliver for three days; a day more covers clocks and retries.
const REMEMBERED: Duration = Duration::from_secs(4 * 24 * 60 * 60);

/// A delivery, verified and parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct GitHubWebhookInput {
    /// The delivery's GUID: the same when it is delivered again.
    pub delivery: String,
    /// The repository it is about.
    pub repository: GitHubRepository,
    /// What happened.
    pub event: GitHubEvent,
}

/// What GitHub tells that matters to a release.
#[derive(Debug, Clone, PartialEq)]
pub enum GitHubEvent {
    /// A branch was pushed.
    Pushed(Pushed),
    /// A workflow that a push started is running or has concluded.
    WorkflowRan {
        /// The branch it ran for.
        branch: BranchName,
        /// What is known of it.
        workflow: WorkflowFact,
    },
    /// Anything else, by its name, for example `ping`.
    Other(String),
}

/// A push, as the event tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    /// The commit the branch points to now.
    pub commit: CommitSha,
    /// The branch.
    pub branch: BranchName,
    /// The commit it pointed to before; `None` for a new branch.
    pub before: Option<CommitSha>,
    /// What the event's commits changed; unclear when the list was cut or the push was forced.
    pub changes: ChangedPaths,
    /// The commits, newest last.
    pub commits: Vec<CommitSummary>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitHubWebhookOutput {
    /// It had been dealt with before.
    Repeated,
    /// It is about another repository or branch, or of a kind that does not matter; the reason is for people.
    Ignored(String),
    /// Its fact was kept.
    Kept(Looked),
}

/// The ports of this step.
pub struct GitHubWebhook<'a> {
    /// Facts and starts.
    pub intake: Intake<'a>,
    /// Deliveries dealt with.
    pub deliveries: &'a dyn Deliveries,
    /// Asked when a push does not tell what it changed.
    pub compare: &'a dyn Compare,
    /// World time.
    pub clock: &'a dyn Clock,
}

impl GitHubWebhook<'_> {
    /// Takes one delivery in.
    pub async fn run(&self, input: GitHubWebhookInput) -> Result<GitHubWebhookOutput, PortError> {
        let source = &self.intake.pipeline.source;
        if input.repository != source.repository {
            return Ok(GitHubWebhookOutput::Ignored(format!(
                "repository {} is not this pipeline's",
                input.repository
            )));
        }
        if self.deliveries.is_done(&input.delivery).await? {
            return Ok(GitHubWebhookOutput::Repeated);
        }
        let commit = match input.event {
            GitHubEvent::Other(name) => {
                return Ok(GitHubWebhookOutput::Ignored(format!("{name} events change nothing here")));
            }
            GitHubEvent::Pushed(Pushed { branch, .. }) | GitHubEvent::WorkflowRan { branch, .. }
                if branch != source.branch =>
            {
                return Ok(GitHubWebhookOutput::Ignored(format!("branch {branch} is not released")));
            }
            GitHubEvent::Pushed(pushed) => self.keep_push(pushed).await?,
            GitHubEvent::WorkflowRan { workflow, .. } => {
                self.intake.candidates.put_workflow(&self.intake.pipeline.name, &workflow).await?;
                workflow.commit
            }
        };
        let looked = self.intake.look_at(&commit).await?;
        let until = self.clock.now().checked_add(REMEMBERED).unwrap_or(Timestamp::MAX);
        self.deliveries.done(&input.delivery, until).await?;
        Ok(GitHubWebhookOutput::Kept(looked))
    }

    async fn keep_push(&self, pushed: Pushed) -> Result<CommitSha, PortError> {
        let changes = match (pushed.changes, &pushed.before) {
            (ChangedPaths::Unclear, Some(before)) => self.ask_what_changed(before, &pushed.commit).await,
            (told, _) => told,
        };
        let pushed_at = self.pushed_at(&pushed.commit).await?;
        let push = PushFact {
            commit: pushed.commit,
            branch: pushed.branch,
            before: pushed.before,
            changes,
            commits: pushed.commits,
            pushed_at,
        };
        self.intake.candidates.put_push(&self.intake.pipeline.name, &push).await?;
        Ok(push.commit)
    }

    /// Asks GitHub what lies between two commits. Not being told is no reason to lose the push: then everything counts as changed.
    /// Now, unless a push that came on top of this one is known already: deliveries overtake each other, and a failed
    /// one comes days later. Then it is older than that one, whenever it is heard of (T13).
    async fn pushed_at(&self, commit: &CommitSha) -> Result<Timestamp, PortError> {
        let (pipeline, candidates) = (self.intake.pipeline, self.intake.candidates);
        let mut next = candidates.newest_push(&pipeline.name, &pipeline.source.branch).await?;
        for _ in 0..LONGEST_CHAIN {
            match next {
                Some(push) if push.before.as_ref() == Some(commit) => {
                    let before = push.pushed_at.checked_sub(Duration::from_millis(1));
                    return Ok(before.unwrap_or(Timestamp::MIN));
                }
                Some(PushFact { before: Some(before), .. }) => {
                    next = push_of(pipeline, candidates, &before).await?;
                }
                Some(_) | None => break,
            }
        }
        Ok(self.clock.now())
    }

    async fn ask_what_changed(&self, before: &CommitSha, commit: &CommitSha) -> ChangedPaths {
        let repository = &self.intake.pipeline.source.repository;
        match self.compare.changed_paths(repository, before, commit).await {
            Ok(changes) => changes,
            Err(error) => {
                tracing::warn!(%commit, %error, "GitHub did not compare; every component counts as changed");
                ChangedPaths::Unclear
            }
        }
    }
}
