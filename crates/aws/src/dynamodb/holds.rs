//! Holds: `hold#<stage>` `hold` holds body, id, status (held, resumed), by. The newest hold of a stage stands there; the
//! log of its release keeps who ended which.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use gantry_domain::hold::Hold;
use gantry_domain::names::StageName;
use gantry_steps::ports::PortError;
use gantry_steps::ports::store::{Holds, NewNotice, PutBack, Recorded, Resumer};

use super::call::{ABSENT, Expression, pause};
use super::item::{Key, Row, s, to_json};
use super::log::{self, Appended};
use super::releases::ReleasesTable;
use super::verified;

#[async_trait]
impl Holds for ReleasesTable {
    async fn hold(&self, stage: &StageName) -> Result<Option<Hold>, PortError> {
        let Some(item) = self.table().get(&key(stage)).await? else { return Ok(None) };
        let row = Row(&item);
        if row.text("status")? == "held" { row.json("body").map(Some) } else { Ok(None) }
    }

    async fn put_back(&self, put_back: &PutBack<'_>) -> Result<Recorded, PortError> {
        // Marks first: each can be made again, and a history may be longer than a transaction.
        let mark = Expression::update("SET #rolledBack = :yes")
            .and_when("attribute_exists(#pk)")
            .with("yes", AttributeValue::Bool(true));
        for entry in put_back.undone {
            self.table().change(&verified::key(entry), &mark).await?;
        }
        for attempt in 0..log::ATTEMPTS {
            let hold = put_back.hold;
            let row =
                key(&hold.stage).row([("body", to_json(hold)?), ("id", s(&hold.id)), ("status", s("held"))]);
            let mut writes = vec![self.table().putting(row, &Expression::default())?];
            for entry in put_back.failed {
                writes.push(self.table().putting(verified::row(entry)?, &Expression::when(ABSENT))?);
            }
            let written =
                log::append(self.table(), put_back.release, put_back.notice, Expression::default(), writes);
            match written.await? {
                Appended::Done => return Ok(Recorded::Now),
                Appended::Told | Appended::Refused(_) => return Ok(Recorded::Before),
                Appended::Again => pause(attempt).await,
            }
        }
        Err(log::contended(self.table()))
    }

    async fn resume(&self, hold: &Hold, by: &Resumer, notice: &NewNotice) -> Result<Recorded, PortError> {
        let by = match by {
            Resumer::Person(person) => person.to_string(),
            Resumer::Operator(name) => name.clone(),
            Resumer::Release(release) => release.to_string(),
        };
        let change = Expression::update("SET #status = :resumed, #by = :by")
            .and_when("#id = :id AND #status = :held")
            .with("resumed", s("resumed"))
            .with("held", s("held"))
            .with("id", s(&hold.id))
            .with("by", s(by));
        for attempt in 0..log::ATTEMPTS {
            let writes = vec![self.table().changing(&key(&hold.stage), &change)?];
            match log::append(self.table(), &hold.release, notice, Expression::default(), writes).await? {
                Appended::Done => return Ok(Recorded::Now),
                Appended::Told | Appended::Refused(_) => return Ok(Recorded::Before),
                Appended::Again => pause(attempt).await,
            }
        }
        Err(log::contended(self.table()))
    }
}

fn key(stage: &StageName) -> Key {
    Key::new(format!("hold#{stage}"), "hold")
}
