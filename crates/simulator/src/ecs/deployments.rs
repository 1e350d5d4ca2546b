//! Rollouts and service deployments: how they begin, make progress, are replaced, turn back and end.
//!
//! Which task starts or stops next is `scheduler`'s decision. Circuit breakers are counted and shown, they do not act
//! yet.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::model::{
    DefinitionKey, DeploymentStatus, Owner, Revision, Rollback, Rollout, RolloutState, RolloutStatus,
    Service, ServiceDeployment, ServiceEvent, ServiceKey, Stop, StopCode, Task, TaskStatus, World,
};
use super::scheduler::{Action, Bounds, Seen, next_action};
use super::tasks::TaskOrder;
use super::world::later;

/// A deployment is PENDING this long; `currentServiceDeployment` changes only then.
const PENDING_SECONDS: i64 = 1;
/// Failed tasks in a row after which AWS says that tasks cannot be started.
const IMPAIRED_AFTER: usize = 3;
/// How many events AWS shows of a service.
const EVENTS_KEPT: usize = 100;

impl World {
    /// Lets the scheduler act until there is nothing left to do at this moment.
    pub(crate) fn settle(&mut self, key: &ServiceKey) {
        loop {
            let Some(service) = self.services.get(key) else { return };
            let Some(primary) = service.primary() else { return };
            if service
                .deployments
                .last()
                .is_some_and(|deployment| deployment.status == DeploymentStatus::Pending)
            {
                return;
            }
            let Some(action) = next_action(Bounds::of(service), &self.seen(service, primary)) else { break };
            match action {
                Action::Start => self.start_service_task(key, primary),
                Action::Stop(serial) => self.stop_service_task(key, serial),
            }
        }
        self.retire(key);
        self.conclude(key);
    }

    fn seen(&self, service: &Service, primary: usize) -> Vec<Seen> {
        let of_service = |task: &&Task| {
            task.cluster == service.cluster
                && matches!(&task.owner, Owner::Service { name, .. } if *name == service.name)
        };
        let tasks = self.tasks.iter().filter(|(_, task)| of_service(task));
        tasks
            .map(|(serial, task)| Seen {
                serial: *serial,
                primary: task.of_rollout(service, primary),
                wanted: task.wanted(),
                healthy: task.counted,
                occupies: task.status <= TaskStatus::Stopping,
            })
            .collect()
    }

    fn start_service_task(&mut self, key: &ServiceKey, primary: usize) {
        let Some(service) = self.services.get_mut(key) else { return };
        service.steady = false;
        let Some(rollout) = service.rollouts.get(primary) else { return };
        let Some(revision) = service.revisions.get(rollout.revision) else { return };
        let text = |name: &str| revision.settings.get(name).and_then(Value::as_str);
        let order = TaskOrder {
            cluster: key.0.clone(),
            owner: Owner::Service { name: key.1.clone(), rollout: primary, rollout_id: rollout.id.clone() },
            definition: revision.definition.clone(),
            digests: revision.digests.clone(),
            launch_type: text("launchType").unwrap_or("FARGATE").to_owned(),
            network: revision.settings.get("networkConfiguration").cloned().unwrap_or(Value::Null),
            overrides: json!({"containerOverrides": []}),
            tags: BTreeMap::new(),
        };
        let serial = self.start_task(order);
        let id = self.tasks.get(&serial).map(|task| task.id.clone()).unwrap_or_default();
        self.say(key, format!("(service {}) has started 1 tasks: (task {id}).", key.1));
    }

    fn stop_service_task(&mut self, key: &ServiceKey, serial: u64) {
        let Some(service) = self.services.get_mut(key) else { return };
        service.steady = false;
        let rollout = service.primary().and_then(|primary| service.rollouts.get(primary));
        let reason =
            rollout.map(|rollout| format!("Scaling activity initiated by (deployment {})", rollout.id));
        let stop = Stop { code: StopCode::SchedulerInitiated, reason: reason.unwrap_or_default() };
        self.stop_task(serial, stop);
        let id = self.tasks.get(&serial).map(|task| task.id.clone()).unwrap_or_default();
        self.say(key, format!("(service {}) has stopped 1 running tasks: (task {id}).", key.1));
    }

