//! What is known about a failure at the moment it is seen, sorted by what matters to people.
//!
//! First what ECS judged, then the tasks that stopped, grouped by why, the events that are no routine, and the last lines
//! a container printed. ECS forgets stopped tasks within the hour, so this is saved at once. It judges nothing: that is
//! `verdict`'s.

mod log_tail;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ecs::{ServiceEvent, Task};
use crate::names::{ContainerName, TaskArn, TaskDefinitionArn};
use crate::redact::Redactor;

pub use log_tail::{LINES, LogTail};

/// Why a service's deployment or a task failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The service or task.
    pub subject: String,
    /// Is it a task that runs once, and no service?
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// What was judged.
    pub what: String,
    /// What ECS says about the deployment, in its own words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// Tasks that stopped, grouped by why: the largest group first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<StoppedTasks>,
    /// Events of the service that are no routine, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Told>,
    /// What a container printed last. `None`: no container ran that could have printed something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<LogTail>,
}

/// Tasks that stopped for the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedTasks {
    /// How many.
    pub count: u32,
    /// ECS's code, such as `EssentialContainerExited`.
    pub code: Option<String>,
    /// Why, in ECS's words.
    pub reason: Option<String>,
    /// Containers that did not end well, the telling one first.
    pub containers: Vec<StoppedContainer>,
    /// The one that stopped last.
    pub newest: TaskArn,
    /// What it ran.
    pub task_definition: TaskDefinitionArn,
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedContainer {
    /// Its name.
    pub name: ContainerName,
    /// Its exit code. `None`: it never ran, or ECS does not tell.
    pub exit_code: Option<i32>,
    /// What ECS says about it.
    pub reason: Option<String>,
}

/// Something ECS said, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// In ECS's words; of several that differ only in the task's id, the newest.
    pub message: String,
    /// How often.
    pub times: u32,
}

/// No more groups of tasks than this are kept, nor events.
const KEPT: usize = 5;
/// No more groups are told in short.
const IN_SHORT: usize = 2;
/// No text of ECS is longer than this.
const WORDS: usize = 400;
/// No failure in short is longer: it travels through states and messages.
const SHORT: usize = 1500;
/// A container that ends because another one of its task did gets this signal's exit code.
const TERMINATED: i32 = 143;

