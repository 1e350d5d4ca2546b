//! What is known of a failure, completed with the tail of a log and saved at once.
//!
//! ECS forgets stopped tasks within the hour, and what a container printed says more than its exit code.
//!
//! Whatever goes wrong here changes no verdict: a log that cannot be read is told in a clause, a failure that cannot be
//! saved is still told in short by whoever saw it.

use futures::future::join_all;
use gantry_domain::failure::{Failure, LINES, LogTail, in_short};
use gantry_domain::names::{ContainerName, TaskArn};
use gantry_domain::notice::Notice;
use gantry_domain::redact::Redactor;
use gantry_domain::task_definition::{LogStream, TaskDefinition};

use crate::ports::store::{NewNotice, Releases};
use crate::ports::{Clock, ObserveStage, PortError, ReadLogs, StageScope};
use crate::rollout::StepAddress;

/// No more failures of one step are saved with a log: a message has to hold them.
const WITH_LOG: usize = 3;

/// Saves failures.
#[derive(Clone, Copy)]
pub(crate) struct SaveFailures<'a> {
    pub(crate) observe: &'a dyn ObserveStage,
    pub(crate) logs: &'a dyn ReadLogs,
    pub(crate) releases: &'a dyn Releases,
    pub(crate) clock: &'a dyn Clock,
}

impl SaveFailures<'_> {
    /// Saves them in the release's log, once for each step of a plan. Returns why, in short.
    pub(crate) async fn save(
        &self,
        address: &StepAddress<'_>,
        scope: &StageScope,
        failures: Vec<Failure>,
    ) -> String {
        let numbered = failures.into_iter().enumerate();
        let completed =
            numbered.map(|(index, failure)| self.completed(address, scope, failure, index < WITH_LOG));
        let failures = join_all(completed).await;
        let short = in_short(&failures);
        let notice = Notice::StepFailed {
            stage: address.stage.clone(),
            plan: address.plan.clone(),
            step: address.step,
            failures,
        };
        match self.releases.append(address.release, &NewNotice::new(self.clock.now(), notice)).await {
            Ok(recorded) => tracing::info!(release = %address.release, ?recorded, "a failure was saved"),
            Err(error) => {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(release = %address.release, %error, source, "a failure could not be saved");
            }
        }
        short
    }

    /// With what a container printed last, and without secrets.
    async fn completed(
        &self,
        address: &StepAddress<'_>,
        scope: &StageScope,
        failure: Failure,
        with_log: bool,
    ) -> Failure {
        let definition = match failure.task_definition() {
            Some(arn) => self.observe.task_definition(scope, arn).await,
            None => Ok(None),
        };
        let values = definition.iter().flatten().flat_map(|definition| definition.body.environment_values());
        // What stands in names that everybody sees is no secret, and hiding it would blank out ECS's own words.
        let arn = failure.task_definition().map(ToString::to_string).unwrap_or_default();
        let seen = format!("{arn} {} {} {} {}", scope.cluster, scope.region, address.stage, failure.subject);
        let mut redactor =
            Redactor::new(values.filter(|value| !seen.contains(value.trim())).map(str::to_owned));
        let log = match failure.speaker().filter(|_| with_log) {
            Some((task, container)) => {
                Some(self.log(scope, definition, task, container.clone(), &mut redactor).await)
            }
            None => None,
        };
        Failure { log, ..failure.redacted(&mut redactor) }
    }

    async fn log(
        &self,
        scope: &StageScope,
        definition: Result<Option<TaskDefinition>, PortError>,
        task: &TaskArn,
        container: ContainerName,
        redactor: &mut Redactor,
    ) -> LogTail {
        // Without the definition nobody knows what must be hidden, nor where to look.
        let definition = match definition {
            Ok(Some(definition)) => definition,
            Ok(None) => return LogTail::unread(container, None, "its task definition is gone"),
            Err(error) => {
                return LogTail::unread(container, None, unread(&error, "its task definition"));
            }
        };
        let stream = match definition.body.log_stream(&container, task) {
            Ok(stream) => stream,
            Err(nowhere) => return LogTail::unread(container, None, nowhere.to_string()),
        };
        let place = format!("{} {}", stream.group, stream.stream);
        match self.tail(scope, &stream).await {
            Ok(Some(printed)) => LogTail::of(container, place, &printed, redactor),
            Ok(None) => LogTail::unread(container, Some(place), "there is no such log stream"),
            Err(error) => {
                tracing::warn!(%error, source = ?std::error::Error::source(&error).map(ToString::to_string),
                    "a log could not be read");
                LogTail::unread(container, Some(place), unread(&error, "its log group"))
            }
        }
    }

    async fn tail(&self, scope: &StageScope, stream: &LogStream) -> Result<Option<Vec<String>>, PortError> {
        let count = u16::try_from(LINES).unwrap_or(u16::MAX);
        let region = stream.region.clone().unwrap_or_else(|| scope.region.clone());
        self.logs.tail(&StageScope { region, ..scope.clone() }, stream, count).await
    }
}

/// Why it could not be read, in a clause.
fn unread(error: &PortError, what: &str) -> String {
    match error {
        PortError::Denied { .. } => format!("Gantry may not read {what}"),
        PortError::Throttled { .. } | PortError::Unavailable { .. } => {
            format!("AWS did not show {what} in time")
        }
        PortError::Rejected { .. } | PortError::Malformed { .. } => format!("AWS refused to show {what}"),
    }
}

#[cfg(test)]
mod tests;
