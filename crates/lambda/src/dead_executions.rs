//! The ports that both functions need which look after executions that died: by event, and every minute.

use gantry_aws::{ApprovalsTable, LocksTable, ReleasesTable, SfnExecutions, SfnStart, SfnTaskTokens};
use gantry_domain::pipeline::Pipeline;
use gantry_steps::aftermath::Aftermath;

use crate::clock::WorldClock;
use crate::diagnostic::SetupError;
use crate::wiring::Wiring;

/// Wired as the settings say.
pub struct DeadExecutions {
    pipeline: Pipeline,
    /// Releases, their logs and what is to be told.
    pub releases: ReleasesTable,
    approvals: ApprovalsTable,
    locks: LocksTable,
    executions: SfnExecutions,
    start: SfnStart,
    tokens: SfnTaskTokens,
    /// World time.
    pub clock: WorldClock,
}

impl DeadExecutions {
    /// Calls nothing.
    pub fn wire(wiring: &Wiring) -> Result<Self, SetupError> {
        Ok(Self {
            pipeline: wiring.pipeline()?,
            releases: wiring.releases()?,
            approvals: wiring.approvals()?,
            locks: wiring.locks()?,
            executions: wiring.executions(),
            start: wiring.start()?,
            tokens: wiring.tokens(),
            clock: wiring.clock()?,
        })
    }

    /// The step that puts in order what they left.
    pub fn aftermath(&self) -> Aftermath<'_> {
        let Self { pipeline, releases, approvals, locks, executions, start, tokens, clock } = self;
        Aftermath {
            pipeline,
            releases,
            plans: releases,
            approvals,
            locks,
            executions,
            start,
            stop: executions,
            tokens,
            clock,
        }
    }
}
