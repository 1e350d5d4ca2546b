//! Locks, in a table of their own because rows hold task tokens.
//!
//! Rows of `lock#<stage>`: `lock` holds owner, release, rollout, plan, tasks, acquiredAt, kept, and token while the owner has
//! not been told; `waiter#<time>#<release>` holds execution, release, since, token.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use gantry_domain::lock::{Lock, Waiter};
use gantry_domain::names::{ExecutionArn, PlanHash, ReleaseId, StageName, TaskArn};
use gantry_domain::plan::PlanKind;
use gantry_steps::ports::store::{Fenced, Locks, NewNotice, StoredLock, StoredWaiter, Taken};
use gantry_steps::ports::{PortError, TaskToken};
use jiff::Timestamp;

use super::approvals::no_log;
use super::call::{ABSENT, Expression, Table, Transacted, pause};
use super::item::{Item, Key, Row, readable, s, time};
use super::log::{self, Appended};

/// The table of locks. Queueing needs the releases' table too, where the notice goes.
#[derive(Debug, Clone)]
pub struct LocksTable {
    table: Table,
    log: Option<Table>,
}

impl LocksTable {
    /// The table of that name, for everything but joining a queue.
    pub fn new(config: &SdkConfig, name: impl Into<String>) -> Self {
        Self { table: Table { client: Client::new(config), name: name.into() }, log: None }
    }

    /// To join queues too: with the name of the releases' table.
    #[must_use]
    pub fn with_releases(mut self, releases: impl Into<String>) -> Self {
        self.log = Some(Table { client: self.table.client.clone(), name: releases.into() });
        self
    }

    async fn fenced(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        change: Expression,
    ) -> Result<Fenced, PortError> {
        let change = change.and_when("#owner = :owner").with("owner", s(owner));
        let written = self.table.change(&key(stage), &change).await?.is_some();
        Ok(if written { Fenced::Written } else { Fenced::Lost })
    }

    /// Renews the token of somebody in the queue. `false`: not in it.
    async fn renew(&self, waiter: &Waiter, token: &TaskToken) -> Result<bool, PortError> {
        let queue = self.waiters(&waiter.stage).await?;
        let Some(mine) = queue.iter().find(|stored| stored.waiter.execution == waiter.execution) else {
            return Ok(false);
        };
        let change = Expression::update("SET #token = :token")
            .and_when("attribute_exists(#pk)")
            .with("token", s(token.expose()));
        Ok(self.table.change(&waiter_key(&mine.waiter), &change).await?.is_some())
    }
}

#[async_trait]
impl Locks for LocksTable {
    async fn read(&self, stage: &StageName) -> Result<Option<StoredLock>, PortError> {
        let item = self.table.get(&key(stage)).await?;
        item.as_ref().map(|item| read(stage, &Row(item))).transpose()
    }

    async fn take(&self, lock: &Lock, token: &TaskToken) -> Result<Taken, PortError> {
        for attempt in 0..log::ATTEMPTS {
            if self.table.put(row(lock, Some(token)), &Expression::when(ABSENT)).await? {
                return Ok(Taken::Yours);
            }
            match self.read(&lock.stage).await? {
                Some(held) if held.lock.owner == lock.owner => {
                    let change = Expression::update("SET #token = :token").with("token", s(token.expose()));
                    if self.fenced(&lock.stage, &lock.owner, change).await? == Fenced::Written {
                        return Ok(Taken::Yours);
                    }
                }
                Some(held) => return Ok(Taken::Held(held.lock)),
                None => {}
            }
            pause(attempt).await;
        }
        Err(log::contended(&self.table))
    }

    async fn answered(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        token: &TaskToken,
    ) -> Result<(), PortError> {
        let change =
            Expression::update("REMOVE #token").and_when("#token = :token").with("token", s(token.expose()));
        // Another token waits by now if this does not hold; that one is answered by whoever noted it.
        self.fenced(stage, owner, change).await.map(drop)
    }

