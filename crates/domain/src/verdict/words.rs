//! What a bad verdict says: everything ECS tells about it, and not too much.

use super::{DeploymentObservation, Verdict};
use crate::ecs::Task;

/// No more stopped tasks and events than this are told.
pub(super) const TOLD: usize = 3;

/// No reason is longer than this: it travels through states and messages.
pub(super) const LONGEST: usize = 1500;

/// A bad verdict with everything ECS says about it.
pub(super) fn bad(seen: &DeploymentObservation, what: &str) -> Verdict {
    let mut parts = vec![format!("{}: {what}", seen.service)];
    if let Some(own) = &seen.own {
        parts.extend(own.status_reason.clone());
        parts.extend(own.rollback_reason.clone().filter(|reason| Some(reason) != own.status_reason.as_ref()));
        if own.failed_tasks > 0 {
            parts.push(format!("{} tasks failed", own.failed_tasks));
        }
        if !own.alarms.is_empty() {
            parts.push(format!("alarms: {}", own.alarms.join(", ")));
        }
    }
    let mut stops: Vec<String> = Vec::new();
    // Tasks that ECS scaled in on its way back tell nothing, unless there are no others.
    let crashed: Vec<&Task> = seen.stopped.iter().filter(|task| task.crashed()).collect();
    let telling = if crashed.is_empty() { seen.stopped.iter().collect() } else { crashed };
    for reason in telling.into_iter().filter_map(Task::why_stopped) {
        if !stops.contains(&reason) {
            stops.push(reason);
        }
    }
    parts.extend(stops.into_iter().take(TOLD).map(|reason| format!("a task stopped: {reason}")));
    parts.extend(telling_events(seen).into_iter().take(TOLD).map(|event| format!("event: {event}")));
    Verdict::Bad(cut(&parts.join("; ")))
}

pub(super) fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

/// What ECS complains about, before what it only notes. It may have gone back by the time one looks, and its newest lines
/// then tell of that alone.
fn telling_events(seen: &DeploymentObservation) -> Vec<&str> {
    const COMPLAINTS: [&str; 4] = ["unable to", "unhealthy", "failed", "insufficient"];
    let complains = |message: &str| COMPLAINTS.iter().any(|words| message.contains(words));
    let mut events: Vec<&str> = Vec::new();
    for event in &seen.events {
        if !events.contains(&event.message.as_str()) {
            events.push(&event.message);
        }
    }
    events.sort_by_key(|message| !complains(message));
    events
}
