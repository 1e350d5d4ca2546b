//! What people are told: facts of a release, recorded with the change they tell of, delivered later.
//!
//! A notice holds no vendor's format; `gantry-integrations` words it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::Decision;
use crate::end::End;
use crate::hold::HoldEnds;
use crate::names::{
    ApprovalId, CommitSha, ComponentName, Digest, HoldId, PlanHash, ReleaseId, ServiceName, SlackId,
    StageName, StepName,
};
use crate::release::{CommitSummary, ComponentSource, Origin, Undoing};

/// One thing to tell, in the order things happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Notice {
    /// A release was claimed.
    #[serde(rename_all = "camelCase")]
    Started {
        /// Its commit.
        commit: CommitSha,
        /// Who asked for it.
        origin: Origin,
        /// What it brings, component by component.
        components: Vec<StartedComponent>,
        /// The commits it brings.
        commits: Vec<CommitSummary>,
        /// For a rollback that a person asked for: what it undoes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undoes: Option<Undoing>,
    },
    /// A stage passed its waves and checks.
    #[serde(rename_all = "camelCase")]
    StageVerified {
        /// The stage.
        stage: StageName,
        /// Services that got the new image.
        deployed: Vec<ServiceName>,
        /// Services that ran it already.
        unchanged: Vec<ServiceName>,
        /// Checks and tasks that passed.
        passed: Vec<StepName>,
    },
    /// People are asked about a plan.
    #[serde(rename_all = "camelCase")]
    ApprovalRequested {
        /// Names the approval on the buttons.
        approval: ApprovalId,
        /// The stage it opens.
        stage: StageName,
        /// What is agreed to.
        plan: PlanHash,
        /// What changes, component by component.
        changes: Vec<ComponentChange>,
        /// The commits it brings.
        commits: Vec<CommitSummary>,
        /// Checks that passed in the stage before.
        passed: Vec<StepName>,
        /// Where the stage before can be looked at.
        look_at: Vec<String>,
        /// Who may decide.
        approvers: Vec<SlackId>,
        /// When the question lapses.
        expires_at: Timestamp,
    },
    /// A question was answered, or lapsed.
    #[serde(rename_all = "camelCase")]
    ApprovalDecided {
        /// The approval.
        approval: ApprovalId,
        /// The stage it was about.
        stage: StageName,
        /// The decision.
        decision: Decision,
    },
    /// The world moved after people agreed; they are asked again.
    #[serde(rename_all = "camelCase")]
    ApprovalVoided {
        /// The approval that no longer counts.
        approval: ApprovalId,
        /// The stage.
        stage: StageName,
        /// What moved, in sentences.
        moved: Vec<String>,
    },
    /// The release waits for a lock.
    #[serde(rename_all = "camelCase")]
    WaitingForLock {
        /// The stage.
        stage: StageName,
        /// Which release has it.
        held_by: String,
    },
    /// A stage was put back, and holds.
    #[serde(rename_all = "camelCase")]
    RolledBack {
        /// The stage.
        stage: StageName,
        /// Names the hold on the button that ends it.
        hold: HoldId,
        /// What ends the hold.
        until: HoldEnds,
        /// Who may end it.
        resumers: Vec<SlackId>,
        /// Why, in sentences for people.
        reason: String,
        /// What every service runs now.
        services: Vec<RunningService>,
    },
    /// The release waits for a stage that holds.
    #[serde(rename_all = "camelCase")]
    Held {
        /// The stage.
        stage: StageName,
        /// The release after whose rollback it holds.
        after: ReleaseId,
        /// What ends the hold.
        until: HoldEnds,
    },
    /// A hold is over.
    #[serde(rename_all = "camelCase")]
    Resumed {
        /// The stage.
        stage: StageName,
        /// The hold.
        hold: HoldId,
        /// The person who ended it, if one did.
        by: Option<SlackId>,
        /// The operator who ended it with `gantry resume`, by the name that AWS knows them by, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operator: Option<String>,
        /// The release of a newer commit that ended it, if one did.
        release: Option<ReleaseId>,
    },
    /// The final notice: exactly one for a release.
    #[serde(rename_all = "camelCase")]
    Ended {
        /// How it ended.
        end: End,
        /// The stage it was in, if it had come to one.
        stage: Option<StageName>,
        /// Why, in sentences for people.
        reason: String,
        /// What a person should do next, if anything.
        next: Option<String>,
    },
}

/// What a service runs after a rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningService {
    /// The service.
    pub service: ServiceName,
    /// The digest that runs, where ECS tells one.
    pub digest: Option<Digest>,
    /// The commit it was built from, where known.
    pub commit: Option<CommitSha>,
    /// How it came to run that.
    pub came: Came,
}

/// How a service came to run what it runs after a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Came {
    /// The rollback deployed it.
    PutBack,
    /// It was to be put back, and ran its target already: ECS went back by itself, or it was never reached.
    WasBack,
    /// Nothing was changed about it.
    Untouched,
}

/// What a release brings for one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartedComponent {
    /// The component.
    pub component: ComponentName,
    /// Its digest.
    pub digest: Digest,
    /// The commit it was built from.
    pub commit: Option<CommitSha>,
    /// Where it comes from.
    pub source: ComponentSource,
}

/// What changes for one component in a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComponentChange {
    /// The component.
    pub component: ComponentName,
    /// The commit that runs in the stage now, where known.
    pub from_commit: Option<CommitSha>,
    /// The digest that runs in the stage now, where known.
    pub from_digest: Option<Digest>,
    /// The commit it will run.
    pub to_commit: Option<CommitSha>,
    /// The digest it will run.
    pub to_digest: Digest,
    /// Services that are deployed; empty when nothing changes.
    pub services: Vec<ServiceName>,
    /// Does a migration run?
    pub migration: bool,
    /// Where the digest comes from.
    pub source: ComponentSource,
}