    async fn take_over(
        &self,
        stage: &StageName,
        from: &ExecutionArn,
        to: &ExecutionArn,
        token: &TaskToken,
    ) -> Result<Fenced, PortError> {
        let change = Expression::update("SET #owner = :to, #token = :token")
            .and_when("attribute_not_exists(#kept)")
            .with("to", s(to))
            .with("token", s(token.expose()));
        self.fenced(stage, from, change).await
    }

    async fn record_rollout(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        rollout: &ExecutionArn,
        plan: &PlanHash,
        kind: PlanKind,
    ) -> Result<Fenced, PortError> {
        let may = match kind {
            PlanKind::Release => {
                "attribute_not_exists(#kept) AND (attribute_not_exists(#rollout) OR #rollout = :rollout)"
            }
            PlanKind::Rollback => "attribute_not_exists(#kept)",
        };
        let change = Expression::update("SET #rollout = :rollout, #plan = :plan")
            .and_when(may)
            .with("rollout", s(rollout))
            .with("plan", s(plan));
        self.fenced(stage, owner, change).await
    }

    async fn record_task(
        &self,
        stage: &StageName,
        release: &ReleaseId,
        task: &TaskArn,
    ) -> Result<Fenced, PortError> {
        let task = AttributeValue::Ss(vec![task.as_str().to_owned()]);
        let change = Expression::update("ADD #tasks :task")
            .and_when("#release = :release")
            .with("task", task)
            .with("release", s(release));
        let written = self.table.change(&key(stage), &change).await?.is_some();
        Ok(if written { Fenced::Written } else { Fenced::Lost })
    }

    async fn keep(&self, stage: &StageName, owner: &ExecutionArn, reason: &str) -> Result<Fenced, PortError> {
        let change =
            Expression::update("SET #kept = if_not_exists(#kept, :reason)").with("reason", s(reason));
        self.fenced(stage, owner, change).await
    }

    async fn turn_back(
        &self,
        stage: &StageName,
        owner: &ExecutionArn,
        by: &ReleaseId,
    ) -> Result<Fenced, PortError> {
        let change = Expression::update("SET #turnBack = if_not_exists(#turnBack, :by)").with("by", s(by));
        self.fenced(stage, owner, change).await
    }

    async fn wait(&self, waiter: &Waiter, token: &TaskToken, notice: &NewNotice) -> Result<(), PortError> {
        let log = self.log.as_ref().ok_or_else(|| no_log(&self.table))?;
        for attempt in 0..log::ATTEMPTS {
            if self.renew(waiter, token).await? {
                return Ok(());
            }
            let row = waiter_key(waiter).row([
                ("execution", s(&waiter.execution)),
                ("release", s(&waiter.release)),
                ("since", s(time(waiter.since))),
                ("token", s(token.expose())),
            ]);
            let absent = Expression::when(ABSENT);
            let queued = self.table.putting(row.clone(), &absent)?;
            match log::append(log, &waiter.release, notice, Expression::default(), vec![queued]).await? {
                Appended::Done => return Ok(()),
                // People know already that the release waits here: it is back after its plan was void.
                Appended::Told if self.table.put(row, &absent).await? => return Ok(()),
                Appended::Told | Appended::Refused(_) | Appended::Again => pause(attempt).await,
            }
        }
        Err(log::contended(&self.table))
    }

    async fn waiters(&self, stage: &StageName) -> Result<Vec<StoredWaiter>, PortError> {
        let rows = self.table.all(&partition(stage), "waiter#").await?;
        rows.iter().map(|item| read_waiter(stage, &Row(item))).filter_map(readable).collect()
    }

    async fn leave(&self, waiter: &Waiter) -> Result<(), PortError> {
        self.table.remove(&waiter_key(waiter), &Expression::default()).await.map(drop)
    }

    async fn free(&self, seen: &Lock) -> Result<Fenced, PortError> {
        let freed = self.table.remove(&key(&seen.stage), &as_seen(seen)).await?;
        Ok(if freed { Fenced::Written } else { Fenced::Lost })
    }