    /// Active rollouts without tasks are history.
    fn retire(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.get(key) else { return };
        let lives = |index: usize| {
            self.tasks
                .values()
                .any(|task| task.of_rollout(service, index) && task.status != TaskStatus::Stopped)
        };
        let gone: Vec<usize> = (0..service.rollouts.len())
            .filter(|index| {
                service.rollouts.get(*index).is_some_and(|rollout| rollout.status == RolloutStatus::Active)
            })
            .filter(|index| !lives(*index))
            .collect();
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        for index in gone {
            if let Some(rollout) = service.rollouts.get_mut(index) {
                rollout.status = RolloutStatus::Inactive;
                rollout.updated_at = now;
            }
        }
    }

    /// Ends the deployment once only healthy tasks of the primary rollout are left, and announces a steady state.
    fn conclude(&mut self, key: &ServiceKey) {
        let now = self.now;
        let Some(service) = self.services.get(key) else { return };
        let Some(primary) = service.primary() else { return };
        let tasks = self.seen(service, primary);
        let ready = tasks.iter().filter(|task| task.primary && task.wanted && task.healthy).count();
        let old = service.rollouts.iter().any(|rollout| rollout.status == RolloutStatus::Active);
        if ready != service.desired || old {
            return;
        }
        let Some(service) = self.services.get_mut(key) else { return };
        let announce_steady = !service.steady;
        service.steady = true;
        let Some(rollout) = service.rollouts.get_mut(primary) else { return };
        let completed = rollout.state == RolloutState::InProgress;
        if completed {
            rollout.state = RolloutState::Completed;
            rollout.reason = format!("ECS deployment {} completed.", rollout.id);
            rollout.updated_at = now;
        }
        let id = rollout.id.clone();
        if completed {
            if let Some(deployment) =
                service.deployments.last_mut().filter(|deployment| !deployment.status.ended())
            {
                deployment.end(deployment.successful_end(), now);
            }
            self.say(key, format!("(service {}) (deployment {id}) deployment completed.", key.1));
            self.announce_deployment(key, primary);
        }
        if announce_steady {
            self.say(key, format!("(service {}) has reached a steady state.", key.1));
            self.announce_service(key, "INFO", "SERVICE_STEADY_STATE", None);
        }
    }

    /// Starts a deployment of a definition with the service's present settings.
    pub(crate) fn deploy(&mut self, key: &ServiceKey, definition: DefinitionKey) {
        let now = self.now;
        let sources = self.living_revisions(key);
        let digests = self.digests_of(&definition);
        let (revision_id, rollout_id, deployment_id) =
            (self.fresh_number(), format!("ecs-svc/{}", self.fresh_number()), self.fresh_id());
        let Some(service) = self.services.get_mut(key) else { return };
        for rollout in &mut service.rollouts {
            if rollout.status == RolloutStatus::Primary {
                rollout.status = RolloutStatus::Active;
                rollout.updated_at = now;
            }
        }
        if let Some(former) = service.deployments.last_mut().filter(|deployment| !deployment.status.ended()) {
            former.end(DeploymentStatus::Stopped, now);
            former.stopped_at = Some(now);
            former.reason = Some("Service deployment was stopped because a newer one started.".into());
        }
        service.revisions.push(Revision {
            id: revision_id,
            definition,
            settings: service.settings.clone(),
            digests,
            created_at: now,
        });
        service.rollouts.push(Rollout::new(rollout_id, service.revisions.len() - 1, now));
        service.deployments.push(ServiceDeployment {
            id: deployment_id,
            rollout: service.rollouts.len() - 1,
            target: service.revisions.len() - 1,
            sources,
            status: DeploymentStatus::Pending,
            reason: None,
            created_at: now,
            started_at: None,
            finished_at: None,
            stopped_at: None,
            updated_at: now,
            rollback: None,
            configuration: service
                .settings
                .get("deploymentConfiguration")
                .cloned()
                .unwrap_or_else(|| json!({})),
            threshold: threshold(service.desired),
            due: Some(later(now, PENDING_SECONDS)),
        });
        service.steady = false;
        self.changes += 1;
    }

