//! Counting failed tasks: for `DescribeServices`, for the scheduler's patience, and for the circuit breaker.
//!
//! Three counts, because AWS documents three rules. `failedTasks` "resets to zero and stops being evaluated" with the first
//! healthy task. Pauses between attempts grow only with tasks that never came to run. The circuit breaker counts failures
//! in a row: a healthy task sets it back to 0, unless `resetOnHealthyTask` is false.

use serde_json::Value;

use super::model::{DeploymentStatus, Owner, ServiceKey, Trigger, World};
use super::world::later;

/// Attempts in a row that never came to run, after which AWS says so and takes its time.
const IMPAIRED_AFTER: u32 = 3;
/// The first pause; each further one is twice as long.
const FIRST_PAUSE_SECONDS: i64 = 30;
/// The longest pause: AWS says 27 minutes. How it grows until then, AWS does not say.
const LONGEST_PAUSE_SECONDS: i64 = 27 * 60;
/// How long AWS keeps a complaint to itself that it has made already.
const REPEATED_AFTER_SECONDS: i64 = 6 * 3600;

impl World {
    /// Notes a failed task of a rollout: whether it ran at all, and whether it was healthy.
    pub(crate) fn count_failure(&mut self, key: &ServiceKey, rollout: usize, ran: bool, useful: bool) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        service.steady = false;
        let Some(failed) = service.rollouts.get_mut(rollout) else { return };
        if !useful && !failed.proven {
            failed.failed_tasks += 1;
            failed.updated_at = now;
        }
        if !ran {
            self.count_unstarted(key, rollout, 0);
        }
        self.count_for_breaker(key, rollout);
    }

    /// Notes an attempt that found no place, after which the scheduler always pauses.
    pub(crate) fn count_unplaced(&mut self, key: &ServiceKey, rollout: usize) {
        let Some(service) = self.services.get_mut(key) else { return };
        if let Some(rollout) = service.rollouts.get_mut(rollout).filter(|rollout| !rollout.proven) {
            rollout.failed_tasks += 1;
        }
        self.count_unstarted(key, rollout, FIRST_PAUSE_SECONDS);
        self.count_for_breaker(key, rollout);
    }

    fn count_unstarted(&mut self, key: &ServiceKey, rollout: usize, at_least: i64) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let primary = service.primary() == Some(rollout);
        let Some(rollout) = service.rollouts.get_mut(rollout) else { return };
        rollout.unstarted += 1;
        let impaired = rollout.unstarted == IMPAIRED_AFTER;
        let pause = pause_seconds(rollout.unstarted).max(at_least);
        if primary && pause > 0 {
            service.held_until = Some(later(now, pause));
        }
        if impaired {
            let line = format!("(service {}) is unable to consistently start tasks successfully.", key.1);
            self.say(key, line);
            self.announce_service(key, "WARN", "SERVICE_TASK_START_IMPAIRED", None);
        }
    }

    /// Notes a task that came to run.
    pub(crate) fn count_start(&mut self, serial: u64) {
        let Some(task) = self.tasks.get(&serial) else { return };
        let (Some(key), Owner::Service { rollout, .. }) = (task.service(), &task.owner) else { return };
        let index = *rollout;
        let Some(service) = self.services.get_mut(&key) else { return };
        service.complaint = None;
        if let Some(rollout) = service.rollouts.get_mut(index) {
            rollout.unstarted = 0;
        }
    }

    /// Notes a task that became healthy.
    pub(crate) fn count_success(&mut self, serial: u64) {
        let Some(task) = self.tasks.get(&serial) else { return };
        let (Some(key), Owner::Service { rollout, .. }) = (task.service(), &task.owner) else { return };
        let index = *rollout;
        let Some(service) = self.services.get_mut(&key) else { return };
        if let Some(rollout) = service.rollouts.get_mut(index) {
            rollout.proven = true;
            rollout.failed_tasks = 0;
        }
        let Some(deployment) = service.deployments.last_mut() else { return };
        if !Breaker::of(&deployment.configuration).resets {
            return;
        }
        if let Some(rollback) =
            deployment.rollback.as_mut().filter(|rollback| rollback.rollout == Some(index))
        {
            rollback.failures = 0;
        } else if deployment.rollout == index && !deployment.status.ended() {
            deployment.failures = 0;
        }
    }

    fn count_for_breaker(&mut self, key: &ServiceKey, rollout: usize) {
        let Some(service) = self.services.get_mut(key) else { return };
        let desired = service.desired;
        let Some(index) = service.deployments.len().checked_sub(1) else { return };
        let Some(deployment) = service.deployments.get_mut(index) else { return };
        let breaker = Breaker::of(&deployment.configuration);
        match deployment.status {
            DeploymentStatus::Pending | DeploymentStatus::InProgress if deployment.rollout == rollout => {
                deployment.failures += 1;
                deployment.threshold = breaker.threshold(desired);
                if breaker.enabled && deployment.failures >= deployment.threshold {
                    self.fail_deployment(key, index, Trigger::Breaker);
                }
            }
            DeploymentStatus::RollbackInProgress => {
                let Some(rollback) = deployment.rollback.as_mut() else { return };
                if rollback.rollout != Some(rollout) {
                    return;
                }
                rollback.failures += 1;
                if breaker.enabled && rollback.failures >= breaker.threshold(desired) {
                    self.fail_rollback(key, index);
                }
            }
            _ => {}
        }
    }

    /// Complains about placement in the service's event log, unless it has just done so.
    pub(crate) fn complain(&mut self, key: &ServiceKey, about: String) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let known = service
            .complaint
            .as_ref()
            .is_some_and(|(complaint, at)| *complaint == about && now < later(*at, REPEATED_AFTER_SECONDS));
        if known {
            return;
        }
        service.complaint = Some((about.clone(), now));
        self.say(key, format!("(service {}) {about}", key.1));
    }
}

