//! Rollouts and service deployments: how they begin, make progress, are replaced and end well.
//!
//! Which task starts or stops next is `scheduler`'s decision, how deployments end badly `rollbacks`'s.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::early::EarlySuccess;
use super::model::{
    DefinitionKey, DeploymentStatus, Owner, Revision, Rollout, RolloutState, RolloutStatus, Service,
    ServiceDeployment, ServiceEvent, ServiceKey, Stop, StopCode, Task, TaskStatus, World,
};
use super::scheduler::{Action, Bounds, Seen, next_action};
use super::tasks::TaskOrder;
use super::words;
use super::world::later;

/// A deployment is PENDING this long; `currentServiceDeployment` changes only then.
pub(crate) const PENDING_SECONDS: i64 = 1;
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
            if service.halted(primary) {
                break;
            }
            let Some(action) = next_action(Bounds::of(service), &self.seen(service, primary)) else { break };
            match action {
                Action::Start if self.start_service_task(key, primary) => {}
                Action::Start => break,
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

    /// Starts one more task of the primary rollout. `false` when there is nothing to do but wait.
    fn start_service_task(&mut self, key: &ServiceKey, primary: usize) -> bool {
        let Some(service) = self.services.get_mut(key) else { return false };
        service.steady = false;
        if service.held_until.is_some() {
            return false;
        }
        let Some(rollout) = service.rollouts.get_mut(primary) else { return false };
        rollout.attempts += 1;
        let Some(revision) = service.revisions.get(rollout.revision) else { return false };
        let text = |name: &str| revision.settings.get(name).and_then(Value::as_str);
        let order = TaskOrder {
            cluster: key.0.clone(),
            owner: Owner::Service { name: key.1.clone(), rollout: primary, rollout_id: rollout.id.clone() },
            ordinal: rollout.attempts,
            definition: revision.definition.clone(),
            digests: revision.digests.clone(),
            launch_type: text("launchType").unwrap_or("FARGATE").to_owned(),
            network: revision.settings.get("networkConfiguration").cloned().unwrap_or(Value::Null),
            overrides: json!({"containerOverrides": []}),
            tags: BTreeMap::new(),
        };
        let task = self.draft(order);
        if let Some(shortage) = self.shortage(&task) {
            self.complain(key, shortage.event());
            self.announce_service(key, "ERROR", "SERVICE_TASK_PLACEMENT_FAILURE", Some(shortage.code()));
            self.count_unplaced(key, primary);
            self.changes += 1;
            // Unless that was one too many, and it is another rollout's turn now.
            return self.services.get(key).and_then(Service::primary) != Some(primary);
        }
        let line = format!("(service {}) has started 1 tasks: (task {}).", key.1, task.id);
        self.place(task);
        self.say(key, line);
        true
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

    /// Ends the deployment once its target is healthy enough, and announces a steady state once only healthy tasks of
    /// the primary rollout are left.
    fn conclude(&mut self, key: &ServiceKey) {
        let Some(service) = self.services.get(key) else { return };
        let Some(primary) = service.primary() else { return };
        let tasks = self.seen(service, primary);
        let ready = tasks.iter().filter(|task| task.primary && task.wanted && task.healthy).count();
        let old = service.rollouts.iter().any(|rollout| rollout.status == RolloutStatus::Active);
        let settled = ready == service.desired && !old;
        let early = service.deployments.last().and_then(EarlySuccess::of);
        let enough = early.map_or(settled, |early| early.met(ready, service.desired, old));
        if self.baked(key, enough) {
            self.complete(key, primary);
        }
        let Some(service) = self.services.get_mut(key) else { return };
        if settled && !service.steady {
            service.steady = true;
            self.say(key, format!("(service {}) has reached a steady state.", key.1));
            self.announce_service(key, "INFO", "SERVICE_STEADY_STATE", None);
        }
    }

    /// Whether a target that is healthy enough has been so for the bake time, which begins with this question.
    fn baked(&mut self, key: &ServiceKey, enough: bool) -> bool {
        let now = self.now;
        let service = self.services.get_mut(key);
        let Some(deployment) = service.and_then(|service| service.deployments.last_mut()) else {
            return enough;
        };
        match deployment.status {
            DeploymentStatus::InProgress => {}
            // It only waits for its rollback.
            DeploymentStatus::RollbackRequested => return false,
            _ => return enough,
        }
        let minutes = deployment.configuration["bakeTimeInMinutes"].as_i64().unwrap_or(0);
        if !enough || minutes <= 0 {
            deployment.baked_at = None;
            deployment.due = None;
            return enough;
        }
        let until = *deployment.baked_at.get_or_insert(later(now, minutes.saturating_mul(60)));
        deployment.due = (now < until).then_some(until);
        now >= until
    }

    fn complete(&mut self, key: &ServiceKey, primary: usize) {
        let now = self.now;
        let Some(service) = self.services.get_mut(key) else { return };
        let Some(rollout) = service.rollouts.get_mut(primary) else { return };
        if rollout.state != RolloutState::InProgress {
            return;
        }
        rollout.state = RolloutState::Completed;
        rollout.reason = format!("ECS deployment {} completed.", rollout.id);
        rollout.updated_at = now;
        let id = rollout.id.clone();
        if let Some(deployment) =
            service.deployments.last_mut().filter(|deployment| !deployment.status.ended())
        {
            deployment.end(deployment.successful_end(), now);
        }
        self.say(key, format!("(service {}) (deployment {id}) deployment completed.", key.1));
        self.announce_deployment(key, primary);
    }

    /// Starts a deployment of a definition with the service's present settings.
    pub(crate) fn deploy(&mut self, key: &ServiceKey, definition: DefinitionKey) {
        let now = self.now;
        let sources = self.living_revisions(key);
        let digests = self.digests_of(&definition);
        let ringing = self.alarms.clone();
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
            former.reason = Some(words::REPLACED.into());
        }
        service.revisions.push(Revision {
            id: revision_id,
            definition,
            settings: service.settings.clone(),
            digests,
            created_at: now,
        });
        service.rollouts.push(Rollout::new(rollout_id, service.revisions.len() - 1, now));
        let mut deployment = ServiceDeployment::new(deployment_id, service, now);
        deployment.rollout = service.rollouts.len() - 1;
        deployment.target = service.revisions.len() - 1;
        deployment.sources = sources;
        deployment.due = Some(later(now, PENDING_SECONDS));
        deployment.watch_alarms(&ringing);
        service.deployments.push(deployment);
        service.held_until = None;
        service.complaint = None;
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
            DeploymentStatus::RollbackRequested => self.start_requested_rollback(key, index),
            _ => {}
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

impl Service {
    /// Whether its deployment failed and nothing moves any more, except down to a desired count of 0.
    fn halted(&self, primary: usize) -> bool {
        let failed = |rollout: &Rollout| rollout.state == RolloutState::Failed;
        self.desired > 0 && self.rollouts.get(primary).is_some_and(failed)
    }
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
