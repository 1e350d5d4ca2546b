//! States that record an end: one end, one final notice, and the locks passed on or kept with the reason.
//!
//! Also for an execution that was refused before it had a release: then the log is the execution's own.

use gantry_domain::approval::Outcome;
use gantry_domain::lock::{Fate, OwnerEnd};
use gantry_domain::names::{ExecutionArn, NameError, ReleaseId, SlackId, StageName};
use gantry_domain::notice::Notice;
use gantry_domain::pipeline::Pipeline;
use gantry_domain::record::{self, EndInWords, Facts, RollbackTrouble, RolloutOutcome};
use gantry_domain::{End, ErrorName};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::StepError;
use crate::aftermath::put_back_name;
use crate::pass_lock::PassLock;
use crate::ports::store::{EndOutcome, Locks, NewNotice, Releases, RunningRelease};
use crate::ports::{Clock, PortError, TaskTokens};

/// What the state gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordEndInput {
    /// The release machine's execution.
    pub execution: ExecutionArn,
    /// Its name: anything, when a person started it.
    pub execution_name: String,
    /// The release, if it was claimed.
    pub release: Option<ReleaseId>,
    /// The stage it was in, if it had come to one.
    pub stage: Option<StageName>,
    /// The end that is asked for.
    pub end: End,
    /// The error of a state.
    pub error: Option<String>,
    /// Its cause.
    pub cause: Option<String>,
    /// What the stage's rollout returned.
    pub outcome: Option<RolloutOutcome>,
    /// What became of putting the stage back, where that did not work.
    pub rollback: Option<RollbackTrouble>,
    /// What people, time or a newer release decided.
    pub decision: Option<DecisionRead>,
}

/// A decision as `ReadDecision` returned it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionRead {
    /// The outcome.
    pub outcome: Outcome,
    /// Who decided, if a person did.
    pub by: Option<SlackId>,
    /// The reason given.
    pub reason: Option<String>,
}

/// What the state gets: what is on record, which may be from an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordEndOutput {
    /// The end.
    pub end: End,
    /// Why.
    pub reason: String,
}

/// Records ends.
#[derive(Clone, Copy)]
pub struct RecordEnd<'a> {
    /// The configuration: its stages.
    pub pipeline: &'a Pipeline,
    /// Releases and their logs.
    pub releases: &'a dyn Releases,
    /// The locks and their queues.
    pub locks: &'a dyn Locks,
    /// The waiting states.
    pub tokens: &'a dyn TaskTokens,
    /// World time.
    pub clock: &'a dyn Clock,
}

/// Why an end could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordEndError {
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The execution's name gave no id for its log: a defect.
    #[error("no log can be named after execution {execution}")]
    Unnamed {
        /// The execution.
        execution: ExecutionArn,
        /// The cause.
        #[source]
        source: NameError,
    },
}

impl StepError for RecordEndError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Port(error) => error.name(),
            Self::Unnamed { .. } => ErrorName::Inconsistent,
        }
    }
}

