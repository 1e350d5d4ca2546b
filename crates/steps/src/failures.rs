//! Work over many things of which one may fail: the first failure is remembered, the rest is looked at all the same.

use crate::ports::PortError;

/// The first failure, if there was one.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    first: Option<PortError>,
}

impl Failures {
    /// Notes a failure; `what` it was about goes to the log.
    pub(crate) fn note(&mut self, what: &str, result: Result<(), PortError>) {
        if let Err(error) = result {
            tracing::warn!(%error, what, "could not be looked at this time");
            self.first.get_or_insert(error);
        }
    }

    /// What there is, or nothing and the failure.
    pub(crate) fn some<T>(&mut self, what: &str, result: Result<Vec<T>, PortError>) -> Vec<T> {
        match result {
            Ok(items) => items,
            Err(error) => {
                self.note(what, Err(error));
                Vec::new()
            }
        }
    }

    /// The output, unless something failed.
    pub(crate) fn or<T>(self, output: T) -> Result<T, PortError> {
        self.first.map_or(Ok(output), Err)
    }
}
