//! Adding to a release's log: the entry, its key, the count in the manifest's row and the mark for the sender, all in
//! the transaction of the change that it tells of.
//!
//! Rows of `release#<id>`: `log#<seq>` holds key, at, notice, delivery, attempts, nextAttemptAt, channel, ts, dropped;
//! `key#<key>` keeps the key unique; `manifest` counts in `nextSeq`. Row `undelivered` `<id>` notes the newest `upTo`.

use aws_sdk_dynamodb::types::TransactWriteItem;
use gantry_domain::names::ReleaseId;
use gantry_steps::ports::PortError;
use gantry_steps::ports::store::{Delivery, LogEntry, NewNotice};

use super::call::{ABSENT, Expression, Reason, Table, Transacted};
use super::item::{Key, Row, n, s, time, to_json};

/// How often a write that others got in the way of is tried. Contention is on one release, so it is rare and short.
pub(super) const ATTEMPTS: u32 = 12;

/// The partition of a release.
pub(super) fn partition(release: &ReleaseId) -> String {
    format!("release#{release}")
}

/// The row that the log's length stands in.
pub(super) fn manifest(release: &ReleaseId) -> Key {
    Key::new(partition(release), "manifest")
}

pub(super) fn entry(release: &ReleaseId, seq: u32) -> Key {
    Key::new(partition(release), format!("log#{seq:06}"))
}

/// What became of adding to a log along with other writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Appended {
    /// All written.
    Done,
    /// The key is taken: it was told before. Nothing written.
    Told,
    /// Conditions of these other writes did not hold. Nothing written.
    Refused(Vec<usize>),
    /// Somebody else was writing: look again. Nothing written.
    Again,
}

/// The writes of the entry at `seq`, without the manifest's.
pub(super) fn entry_writes(
    table: &Table,
    release: &ReleaseId,
    seq: u32,
    notice: &NewNotice,
) -> Result<Vec<TransactWriteItem>, PortError> {
    let absent = Expression::when(ABSENT);
    let row = entry(release, seq).row([
        ("key", s(&notice.key)),
        ("at", s(time(notice.at))),
        ("notice", to_json(&notice.notice)?),
        ("delivery", s("pending")),
        ("attempts", n(0)),
    ]);
    let key = Key::new(partition(release), format!("key#{}", notice.key)).row([("seq", n(seq))]);
    let undelivered = Key::new("undelivered", release.as_str()).row([("upTo", n(seq))]);
    Ok(vec![
        table.putting(key, &absent)?,
        table.putting(row, &absent)?,
        table.putting(undelivered, &Expression::default())?,
    ])
}

/// Adds an entry together with `others`, if the release has a manifest row that `change` may be applied to.
pub(super) async fn append(
    table: &Table,
    release: &ReleaseId,
    notice: &NewNotice,
    change: Expression,
    others: Vec<TransactWriteItem>,
) -> Result<Appended, PortError> {
    let Some(manifest_row) = table.get(&manifest(release)).await? else {
        return Err(missing(table, release));
    };
    let count: u32 = Row(&manifest_row).number("nextSeq")?;
    let seq = count.saturating_add(1);
    let change = change
        .and_set("#nextSeq = :nextSeq")
        .and_when("#nextSeq = :count")
        .with("nextSeq", n(seq))
        .with("count", n(count));
    let first = others.len();
    let mut items = others;
    items.extend(entry_writes(table, release, seq, notice)?);
    items.push(table.changing(&manifest(release), &change)?);
    let reasons = match table.transact(items).await? {
        Transacted::Done => return Ok(Appended::Done),
        Transacted::Cancelled(reasons) => reasons,
    };
    let refused: Vec<usize> =
        (0..first).filter(|index| reasons.get(*index) == Some(&Reason::Condition)).collect();
    if !refused.is_empty() {
        Ok(Appended::Refused(refused))
    } else if reasons.get(first) == Some(&Reason::Condition) {
        Ok(Appended::Told)
    } else {
        Ok(Appended::Again)
    }
}

/// Reads an entry.
pub(super) fn read(row: &Row<'_>) -> Result<LogEntry, PortError> {
    let seq = row.text("sk")?.strip_prefix("log#").and_then(|seq| seq.parse().ok());
    let delivery = match row.text("delivery")? {
        "pending" => Delivery::Pending {
            attempts: row.number("attempts")?,
            next_attempt_at: row.maybe_parsed("nextAttemptAt")?,
        },
        "delivered" => {
            let place = row.maybe_parsed("channel")?.zip(row.maybe("ts"));
            let message =
                place.map(|(channel, ts)| gantry_steps::ports::MessageAt { channel, ts: ts.to_owned() });
            Delivery::Delivered { message }
        }
        "dropped" => Delivery::Dropped { reason: row.text("dropped")?.to_owned() },
        _ => return Err(row.bad("delivery", None)),
    };
    Ok(LogEntry {
        seq: seq.ok_or_else(|| row.bad("sk", None))?,
        key: row.text("key")?.to_owned(),
        at: row.parsed("at")?,
        notice: row.json("notice")?,
        delivery,
    })
}

/// A release that should have a manifest has none.
pub(super) fn missing(table: &Table, release: &ReleaseId) -> PortError {
    #[derive(Debug, thiserror::Error)]
    #[error("release {0} has no manifest")]
    struct NoManifest(ReleaseId);
    PortError::Malformed { call: table.call("GetItem"), source: NoManifest(release.clone()).into() }
}

/// Others kept writing the same rows for as long as we tried.
pub(super) fn contended(table: &Table) -> PortError {
    #[derive(Debug, thiserror::Error)]
    #[error("other writers kept changing the same rows")]
    struct Contended;
    PortError::Unavailable { call: table.call("TransactWriteItems"), source: Contended.into() }
}
