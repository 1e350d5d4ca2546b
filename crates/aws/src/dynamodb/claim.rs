//! Claiming a commit: mark, manifest, first notice and push times in one transaction.

use aws_sdk_dynamodb::types::TransactWriteItem;
use gantry_domain::names::{CommitSha, ComponentName, PipelineName};
use gantry_domain::release::Release;
use gantry_steps::ports::PortError;
use gantry_steps::ports::store::{ClaimMark, ClaimOutcome, NewClaim, NewNotice};

use super::call::{ABSENT, Expression, Reason, Table, Transacted};
use super::item::{Key, Row, n, s, time, to_json};
use super::log;

pub(super) fn key(pipeline: &PipelineName, commit: &CommitSha) -> Key {
    Key::new(format!("claim#{pipeline}#{commit}"), "claim")
}

pub(super) fn newest_key(pipeline: &PipelineName, component: &ComponentName) -> Key {
    Key::new(format!("newest#{pipeline}"), component.as_str())
}

pub(super) fn read(row: &Row<'_>) -> Result<ClaimMark, PortError> {
    Ok(ClaimMark {
        execution: row.parsed("execution")?,
        release: row.parsed("release")?,
        attempt: row.number("attempt")?,
    })
}

pub(super) async fn write(table: &Table, claim: &NewClaim<'_>) -> Result<ClaimOutcome, PortError> {
    let mut items = pushes(table, claim)?;
    let pushes = items.len();
    items.push(mark(table, claim)?);
    items.extend(manifest(table, claim.release, claim.notice)?);
    match table.transact(items).await? {
        Transacted::Done => Ok(ClaimOutcome::Claimed),
        Transacted::Cancelled(reasons) if reasons.get(pushes..).is_some_and(is_refused) => {
            Ok(ClaimOutcome::Changed)
        }
        Transacted::Cancelled(reasons) if reasons.get(..pushes).is_some_and(is_refused) => {
            Ok(ClaimOutcome::Older)
        }
        Transacted::Cancelled(_) => {
            super::call::pause(1).await;
            Ok(ClaimOutcome::Changed)
        }
    }
}

fn is_refused(reasons: &[Reason]) -> bool {
    reasons.contains(&Reason::Condition)
}

/// T13: a claim does not go back behind a newer push of one of its components.
fn pushes(table: &Table, claim: &NewClaim<'_>) -> Result<Vec<TransactWriteItem>, PortError> {
    let forward = |(component, at): &(ComponentName, jiff::Timestamp)| {
        let change = Expression::update("SET #pushedAt = :at, #release = :release")
            .and_when("attribute_not_exists(#pushedAt) OR #pushedAt <= :at")
            .with("at", s(time(*at)))
            .with("release", s(&claim.release.id));
        table.changing(&newest_key(claim.pipeline, component), &change)
    };
    claim.pushed.iter().map(forward).collect()
}

fn mark(table: &Table, claim: &NewClaim<'_>) -> Result<TransactWriteItem, PortError> {
    let release = claim.release;
    let row = key(claim.pipeline, &release.commit).row([
        ("execution", s(&release.execution)),
        ("release", s(&release.id)),
        ("attempt", n(release.attempt)),
    ]);
    let condition = match claim.replaces {
        None => Expression::when(ABSENT),
        Some(before) => Expression::when("#execution = :execution AND #attempt = :attempt")
            .with("execution", s(&before.execution))
            .with("attempt", n(before.attempt)),
    };
    table.putting(row, &condition)
}

/// The manifest, the mark that it runs, and the first entry of its log.
pub(super) fn manifest(
    table: &Table,
    release: &Release,
    notice: &NewNotice,
) -> Result<Vec<TransactWriteItem>, PortError> {
    let manifest = log::manifest(&release.id).row([
        ("body", to_json(release)?),
        ("execution", s(&release.execution)),
        ("status", s("running")),
        ("nextSeq", n(1)),
    ]);
    let running = Key::new("running", release.id.as_str()).row([("execution", s(&release.execution))]);
    let mut items = vec![
        table.putting(manifest, &Expression::when(ABSENT))?,
        table.putting(running, &Expression::default())?,
    ];
    items.extend(log::entry_writes(table, &release.id, 1, notice)?);
    Ok(items)
}
