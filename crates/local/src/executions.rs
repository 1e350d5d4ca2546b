//! Watches the state machines of the stack.
//!
//! Step Functions has no way to push what happens, so this is the one place that asks again and again, at short real
//! intervals; everybody else waits for a change of what it has seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gantry_domain::Scale;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::client::{Client, ClientError, Execution, HistoryEvent};

/// How often the machines are asked, in real time.
const POLL: Duration = Duration::from_millis(80);

/// A state machine that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// What people call it: `release` or `rollout`.
    pub name: String,
    /// Its ARN.
    pub arn: String,
}

/// A state that an execution was in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The state.
    pub state: String,
    /// World time.
    pub entered_at: Timestamp,
    /// World time; absent while the execution is in it.
    pub left_at: Option<Timestamp>,
    /// `Task`, `Choice`, `Pass`, ….
    pub kind: String,
    /// Whether something failed in it, caught or not.
    pub failed: bool,
    /// What it handed on, as JSON.
    pub output: Option<String>,
}

/// An execution with the way it has gone so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Name of its machine.
    pub machine: String,
    /// The execution as it stands.
    pub execution: Execution,
    /// The states it has been in, oldest first.
    pub visits: Vec<Visit>,
    /// The last event of its history that was read.
    last_event: u64,
}

impl Observed {
    /// The state it is in, if it is in one.
    pub fn state(&self) -> Option<&str> {
        self.visits.last().filter(|visit| visit.left_at.is_none()).map(|visit| visit.state.as_str())
    }

    /// The states it has been in, oldest first.
    pub fn path(&self) -> Vec<&str> {
        self.visits.iter().map(|visit| visit.state.as_str()).collect()
    }
}

/// Everything seen so far, oldest execution first.
pub type Sight = Arc<Vec<Observed>>;

/// Knows all executions of some machines.
#[derive(Debug)]
pub struct Executions {
    sight: watch::Receiver<Sight>,
    watcher: tokio::task::JoinHandle<()>,
}

impl Executions {
    /// Watches these machines until the value is dropped.
    pub fn watch(machines: Vec<Machine>, client: Client, scale: Scale) -> Self {
        let (sender, sight) = watch::channel(Sight::default());
        let watcher = tokio::spawn(async move {
            let mut watcher = Watcher { machines, client, scale, seen: BTreeMap::new(), order: Vec::new() };
            while !sender.is_closed() {
                match watcher.look().await {
                    Ok(true) => drop(sender.send_replace(watcher.sight())),
                    Ok(false) => {}
                    Err(error) => tracing::debug!(%error, "the machines could not be asked"),
                }
                tokio::time::sleep(POLL).await;
            }
        });
        Self { sight, watcher }
    }

    /// What was seen last.
    pub fn now(&self) -> Sight {
        self.sight.borrow().clone()
    }

    /// Tells of every change.
    pub fn subscribe(&self) -> watch::Receiver<Sight> {
        self.sight.clone()
    }

    /// Waits until something is seen, past or future. Gives up when `patience` is over, with what is there instead.
    pub async fn wait_for<T>(
        &self,
        patience: Duration,
        mut find: impl FnMut(&[Observed]) -> Option<T>,
    ) -> Result<T, Unseen> {
        let mut sight = self.subscribe();
        let found = tokio::time::timeout(patience, async {
            loop {
                if let Some(found) = find(&sight.borrow_and_update()) {
                    return Some(found);
                }
                sight.changed().await.ok()?;
            }
        });
        found.await.ok().flatten().ok_or_else(|| Unseen { waited: patience, there: told(&self.now()) })
    }
}

impl Drop for Executions {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

/// What was waited for did not happen.
#[derive(Debug, thiserror::Error)]
#[error("it did not happen within {waited:?}; the executions are:\n{there}")]
pub struct Unseen {
    waited: Duration,
    there: String,
}

/// Executions in one line each: machine, name, status and the way they went.
pub(crate) fn told(sight: &[Observed]) -> String {
    let line = |observed: &Observed| {
        let Execution { name, status, error, cause, .. } = &observed.execution;
        let why = error.iter().chain(cause).fold(String::new(), |line, part| format!("{line} {part}"));
        format!("{} {name} {status}{why}: {}", observed.machine, observed.path().join(" > "))
    };
    if sight.is_empty() { "none".to_owned() } else { sight.iter().map(line).collect::<Vec<_>>().join("\n") }
}

struct Watcher {
    machines: Vec<Machine>,
    client: Client,
    scale: Scale,
    seen: BTreeMap<String, Observed>,
    order: Vec<String>,
}

impl Watcher {
    /// Asks once; says whether anything is new.
    async fn look(&mut self) -> Result<bool, ClientError> {
        let mut changed = false;
        for machine in self.machines.clone() {
            let mut listed = self.client.execution_statuses(&machine.arn).await?;
            listed.reverse();
            for (arn, status) in listed {
                if self.seen.get(&arn).is_none_or(|observed| observed.execution.is_running()) {
                    changed |= self.look_at(&machine, &arn, &status).await?;
                }
            }
        }
        Ok(changed)
    }

