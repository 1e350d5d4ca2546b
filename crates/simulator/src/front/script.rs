//! Call scripts: what becomes of chosen calls, written so that a test reads as a story.
//!
//! ```text
//! let lost = front.script().on("ecs", "UpdateService").given("service", "web").nth(2).lose_answer();
//! front.script().on("ecs", "DescribeServices").throttle(5);
//! …
//! lost.reached().await;
//! ```
//!
//! A line holds for calls that arrive after it was written. Where several lines fit a call, the first that is due
//! decides; all of them count it. A script sees calls after their signature was verified and, except for STS, after IAM
//! allowed them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use crate::aws::AwsError;

/// What a call script may do to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: the call runs and is answered.
    Proceed,
    /// The call does not run; this is the answer (throttling, for example).
    Refuse(AwsError),
    /// The call runs; this is the answer all the same, unless the call fails by itself.
    FailAfter(AwsError),
    /// The call runs, and the connection breaks before its answer.
    LoseAnswer,
    /// The call does not run, and the connection breaks.
    LoseCall,
    /// The call runs, and its answer comes so much later, in world time.
    Delay(Duration),
}

/// A call about to run, as a call script sees it.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The service the caller signed for: `ecs`, `ecr`, `logs`, `sts`.
    pub service: &'a str,
    /// For example `UpdateService`.
    pub operation: &'a str,
    /// The caller's role.
    pub role: &'a str,
    /// The request.
    pub input: &'a Value,
}

/// Decides the fate of calls; asked once per call.
pub type CallScript = dyn Fn(&Incoming<'_>) -> Fate + Send + Sync;

type Condition = Box<dyn Fn(&Incoming<'_>) -> bool + Send + Sync>;

/// The lines of a front door's script. Clones share them.
#[derive(Clone, Default)]
pub struct Script {
    lines: Arc<Mutex<Vec<Written>>>,
}

/// A line that is finished.
struct Written {
    line: Line,
    fate: Fate,
    seen: usize,
    fired: watch::Sender<usize>,
}

/// A line being written: which calls it is about. Ends with what becomes of them.
#[must_use = "a line says nothing until it says what becomes of the calls"]
pub struct Line {
    script: Script,
    service: String,
    operation: String,
    conditions: Vec<Condition>,
    from: usize,
    times: Option<usize>,
}

/// A line that holds: tells whether it was reached.
#[derive(Debug, Clone)]
pub struct Played {
    fired: watch::Receiver<usize>,
}

impl Script {
    /// A line about calls of an operation; `*` means every operation.
    pub fn on(&self, service: &str, operation: &str) -> Line {
        Line {
            script: self.clone(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            conditions: Vec::new(),
            from: 1,
            times: Some(1),
        }
    }

    /// Forgets all lines.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// What becomes of a call.
    pub(super) fn fate(&self, call: &Incoming<'_>) -> Fate {
        let mut fate = Fate::Proceed;
        for written in self.lock().iter_mut().filter(|written| written.line.is_about(call)) {
            written.seen += 1;
            if fate == Fate::Proceed && written.line.is_due(written.seen) {
                fate = written.fate.clone();
                written.fired.send_modify(|fired| *fired += 1);
            }
        }
        fate
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Written>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Only calls whose input has this text as this member, or in this list or ARN: `("service", "web")`.
    pub fn given(self, member: &str, text: &str) -> Self {
        let (member, text) = (member.to_owned(), text.to_owned());
        self.when(move |call| mentions(&call.input[&member], &text))
    }

    /// Only calls by a role whose ARN ends so.
    pub fn by(self, role: &str) -> Self {
        let role = role.to_owned();
        self.when(move |call| call.role.ends_with(&role))
    }

    /// Only calls of which this is true.
    pub fn when(mut self, condition: impl Fn(&Incoming<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.conditions.push(Box::new(condition));
        self
    }

    /// From the nth such call on; the first is number 1.
    pub fn nth(mut self, number: usize) -> Self {
        self.from = number;
        self
    }

    /// For so many calls in a row; without a word, for one.
    pub fn times(mut self, number: usize) -> Self {
        self.times = Some(number);
        self
    }

    /// For all further calls.
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// They do not run and get this answer.
    pub fn refuse(self, error: AwsError) -> Played {
        self.write(Fate::Refuse(error))
    }

    /// So many of them do not run: the caller exceeds its quota.
    pub fn throttle(self, times: usize) -> Played {
        self.times(times).write(Fate::Refuse(AwsError::throttled()))
    }

    /// They run and get this answer all the same.
    pub fn fail_after(self, error: AwsError) -> Played {
        self.write(Fate::FailAfter(error))
    }

    /// They run, and the connection breaks before their answer.
    pub fn lose_answer(self) -> Played {
        self.write(Fate::LoseAnswer)
    }

    /// They do not run, and the connection breaks.
    pub fn lose_call(self) -> Played {
        self.write(Fate::LoseCall)
    }

    /// They run, and their answer comes so much later, in world time.
    pub fn delay(self, by: Duration) -> Played {
        self.write(Fate::Delay(by))
    }

    fn write(self, fate: Fate) -> Played {
        let lines = self.script.clone();
        let fired = watch::Sender::new(0);
        let played = Played { fired: fired.subscribe() };
        lines.lock().push(Written {
            // A line must not keep the script alive that keeps the line.
            line: Self { script: Script::default(), ..self },
            fate,
            seen: 0,
            fired,
        });
        played
    }

    fn is_about(&self, call: &Incoming<'_>) -> bool {
        self.service == call.service
            && (self.operation == "*" || self.operation == call.operation)
            && self.conditions.iter().all(|condition| condition(call))
    }

    fn is_due(&self, seen: usize) -> bool {
        seen >= self.from && self.times.is_none_or(|times| seen < self.from.saturating_add(times))
    }
}

impl Played {
    /// How many calls it has decided.
    pub fn fired(&self) -> usize {
        *self.fired.borrow()
    }

    /// Waits until it has decided a call. `false` if the script was cleared before it could.
    pub async fn reached(&self) -> bool {
        self.fired.clone().wait_for(|fired| *fired > 0).await.is_ok()
    }
}

/// Whether a value is this text, a list with it, or an ARN or name that ends in it.
fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::String(given) => given == text || given.ends_with(&format!("/{text}")),
        Value::Array(values) => values.iter().any(|value| mentions(value, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}
