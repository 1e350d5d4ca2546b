//! An execution of the release machine dies without recording its end: what becomes of the function that is at work, and
//! when what it still does is seen.

use std::sync::Mutex;

use gantry_domain::names::ExecutionArn;
use gantry_local::client::Execution;
use gantry_steps::ports::ExecutionState;
use gantry_steps::testing::WorldOutside;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{Call, Reply, Scene};
use crate::case::{Death, Fault, Left, Moment};
use crate::machines::{Timing, Which};

/// The executions that died in a scene, and how far those have come who find out.
#[derive(Default)]
pub(super) struct Deaths {
    dead: Mutex<Vec<String>>,
    /// How many deaths have been found out.
    found_out: watch::Sender<usize>,
    /// Whoever goes on with the release has the lock, or nobody goes on.
    taken_over: watch::Sender<bool>,
    /// A function of a dead execution is still at work, and will have its effect.
    late: watch::Sender<bool>,
    /// Has the rollout been stopped in which the execution died?
    rollout_stopped: Mutex<Option<bool>>,
}

impl Scene {
    /// The state in which this case's execution is to be found waiting, if it is one that calls no function.
    pub(crate) fn waits_in(&self) -> Option<&str> {
        match &self.case.timing {
            Some(Timing::Long(wait)) => Some(wait),
            Some(Timing::Short(_)) | None => None,
        }
    }

    /// Is what stops it still to come?
    pub(crate) fn is_to_be_stopped(&self) -> bool {
        self.is_on_the_road() && !self.missed().is_empty()
    }

    /// The execution has come to that state.
    pub(crate) async fn stop_waiting(&self, execution: &str) {
        let faults = self.case.faults.iter().position(|(_, _, fault)| matches!(fault, Fault::Stopped(..)));
        let index = faults.unwrap();
        let Fault::Stopped(_, death) = self.case.faults[index].2 else { return };
        self.met.lock().unwrap()[index] += 1;
        self.die(execution, death).await;
    }

    /// Does nobody hear of the ends of executions in this scene?
    pub(crate) fn is_unheard(&self) -> bool {
        self.case.faults.iter().any(|(_, _, fault)| matches!(fault, Fault::Stopped(_, Death::Unheard)))
    }

    /// Was the rollout stopped in which the execution died? `None`: it died elsewhere.
    pub(crate) fn rollout_was_stopped(&self) -> Option<bool> {
        *self.deaths.rollout_stopped.lock().unwrap()
    }

    /// Does it begin with a death, or is it about one?
    pub(crate) fn has_dead(&self) -> bool {
        !self.deaths.dead.lock().unwrap().is_empty()
    }

    /// The event of that end arrives, unless it is one that nobody asked to hear of.
    pub(crate) async fn hear(&self, execution: &Execution) -> Result<(), String> {
        let arn = ExecutionArn::new(execution.arn.as_str()).unwrap();
        let status = match self.outside.state(&arn).await {
            ExecutionState::TimedOut => "TIMED_OUT",
            _ => execution.status.as_str(),
        };
        if status == "SUCCEEDED" {
            return Ok(());
        }
        self.world.hear(event(execution, status)).await
    }

    /// Watcher or sweeper have put in order what the dead left behind. Does somebody go on with the release?
    pub(crate) fn found_out(&self, goes_on: bool) {
        let dead = self.deaths.dead.lock().unwrap().len();
        if !goes_on {
            self.deaths.taken_over.send_replace(true);
        }
        self.deaths.found_out.send_replace(dead);
    }

    /// Comes back when no function of a dead execution is at work.
    pub(crate) async fn all_writers_ended(&self) {
        let _ = self.deaths.late.subscribe().wait_for(|late| !*late).await;
    }

