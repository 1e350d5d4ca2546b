//! The message that heads a release's thread, and the replies in it.

use gantry_domain::End;
use gantry_domain::names::{CommitSha, ReleaseId, ServiceName, StageName, StepName};
use gantry_domain::notice::StartedComponent;
use gantry_domain::release::{CommitSummary, Origin};

use super::super::blocks::{context, section};
use super::super::mrkdwn::{line, lines, list, plain, row};
use super::{COMPONENTS, REASON, Rendered, commit_list, origin_of, version};

/// The first words about a release.
pub(super) fn asked(
    release: &ReleaseId,
    commit: &CommitSha,
    origin: Origin,
    components: &[StartedComponent],
) -> Rendered {
    let by = match origin {
        Origin::Push => "It started by itself, once its images and checks had arrived",
        Origin::Console => "A person started it from the console",
    };
    let new: Vec<_> =
        components.iter().filter(|part| part.source.is_new()).map(|part| &part.component).collect();
    let what = if new.is_empty() { "nothing new".to_owned() } else { row(new, 150) };
    let text = format!("Release {release} has started. It brings: {what}.");
    let first = format!("🏗️ *Release `{release}` has started*\nCommit `{}`. {by}.", commit.short());
    Rendered { text, blocks: vec![section(first)] }
}

/// A release has started; once it ended, how.
pub(super) fn started(
    asked: Rendered,
    components: &[StartedComponent],
    commits: &[CommitSummary],
    ended: Option<Rendered>,
) -> Rendered {
    let items = components.iter().map(|released| {
        let remark = origin_of(&released.source).map_or_else(|| "new".to_owned(), |why| format!("_{why}_"));
        format!(
            "• *{}* {} · {remark}",
            released.component,
            version(released.commit.as_ref(), Some(&released.digest))
        )
    });
    let brings = section(list("*What it holds*", items, COMPONENTS));
    let commits = commit_list(commits).map(section);
    let footer = if ended.is_none() {
        "What happens to it is told in this thread."
    } else {
        "How it went is told in this thread."
    };
    let Rendered { text, mut blocks } = ended.unwrap_or(asked);
    blocks.push(brings);
    blocks.extend(commits);
    blocks.push(context(footer));
    Rendered { text, blocks }
}

/// A stage runs the release.
pub(super) fn verified(
    release: &ReleaseId,
    stage: &StageName,
    deployed: &[ServiceName],
    unchanged: &[ServiceName],
    passed: &[StepName],
) -> Rendered {
    let mut words = format!("✅ *{stage} runs the release, verified*");
    if !deployed.is_empty() {
        words.push_str(&format!("\nDeployed: {}", row(deployed, 800)));
    }
    if !unchanged.is_empty() {
        words.push_str(&format!("\nRan it already: {}", row(unchanged, 800)));
    }
    if !passed.is_empty() {
        words.push_str(&format!("\nPassed: {}", row(passed, 800)));
    }
    Rendered { text: format!("{stage} runs release {release}, verified."), blocks: vec![section(words)] }
}

/// A release waits for another one.
pub(super) fn waiting(release: &ReleaseId, stage: &StageName, held_by: &str) -> Rendered {
    let words = format!(
        "⏳ *Waiting for {stage}*\nRelease `{}` is at work there. This one goes on by itself when it is done.",
        line(held_by, 100)
    );
    let text = format!("Release {release} waits: {stage} is held by {}.", plain(held_by, 100));
    Rendered { text, blocks: vec![section(words)] }
}

/// The end of a release.
pub(super) fn ended(
    release: &ReleaseId,
    end: End,
    stage: Option<&StageName>,
    reason: &str,
    next: Option<&str>,
) -> Rendered {
    let (icon, what) = match end {
        End::Succeeded => ("✅", "succeeded".to_owned()),
        End::Declined => ("⛔", format!("was declined{}: nothing was promoted", before(stage))),
        End::RolledBack => {
            ("⏪", format!("was rolled back{}: what ran before runs again, verified", at(stage)))
        }
        End::FailedClean => ("⚠️", format!("failed{}: nothing was changed there", at(stage))),
        End::FailedDirty => ("🚨", format!("failed{} and needs a person", at(stage))),
    };
    // Without a stage there is no "there".
    let what = if stage.is_none() { what.replace(" there", "") } else { what };
    let mut words = format!("{icon} *Release `{release}` {what}*");
    if !reason.trim().is_empty() {
        words.push('\n');
        words.push_str(&lines(reason, REASON));
    }
    if let Some(next) = next {
        words.push_str(&format!("\n*Next:* {}", lines(next, REASON)));
    }
    let mut text = format!("Release {release} {what}.");
    if end != End::Succeeded && !reason.trim().is_empty() {
        text.push(' ');
        text.push_str(&plain(reason, 200));
    }
    Rendered { text, blocks: vec![section(words)] }
}

fn at(stage: Option<&StageName>) -> String {
    stage.map_or_else(String::new, |stage| format!(" in {stage}"))
}

fn before(stage: Option<&StageName>) -> String {
    stage.map_or_else(String::new, |stage| format!(" before {stage}"))
}
