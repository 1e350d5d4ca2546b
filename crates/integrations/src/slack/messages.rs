//! What people read in the channel, from notices.
//!
//! One message tells a release's whole life and is the head of a thread; the question before a stage stands by itself,
//! so that it is seen. Every text that is not ours is escaped and cut; the sum stays under 10,000 characters, because
//! Slack refuses long messages.

mod question;
mod release;
mod rollback;

use gantry_domain::names::{CommitSha, Digest};
use gantry_domain::notice::Notice;
use gantry_domain::release::{CommitSummary, ComponentSource};
use gantry_steps::ports::Message;
use serde::Serialize;

use super::blocks::Block;
use super::mrkdwn::{line, list};

/// A message as Slack takes it. `text` is what notifications and screen readers say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Rendered {
    pub(super) text: String,
    pub(super) blocks: Vec<Block>,
}

/// Room for the list of commits.
const COMMITS: usize = 1_800;
/// Room for the list of components.
const COMPONENTS: usize = 2_900;
/// Room for a reason.
const REASON: usize = 900;

/// Words a message.
pub(super) fn render(message: Message<'_>) -> Rendered {
    let release = message.release;
    match message.notice {
        Notice::Started { commit, origin, components, commits, undoes } => {
            let ended = match message.outcome {
                Some(Notice::Ended { end, stage, reason, next }) => {
                    Some(release::ended(release, *end, stage.as_ref(), reason, next.as_deref()))
                }
                _ => None,
            };
            let asked = match undoes {
                Some(undoes) => rollback::asked(release, undoes),
                None => release::asked(release, commit, *origin, components),
            };
            release::started(asked, components, commits, ended)
        }
        Notice::ApprovalRequested {
            approval,
            stage,
            plan,
            changes,
            commits,
            passed,
            look_at,
            approvers,
            expires_at,
        } => {
            let question = question::Question {
                release,
                approval,
                stage,
                plan,
                changes,
                commits,
                passed,
                look_at,
                approvers,
                expires_at: *expires_at,
            };
            match message.outcome {
                Some(Notice::ApprovalDecided { decision, .. }) => question.decided(decision),
                Some(Notice::ApprovalVoided { moved, .. }) => question.voided(moved),
                _ => question.open(),
            }
        }
        Notice::ApprovalDecided { stage, decision, .. } => question::decision(release, stage, decision),
        Notice::ApprovalVoided { stage, moved, .. } => question::void(release, stage, moved),
        Notice::StageVerified { stage, deployed, unchanged, passed } => {
            release::verified(release, stage, deployed, unchanged, passed)
        }
        Notice::WaitingForLock { stage, held_by } => release::waiting(release, stage, held_by),
        Notice::RolledBack { stage, hold, until, resumers, reason, services } => {
            let put_back =
                rollback::PutBack { release, stage, hold, until: *until, resumers, reason, services };
            match message.outcome {
                Some(Notice::Resumed { by, operator, release, .. }) => put_back
                    .resumed(&rollback::Resumed::of(by.as_ref(), operator.as_deref(), release.as_ref())),
                _ => put_back.holds(),
            }
        }
        Notice::Held { stage, after, until } => rollback::held(release, stage, after, *until),
        Notice::Resumed { stage, by, operator, release, .. } => rollback::resumed(
            stage,
            &rollback::Resumed::of(by.as_ref(), operator.as_deref(), release.as_ref()),
        ),
        Notice::Ended { end, stage, reason, next } => {
            release::ended(release, *end, stage.as_ref(), reason, next.as_deref())
        }
    }
}

/// A version as people recognize it.
fn version(commit: Option<&CommitSha>, digest: Option<&Digest>) -> String {
    match (commit, digest) {
        (Some(commit), _) => format!("`{}`", commit.short()),
        (None, Some(digest)) => format!("image `{}`", digest.short()),
        (None, None) => "an unknown version".to_owned(),
    }
}

/// Why a release holds a version that its commit did not build.
fn origin_of(source: &ComponentSource) -> Option<String> {
    match source {
        ComponentSource::Built => None,
        ComponentSource::Named => Some("named by the person who started the release".to_owned()),
        ComponentSource::Carried { stage } => {
            Some(format!("not touched by this commit: the version that {stage} runs, verified"))
        }
        ComponentSource::Baseline { stage } => Some(format!(
            "not touched by this commit: what {stage} ran when Gantry first looked, never verified by Gantry"
        )),
    }
}

/// The newest commits first.
fn commit_list(commits: &[CommitSummary]) -> Option<String> {
    if commits.is_empty() {
        return None;
    }
    let title =
        if commits.len() == 1 { "*1 commit*".to_owned() } else { format!("*{} commits*", commits.len()) };
    let items = commits.iter().rev().map(|commit| {
        format!("• `{}` {} _by_ {}", commit.sha.short(), line(&commit.title, 100), line(&commit.author, 40))
    });
    Some(list(&title, items, COMMITS))
}

#[cfg(test)]
mod tests;
