//! The tables, as steps see them: one narrow trait per thing that is kept.
//!
//! Every read sees all writes that were answered before it. Every write that tells people something writes its notice
//! in the same transaction. Conditions that do not hold are values, not errors.

mod approvals;
mod candidates;
mod deliveries;
mod desks;
mod holds;
mod locks;
mod outbox;
mod plans;
mod releases;
mod verified;

pub use approvals::{Approvals, Asked, DecideOutcome, NewApproval, StoredApproval};
pub use candidates::Candidates;
pub use deliveries::Deliveries;
pub use desks::{Desks, Seat, Told, Untold};
pub use holds::{Holds, PutBack, Resumer};
pub use locks::{Fenced, Locks, StoredLock, StoredWaiter, Taken};
pub use outbox::{Deliver, Delivery, LogEntry, Outbox};
pub use plans::Plans;
pub use releases::{
    ClaimMark, ClaimOutcome, EndOutcome, NewClaim, NewNotice, Recorded, Releases, RunningRelease,
    StoredRelease,
};
pub use verified::Verified;