impl Failure {
    /// A failure of which no more is known than that.
    pub fn new(subject: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            once: false,
            what: what.into(),
            because: Vec::new(),
            tasks: Vec::new(),
            events: Vec::new(),
            log: None,
        }
    }

    /// A task that was to run once came to a bad end.
    pub fn of_task(name: impl Into<String>, container: &ContainerName, task: &Task) -> Self {
        let ours = BTreeSet::from([container]);
        Self { once: true, ..Self::new(name, "its task failed").with_tasks([task], &ours) }
    }

    /// With what ECS says, once each.
    #[must_use]
    pub fn because(mut self, words: impl IntoIterator<Item = String>) -> Self {
        for words in words {
            if !words.trim().is_empty() && !self.because.contains(&words) {
                self.because.push(words);
            }
        }
        self
    }

    /// With the tasks that failed; `ours` are the containers whose image was replaced. Tasks that were stopped because
    /// a deployment scaled in did not fail.
    #[must_use]
    pub fn with_tasks<'a>(
        mut self,
        tasks: impl IntoIterator<Item = &'a Task>,
        ours: &BTreeSet<&ContainerName>,
    ) -> Self {
        let mut failed: Vec<&Task> = tasks.into_iter().filter(|task| !is_scaling(task)).collect();
        failed.sort_by_key(|task| std::cmp::Reverse(task.stopped_at));
        for task in failed {
            let containers = containers(task, ours);
            let (code, reason) = (&task.stop_code, &task.stopped_reason);
            let same = |group: &&mut StoppedTasks| {
                group.code == *code && group.reason == *reason && group.containers == containers
            };
            match self.tasks.iter_mut().find(same) {
                Some(group) => group.count += 1,
                None => self.tasks.push(StoppedTasks {
                    count: 1,
                    code: code.clone(),
                    reason: reason.clone(),
                    containers,
                    newest: task.arn.clone(),
                    task_definition: task.task_definition.clone(),
                }),
            }
        }
        self.tasks.sort_by_key(|group| std::cmp::Reverse(group.count));
        self.tasks.truncate(KEPT);
        self
    }

    /// With the events that are no routine, of a list with the newest first.
    #[must_use]
    pub fn with_events<'a>(mut self, events: impl IntoIterator<Item = &'a ServiceEvent>) -> Self {
        let mut seen: Vec<String> = Vec::new();
        for event in events.into_iter().filter(|event| !is_routine(&event.message)) {
            let kind = without_task(&event.message);
            match seen.iter().position(|one| *one == kind) {
                Some(at) => self.events[at].times += 1,
                None if seen.len() < KEPT => {
                    seen.push(kind);
                    self.events.push(Told { message: event.message.clone(), times: 1 });
                }
                None => {}
            }
        }
        self
    }

    /// The task and container whose log tells most: of the largest group that ran.
    pub fn speaker(&self) -> Option<(&TaskArn, &ContainerName)> {
        let ran = |group: &&StoppedTasks| group.code.as_deref() != Some("TaskFailedToStart");
        let group = self.tasks.iter().filter(ran).find(|group| !group.containers.is_empty())?;
        Some((&group.newest, &group.containers.first()?.name))
    }

    /// What its tasks ran.
    pub fn task_definition(&self) -> Option<&TaskDefinitionArn> {
        self.tasks.first().map(|group| &group.task_definition)
    }

    /// Without secrets, and cut: safe to be saved and shown.
    #[must_use]
    pub fn redacted(mut self, redactor: &mut Redactor) -> Self {
        let mut safe = |text: &str| cut(&redactor.text(text), WORDS);
        self.what = safe(&self.what);
        self.because.iter_mut().for_each(|words| *words = safe(words));
        self.events.iter_mut().for_each(|told| told.message = safe(&told.message));
        for group in &mut self.tasks {
            group.reason = group.reason.as_deref().map(&mut safe);
            for container in &mut group.containers {
                container.reason = container.reason.as_deref().map(&mut safe);
            }
        }
        self
    }

    /// What was judged, and what ECS says to it. Of a task that ran once, why it stopped says it all.
    pub fn judgement(&self) -> String {
        if let Some(task) = self.only_task() {
            return task.why();
        }
        let because: Vec<&str> = self.because.iter().map(|words| words.trim_end_matches('.')).collect();
        match because.as_slice() {
            [] => self.what.clone(),
            because => format!("{}. {}.", self.what, because.join(". ")),
        }
    }

    /// The groups of tasks that `judgement` does not tell of.
    pub fn other_tasks(&self) -> &[StoppedTasks] {
        if self.only_task().is_some() { &[] } else { &self.tasks }
    }

    fn only_task(&self) -> Option<&StoppedTasks> {
        self.tasks.first().filter(|_| self.once)
    }

    /// What matters most, in few lines.
    pub fn in_short(&self) -> String {
        let failed = if self.only_task().is_some() { " failed" } else { "" };
        let mut lines = vec![format!("{}{failed}: {}", self.subject, self.judgement())];
        lines.extend(self.other_tasks().iter().take(IN_SHORT).map(StoppedTasks::in_words));
        // Where no task came to stop, only ECS knows what is in the way. That it failed and went back, which is what its newest
        // events tell, is told by the judgement.
        if self.tasks.is_empty() {
            let in_the_way = self.events.iter().find(|event| !is_aftermath(&event.message));
            lines.extend(in_the_way.or(self.events.first()).map(Told::in_words));
        }
        lines.iter().map(|line| cut(line, WORDS)).collect::<Vec<_>>().join("\n")
    }
}