    async fn free_kept(&self, stage: &StageName, owner: &ExecutionArn) -> Result<Fenced, PortError> {
        let condition =
            Expression::when("#owner = :owner AND attribute_exists(#kept)").with("owner", s(owner));
        let freed = self.table.remove(&key(stage), &condition).await?;
        Ok(if freed { Fenced::Written } else { Fenced::Lost })
    }

    async fn pass(&self, seen: Option<&Lock>, to: &StoredWaiter, at: Timestamp) -> Result<Fenced, PortError> {
        let lock = Lock {
            stage: to.waiter.stage.clone(),
            owner: to.waiter.execution.clone(),
            release: to.waiter.release.clone(),
            rollout: None,
            plan: None,
            tasks: Vec::new(),
            acquired_at: at,
            kept: None,
        };
        let from = seen.map_or_else(|| Expression::when(ABSENT), as_seen);
        let still_waiting = Expression::when("#token = :token").with("token", s(to.token.expose()));
        let writes = vec![
            self.table.putting(row(&lock, Some(&to.token)), &from)?,
            self.table.removing(&waiter_key(&to.waiter), &still_waiting)?,
        ];
        let passed = self.table.transact(writes).await? == Transacted::Done;
        Ok(if passed { Fenced::Written } else { Fenced::Lost })
    }
}

/// A rollout that notes itself after somebody looked makes the look worthless.
fn as_seen(lock: &Lock) -> Expression {
    let owned =
        Expression::when("#owner = :owner AND attribute_not_exists(#kept)").with("owner", s(&lock.owner));
    match &lock.rollout {
        None => owned.and_when("attribute_not_exists(#rollout)"),
        Some(rollout) => owned.and_when("#rollout = :rollout").with("rollout", s(rollout)),
    }
}

fn partition(stage: &StageName) -> String {
    format!("lock#{stage}")
}

fn key(stage: &StageName) -> Key {
    Key::new(partition(stage), "lock")
}

fn waiter_key(waiter: &Waiter) -> Key {
    Key::new(partition(&waiter.stage), format!("waiter#{}#{}", time(waiter.since), waiter.release))
}

fn row(lock: &Lock, token: Option<&TaskToken>) -> Item {
    let mut row = key(&lock.stage).row([
        ("owner", s(&lock.owner)),
        ("release", s(&lock.release)),
        ("acquiredAt", s(time(lock.acquired_at))),
    ]);
    if let Some(token) = token {
        row.insert("token".to_owned(), s(token.expose()));
    }
    row
}

fn read(stage: &StageName, row: &Row<'_>) -> Result<StoredLock, PortError> {
    let tasks: Result<Vec<TaskArn>, PortError> = match row.0.get("tasks").map(AttributeValue::as_ss) {
        None => Ok(Vec::new()),
        Some(Ok(tasks)) => tasks
            .iter()
            .map(|task| TaskArn::new(task).map_err(|error| row.bad("tasks", Some(error.into()))))
            .collect(),
        Some(Err(_)) => Err(row.bad("tasks", None)),
    };
    Ok(StoredLock {
        lock: Lock {
            stage: stage.clone(),
            owner: row.parsed("owner")?,
            release: row.parsed("release")?,
            rollout: row.maybe_parsed("rollout")?,
            plan: row.maybe_parsed("plan")?,
            tasks: tasks?,
            acquired_at: row.parsed("acquiredAt")?,
            kept: row.maybe("kept").map(str::to_owned),
        },
        unanswered: row.maybe("token").map(TaskToken::new),
        turn_back: row.maybe_parsed("turnBack")?,
    })
}

fn read_waiter(stage: &StageName, row: &Row<'_>) -> Result<StoredWaiter, PortError> {
    Ok(StoredWaiter {
        waiter: Waiter {
            stage: stage.clone(),
            execution: row.parsed("execution")?,
            release: row.parsed("release")?,
            since: row.parsed("since")?,
        },
        token: TaskToken::new(row.text("token")?),
    })
}
