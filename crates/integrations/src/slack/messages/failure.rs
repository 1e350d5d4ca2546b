//! Why a step of a rollout failed: what ECS judged, the tasks that stopped, the events that matter, the end of a log.

use gantry_domain::failure::{Failure, LogTail, StoppedTasks, Told};
use gantry_domain::names::{ReleaseId, StageName};

use super::super::blocks::{Block, context, section};
use super::super::mrkdwn::{code, line, list, plain};
use super::Rendered;

/// No more failures are told in full: a message holds 10,000 characters.
const TOLD: usize = 3;
/// Room for what was judged.
const JUDGEMENT: usize = 500;
/// Room for the tasks and events of one failure.
const FACTS: usize = 900;
/// Room for one fact.
const FACT: usize = 400;
/// Room for the end of a log.
const LOG: usize = 1_300;

/// Something failed in a stage.
pub(super) fn failed(release: &ReleaseId, stage: &StageName, failures: &[Failure]) -> Rendered {
    let subjects: Vec<String> = failures.iter().map(|failure| plain(&failure.subject, 80)).collect();
    let shown = subjects.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut text = format!("Release {release}: {shown} failed in {stage}");
    match failures {
        [only] => text.push_str(&format!(": {}", plain(&only.judgement(), 200))),
        _ => text.push('.'),
    }
    let mut blocks: Vec<Block> =
        failures.iter().take(TOLD).flat_map(|failure| told(stage, failure)).collect();
    if failures.len() > TOLD {
        let others = subjects.get(TOLD..).unwrap_or_default().join(", ");
        blocks.push(section(format!("Failed too: {}", line(&others, FACT))));
    }
    Rendered { text, blocks }
}

fn told(stage: &StageName, failure: &Failure) -> Vec<Block> {
    let Failure { subject, events, log, .. } = failure;
    let title = format!(
        "🔎 *Why {} failed in {stage}*\n{}",
        line(subject, 80),
        line(&failure.judgement(), JUDGEMENT)
    );
    let facts =
        failure.other_tasks().iter().map(StoppedTasks::in_words).chain(events.iter().map(Told::in_words));
    let facts: Vec<String> = facts.map(|fact| format!("• {}", line(&fact, FACT))).collect();
    let mut blocks = vec![section(list(&title, facts.into_iter(), JUDGEMENT + FACTS))];
    blocks.extend(log.iter().flat_map(log_blocks));
    blocks
}

fn log_blocks(log: &LogTail) -> Vec<Block> {
    let container = &log.container;
    let place = log.place.as_ref().map(|place| format!(" `{}`", line(&place.replace('`', "'"), 300)));
    let place = place.unwrap_or_default();
    match &log.unread {
        Some(why) => {
            vec![context(format!("No log of container `{container}`: {}.{place}", line(why, 200)))]
        }
        None => vec![
            section(format!(
                "*The last lines of container `{container}`*\n{}",
                code(log.lines.iter().map(String::as_str), LOG)
            )),
            context(format!("From{place}")),
        ],
    }
}

#[cfg(test)]
mod tests;
