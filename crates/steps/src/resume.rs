//! How a hold ends: by a person's click, or by a release of a newer commit. Once, with a notice in the log of the release
//! after which the stage held.

use gantry_domain::hold::Hold;
use gantry_domain::notice::Notice;

use crate::ports::store::{Holds, NewNotice, Recorded, Resumer};
use crate::ports::{Clock, PortError};

/// Ends the hold. Whoever waits in line is woken by whoever passes locks on.
pub async fn resume(
    holds: &dyn Holds,
    clock: &dyn Clock,
    hold: &Hold,
    by: &Resumer,
) -> Result<Recorded, PortError> {
    let (person, operator, release) = match by {
        Resumer::Person(person) => (Some(person.clone()), None, None),
        Resumer::Operator(name) => (None, Some(name.clone()), None),
        Resumer::Release(release) => (None, None, Some(release.clone())),
    };
    let (stage, hold_id) = (hold.stage.clone(), hold.id.clone());
    let notice = Notice::Resumed { stage, hold: hold_id, by: person, operator, release };
    let resumed = holds.resume(hold, by, &NewNotice::new(clock.now(), notice)).await?;
    tracing::info!(stage = %hold.stage, after = %hold.release, ?by, ?resumed, "the stage is resumed");
    Ok(resumed)
}