    async fn look_at(&mut self, machine: &Machine, arn: &str, status: &str) -> Result<bool, ClientError> {
        let known =
            self.seen.get(arn).map(|observed| (observed.last_event, observed.execution.status == status));
        let mut changed = false;
        // The execution before its history: an execution seen as ended has a complete history.
        if !known.is_some_and(|(_, same_status)| same_status) {
            let execution = self.client.execution(arn).await?;
            changed = true;
            match self.seen.get_mut(arn) {
                Some(observed) => observed.execution = execution,
                None => {
                    self.order.push(arn.to_owned());
                    let machine = machine.name.clone();
                    let observed = Observed { machine, execution, visits: Vec::new(), last_event: 0 };
                    self.seen.insert(arn.to_owned(), observed);
                }
            }
        }
        let events = self.client.history_after(arn, known.map_or(0, |(event, _)| event)).await?;
        if let Some(observed) = self.seen.get_mut(arn) {
            for event in events {
                changed = true;
                observed.last_event = event.id;
                note(&mut observed.visits, &event, self.scale);
            }
        }
        Ok(changed)
    }

    fn sight(&self) -> Sight {
        Arc::new(self.order.iter().filter_map(|arn| self.seen.get(arn)).cloned().collect())
    }
}

fn note(visits: &mut Vec<Visit>, event: &HistoryEvent, scale: Scale) {
    let at = scale.world(event.at);
    let open = |visit: &&mut Visit| visit.left_at.is_none();
    match &event.state {
        Some(state) => {
            if let Some(kind) = event.kind.strip_suffix("StateEntered") {
                let kind = kind.to_owned();
                visits.push(Visit {
                    state: state.clone(),
                    entered_at: at,
                    left_at: None,
                    kind,
                    failed: false,
                    output: None,
                });
            } else if let Some(visit) =
                visits.iter_mut().rev().filter(open).find(|visit| visit.state == *state)
            {
                visit.left_at = Some(at);
                visit.output = event.raw["stateExitedEventDetails"]["output"].as_str().map(str::to_owned);
            }
        }
        None if event.kind.ends_with("Failed") || event.kind.ends_with("TimedOut") => {
            if let Some(visit) = visits.iter_mut().rev().find(open) {
                visit.failed = true;
            }
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event(id: u64, kind: &str, state: Option<&str>, seconds: i64, raw: Value) -> HistoryEvent {
        let at = ORIGIN.parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(seconds);
        HistoryEvent { id, kind: kind.to_owned(), state: state.map(str::to_owned), at, raw }
    }

    const ORIGIN: &str = "2026-11-21T12:00:00Z";

    #[test]
    fn a_state_is_left_by_its_own_exit_and_times_are_world_times() {
        let scale = Scale::new(ORIGIN.parse().unwrap(), 60.0).unwrap();
        let mut visits = Vec::new();
        let left = json!({ "stateExitedEventDetails": { "name": "Begin", "output": "{}" } });
        note(&mut visits, &event(1, "PassStateEntered", Some("Begin"), 0, Value::Null), scale);
        note(&mut visits, &event(2, "PassStateExited", Some("Begin"), 1, left), scale);
        note(&mut visits, &event(3, "TaskStateEntered", Some("Plan"), 1, Value::Null), scale);
        note(&mut visits, &event(4, "TaskFailed", None, 2, Value::Null), scale);
        let origin: Timestamp = ORIGIN.parse().unwrap();
        let minute: Timestamp = "2026-11-21T12:01:00Z".parse().unwrap();
        let begin = Visit {
            state: "Begin".to_owned(),
            entered_at: origin,
            left_at: Some(minute),
            kind: "Pass".to_owned(),
            failed: false,
            output: Some("{}".to_owned()),
        };
        let plan = Visit {
            state: "Plan".to_owned(),
            entered_at: minute,
            left_at: None,
            kind: "Task".to_owned(),
            failed: true,
            output: None,
        };
        assert_eq!(visits, [begin, plan]);
    }
}
