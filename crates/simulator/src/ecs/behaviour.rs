//! How a task behaves, read from the labels of its images.
//!
//! | label | meaning |
//! |---|---|
//! | `start-seconds` | from pulled to RUNNING, default 5 |
//! | `healthy-after-seconds` | from RUNNING to passing its health checks, default 10 |
//! | `never-healthy` | `true`: health checks never pass |
//! | `unhealthy-after-seconds` | it passes its health checks and fails them so long after RUNNING |
//! | `balancer-fails` | only the load balancer's checks fail: with `503`, several codes, or `timeout` |
//! | `exit-code`, `exit-after-seconds` | the container exits by itself, so long after RUNNING |
//! | `out-of-memory-after-seconds` | the container is killed for its use of memory |
//! | `run-task.exit-code`, `run-task.exit-after-seconds` | an exit of tasks of `RunTask` only |
//! | `cannot-start` | it never runs: `not-found`, `denied`, `platform`, `unreachable`, `secrets` or `command` |
//! | `no-capacity` | it is never placed, for lack of `fargate`, `memory`, `cpu` or `network-interface` |
//! | `log` | the last lines a container prints: before it ends, or once it runs |
//! | `http.status`, `http.latency-ms` | how its HTTP endpoint answers |
//! | `http.location` | where its HTTP endpoint sends whoever asks, with a status of 3xx |
//! | `http.flap-seconds` | its HTTP endpoint is fine and failing in turn, so long each |
//! | `only-in` | all of this holds only for these clusters, services (`web`) or both (`cluster/web`) |
//! | `only-tasks` | … only for some tasks of a deployment: `first:2`, `after:1` or `every:3` |
//!
//! All begin with `gantry.simulator.`; one that cannot be read counts as absent. A task of `RunTask` whose image says
//! nothing ends with 0 after ten seconds: a one-off command ends.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::words::{KILLED_EXIT, OUT_OF_MEMORY, Refusal, Shortage};

pub(crate) type Labels = BTreeMap<String, String>;

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
    Exits { after: i64, code: i64, reason: Option<&'static str> },
}

/// What one image does when it runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Behaviour {
    pub(crate) start: i64,
    pub(crate) fitness: Fitness,
    /// Seconds after RUNNING when it fails its checks again.
    pub(crate) sickens: Option<i64>,
    /// Why the load balancer does not take it.
    pub(crate) balancer: Option<String>,
    pub(crate) end: End,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) shortage: Option<Shortage>,
    pub(crate) log: Vec<String>,
    pub(crate) http: Http,
}

/// What the simulated HTTP endpoint says for a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Http {
    pub(crate) status: u16,
    pub(crate) latency_ms: u64,
    /// A `Location` header.
    pub(crate) location: Option<String>,
    flap: Option<i64>,
}

/// Whether a service or a single call started the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Service,
    RunTask,
}

/// Where and as which of its kind a task starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Circumstances<'a> {
    pub(crate) purpose: Purpose,
    pub(crate) cluster: &'a str,
    /// The service, or the family of a task that no service owns.
    pub(crate) name: &'a str,
    /// Counts from 1 in a deployment; for `RunTask` over all tasks of the definition.
    pub(crate) ordinal: usize,
}

impl Behaviour {
    /// What an image with these labels does.
    pub(crate) fn of(labels: &Labels, circumstances: Circumstances<'_>) -> Self {
        const NONE: &Labels = &Labels::new();
        let labels = if concerned(labels, circumstances) { labels } else { NONE };
        let fitness = if label::<bool>(labels, "never-healthy").unwrap_or(false) {
            Fitness::Never
        } else {
            Fitness::After(label(labels, "healthy-after-seconds").unwrap_or(10))
        };
        let log: Option<String> = label(labels, "log");
        Self {
            start: label(labels, "start-seconds").unwrap_or(5),
            fitness,
            sickens: label(labels, "unhealthy-after-seconds"),
            balancer: label::<String>(labels, "balancer-fails").map(|codes| match codes.as_str() {
                "timeout" => "Request timed out".into(),
                codes => format!("Health checks failed with these codes: [{codes}]"),
            }),
            end: End::of(labels, circumstances.purpose),
            refusal: label(labels, "cannot-start"),
            shortage: label(labels, "no-capacity"),
            log: log.iter().flat_map(|lines| lines.lines()).map(str::to_owned).collect(),
            http: Http::of(labels),
        }
    }
}

impl End {
    fn of(labels: &Labels, purpose: Purpose) -> Self {
        if let Some(after) = label(labels, "out-of-memory-after-seconds") {
            return Self::Exits { after, code: KILLED_EXIT, reason: Some(OUT_OF_MEMORY) };
        }
        let mut code = label(labels, "exit-code");
        let mut after = label(labels, "exit-after-seconds");
        if purpose == Purpose::RunTask {
            code = label(labels, "run-task.exit-code").or(code).or(Some(0));
            after = label(labels, "run-task.exit-after-seconds").or(after).or(Some(10));
        }
        match (code, after) {
            (None, None) => Self::Serves,
            (code, after) => Self::Exits { after: after.unwrap_or(5), code: code.unwrap_or(1), reason: None },
        }
    }
}

