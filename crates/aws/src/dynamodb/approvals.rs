//! Approvals, in a table of their own because rows hold task tokens.
//!
//! Rows: `approval#<id>` `approval` holds body (as it was asked), status, decision, token, answered, expiresAt;
//! `gate#<release>#<stage>` `<plan hash>` holds id; `open` `<id>` stands while undecided or unanswered.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use gantry_domain::approval::{Approval, Decision, Outcome};
use gantry_domain::names::{ApprovalId, PlanHash, ReleaseId, StageName};
use gantry_steps::ports::store::{Approvals, Asked, DecideOutcome, NewApproval, NewNotice, StoredApproval};
use gantry_steps::ports::{PortError, TaskToken};

use super::call::{ABSENT, Expression, Table, Transacted, pause};
use super::item::{Key, Row, readable, s, time, to_json};
use super::log::{self, Appended};

/// The table of approvals. Writing needs the releases' table too, where the notices go.
#[derive(Debug, Clone)]
pub struct ApprovalsTable {
    table: Table,
    log: Option<Table>,
}

impl ApprovalsTable {
    /// The table of that name, to read.
    pub fn new(config: &SdkConfig, name: impl Into<String>) -> Self {
        Self { table: Table { client: Client::new(config), name: name.into() }, log: None }
    }

    /// To ask and decide too: with the name of the releases' table.
    #[must_use]
    pub fn with_releases(mut self, releases: impl Into<String>) -> Self {
        self.log = Some(Table { client: self.table.client.clone(), name: releases.into() });
        self
    }

    fn log(&self) -> Result<&Table, PortError> {
        self.log.as_ref().ok_or_else(|| no_log(&self.table))
    }
}

/// The function was wired to read only.
#[derive(Debug, thiserror::Error)]
#[error("the releases' table, where notices go, is not configured here")]
struct NoReleases;

pub(super) fn no_log(table: &Table) -> PortError {
    PortError::Rejected { call: table.call("TransactWriteItems"), source: NoReleases.into() }
}

#[async_trait]
impl Approvals for ApprovalsTable {
    async fn find(&self, id: &ApprovalId) -> Result<Option<StoredApproval>, PortError> {
        let item = self.table.get(&key(id)).await?;
        item.as_ref().map(|item| read(&Row(item))).transpose()
    }

    async fn of_plan(
        &self,
        release: &ReleaseId,
        stage: &StageName,
        plan: &PlanHash,
    ) -> Result<Option<StoredApproval>, PortError> {
        let Some(gate) = self.table.get(&Key::new(gate(release, stage), plan.as_str())).await? else {
            return Ok(None);
        };
        self.find(&Row(&gate).parsed("id")?).await
    }

    async fn ask(&self, new: &NewApproval<'_>) -> Result<Asked, PortError> {
        let NewApproval { approval, token, replaces, notice } = *new;
        for attempt in 0..log::ATTEMPTS {
            match self.of_plan(&approval.release, &approval.stage, &approval.plan).await? {
                Some(stored) if Some(&stored.approval.id) != replaces => {
                    return Ok(Asked::Before(Box::new(stored)));
                }
                Some(_) | None => {}
            }
            let row = key(&approval.id).row([
                ("body", to_json(approval)?),
                ("status", s("pending")),
                ("token", s(token.expose())),
                ("answered", AttributeValue::Bool(false)),
                ("expiresAt", s(time(approval.expires_at))),
            ]);
            let gate = Key::new(gate(&approval.release, &approval.stage), approval.plan.as_str());
            let absent = Expression::when(ABSENT);
            let as_read = match replaces {
                None => absent.clone(),
                Some(old) => Expression::when("#id = :old").with("old", s(old)),
            };
            let writes = vec![
                self.table.putting(row, &absent)?,
                self.table.putting(gate.row([("id", s(&approval.id))]), &as_read)?,
                self.table.putting(open(&approval.id).attributes(), &Expression::default())?,
            ];
            let log = self.log()?;
            match log::append(log, &approval.release, notice, Expression::default(), writes).await? {
                Appended::Done => return Ok(Asked::Now),
                Appended::Told | Appended::Refused(_) | Appended::Again => pause(attempt).await,
            }
        }
        Err(log::contended(&self.table))
    }

