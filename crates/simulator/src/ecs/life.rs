//! A task's life as its images make it: it starts with the slowest, is healthy with the last, ends with the first.

use super::behaviour::{Behaviour, Circumstances, End, Fitness, Http, Labels, Purpose};
use super::model::{Owner, Task, World};
use super::words::{Refusal, Shortage};
use crate::images::ImageFacts;

/// A task's life once its images are pulled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Life {
    pub(crate) start: i64,
    pub(crate) fitness: Fitness,
    /// Seconds after RUNNING when it fails its checks again.
    pub(crate) sickens: Option<i64>,
    /// Why the load balancer does not take it.
    pub(crate) balancer: Option<String>,
    pub(crate) exit: Option<Exit>,
    /// Which container keeps it from running, and how.
    pub(crate) refusal: Option<(usize, Refusal)>,
    /// What each container prints last.
    pub(crate) logs: Vec<Vec<String>>,
    pub(crate) http: Http,
    pub(crate) version: Option<String>,
    pub(crate) revision: Option<String>,
    /// Digest of the container that answers.
    pub(crate) digest: Option<String>,
}

/// Which container exits by itself, when and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit {
    pub(crate) container: usize,
    pub(crate) after: i64,
    pub(crate) code: i64,
    pub(crate) reason: Option<&'static str>,
}

impl World {
    /// The life that a task's images give it where it is.
    pub(crate) fn life_of(&self, task: &Task, facts: &[ImageFacts]) -> Life {
        let main = task.main();
        let behaviours: Vec<Behaviour> = facts
            .iter()
            .enumerate()
            .map(|(index, facts)| {
                Behaviour::of(&self.labels_at(task, facts), circumstances(task, index == main))
            })
            .collect();
        let labels = facts.get(main).map(|facts| &facts.labels);
        let label = |name: &str| labels.and_then(|labels| labels.get(name)).cloned();
        let of_main = behaviours.get(main);
        let refusals = behaviours.iter().enumerate();
        Life {
            start: behaviours.iter().map(|behaviour| behaviour.start).max().unwrap_or(0),
            fitness: fitness(task, &behaviours),
            sickens: behaviours.iter().filter_map(|behaviour| behaviour.sickens).min(),
            balancer: behaviours.iter().find_map(|behaviour| behaviour.balancer.clone()),
            exit: first_exit(task, &behaviours),
            refusal: refusals.filter_map(|(index, behaviour)| Some((index, behaviour.refusal?))).next(),
            logs: behaviours.iter().map(|behaviour| behaviour.log.clone()).collect(),
            http: of_main.map_or_else(Http::fine, |behaviour| behaviour.http.clone()),
            version: label("org.opencontainers.image.version"),
            revision: label("org.opencontainers.image.revision"),
            digest: facts.get(main).map(|facts| facts.digest.clone()),
        }
    }

    /// What keeps a task from being placed, if anything does.
    pub(crate) fn shortage(&self, task: &Task) -> Option<Shortage> {
        if let Some(shortage) = self.shortages.get(&task.cluster) {
            return Some(*shortage);
        }
        let main = task.main();
        task.containers.iter().enumerate().find_map(|(index, container)| {
            let facts = self.resolve(&container.pull)?;
            Behaviour::of(&self.labels_at(task, &facts), circumstances(task, index == main)).shortage
        })
    }

    /// The image's labels under those that a test imposes on the place.
    fn labels_at(&self, task: &Task, facts: &ImageFacts) -> Labels {
        let mut labels = facts.labels.clone();
        let key = (task.cluster.clone(), task.name().to_owned());
        labels.extend(self.imposed.get(&key).cloned().unwrap_or_default());
        labels
    }
}

fn circumstances(task: &Task, main: bool) -> Circumstances<'_> {
    // Only the first essential container is the command that was run; others are its sidecars.
    let purpose = match task.owner {
        Owner::Caller { .. } if main => Purpose::RunTask,
        _ => Purpose::Service,
    };
    Circumstances { purpose, cluster: &task.cluster, name: task.name(), ordinal: task.ordinal }
}

/// Essential containers with their positions and what they do.
fn essential<'a>(
    task: &'a Task,
    behaviours: &'a [Behaviour],
) -> impl Iterator<Item = (usize, bool, &'a Behaviour)> {
    let pairs = task.containers.iter().zip(behaviours).enumerate();
    pairs
        .filter(|(_, (container, _))| container.spec.essential)
        .map(|(index, (container, behaviour))| (index, container.spec.check.is_some(), behaviour))
}

fn fitness(task: &Task, behaviours: &[Behaviour]) -> Fitness {
    let checked = essential(task, behaviours).filter(|(_, checked, _)| *checked);
    let slowest = checked.map(|(_, _, behaviour)| behaviour.fitness).reduce(slower);
    let of_main = || behaviours.get(task.main()).map(|behaviour| behaviour.fitness);
    slowest.or_else(of_main).unwrap_or(Fitness::After(0))
}

fn slower(one: Fitness, other: Fitness) -> Fitness {
    match (one, other) {
        (Fitness::After(one), Fitness::After(other)) => Fitness::After(one.max(other)),
        _ => Fitness::Never,
    }
}

fn first_exit(task: &Task, behaviours: &[Behaviour]) -> Option<Exit> {
    let exits = essential(task, behaviours).filter_map(|(container, _, behaviour)| match behaviour.end {
        End::Exits { after, code, reason } => Some(Exit { container, after, code, reason }),
        End::Serves => None,
    });
    exits.min_by_key(|exit| (exit.after, exit.container))
}