impl StoppedTasks {
    /// How many stopped, and why.
    pub fn in_words(&self) -> String {
        let count = if self.count == 1 { "1 task".to_owned() } else { format!("{} tasks", self.count) };
        let code = self.code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default();
        format!("{count} stopped{code}: {}", self.why())
    }

    fn why(&self) -> String {
        let mut why: Vec<String> = self.reason.iter().cloned().collect();
        for container in &self.containers {
            let told = container.in_words();
            // A container that cannot start has the task's own reason.
            if container.reason.is_none() || container.reason != self.reason {
                why.push(told);
            }
        }
        if why.is_empty() { "ECS gives no reason".to_owned() } else { why.join("; ") }
    }
}

impl StoppedContainer {
    fn in_words(&self) -> String {
        let code = self.exit_code.map(|code| format!("exit code {code}"));
        let told = [code, self.reason.clone()].into_iter().flatten().collect::<Vec<_>>();
        let told = if told.is_empty() { "no exit code".to_owned() } else { told.join(", ") };
        format!("container {}: {told}", self.name)
    }
}

impl Told {
    /// What was said, and how often if more than once.
    pub fn in_words(&self) -> String {
        match self.times {
            1 => self.message.clone(),
            times => format!("{} ({times} times)", self.message),
        }
    }
}

/// All failures in short.
pub fn in_short(failures: &[Failure]) -> String {
    cut(&failures.iter().map(Failure::in_short).collect::<Vec<_>>().join("\n"), SHORT)
}

/// Was it stopped because a deployment needed it no longer?
fn is_scaling(task: &Task) -> bool {
    task.stopped_reason.as_deref().is_some_and(|reason| reason.starts_with("Scaling activity initiated by"))
}

/// Those that did not end well, the telling one first: what failed by itself, then ours, then what was told to stop.
fn containers(task: &Task, ours: &BTreeSet<&ContainerName>) -> Vec<StoppedContainer> {
    let mut containers: Vec<StoppedContainer> = task
        .containers
        .iter()
        .filter(|one| {
            one.exit_code.is_some_and(|code| code != 0) || one.reason.is_some() || is_silent(task, one, ours)
        })
        .map(|one| StoppedContainer {
            name: one.name.clone(),
            exit_code: one.exit_code,
            reason: one.reason.clone(),
        })
        .collect();
    containers.sort_by_key(|one| {
        let failed = one.exit_code.is_some_and(|code| code != 0 && code != TERMINATED);
        (!failed, !ours.contains(&one.name))
    });
    containers
}

/// Ours, in a task of which no container has anything to say: still the one whose log is wanted.
fn is_silent(task: &Task, one: &crate::ecs::TaskContainer, ours: &BTreeSet<&ContainerName>) -> bool {
    ours.contains(&one.name)
        && task
            .containers
            .iter()
            .all(|one| one.exit_code.is_none_or(|code| code == 0) && one.reason.is_none())
}

/// What ECS tells on every good day. What it invents later is no routine.
const ROUTINE: [&str; 9] = [
    ") has started ",
    ") has stopped ",
    "has reached a steady state",
    ") registered ",
    ") deregistered ",
    "has begun draining connections",
    "deployment completed",
    "updated computedDesiredCount",
    "Message: Successfully set desired count",
];

fn is_routine(message: &str) -> bool {
    ROUTINE.iter().any(|routine| message.contains(routine))
}

/// What ECS tells when it has given up: true, and no reason.
const AFTERMATH: [&str; 3] =
    ["rolling back to ", " deployment failed: ", "unable to consistently start tasks"];

fn is_aftermath(message: &str) -> bool {
    AFTERMATH.iter().any(|words| message.contains(words))
}

/// The message without the ids of tasks.
fn without_task(message: &str) -> String {
    let mut parts = message.split("(task ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.split_once(')').map_or("", |(_, rest)| rest));
    }
    text
}

fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