impl RecordEnd<'_> {
    /// Puts the end into words, records it unless one is on record, and settles the locks by what is on record.
    pub async fn run(&self, input: RecordEndInput) -> Result<RecordEndOutput, RecordEndError> {
        let release = match self.release_of(&input).await? {
            Whose::Its(release) => release,
            Whose::LeftBehind(release) => {
                tracing::warn!(%release, "an execution that was to put a stage back did not come to it");
                return Ok(never_put_back(&input, &release));
            }
        };
        let words = record::in_words(&Facts {
            end: input.end,
            stage: input.stage.as_ref(),
            error: input.error.as_deref(),
            cause: input.cause.as_deref(),
            outcome: input.outcome.as_ref(),
            rollback: input.rollback.as_ref(),
            decision: input.decision.as_ref().map(|read| (read.outcome, read.reason.as_deref())),
        });
        let writing = input.stage.as_ref().filter(|_| words.end == End::FailedDirty);
        // A state may have failed that had done all it had to.
        if matches!(words.end, End::FailedClean | End::FailedDirty)
            && let Some((words, stage)) = self.on_record(&release, writing).await?
        {
            return Ok(self.conclude(&input.execution, &release, stage.as_ref(), words).await?);
        }
        Ok(self.conclude(&input.execution, &release, input.stage.as_ref(), words).await?)
    }

    /// The end that a release has come to by its own log.
    pub(crate) async fn on_record(
        &self,
        release: &ReleaseId,
        writing: Option<&StageName>,
    ) -> Result<Option<(EndInWords, Option<StageName>)>, PortError> {
        let stages: Vec<&StageName> = self.pipeline.stages.iter().map(|stage| &stage.name).collect();
        let log = self.releases.log(release).await?;
        Ok(record::end_on_record(&stages, log.iter().map(|entry| &entry.notice), writing))
    }

    /// Records an end that is in words already, and settles the locks.
    pub(crate) async fn conclude(
        &self,
        execution: &ExecutionArn,
        release: &ReleaseId,
        stage: Option<&StageName>,
        words: EndInWords,
    ) -> Result<RecordEndOutput, PortError> {
        let EndInWords { end, reason, next } = words;
        let notice = Notice::Ended { end, stage: stage.cloned(), reason: reason.clone(), next };
        let notice = NewNotice::new(self.clock.now(), notice);
        let (end, reason) = match self.releases.end(release, end, &reason, &notice).await? {
            EndOutcome::Recorded => {
                tracing::info!(%release, %end, reason, "the release ended");
                (end, reason)
            }
            EndOutcome::Before(end, reason) => (end, reason),
        };
        for stage in &self.pipeline.stages {
            self.settle_lock(&stage.name, execution, OwnerEnd::Recorded(end, &reason)).await?;
        }
        Ok(RecordEndOutput { end, reason })
    }

    /// Passes on or keeps a lock whose owner has ended. Locks of others stay as they are.
    pub(crate) async fn settle_lock(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        ended: OwnerEnd<'_>,
    ) -> Result<(), PortError> {
        let Some(stored) = self.locks.read(stage).await? else { return Ok(()) };
        if stored.lock.owner != *owner {
            return Ok(());
        }
        match stored.lock.fate(ended) {
            Fate::Stays => {}
            Fate::Keep(reason) => {
                self.locks.keep(stage, owner, &reason).await?;
                tracing::warn!(%stage, release = %stored.lock.release, reason, "the lock is kept");
            }
            Fate::PassOn => {
                let Self { releases, locks, tokens, clock, .. } = *self;
                PassLock { locks, releases, tokens, clock }.pass_on(&stored.lock).await?;
            }
        }
        Ok(())
    }

    /// The release this execution has, also when the answer of its claim was lost.
    async fn release_of(&self, input: &RecordEndInput) -> Result<Whose, RecordEndError> {
        if let Some(release) = &input.release {
            return Ok(Whose::Its(release.clone()));
        }
        for RunningRelease { release, execution } in self.releases.running().await? {
            if execution == input.execution {
                let stored = self.releases.find(&release).await?;
                let first = stored.is_none_or(|stored| stored.release.execution == execution);
                return Ok(if first { Whose::Its(release) } else { Whose::LeftBehind(release) });
            }
            if input.execution_name == put_back_name(&release) {
                return Ok(Whose::LeftBehind(release));
            }
        }
        Ok(Whose::Its(refused(&input.execution, &input.execution_name)?))
    }
}

/// Whose end an execution that ends is.
enum Whose {
    /// That of its release, or of the execution itself if it never had one.
    Its(ReleaseId),
    /// None: it was to put back what another execution of that release left behind, and could not even claim it. The stage
    /// is as it was left, so that is no clean end; it is given by who looks what the dead left, and keeps the lock.
    LeftBehind(ReleaseId),
}

fn never_put_back(input: &RecordEndInput, release: &ReleaseId) -> RecordEndOutput {
    let why = record::why(&Facts {
        end: End::FailedDirty,
        stage: None,
        error: input.error.as_deref(),
        cause: input.cause.as_deref(),
        outcome: None,
        rollback: None,
        decision: None,
    });
    RecordEndOutput { end: End::FailedDirty, reason: format!("{release} was not put back: {why}") }
}

/// The log of an execution that never had a release is named after the execution.
fn refused(execution: &ExecutionArn, name: &str) -> Result<ReleaseId, RecordEndError> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let words: String = words.join("-").chars().take(50).collect();
    let hash = hex::encode(Sha256::digest(execution.as_str()));
    let hash = hash.get(..8).unwrap_or_default();
    let separator = if words.is_empty() || words.ends_with('-') { "" } else { "-" };
    ReleaseId::new(format!("refused-{words}{separator}{hash}"))
        .map_err(|source| RecordEndError::Unnamed { execution: execution.clone(), source })
}

#[cfg(test)]
mod tests;
