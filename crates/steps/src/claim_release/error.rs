//! Why a release is refused. Nothing has been touched then.

use gantry_domain::ErrorName;
use gantry_domain::candidate::{Ignored, Missing};
use gantry_domain::claim::InputError;
use gantry_domain::names::{
    BranchName, CommitPrefix, CommitSha, ComponentName, Digest, ExecutionArn, NameError, ReleaseId,
    RepositoryName, ServiceName, StageName, Tag,
};

use crate::StepError;
use crate::ports::PortError;

/// Why a release was not claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimReleaseError {
    /// The execution's input is not what is accepted.
    #[error("the execution's input is not accepted")]
    Input {
        /// What was wrong.
        #[source]
        source: InputError,
    },
    /// A short commit can mean several.
    #[error("commit {prefix} can mean {}; give more digits", list(commits))]
    Ambiguous {
        /// What was given.
        prefix: CommitPrefix,
        /// What it can mean.
        commits: Vec<CommitSha>,
    },
    /// Nothing is known of the commit.
    #[error("no push of commit {0} is known: GitHub's push event has not arrived, or the digits are wrong")]
    UnknownCommit(CommitPrefix),
    /// A tag does not tell its commit.
    #[error(
        "tag {tag} of {component} does not tell a whole commit: use sha-<commit> with a commit that was pushed"
    )]
    CommitOfTag {
        /// The component.
        component: ComponentName,
        /// The tag.
        tag: Tag,
    },
    /// Images or checks are missing.
    #[error("commit {commit} is not ready: it waits for {}", list(missing))]
    NotReady {
        /// The commit.
        commit: CommitSha,
        /// What is missing.
        missing: Vec<Missing>,
    },
    /// There is nothing to release.
    #[error("commit {commit} is not released: {why}")]
    Ignored {
        /// The commit.
        commit: CommitSha,
        /// Why.
        why: Ignored,
    },
    /// Nothing proves that the image comes from the released branch.
    #[error(
        "nothing proves that {component} from {commit} is on branch {branch}: no push to it, no tag branch-{branch}"
    )]
    BranchUnproven {
        /// The component.
        component: ComponentName,
        /// The commit.
        commit: CommitSha,
        /// The branch that is released.
        branch: BranchName,
    },
    /// The registry has no such tag.
    #[error("repository {repository} has no image with tag {tag}")]
    NoSuchTag {
        /// The repository.
        repository: RepositoryName,
        /// The tag.
        tag: Tag,
    },
    /// The registry has no such image (any more).
    #[error("repository {repository} has no image {digest}")]
    NoSuchImage {
        /// The repository.
        repository: RepositoryName,
        /// The digest.
        digest: Digest,
    },
    /// What the tag points at is no image.
    #[error("{digest} in {repository} is not an image a task can run but {media_type}")]
    NotRunnable {
        /// The repository.
        repository: RepositoryName,
        /// The digest.
        digest: Digest,
        /// What it is.
        media_type: String,
    },
    /// Another execution is releasing the commit.
    #[error("commit {commit} is being released as {by}")]
    Claimed {
        /// The commit.
        commit: CommitSha,
        /// The release that has it.
        by: ReleaseId,
    },
    /// The commit had its turn.
    #[error("commit {commit} was released as {by} already; a person can start it again under another name")]
    Ended {
        /// The commit.
        commit: CommitSha,
        /// The release that had it.
        by: ReleaseId,
    },
    /// A newer push of the same component was released.
    #[error("commit {commit} is skipped: a newer push of its components was released before")]
    Older {
        /// The commit.
        commit: CommitSha,
    },
    /// The claim kept changing while it was looked at.
    #[error("commit {commit} is being claimed by others at this moment")]
    Contended {
        /// The commit.
        commit: CommitSha,
    },
    /// Nobody knows what an untouched component is to run.
    #[error("nothing is known to run for component {component}, which the release does not bring: {why}")]
    NoBaseline {
        /// The component.
        component: ComponentName,
        /// Why not.
        why: String,
    },
    /// A service of the configuration does not exist.
    #[error("service {service} of component {component} is not in the first stage's cluster")]
    NoSuchService {
        /// The service.
        service: ServiceName,
        /// Its component.
        component: ComponentName,
    },
    /// Nothing can be rolled back where nothing was verified.
    #[error("nothing stands verified in {stage}, so there is nothing to roll back")]
    NothingVerified {
        /// The stage.
        stage: StageName,
    },
    /// What passed last is not what runs, or soon will not be: "the one before" would go one too far.
    #[error(
        "{release} is at work in {stage}, or was left there, so it is not known which release is the one before: name \
         the one to go back to (\"to\"), or wait until {release} has ended"
    )]
    AtWork {
        /// The release that has the stage's lock.
        release: ReleaseId,
        /// The stage.
        stage: StageName,
    },
    /// What died elsewhere is put back elsewhere.
    #[error("release {release} was not changing {stage}: it does not have that stage's lock")]
    NotThere {
        /// The release that was named.
        release: ReleaseId,
        /// The stage that was named.
        stage: StageName,
    },
    /// A stage goes back only to what was verified there.
    #[error("release {release} does not stand verified in {stage}, so nothing goes back to it")]
    NeverVerified {
        /// The release that was named.
        release: ReleaseId,
        /// The stage.
        stage: StageName,
    },
    /// There is nothing to take over.
    #[error("release {release} is not under way: it was never claimed, or it has ended")]
    NotUnderWay {
        /// The release that was named.
        release: ReleaseId,
    },
    /// Nothing is taken from an execution that lives.
    #[error("release {release} goes on: stop {execution} first, then it is put back by itself")]
    GoesOn {
        /// The release.
        release: ReleaseId,
        /// Who has it.
        execution: ExecutionArn,
    },
    /// The release that would be undone has no manifest: a defect.
    #[error("release {0} is verified, and not recorded")]
    UnknownRelease(ReleaseId),
    /// The rollback has no proper id: a defect.
    #[error("no rollback can be named after this execution")]
    UnnamedRollback {
        /// The cause.
        #[source]
        source: NameError,
    },
    /// The configuration has no stage.
    #[error("the pipeline has no stage")]
    NoStage,
    /// The release has no proper id: a defect.
    #[error("no release can be named after commit {commit}")]
    Unnamed {
        /// The commit.
        commit: CommitSha,
        /// The cause.
        #[source]
        source: NameError,
    },
    /// A call failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