/// How long the scheduler pauses after so many attempts in a row that never came to run.
fn pause_seconds(unstarted: u32) -> i64 {
    match unstarted.checked_sub(IMPAIRED_AFTER) {
        None => 0,
        Some(more) => {
            let doubled = 1_i64.checked_shl(more.min(16)).unwrap_or(1);
            FIRST_PAUSE_SECONDS.saturating_mul(doubled).min(LONGEST_PAUSE_SECONDS)
        }
    }
}

/// A deployment's circuit breaker as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Breaker {
    pub(crate) enabled: bool,
    pub(crate) rolls_back: bool,
    resets: bool,
    limit: Limit,
}

/// How many failed tasks are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Count(usize),
    /// Percent of the desired count, at least 3 and at most 200.
    Bounded(usize),
    Unbounded(usize),
}

impl Breaker {
    /// The breaker of a `deploymentConfiguration`.
    pub(crate) fn of(configuration: &Value) -> Self {
        let breaker = &configuration["deploymentCircuitBreaker"];
        let threshold = &breaker["thresholdConfiguration"];
        let value = threshold["value"].as_u64().and_then(|value| usize::try_from(value).ok());
        let limit = match (threshold["type"].as_str(), value) {
            (Some("COUNT"), Some(count)) => Limit::Count(count),
            (Some("UNBOUNDED_PERCENT"), Some(percent)) => Limit::Unbounded(percent),
            (_, percent) => Limit::Bounded(percent.unwrap_or(50)),
        };
        Self {
            enabled: breaker["enable"] == true,
            rolls_back: breaker["rollback"] == true,
            resets: breaker["resetOnHealthyTask"] != false,
            limit,
        }
    }

    /// After how many failed tasks it trips.
    pub(crate) fn threshold(self, desired: usize) -> usize {
        let share = |percent: usize| desired.saturating_mul(percent).div_ceil(100);
        match self.limit {
            Limit::Count(count) => count,
            Limit::Bounded(percent) => share(percent).clamp(3, 200),
            Limit::Unbounded(percent) => share(percent).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_breaker_trips_at_its_threshold_as_aws_documents_it() {
        let thresholds = |configuration: Value| {
            let configuration = json!({"deploymentCircuitBreaker": configuration});
            [0, 1, 4, 7, 25, 400, 900].map(|desired| Breaker::of(&configuration).threshold(desired))
        };
        let kind = |kind: &str, value: u64| json!({"thresholdConfiguration": {"type": kind, "value": value}});
        assert_eq!(thresholds(json!({})), [3, 3, 3, 4, 13, 200, 200]);
        assert_eq!(thresholds(kind("BOUNDED_PERCENT", 100)), [3, 3, 4, 7, 25, 200, 200]);
        assert_eq!(thresholds(kind("UNBOUNDED_PERCENT", 50)), [1, 1, 2, 4, 13, 200, 450]);
        assert_eq!(thresholds(kind("COUNT", 5)), [5; 7]);
    }

    #[test]
    fn the_scheduler_s_patience_wears_out_up_to_27_minutes() {
        let pauses: Vec<i64> = (1..=10).map(pause_seconds).collect();
        assert_eq!(pauses, [0, 0, 30, 60, 120, 240, 480, 960, 1620, 1620]);
    }
}
