//! The tables in memory.

mod approvals;
mod desks;
mod facts;
mod holds;
mod locks;
mod releases;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use gantry_domain::End;
use gantry_domain::candidate::{ImageFact, PushFact, WorkflowFact};
use gantry_domain::hold::Hold;
use gantry_domain::names::{
    ApprovalId, CommitSha, ComponentName, PipelineName, PlanHash, ReleaseId, ServiceName, StageName,
};
use gantry_domain::notice::Notice;
use gantry_domain::plan::Plan;
use gantry_domain::verified::{BaselineEntry, VerifiedEntry};
use jiff::Timestamp;

use super::Faults;
use crate::ports::VendorName;
use crate::ports::store::{
    ClaimMark, Delivery, LogEntry, NewNotice, Recorded, StoredApproval, StoredLock, StoredRelease,
    StoredWaiter, Told,
};

/// Everything that is kept. Implements every port of `ports::store`.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    /// Named after the ports' methods.
    pub(crate) faults: Faults,
}

#[derive(Default)]
struct State {
    claims: BTreeMap<(PipelineName, CommitSha), ClaimMark>,
    newest: BTreeMap<(PipelineName, ComponentName), Timestamp>,
    releases: BTreeMap<ReleaseId, StoredRelease>,
    refused: BTreeMap<ReleaseId, (End, String)>,
    logs: BTreeMap<ReleaseId, Vec<LogEntry>>,
    undelivered: BTreeMap<ReleaseId, u32>,
    plans: BTreeMap<PlanHash, Plan>,
    approvals: BTreeMap<ApprovalId, StoredApproval>,
    gates: BTreeMap<(ReleaseId, StageName, PlanHash), ApprovalId>,
    open: BTreeSet<ApprovalId>,
    locks: BTreeMap<StageName, StoredLock>,
    waiters: BTreeMap<StageName, Vec<StoredWaiter>>,
    holds: BTreeMap<StageName, Hold>,
    verified: Vec<VerifiedEntry>,
    baselines: BTreeMap<(StageName, ServiceName), BaselineEntry>,
    pushes: Vec<PushFact>,
    images: Vec<ImageFact>,
    workflows: Vec<WorkflowFact>,
    deliveries: BTreeMap<String, Timestamp>,
    desks: BTreeMap<VendorName, desks::Desk>,
    told: BTreeMap<(ReleaseId, VendorName), Told>,
}

impl State {
    /// Was a notice of this key recorded?
    fn is_told(&self, release: &ReleaseId, key: &str) -> bool {
        self.logs.get(release).is_some_and(|log| log.iter().any(|entry| entry.key == key))
    }

    fn tell(&mut self, release: &ReleaseId, new: &NewNotice) -> Recorded {
        if self.is_told(release, &new.key) {
            return Recorded::Before;
        }
        let log = self.logs.entry(release.clone()).or_default();
        let seq = u32::try_from(log.len()).unwrap() + 1;
        log.push(LogEntry {
            seq,
            key: new.key.clone(),
            at: new.at,
            notice: new.notice.clone(),
            delivery: Delivery::Pending { attempts: 0, next_attempt_at: None },
        });
        self.undelivered.insert(release.clone(), seq);
        Recorded::Now
    }
}

impl MemoryStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What was recorded for a release, without asking a port.
    pub(crate) fn notices(&self, release: &ReleaseId) -> Vec<Notice> {
        let state = self.state();
        state.logs.get(release).into_iter().flatten().map(|entry| entry.notice.clone()).collect()
    }

    /// What was recorded, release by release, oldest first.
    pub(crate) fn everything_told(&self) -> Vec<(ReleaseId, Notice)> {
        let state = self.state();
        let told = state.logs.iter().flat_map(|(release, log)| log.iter().map(move |entry| (release, entry)));
        told.map(|(release, entry)| (release.clone(), entry.notice.clone())).collect()
    }

    /// A release as if it had been claimed.
    pub(crate) fn given_release(&self, release: &gantry_domain::release::Release) {
        let stored = StoredRelease::begun(release);
        self.state().releases.insert(release.id.clone(), stored);
    }

    /// A notice as if it had been recorded with some change.
    pub(crate) fn given_notice(&self, release: &ReleaseId, new: &NewNotice) {
        self.state().tell(release, new);
    }

    /// As if a person had refused to open that stage.
    pub(crate) fn given_rejected(&self, release: &ReleaseId, stage: &str) {
        let mut state = self.state();
        let stored = state.releases.get_mut(release).unwrap();
        stored.rejected = Some(StageName::new(stage).unwrap());
    }
}
