//! Deployments that end badly: given up by their circuit breaker or an alarm, turned back by hand, or turned back in vain.

use super::breaker::Breaker;
use super::deployments::{DEPLOYING_SETTINGS, PENDING_SECONDS};
use super::model::{
    DeploymentStatus, Rollback, Rollout, RolloutState, RolloutStatus, Service, ServiceKey, Trigger, World,
};
use super::words;
use super::world::later;

impl World {
    /// Gives up a deployment that is under way, and turns back if it is configured to.
    pub(crate) fn fail_deployment(&mut self, key: &ServiceKey, index: usize, trigger: Trigger) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(deployment) = service.deployments.get_mut(index) else { return };
        let breaker = Breaker::of(&deployment.configuration);
        let (rolls_back, turned, stopped, what, state_reason) = match &trigger {
            Trigger::Breaker => (
                breaker.rolls_back,
                words::BREAKER_ROLLED_BACK,
                words::BREAKER_STOPPED,
                "tasks failed to start",
                "ECS deployment circuit breaker: tasks failed to start.",
            ),
            Trigger::Alarm(_) => (
                deployment.configuration["alarms"]["rollback"] == true,
                words::ALARM_ROLLED_BACK,
                words::ALARM_STOPPED,
                "alarm detected",
                "ECS deployment failed: alarm detected.",
            ),
        };
        deployment.trigger = Some(trigger);
        deployment.updated_at = now;
        let rollout = deployment.rollout;
        service.current = index;
        if let Some(failed) = service.rollouts.get_mut(rollout) {
            failed.state = RolloutState::Failed;
            failed.reason = state_reason.into();
            failed.updated_at = now;
            let id = failed.id.clone();
            self.say(key, format!("(service {}) (deployment {id}) deployment failed: {what}.", key.1));
        }
        if breaker.enabled {
            self.announce_deployment(key, rollout);
        }
        if rolls_back {
            self.begin_rollback(key, index, turned);
        } else if let Some(deployment) =
            self.services.get_mut(key).and_then(|service| service.deployments.get_mut(index))
        {
            deployment.end(DeploymentStatus::Stopped, now);
            deployment.stopped_at = Some(now);
            deployment.reason = Some(stopped.into());
        }
        self.changes += 1;
    }

    fn begin_rollback(&mut self, key: &ServiceKey, index: usize, reason: &str) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let target = service.rollback_candidate(index);
        let Some(deployment) = service.deployments.get_mut(index) else { return };
        deployment.rollback =
            Some(Rollback { reason: reason.into(), started_at: now, rollout: target, failures: 0 });
        deployment.reason = Some(reason.into());
        deployment.updated_at = now;
        deployment.due = None;
        match target {
            Some(target) => {
                deployment.status = DeploymentStatus::RollbackInProgress;
                service.current = index;
                let id = service.rollouts.get(target).map(|rollout| rollout.id.clone()).unwrap_or_default();
                let why = format!("ECS deployment circuit breaker: rolling back to deploymentId {id}.");
                self.turn_back(key, index, target, why);
            }
            None => {
                deployment.end(DeploymentStatus::RollbackFailed, now);
                deployment.reason = Some(words::NO_CANDIDATE.into());
            }
        }
    }

    /// Gives up a rollback whose own tasks fail: nothing more is started until somebody deploys.
    pub(crate) fn fail_rollback(&mut self, key: &ServiceKey, index: usize) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(deployment) = service.deployments.get_mut(index) else { return };
        deployment.end(DeploymentStatus::RollbackFailed, now);
        deployment.reason = Some(words::ROLLBACK_FAILED.into());
        let Some(target) = deployment.rollback.as_ref().and_then(|rollback| rollback.rollout) else { return };
        let Some(rollout) = service.rollouts.get_mut(target) else { return };
        rollout.state = RolloutState::Failed;
        rollout.reason = "ECS deployment circuit breaker: tasks failed to start.".into();
        rollout.updated_at = now;
        let id = rollout.id.clone();
        self.say(
            key,
            format!("(service {}) (deployment {id}) deployment failed: tasks failed to start.", key.1),
        );
        self.announce_deployment(key, target);
        self.changes += 1;
    }

    /// Asks a deployment to go back to the last rollout that completed. `false` when there is none.
    pub(crate) fn request_rollback(&mut self, key: &ServiceKey, index: usize, reason: &str) -> bool {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return false };
        let Some(target) = service.rollback_candidate(index) else { return false };
        let Some(deployment) = service.deployments.get_mut(index) else { return false };
        deployment.status = DeploymentStatus::RollbackRequested;
        deployment.reason = Some(reason.to_owned());
        deployment.rollback =
            Some(Rollback { reason: reason.to_owned(), started_at: now, rollout: Some(target), failures: 0 });
        deployment.updated_at = now;
        deployment.due = Some(later(now, PENDING_SECONDS));
        service.current = index;
        self.changes += 1;
        true
    }

    /// A rollback that was asked for begins.
    pub(crate) fn start_requested_rollback(&mut self, key: &ServiceKey, index: usize) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(deployment) = service.deployments.get_mut(index) else { return };
        deployment.status = DeploymentStatus::RollbackInProgress;
        let Some(rollback) = &deployment.rollback else { return };
        let (Some(target), reason) = (rollback.rollout, rollback.reason.clone()) else { return };
        if let Some(rollout) = service.rollouts.get_mut(deployment.rollout) {
            rollout.state = RolloutState::Failed;
            rollout.reason = format!("ECS deployment failed: {reason}");
            rollout.updated_at = now;
        }
        let id = service.rollouts.get(target).map(|rollout| rollout.id.clone()).unwrap_or_default();
        self.turn_back(key, index, target, format!("ECS deployment {id} in progress."));
    }

    /// Makes an earlier rollout the primary one again, with the settings it had.
    fn turn_back(&mut self, key: &ServiceKey, index: usize, target: usize, why: String) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(failed) = service.deployments.get(index).map(|deployment| deployment.rollout) else {
            return;
        };
        if let Some(rollout) = service.rollouts.get_mut(failed) {
            rollout.status = RolloutStatus::Active;
            rollout.updated_at = now;
        }
        let mut id = String::new();
        if let Some(rollout) = service.rollouts.get_mut(target) {
            rollout.status = RolloutStatus::Primary;
            rollout.state = RolloutState::InProgress;
            rollout.reason = why;
            rollout.unstarted = 0;
            rollout.updated_at = now;
            id.clone_from(&rollout.id);
        }
        service.restore_settings(target);
        service.steady = false;
        service.held_until = None;
        self.say(key, format!("(service {}) rolling back to deployment {id}.", key.1));
        self.announce_deployment(key, target);
    }

    /// An alarm goes off or is over; deployments that watch it and are under way fail.
    pub(crate) fn set_alarm(&mut self, name: &str, ringing: bool) {
        if !ringing {
            self.alarms.remove(name);
            return;
        }
        self.alarms.insert(name.to_owned());
        let watching = |service: &Service| {
            let index = service.deployments.len().checked_sub(1)?;
            let deployment = service.deployments.get(index)?;
            let underway =
                matches!(deployment.status, DeploymentStatus::Pending | DeploymentStatus::InProgress);
            (underway && deployment.alarms.iter().any(|alarm| alarm == name)).then_some(index)
        };
        let hit: Vec<(ServiceKey, usize)> = self
            .services
            .iter()
            .filter_map(|(key, service)| Some((key.clone(), watching(service)?)))
            .collect();
        for (key, index) in hit {
            self.fail_deployment(&key, index, Trigger::Alarm(name.to_owned()));
            self.settle(&key);
        }
    }
}

impl Service {
    /// The last rollout before a deployment's that completed.
    fn rollback_candidate(&self, deployment: usize) -> Option<usize> {
        let failed = self.deployments.get(deployment)?.rollout;
        let completed = |rollout: &Rollout| rollout.state == RolloutState::Completed;
        self.rollouts.get(..failed)?.iter().rposition(completed)
    }

    fn restore_settings(&mut self, rollout: usize) {
        let revision = self.rollouts.get(rollout).and_then(|rollout| self.revisions.get(rollout.revision));
        let Some(former) = revision.map(|revision| revision.settings.clone()) else { return };
        for name in DEPLOYING_SETTINGS {
            match former.get(name) {
                Some(value) => self.settings.insert(name.into(), value.clone()),
                None => self.settings.remove(name),
            };
        }
    }
}
