//! Releases: the manifest with its end, the claim of a commit, and the log.
//!
//! Rows: `release#<id>` `manifest` holds body, execution, status (running, ended), end, reason, rejected, nextSeq;
//! `claim#<pipeline>#<commit>` `claim` holds execution, release, attempt; `newest#<pipeline>` `<component>` holds
//! pushedAt; `running` `<release>` holds execution.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use gantry_domain::End;
use gantry_domain::names::{CommitSha, ComponentName, ExecutionArn, PipelineName, ReleaseId};
use gantry_domain::release::Release;
use gantry_steps::ports::PortError;
use gantry_steps::ports::store::{
    ClaimMark, ClaimOutcome, EndOutcome, Fenced, LogEntry, NewClaim, NewNotice, Recorded, Releases,
    RunningRelease, StoredRelease,
};
use jiff::Timestamp;

use super::call::{ABSENT, Expression, Table, Transacted, pause};
use super::claim;
use super::item::{Item, Key, Row, n, readable, s};
use super::log::{self, Appended};

/// The table of releases, their log and outbox, plans, candidates and what passed.
#[derive(Debug, Clone)]
pub struct ReleasesTable(Table);

impl ReleasesTable {
    /// The table of that name.
    pub fn new(config: &SdkConfig, name: impl Into<String>) -> Self {
        Self(Table { client: Client::new(config), name: name.into() })
    }

    pub(super) fn table(&self) -> &Table {
        &self.0
    }
}

#[async_trait]
impl Releases for ReleasesTable {
    async fn claimed(
        &self,
        pipeline: &PipelineName,
        commit: &CommitSha,
    ) -> Result<Option<ClaimMark>, PortError> {
        let item = self.0.get(&claim::key(pipeline, commit)).await?;
        item.as_ref().map(|item| claim::read(&Row(item))).transpose()
    }

    async fn newest_push(
        &self,
        pipeline: &PipelineName,
        component: &ComponentName,
    ) -> Result<Option<Timestamp>, PortError> {
        let item = self.0.get(&claim::newest_key(pipeline, component)).await?;
        item.as_ref().map(|item| Row(item).parsed("pushedAt")).transpose()
    }

    async fn claim(&self, claim: &NewClaim<'_>) -> Result<ClaimOutcome, PortError> {
        claim::write(&self.0, claim).await
    }

    async fn claim_rollback(&self, release: &Release, notice: &NewNotice) -> Result<Recorded, PortError> {
        let written = self.0.transact(claim::manifest(&self.0, release, notice)?).await?;
        Ok(if written == Transacted::Done { Recorded::Now } else { Recorded::Before })
    }

    async fn take_over(
        &self,
        release: &ReleaseId,
        from: &ExecutionArn,
        to: &ExecutionArn,
    ) -> Result<Fenced, PortError> {
        let change = |condition: &str| {
            Expression::update("SET #execution = :to")
                .and_when(condition)
                .with("to", s(to))
                .with("from", s(from))
        };
        let of_manifest = change("#execution = :from AND #status = :running").with("running", s("running"));
        let running = Key::new("running", release.as_str());
        let writes = vec![
            self.0.changing(&log::manifest(release), &of_manifest)?,
            self.0.changing(&running, &change("#execution = :from"))?,
        ];
        let taken = self.0.transact(writes).await? == Transacted::Done;
        Ok(if taken { Fenced::Written } else { Fenced::Lost })
    }

    async fn find(&self, release: &ReleaseId) -> Result<Option<StoredRelease>, PortError> {
        let Some(item) = self.0.get(&log::manifest(release)).await? else { return Ok(None) };
        let row = Row(&item);
        if row.maybe("body").is_none() {
            return Ok(None);
        }
        Ok(Some(StoredRelease {
            release: row.json("body")?,
            execution: row.parsed("execution")?,
            ended: ended(&row)?,
            rejected: row.maybe_parsed("rejected")?,
        }))
    }

    async fn log(&self, release: &ReleaseId) -> Result<Vec<LogEntry>, PortError> {
        let rows = self.0.all(&log::partition(release), "log#").await?;
        rows.iter().map(|item| log::read(&Row(item))).collect()
    }

    async fn append(&self, release: &ReleaseId, notice: &NewNotice) -> Result<Recorded, PortError> {
        for attempt in 0..log::ATTEMPTS {
            match log::append(&self.0, release, notice, Expression::default(), Vec::new()).await? {
                Appended::Done => return Ok(Recorded::Now),
                Appended::Told => return Ok(Recorded::Before),
                Appended::Refused(_) | Appended::Again => pause(attempt).await,
            }
        }
        Err(log::contended(&self.0))
    }

    async fn end(
        &self,
        release: &ReleaseId,
        end: End,
        reason: &str,
        notice: &NewNotice,
    ) -> Result<EndOutcome, PortError> {
        for attempt in 0..log::ATTEMPTS {
            let stored = self.0.get(&log::manifest(release)).await?;
            if let Some((end, reason)) = stored.as_ref().map(|item| ended(&Row(item))).transpose()?.flatten()
            {
                return Ok(EndOutcome::Before(end, reason));
            }
            let written = match stored {
                Some(_) => self.end_running(release, end, reason, notice).await?,
                None => self.end_refused(release, end, reason, notice).await?,
            };
            if written {
                return Ok(EndOutcome::Recorded);
            }
            pause(attempt).await;
        }
        Err(log::contended(&self.0))
    }

    async fn running(&self) -> Result<Vec<RunningRelease>, PortError> {
        let rows = self.0.all("running", "").await?;
        let read = |item: &Item| {
            let row = Row(item);
            Ok(RunningRelease { release: row.parsed("sk")?, execution: row.parsed("execution")? })
        };
        rows.iter().map(read).filter_map(readable).collect()
    }
}

impl ReleasesTable {
    async fn end_running(
        &self,
        release: &ReleaseId,
        end: End,
        reason: &str,
        notice: &NewNotice,
    ) -> Result<bool, PortError> {
        let change = Expression::update("SET #status = :ended, #end = :end, #reason = :reason")
            .and_when("#status = :running")
            .with("ended", s("ended"))
            .with("running", s("running"))
            .with("end", s(end.as_str()))
            .with("reason", s(reason));
        let key = Key::new("running", release.as_str());
        let no_longer_running = self.0.removing(&key, &Expression::default())?;
        let appended = log::append(&self.0, release, notice, change, vec![no_longer_running]).await?;
        Ok(appended == Appended::Done)
    }

    /// An execution that never had a release: its end makes the log.
    async fn end_refused(
        &self,
        release: &ReleaseId,
        end: End,
        reason: &str,
        notice: &NewNotice,
    ) -> Result<bool, PortError> {
        let row = log::manifest(release).row([
            ("status", s("ended")),
            ("end", s(end.as_str())),
            ("reason", s(reason)),
            ("nextSeq", n(1)),
        ]);
        let mut items = vec![self.0.putting(row, &Expression::when(ABSENT))?];
        items.extend(log::entry_writes(&self.0, release, 1, notice)?);
        Ok(self.0.transact(items).await? == Transacted::Done)
    }
}

fn ended(row: &Row<'_>) -> Result<Option<(End, String)>, PortError> {
    if row.text("status")? != "ended" {
        return Ok(None);
    }
    let word = row.text("end")?;
    let end = End::ALL.into_iter().find(|end| end.as_str() == word).ok_or_else(|| row.bad("end", None))?;
    Ok(Some((end, row.text("reason")?.to_owned())))
}