    /// The execution dies during this call.
    pub(super) async fn dies(&self, call: &Call, input: Value, left: Left, death: Death) -> Reply {
        self.deaths.late.send_replace(left == Left::Late);
        if left == Left::Done {
            self.effect(call, input.clone(), Moment::After).await;
        }
        let ordinal = self.die(&call.release, death).await;
        if call.place.machine == Which::Release && left != Left::Late {
            return Reply::Answer(json!({}));
        }
        // From here on somebody else is at work at the same time.
        let _ = self.deaths.found_out.subscribe().wait_for(|found| *found >= ordinal).await;
        let execution = ExecutionArn::new(call.execution.as_str()).unwrap();
        let goes_on = self.outside.state(&execution).await.is_running();
        *self.deaths.rollout_stopped.lock().unwrap() = Some(!goes_on);
        // A rollout of the dead that was not stopped, because it had not noted itself, is no earlier: whoever finds that it
        // had begun to go back leaves the stage to a person.
        if left == Left::Late || goes_on {
            self.wait_for(&self.deaths.taken_over).await;
        }
        let reply = self.outlives(call, input, left, goes_on).await;
        self.deaths.late.send_replace(false);
        reply
    }

    /// What the function still does, and says to a state that may go on: that of a rollout which nobody has stopped.
    async fn outlives(&self, call: &Call, input: Value, left: Left, goes_on: bool) -> Reply {
        match left {
            // A state that is retried is not retried once its execution has ended; MiniStack would do it.
            Left::Undone if goes_on => Reply::Fail("Unavailable".to_owned(), "its process died".to_owned()),
            Left::Undone => Reply::Fail("Inconsistent".to_owned(), "nobody hears of it".to_owned()),
            Left::Done if !goes_on => Reply::Answer(json!({})),
            // It did its work before, and finds it done.
            Left::Done | Left::Late => match self.world.invoke(&call.function, input).await {
                Ok(answer) => Reply::Answer(answer),
                Err(failure) => Reply::Fail(failure.error, failure.words),
            },
        }
    }

    async fn die(&self, execution: &str, death: Death) -> usize {
        let ordinal = {
            let mut dead = self.deaths.dead.lock().unwrap();
            dead.push(execution.to_owned());
            dead.len()
        };
        let arn = ExecutionArn::new(execution).unwrap();
        if death == Death::TimedOut {
            self.outside.says_of(&arn, ExecutionState::TimedOut);
        }
        self.outside.stop(&arn).await;
        self.ending.send_replace(true);
        ordinal
    }

    /// Who goes on with a release that another execution had waits until functions of that one have ended, which are
    /// given thirty seconds: scaled, that is no time.
    pub(super) async fn let_writers_end(&self, call: &Call) {
        if self.goes_on_with(call) && *self.deaths.taken_over.borrow() {
            self.all_writers_ended().await;
        }
    }

    /// A call is over.
    pub(super) fn has_been_called(&self, call: &Call) {
        if call.function == "AcquireLock" && self.goes_on_with(call) {
            self.deaths.taken_over.send_replace(true);
        }
    }

    fn goes_on_with(&self, call: &Call) -> bool {
        let dead = self.deaths.dead.lock().unwrap();
        !dead.is_empty() && !dead.contains(&call.release)
    }
}

/// The event of an execution's end, as AWS documents it.
fn event(execution: &Execution, status: &str) -> Value {
    let Execution { arn, name, started_at, ended_at, error, cause, .. } = execution;
    json!({
        "version": "0", "id": "315c1398-40ff-a850-213b-158f73e60175", "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change", "account": "000000000000",
        "time": ended_at, "region": "us-east-1", "resources": [arn],
        "detail": {
            "executionArn": arn, "stateMachineArn": arn.replace(":execution:", ":stateMachine:"),
            "stateMachineVersionArn": null, "stateMachineAliasArn": null, "name": name, "status": status,
            "startDate": started_at.as_millisecond(), "stopDate": ended_at.map(|at| at.as_millisecond()),
            "input": execution.input.to_string(), "inputDetails": {"included": true}, "output": null,
            "outputDetails": null, "redriveCount": 0, "redriveDate": null, "redriveStatus": "REDRIVABLE",
            "redriveStatusReason": null, "error": error, "cause": cause,
        },
    })
}
