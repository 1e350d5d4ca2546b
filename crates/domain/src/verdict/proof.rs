//! The proof of a success: that as many tasks as wanted really run what was wanted.

use jiff::Timestamp;

use super::DeploymentObservation;
use crate::ecs::Task;
use crate::names::Digest;

/// ECS lists no more tasks than this at once.
const TASKS_LISTED: usize = 100;

/// How far a success is proved.
pub(super) enum Proof {
    /// As many tasks as wanted run it, since then, where ECS tells.
    Complete(Option<Timestamp>),
    /// It may still come.
    Missing(String),
    Wrong(String),
}

/// Do the tasks that were wanted really run what was wanted?
pub(super) fn prove(seen: &DeploymentObservation) -> Proof {
    // The list of deployments may lag behind somebody who has deployed since.
    if seen.current.as_ref() != Some(&seen.wanted.task_definition) {
        return Proof::Missing(match &seen.current {
            Some(other) => format!("the service is to run {other}"),
            None => "ECS does not tell what the service is to run".to_owned(),
        });
    }
    let Some(revision) = &seen.revision else {
        return Proof::Missing("ECS does not tell what its deployment brought".to_owned());
    };
    if revision.task_definition != seen.wanted.task_definition {
        return Proof::Wrong(format!("its deployment brought {}", revision.task_definition));
    }
    for (container, digest) in &seen.wanted.digests {
        let Some(image) = revision.images.iter().find(|image| image.container == *container) else {
            return Proof::Missing(format!("ECS does not tell the image of container {container}"));
        };
        // An index may be resolved to one of its children: then the reference it was resolved from counts.
        if !runs(&image.image, image.digest.as_ref(), digest) {
            return Proof::Wrong(format!(
                "container {container} runs {}, not {digest}",
                shown(&image.image, &image.digest)
            ));
        }
    }
    prove_tasks(seen)
}

/// Are there as many tasks as wanted, and do they run what was wanted?
pub(super) fn prove_tasks(seen: &DeploymentObservation) -> Proof {
    if seen.desired_count == 0 {
        return Proof::Wrong("it wants 0 tasks, so nothing is proved".to_owned());
    }
    let up = |task: &&Task| {
        task.is_running()
            && task.healthy != Some(false)
            && task.task_definition == seen.wanted.task_definition
    };
    let mut since = Vec::new();
    for task in seen.tasks.iter().filter(up) {
        for (container, digest) in &seen.wanted.digests {
            let Some(one) = task.containers.iter().find(|one| one.name == *container) else {
                return Proof::Missing(format!(
                    "ECS does not tell about container {container} of {}",
                    task.arn
                ));
            };
            if !runs(&one.image, one.digest.as_ref(), digest) {
                return Proof::Wrong(format!(
                    "container {container} of {} runs {}, not {digest}",
                    task.arn,
                    shown(&one.image, &one.digest)
                ));
            }
        }
        since.push(task.started_at);
    }
    let wanted = usize::try_from(seen.desired_count).unwrap_or(TASKS_LISTED).min(TASKS_LISTED);
    if since.len() < wanted {
        return Proof::Missing(format!("only {} of {} tasks run it", since.len(), seen.desired_count));
    }
    since.sort_unstable();
    Proof::Complete(since.get(wanted.saturating_sub(1)).copied().flatten())
}

/// Is it our digest: by reference, which a container runtime verifies down to every layer, or as ECS resolved it?
fn runs(image: &str, resolved: Option<&Digest>, wanted: &Digest) -> bool {
    match image.rsplit_once('@') {
        Some((_, pinned)) => pinned == wanted.as_str(),
        None => resolved == Some(wanted),
    }
}

fn shown(image: &str, digest: &Option<Digest>) -> String {
    match digest {
        Some(digest) if !image.contains('@') => format!("{image} ({digest})"),
        Some(_) | None => image.to_owned(),
    }
}
