//! Logs that print what a test says, whichever stream is asked for.

use std::sync::Mutex;

use async_trait::async_trait;
use gantry_domain::task_definition::LogStream;

use super::Faults;
use crate::ports::{PortError, ReadLogs, StageScope};

/// What containers printed.
#[derive(Default)]
pub struct FakeLogs {
    printed: Mutex<Option<Vec<String>>>,
    denied: Mutex<bool>,
    asked: Mutex<Vec<LogStream>>,
    /// Named after the port's method.
    pub(crate) faults: Faults,
}

impl FakeLogs {
    pub(crate) fn print(&self, lines: &[&str]) {
        *self.printed.lock().unwrap() = Some(lines.iter().map(|line| (*line).to_owned()).collect());
    }

    pub(crate) fn deny(&self) {
        *self.denied.lock().unwrap() = true;
    }

    /// The streams that were asked for.
    pub(crate) fn asked(&self) -> Vec<LogStream> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl ReadLogs for FakeLogs {
    async fn tail(
        &self,
        scope: &StageScope,
        stream: &LogStream,
        count: u16,
    ) -> Result<Option<Vec<String>>, PortError> {
        self.faults.before("tail").await?;
        assert!(scope.role.as_str().contains("-observe-"), "only who looks reads logs");
        self.asked.lock().unwrap().push(stream.clone());
        if *self.denied.lock().unwrap() {
            return Err(PortError::Denied { call: "tail".to_owned(), source: "not authorized".into() });
        }
        let printed = self.printed.lock().unwrap().clone();
        Ok(printed.map(|lines| {
            let skipped = lines.len().saturating_sub(usize::from(count));
            lines.into_iter().skip(skipped).collect()
        }))
    }
}
