//! The tables on DynamoDB: keys `pk` and `sk`, strong reads, conditional writes, transactions across tables.
//!
//! Rows are described beside the code that writes them. Nothing else reads or writes these tables.

mod approvals;
mod call;
mod candidates;
mod claim;
mod deliveries;
mod desks;
mod holds;
mod item;
mod locks;
mod log;
mod outbox;
mod plans;
mod releases;
mod verified;

pub use approvals::ApprovalsTable;
pub use locks::LocksTable;
pub use releases::ReleasesTable;

#[cfg(test)]
mod tests;