impl StepError for ClaimReleaseError {
    fn name(&self) -> ErrorName {
        match self {
            Self::Input { .. }
            | Self::Ambiguous { .. }
            | Self::CommitOfTag { .. }
            | Self::NothingVerified { .. }
            | Self::NeverVerified { .. }
            | Self::AtWork { .. }
            | Self::NotThere { .. }
            | Self::NotUnderWay { .. } => ErrorName::InvalidInput,
            Self::UnknownCommit(_)
            | Self::NotReady { .. }
            | Self::Ignored { .. }
            | Self::BranchUnproven { .. } => ErrorName::NotReady,
            Self::NoSuchTag { .. } | Self::NoSuchImage { .. } | Self::NotRunnable { .. } => {
                ErrorName::ImageNotFound
            }
            Self::Claimed { .. } | Self::Ended { .. } | Self::Older { .. } => {
                ErrorName::ReleaseAlreadyClaimed
            }
            // Step Functions tells how an execution was a moment ago: one that has just died may seem to live.
            Self::Contended { .. } | Self::GoesOn { .. } => ErrorName::Unavailable,
            Self::NoBaseline { .. } | Self::NoSuchService { .. } => ErrorName::UnsupportedService,
            Self::NoStage => ErrorName::Misconfigured,
            Self::Unnamed { .. } | Self::UnnamedRollback { .. } | Self::UnknownRelease(_) => {
                ErrorName::Inconsistent
            }
            Self::Port(error) => error.name(),
        }
    }
}

fn list(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