impl Http {
    fn of(labels: &Labels) -> Self {
        let status = label(labels, "http.status").filter(|status| (100..600).contains(status)).unwrap_or(200);
        Self {
            status,
            latency_ms: label(labels, "http.latency-ms").unwrap_or(0),
            location: label(labels, "http.location"),
            flap: label(labels, "http.flap-seconds").filter(|seconds| *seconds > 0),
        }
    }

    /// An endpoint about which nothing is said.
    pub(crate) fn fine() -> Self {
        Self::of(&Labels::new())
    }

    /// How it answers so many seconds after RUNNING.
    pub(crate) fn at(&self, seconds: i64) -> Self {
        let failing = if self.status >= 400 { self.status } else { 503 };
        let status = match self.flap {
            None => self.status,
            Some(flap) if seconds.div_euclid(flap) % 2 == 0 => 200,
            Some(_) => failing,
        };
        Self { status, ..self.clone() }
    }
}

/// Whether the labels speak of this task at all.
fn concerned(labels: &Labels, circumstances: Circumstances<'_>) -> bool {
    let Circumstances { cluster, name, ordinal, .. } = circumstances;
    let here = label::<String>(labels, "only-in").is_none_or(|places| {
        let mut places = places.split(',').map(str::trim);
        places.any(|place| place == cluster || place == name || place == format!("{cluster}/{name}"))
    });
    let chosen = label::<Chosen>(labels, "only-tasks").is_none_or(|chosen| chosen.includes(ordinal));
    here && chosen
}

/// Some tasks of a deployment, in the order in which they are started.
enum Chosen {
    First(usize),
    After(usize),
    Every(usize),
}

impl Chosen {
    fn includes(&self, ordinal: usize) -> bool {
        match *self {
            Self::First(number) => ordinal <= number,
            Self::After(number) => ordinal > number,
            Self::Every(number) => ordinal.is_multiple_of(number),
        }
    }
}

impl FromStr for Chosen {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (word, number) = text.split_once(':').ok_or(())?;
        let number = number.parse().map_err(drop)?;
        match word {
            "first" => Ok(Self::First(number)),
            "after" => Ok(Self::After(number)),
            "every" => Ok(Self::Every(number)),
            _ => Err(()),
        }
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

    fn circumstances(purpose: Purpose) -> Circumstances<'static> {
        Circumstances { purpose, cluster: "prod", name: "web", ordinal: 1 }
    }

    #[test]
    fn labels_say_how_a_container_ends() {
        use Purpose::{RunTask, Service};
        let exits = |after, code| End::Exits { after, code, reason: None };
        let killed = End::Exits { after: 8, code: 137, reason: Some(OUT_OF_MEMORY) };
        let cases: [(Pairs, Purpose, End); 8] = [
            (&[], Service, End::Serves),
            (&[], RunTask, exits(10, 0)),
            (&[("exit-code", "3")], Service, exits(5, 3)),
            (&[("exit-after-seconds", "60")], Service, exits(60, 1)),
            (&[("run-task.exit-code", "7")], Service, End::Serves),
            (&[("run-task.exit-code", "7")], RunTask, exits(10, 7)),
            (&[("exit-code", "three")], Service, End::Serves),
            (&[("out-of-memory-after-seconds", "8")], RunTask, killed),
        ];
        for (pairs, purpose, wanted) in cases {
            let end = Behaviour::of(&labels(pairs), circumstances(purpose)).end;
            assert_eq!(end, wanted, "{pairs:?} {purpose:?}");
        }
    }

    #[test]
    fn labels_may_speak_of_one_place_or_of_some_tasks_only() {
        let cases: [(Pairs, &[usize]); 8] = [
            (&[("only-in", "prod")], &[1, 2, 3, 4]),
            (&[("only-in", "preprod, web")], &[1, 2, 3, 4]),
            (&[("only-in", "prod/web")], &[1, 2, 3, 4]),
            (&[("only-in", "preprod/web")], &[]),
            (&[("only-tasks", "first:2")], &[1, 2]),
            (&[("only-tasks", "after:1")], &[2, 3, 4]),
            (&[("only-tasks", "every:2")], &[2, 4]),
            (&[("only-tasks", "second")], &[1, 2, 3, 4]),
        ];
        for (pairs, wanted) in cases {
            let mut given = labels(pairs);
            given.extend(labels(&[("never-healthy", "true")]));
            let sick = |ordinal: &usize| {
                let here = Circumstances { ordinal: *ordinal, ..circumstances(Purpose::Service) };
                Behaviour::of(&given, here).fitness == Fitness::Never
            };
            let concerned: Vec<usize> = (1..=4).filter(sick).collect();
            assert_eq!(concerned, wanted, "{pairs:?}");
        }
    }

    #[test]
    fn an_endpoint_answers_as_labelled_at_every_moment() {
        let http = |pairs: &[(&str, &str)]| Http::of(&labels(pairs));
        assert_eq!(http(&[("http.status", "9999")]).status, 200, "a status that is none is ignored");
        assert_eq!(http(&[("http.status", "500"), ("http.latency-ms", "80")]).latency_ms, 80);
        let flapping = http(&[("http.flap-seconds", "20")]);
        assert_eq!([0, 19, 20, 39, 40].map(|second| flapping.at(second).status), [200, 200, 503, 503, 200]);
        assert_eq!(http(&[("http.flap-seconds", "20"), ("http.status", "502")]).at(30).status, 502);
        assert_eq!(http(&[("http.status", "500")]).at(30).status, 500);
    }
}
