//! Calls that fail on purpose: before they have had an effect, or after.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ports::PortError;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens.
    Refused,
    /// Nothing happens, and never will: it is not allowed.
    Denied,
    /// It happens, and nobody hears of it.
    AnswerLost,
}

/// The faults that are planned, each for the next call of a name.
#[derive(Default)]
pub(crate) struct Faults {
    planned: Mutex<Vec<(&'static str, Fault)>>,
    called: Mutex<Vec<&'static str>>,
    turn: AtomicU64,
}

impl Faults {
    pub(crate) fn plan(&self, call: &'static str, fault: Fault) {
        self.planned.lock().unwrap().push((call, fault));
    }

    /// Makes concurrent calls interleave in another order.
    pub(crate) fn shuffle(&self, seed: u64) {
        self.turn.store(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), Ordering::Relaxed);
    }

    /// Every call so far, by name.
    pub(crate) fn called(&self) -> Vec<&'static str> {
        self.called.lock().unwrap().clone()
    }

    /// To be called before the effect.
    pub(super) async fn before(&self, call: &'static str) -> Result<(), PortError> {
        self.called.lock().unwrap().push(call);
        let turn = self.turn.load(Ordering::Relaxed).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.turn.store(turn, Ordering::Relaxed);
        for _ in 0..=(turn >> 61) {
            tokio::task::yield_now().await;
        }
        self.strike(call, Fault::Refused)?;
        self.strike(call, Fault::Denied)
    }

    /// To be called after the effect.
    pub(super) fn after(&self, call: &'static str) -> Result<(), PortError> {
        self.strike(call, Fault::AnswerLost)
    }

    fn strike(&self, call: &'static str, fault: Fault) -> Result<(), PortError> {
        let mut planned = self.planned.lock().unwrap();
        match planned.iter().position(|plan| *plan == (call, fault)) {
            None => Ok(()),
            Some(index) => {
                planned.remove(index);
                let (call, source) = (call.to_owned(), "planned by the test".into());
                Err(match fault {
                    Fault::Denied => PortError::Denied { call, source },
                    Fault::Refused | Fault::AnswerLost => PortError::Unavailable { call, source },
                })
            }
        }
    }
}