    async fn renew_token(
        &self,
        id: &ApprovalId,
        token: &TaskToken,
    ) -> Result<Option<StoredApproval>, PortError> {
        let change = Expression::update("SET #token = :token, #answered = :no")
            .and_when("attribute_exists(#pk)")
            .with("token", s(token.expose()))
            .with("no", AttributeValue::Bool(false));
        for attempt in 0..log::ATTEMPTS {
            if self.find(id).await?.is_none() {
                return Ok(None);
            }
            let writes = vec![
                self.table.changing(&key(id), &change)?,
                self.table.putting(open(id).attributes(), &Expression::default())?,
            ];
            if self.table.transact(writes).await? == Transacted::Done {
                return self.find(id).await;
            }
            pause(attempt).await;
        }
        Err(log::contended(&self.table))
    }

    async fn decide(
        &self,
        approval: &Approval,
        decision: &Decision,
        notice: &NewNotice,
    ) -> Result<DecideOutcome, PortError> {
        for attempt in 0..log::ATTEMPTS {
            let stored = self.find(&approval.id).await?;
            if let Some(earlier) = stored.and_then(|stored| stored.approval.decision) {
                return Ok(DecideOutcome::Before(earlier));
            }
            let change = Expression::update("SET #status = :status, #decision = :decision")
                .and_when("#status = :pending")
                .with("status", s(decision.outcome.as_str()))
                .with("decision", to_json(decision)?)
                .with("pending", s("pending"));
            let rejected = match decision.outcome {
                Outcome::Rejected => {
                    Expression::update("SET #rejected = :stage").with("stage", s(&approval.stage))
                }
                Outcome::Approved | Outcome::Expired | Outcome::Superseded => Expression::default(),
            };
            let writes = vec![self.table.changing(&key(&approval.id), &change)?];
            match log::append(self.log()?, &approval.release, notice, rejected, writes).await? {
                Appended::Done => return Ok(DecideOutcome::Decided),
                Appended::Told | Appended::Refused(_) | Appended::Again => pause(attempt).await,
            }
        }
        Err(log::contended(&self.table))
    }

    async fn answered(&self, id: &ApprovalId, token: &TaskToken) -> Result<(), PortError> {
        let change = Expression::update("SET #answered = :yes")
            .and_when("#token = :token AND #status <> :pending")
            .with("yes", AttributeValue::Bool(true))
            .with("token", s(token.expose()))
            .with("pending", s("pending"));
        let writes = vec![
            self.table.changing(&key(id), &change)?,
            self.table.removing(&open(id), &Expression::default())?,
        ];
        // A condition that does not hold means that another token waits; that one is answered by whoever noted it.
        self.table.transact(writes).await.map(drop)
    }

    async fn open(&self) -> Result<Vec<StoredApproval>, PortError> {
        let rows = self.table.all("open", "").await?;
        let mut open = Vec::new();
        for item in &rows {
            let found = match Row(item).parsed("sk") {
                Ok(id) => self.find(&id).await,
                Err(error) => Err(error),
            };
            open.extend(readable(found).transpose()?.flatten());
        }
        Ok(open)
    }
}

fn key(id: &ApprovalId) -> Key {
    Key::new(format!("approval#{id}"), "approval")
}

fn gate(release: &ReleaseId, stage: &StageName) -> String {
    format!("gate#{release}#{stage}")
}

fn open(id: &ApprovalId) -> Key {
    Key::new("open", id.as_str())
}

fn read(row: &Row<'_>) -> Result<StoredApproval, PortError> {
    let asked: Approval = row.json("body")?;
    let decision = if row.text("status")? == "pending" { None } else { Some(row.json("decision")?) };
    Ok(StoredApproval {
        approval: Approval { decision, ..asked },
        token: TaskToken::new(row.text("token")?),
        answered: row.flag("answered")?,
    })
}