    /// Moves a deployment that waits for nothing but time: into progress, or into its rollback.
    pub(crate) fn step_deployment(&mut self, key: &ServiceKey, index: usize) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(deployment) = service.deployments.get_mut(index) else { return };
        deployment.due = None;
        deployment.updated_at = now;
        match deployment.status {
            DeploymentStatus::Pending => {
                deployment.status = DeploymentStatus::InProgress;
                deployment.started_at = Some(now);
                let rollout = deployment.rollout;
                service.current = index;
                self.announce_deployment(key, rollout);
            }
            DeploymentStatus::RollbackRequested => {
                deployment.status = DeploymentStatus::RollbackInProgress;
                if let Some(rollback) = deployment.rollback.clone() {
                    self.turn_back(key, index, rollback);
                }
            }
            _ => {}
        }
    }

    /// Asks a deployment to go back to the last rollout that completed. `false` when there is none.
    pub(crate) fn request_rollback(&mut self, key: &ServiceKey, index: usize, reason: &str) -> bool {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return false };
        let Some(failed) = service.deployments.get(index).map(|deployment| deployment.rollout) else {
            return false;
        };
        let completed = |rollout: &Rollout| rollout.state == RolloutState::Completed;
        let Some(target) =
            service.rollouts.get(..failed).and_then(|before| before.iter().rposition(completed))
        else {
            return false;
        };
        let Some(deployment) = service.deployments.get_mut(index) else { return false };
        deployment.status = DeploymentStatus::RollbackRequested;
        deployment.reason = Some(reason.to_owned());
        deployment.rollback = Some(Rollback { reason: reason.to_owned(), started_at: now, rollout: target });
        deployment.updated_at = now;
        deployment.due = Some(later(now, PENDING_SECONDS));
        service.current = index;
        self.changes += 1;
        true
    }

    fn turn_back(&mut self, key: &ServiceKey, index: usize, rollback: Rollback) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(failed) = service.deployments.get(index).map(|deployment| deployment.rollout) else {
            return;
        };
        if let Some(rollout) = service.rollouts.get_mut(failed) {
            rollout.status = RolloutStatus::Active;
            rollout.state = RolloutState::Failed;
            rollout.reason = format!("ECS deployment failed: {}", rollback.reason);
            rollout.updated_at = now;
        }
        let mut id = String::new();
        if let Some(rollout) = service.rollouts.get_mut(rollback.rollout) {
            rollout.status = RolloutStatus::Primary;
            rollout.state = RolloutState::InProgress;
            rollout.reason = format!("ECS deployment {} in progress.", rollout.id);
            rollout.updated_at = now;
            id.clone_from(&rollout.id);
        }
        service.steady = false;
        self.say(key, format!("(service {}) rolling back to deployment {id}.", key.1));
        self.announce_deployment(key, rollback.rollout);
    }

    /// Notes a task that ended before it was of use.
    pub(crate) fn count_failure(&mut self, serial: u64, reason: &str) {
        let now = self.now;
        let Some(task) = self.tasks.get(&serial) else { return };
        let (Owner::Service { name, rollout, .. }, id, useful) = (&task.owner, task.id.clone(), task.counted)
        else {
            return;
        };
        let (key, index) = ((task.cluster.clone(), name.clone()), *rollout);
        let Some(service) = self.services.get_mut(&key) else { return };
        service.steady = false;
        let Some(rollout) = service.rollouts.get_mut(index) else { return };
        if !useful && !rollout.proven {
            rollout.failed_tasks += 1;
            rollout.updated_at = now;
        }
        let impaired = rollout.failed_tasks == IMPAIRED_AFTER;
        let id_of_rollout = rollout.id.clone();
        let service = &key.1;
        self.say(
            &key,
            format!("(service {service}) (deployment {id_of_rollout}) (task {id}) stopped: {reason}"),
        );
        if impaired {
            self.say(
                &key,
                format!("(service {service}) is unable to consistently start tasks successfully."),
            );
            self.announce_service(&key, "WARN", "SERVICE_TASK_START_IMPAIRED", None);
        }
    }

    /// Notes a task that became healthy: from now on failures are not counted.
    pub(crate) fn count_success(&mut self, serial: u64) {
        let Some(task) = self.tasks.get(&serial) else { return };
        let (Some(key), Owner::Service { rollout, .. }) = (task.service(), &task.owner) else { return };
        let index = *rollout;
        let service = self.services.get_mut(&key);
        if let Some(rollout) = service.and_then(|service| service.rollouts.get_mut(index)) {
            rollout.proven = true;
            rollout.failed_tasks = 0;
        }
    }

    /// Holds a revision to the digests its first task pulled.
    pub(crate) fn pin(&mut self, key: &ServiceKey, rollout: usize, digests: Vec<(String, String)>) {
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(revision) = service.rollouts.get(rollout).map(|rollout| rollout.revision) else { return };
        if let Some(revision) = service.revisions.get_mut(revision) {
            for (container, digest) in digests {
                revision.digests.entry(container).or_insert(digest);
            }
        }
    }

    /// Writes a line into the service's event log.
    pub(crate) fn say(&mut self, key: &ServiceKey, message: String) {
        let event = ServiceEvent { id: self.fresh_id(), at: self.now, message };
        if let Some(service) = self.services.get_mut(key) {
            service.events.push_front(event);
            service.events.truncate(EVENTS_KEPT);
        }
    }

    /// The digests that a definition's images have now.
    pub(crate) fn digests_of(&self, definition: &DefinitionKey) -> BTreeMap<String, String> {
        let containers = self.definition(definition).map(|definition| definition.containers.as_slice());
        let resolved = containers
            .unwrap_or_default()
            .iter()
            .filter_map(|container| Some((container.name.clone(), self.resolve(&container.image)?.digest)));
        resolved.collect()
    }

    fn living_revisions(&self, key: &ServiceKey) -> Vec<usize> {
        let Some(service) = self.services.get(key) else { return Vec::new() };
        let lives =
            |index: usize| self.tasks.values().any(|task| task.wanted() && task.of_rollout(service, index));
        let rollouts = service.rollouts.iter().enumerate();
        let mut revisions: Vec<usize> = rollouts
            .filter(|(index, rollout)| rollout.status == RolloutStatus::Primary || lives(*index))
            .map(|(_, rollout)| rollout.revision)
            .collect();
        revisions.dedup();
        revisions
    }
}

