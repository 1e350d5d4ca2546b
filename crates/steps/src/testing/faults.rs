//! Calls that fail on purpose: before they have had an effect, or after.

use std::sync::Mutex;

use crate::ports::PortError;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing happens.
    Refused,
    /// It happens, and nobody hears of it.
    AnswerLost,
}

/// The faults that are planned, each for the next call of a name.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<(&'static str, Fault)>>);

impl Faults {
    pub(crate) fn plan(&self, call: &'static str, fault: Fault) {
        self.0.lock().unwrap().push((call, fault));
    }

    /// To be called before the effect.
    pub(super) async fn before(&self, call: &'static str) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        self.strike(call, Fault::Refused)
    }

    /// To be called after the effect.
    pub(super) fn after(&self, call: &'static str) -> Result<(), PortError> {
        self.strike(call, Fault::AnswerLost)
    }

    fn strike(&self, call: &'static str, fault: Fault) -> Result<(), PortError> {
        let mut planned = self.0.lock().unwrap();
        match planned.iter().position(|plan| *plan == (call, fault)) {
            None => Ok(()),
            Some(index) => {
                planned.remove(index);
                Err(PortError::Unavailable { call: call.to_owned(), source: "planned by the test".into() })
            }
        }
    }
}
