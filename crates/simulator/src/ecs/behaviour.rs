//! How a task behaves, read from the labels of its images.
//!
//! | label | meaning |
//! |---|---|
//! | `gantry.simulator.start-seconds` | from pulled to RUNNING, default 5 |
//! | `gantry.simulator.healthy-after-seconds` | from RUNNING to passing its health checks, default 10 |
//! | `gantry.simulator.never-healthy` | `true`: health checks never pass |
//! | `gantry.simulator.exit-code`, `gantry.simulator.exit-after-seconds` | the container exits by itself |
//! | `gantry.simulator.run-task.exit-code`, `gantry.simulator.run-task.exit-after-seconds` | the same, for `RunTask` only |
//! | `gantry.simulator.http.status`, `gantry.simulator.http.latency-ms` | how its HTTP endpoint answers |
//! | `gantry.simulator.http.location` | where its HTTP endpoint sends whoever asks, with a status of 3xx |
//!
//! A task of `RunTask` whose image says nothing ends with 0 after ten seconds: a one-off command ends.

use std::collections::BTreeMap;
use std::str::FromStr;

type Labels = BTreeMap<String, String>;

/// When a container's health checks pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fitness {
    /// This many seconds after RUNNING.
    After(i64),
    Never,
}

/// How a container's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It runs until it is stopped.
    Serves,
    /// It exits this many seconds after RUNNING.
    Exits { after: i64, code: i64 },
}

/// What one image does when it runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Behaviour {
    pub(crate) start: i64,
    pub(crate) fitness: Fitness,
    pub(crate) end: End,
}

/// What the simulated HTTP endpoint says for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Http {
    pub(crate) status: u16,
    pub(crate) latency_ms: u64,
    /// A `Location` header.
    pub(crate) location: Option<String>,
}

/// A task's life once its images are pulled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Life {
    pub(crate) start: i64,
    pub(crate) fitness: Fitness,
    /// Which container exits, when and how.
    pub(crate) exit: Option<(usize, i64, i64)>,
    pub(crate) http: Http,
    pub(crate) version: Option<String>,
    pub(crate) revision: Option<String>,
    /// Digest of the container that answers.
    pub(crate) digest: Option<String>,
}

/// Whether a service or a single call started the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Service,
    RunTask,
}

impl Behaviour {
    /// What an image with these labels does.
    pub(crate) fn of(labels: &Labels, purpose: Purpose) -> Self {
        let fitness = if label::<bool>(labels, "never-healthy").unwrap_or(false) {
            Fitness::Never
        } else {
            Fitness::After(label(labels, "healthy-after-seconds").unwrap_or(10))
        };
        Self { start: label(labels, "start-seconds").unwrap_or(5), fitness, end: End::of(labels, purpose) }
    }
}

impl End {
    fn of(labels: &Labels, purpose: Purpose) -> Self {
        let mut code = label(labels, "exit-code");
        let mut after = label(labels, "exit-after-seconds");
        if purpose == Purpose::RunTask {
            code = label(labels, "run-task.exit-code").or(code).or(Some(0));
            after = label(labels, "run-task.exit-after-seconds").or(after).or(Some(10));
        }
        match (code, after) {
            (None, None) => Self::Serves,
            (code, after) => Self::Exits { after: after.unwrap_or(5), code: code.unwrap_or(1) },
        }
    }
}

impl Http {
    /// How a task of an image with these labels answers.
    pub(crate) fn of(labels: &Labels) -> Self {
        let status = label(labels, "http.status").filter(|status| (100..600).contains(status)).unwrap_or(200);
        let latency_ms = label(labels, "http.latency-ms").unwrap_or(0);
        Self { status, latency_ms, location: label(labels, "http.location") }
    }
}

/// A label of ours; one that cannot be read counts as absent.
fn label<T: FromStr>(labels: &Labels, name: &str) -> Option<T> {
    labels.get(&format!("gantry.simulator.{name}"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = &'static [(&'static str, &'static str)];

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| (format!("gantry.simulator.{name}"), (*value).to_owned())).collect()
    }

    #[test]
    fn labels_say_how_a_container_ends() {
        use Purpose::{RunTask, Service};
        let cases: [(Pairs, Purpose, End); 7] = [
            (&[], Service, End::Serves),
            (&[], RunTask, End::Exits { after: 10, code: 0 }),
            (&[("exit-code", "3")], Service, End::Exits { after: 5, code: 3 }),
            (&[("exit-after-seconds", "60")], Service, End::Exits { after: 60, code: 1 }),
            (&[("run-task.exit-code", "7")], Service, End::Serves),
            (&[("run-task.exit-code", "7")], RunTask, End::Exits { after: 10, code: 7 }),
            (&[("exit-code", "three")], Service, End::Serves),
        ];
        for (pairs, purpose, wanted) in cases {
            assert_eq!(Behaviour::of(&labels(pairs), purpose).end, wanted, "{pairs:?} {purpose:?}");
        }
    }

    #[test]
    fn a_status_that_is_none_is_ignored() {
        assert_eq!(Http::of(&labels(&[("http.status", "9999")])).status, 200);
        assert_eq!(Http::of(&labels(&[("http.status", "500"), ("http.latency-ms", "80")])).latency_ms, 80);
    }
}