impl Rollout {
    /// A rollout that has only just become the primary one.
    pub(crate) fn new(id: String, revision: usize, now: jiff::Timestamp) -> Self {
        Self {
            reason: format!("ECS deployment {id} in progress."),
            id,
            revision,
            status: RolloutStatus::Primary,
            state: RolloutState::InProgress,
            failed_tasks: 0,
            proven: false,
            created_at: now,
            updated_at: now,
        }
    }
}

impl ServiceDeployment {
    pub(crate) fn end(&mut self, status: DeploymentStatus, now: jiff::Timestamp) {
        self.status = status;
        self.finished_at = Some(now);
        self.updated_at = now;
        self.due = None;
    }

    fn successful_end(&self) -> DeploymentStatus {
        if self.rollback.is_some() {
            DeploymentStatus::RollbackSuccessful
        } else {
            DeploymentStatus::Successful
        }
    }
}

/// After how many failed tasks a circuit breaker trips: half of the desired count, at least 3 and at most 200.
pub(crate) fn threshold(desired: usize) -> usize {
    desired.div_ceil(2).clamp(3, 200)
}

/// Settings of a service that make a new deployment when they change.
pub(crate) const DEPLOYING_SETTINGS: [&str; 9] = [
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "platformVersion",
    "capacityProviderStrategy",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
];

/// Whether two sets of settings differ in something that tasks are made from.
pub(crate) fn differ_in_tasks(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    DEPLOYING_SETTINGS.iter().any(|name| before.get(*name) != after.get(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_trips_at_half_the_desired_count_but_not_before_three() {
        assert_eq!([threshold(0), threshold(4), threshold(7), threshold(900)], [3, 3, 4, 200]);
    }
}
