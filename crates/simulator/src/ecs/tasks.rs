//! The life of a task: PROVISIONING, PENDING, RUNNING, and the way down to STOPPED.
//!
//! When tasks start and stop is for `deployments` and the operations to say, how they fail for `endings`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::behaviour::Fitness;
use super::life::Life;
use super::model::{
    Container, ContainerSpec, DefinitionKey, Health, Owner, Service, ServiceKey, Step, Stop, Tags, Task,
    TaskStatus, TaskTimes, World,
};
use super::pulls::pinned;
use super::world::later;
use crate::images::ImageFacts;

const PROVISIONING_SECONDS: i64 = 5;
const PULL_SECONDS: i64 = 5;
const DEREGISTRATION_SECONDS: i64 = 5;
const STOPPING_SECONDS: i64 = 5;
const DEPROVISIONING_SECONDS: i64 = 5;
/// How long the scheduler waits before it believes in a task that nothing checks.
const UNCHECKED_SECONDS: i64 = 40;
/// Two failed rounds of a target group's health check.
const BALANCER_FAILURE_SECONDS: i64 = 60;
/// How long a stopped task can be described: AWS says at least an hour.
const REMEMBERED_SECONDS: i64 = 3600;
/// What a process reports that was asked to stop.
pub(crate) const SIGTERM_EXIT: i64 = 143;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct TaskOrder {
    pub(crate) cluster: String,
    pub(crate) owner: Owner,
    pub(crate) ordinal: usize,
    pub(crate) definition: DefinitionKey,
    /// Digests to pull by, per container name.
    pub(crate) digests: BTreeMap<String, String>,
    pub(crate) launch_type: String,
    pub(crate) network: Value,
    pub(crate) overrides: Value,
    pub(crate) tags: Tags,
}

impl World {
    /// A task as ordered, before there is a place for it.
    pub(crate) fn draft(&mut self, order: TaskOrder) -> Task {
        let id = self.fresh_id();
        let specs = self.definition(&order.definition).map(|definition| definition.containers.clone());
        let container = |spec: ContainerSpec| Container {
            pull: pinned(&spec.image, order.digests.get(&spec.name)),
            spec,
            digest: None,
            exit_code: None,
            reason: None,
        };
        Task {
            id,
            cluster: order.cluster,
            owner: order.owner,
            ordinal: order.ordinal,
            definition: order.definition,
            status: TaskStatus::Provisioning,
            stop: None,
            health: Health::Unknown,
            counted: false,
            agenda: vec![(later(self.now, PROVISIONING_SECONDS), Step::Pull)],
            times: TaskTimes::new(self.now),
            containers: specs.unwrap_or_default().into_iter().map(container).collect(),
            life: None,
            launch_type: order.launch_type,
            network: order.network,
            overrides: order.overrides,
            tags: order.tags,
            version: 0,
        }
    }

    /// Places a task, which is PROVISIONING now. Returns its serial number.
    pub(crate) fn place(&mut self, task: Task) -> u64 {
        let serial = self.next_serial();
        self.tasks.insert(serial, task);
        self.changed(serial);
        serial
    }

    /// Carries out one entry of a task's agenda.
    pub(crate) fn step_task(&mut self, serial: u64, step: Step) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        task.agenda.retain(|(_, planned)| *planned != step);
        match step {
            Step::Pull => {
                task.times.pull_started = Some(now);
                task.agenda.push((later(now, PULL_SECONDS), Step::Pulled));
                self.enter(serial, TaskStatus::Pending);
            }
            Step::Pulled => self.pulled(serial),
            Step::Start => {
                task.times.started = Some(now);
                self.plan_running(serial);
                self.enter(serial, TaskStatus::Running);
                self.count_start(serial);
                self.open_logs(serial);
            }
            Step::PassHealth => self.pass_health(serial),
            Step::FailHealth => self.fail_health(serial),
            Step::FailBalancer => self.fail_balancer(serial),
            Step::Refuse => self.refuse(serial),
            Step::Exit => self.exit(serial),
            Step::Deregistered => {
                task.agenda.push((later(now, STOPPING_SECONDS), Step::Halted));
                self.enter(serial, TaskStatus::Stopping);
            }
            Step::Halted => {
                for container in &mut task.containers {
                    container.exit_code.get_or_insert(SIGTERM_EXIT);
                }
                self.deprovision(serial);
            }
            Step::Gone => {
                task.times.stopped = Some(now);
                task.agenda.push((later(now, REMEMBERED_SECONDS), Step::Forget));
                self.enter(serial, TaskStatus::Stopped);
            }
            Step::Forget => {
                self.tasks.remove(&serial);
            }
        }
    }

    /// Asks a task to stop, by the way its state allows. A task that is stopping already goes on doing so.
    pub(crate) fn stop_task(&mut self, serial: u64, stop: Stop) {
        let now = self.now;
        let balanced = self.tasks.get(&serial).and_then(Task::service).is_some_and(|key| self.balanced(&key));
        let Some(task) = self.tasks.get_mut(&serial).filter(|task| task.wanted()) else { return };
        task.stop = Some(stop);
        task.agenda.clear();
        task.times.stopping = Some(now);
        match task.status {
            TaskStatus::Running if balanced => {
                task.agenda.push((later(now, DEREGISTRATION_SECONDS), Step::Deregistered));
                self.enter(serial, TaskStatus::Deactivating);
            }
            TaskStatus::Running => {
                task.agenda.push((later(now, STOPPING_SECONDS), Step::Halted));
                self.enter(serial, TaskStatus::Stopping);
            }
            _ => self.deprovision(serial),
        }
    }

    fn balanced(&self, key: &ServiceKey) -> bool {
        self.services.get(key).is_some_and(Service::balanced)
    }

    pub(crate) fn deprovision(&mut self, serial: u64) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        task.counted = false;
        task.times.stopping.get_or_insert(now);
        task.times.execution_stopped = Some(now);
        task.agenda = vec![(later(now, DEPROVISIONING_SECONDS), Step::Gone)];
        self.enter(serial, TaskStatus::Deprovisioning);
    }

    fn plan_running(&mut self, serial: u64) {
        let now = self.now;
        let Some(task) = self.tasks.get(&serial) else { return };
        let service = task.service().and_then(|key| self.services.get(&key));
        let balanced = service.is_some_and(Service::balanced);
        let grace = service
            .and_then(|service| service.settings.get("healthCheckGracePeriodSeconds"))
            .and_then(Value::as_i64)
            .unwrap_or(0);
        let in_service = service.is_some();
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        let Some(life) = &task.life else { return };
        let balancer_failure = balanced.then_some(grace + BALANCER_FAILURE_SECONDS);
        let failure = task.check_failure_seconds().or(balancer_failure);
        let mut plan = Vec::new();
        match (failure, life.fitness) {
            (Some(_), Fitness::After(_)) if balanced && life.balancer.is_some() => {
                plan.extend(balancer_failure.map(|seconds| (seconds, Step::FailBalancer)));
            }
            (Some(_), Fitness::After(seconds)) => {
                plan.push((seconds, Step::PassHealth));
                plan.extend(life.sickens.map(|seconds| (seconds, Step::FailHealth)));
            }
            (Some(seconds), Fitness::Never) => plan.push((seconds, Step::FailHealth)),
            (None, _) if in_service => plan.push((UNCHECKED_SECONDS, Step::PassHealth)),
            (None, _) => {}
        }
        plan.extend(life.exit.map(|exit| (exit.after, Step::Exit)));
        task.agenda.extend(plan.into_iter().map(|(seconds, step)| (later(now, seconds), step)));
    }

    fn pass_health(&mut self, serial: u64) {
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        task.counted = true;
        let checked = task.check_failure_seconds().is_some();
        if checked {
            task.health = Health::Healthy;
        }
        self.count_success(serial);
        if checked {
            self.changed(serial);
        }
    }

    pub(crate) fn enter(&mut self, serial: u64, status: TaskStatus) {
        if let Some(task) = self.tasks.get_mut(&serial) {
            task.status = status;
        }
        self.changed(serial);
    }

    /// A change of a task that AWS counts and announces.
    pub(crate) fn changed(&mut self, serial: u64) {
        self.changes += 1;
        if let Some(task) = self.tasks.get_mut(&serial) {
            task.version += 1;
            task.times.updated = self.now;
        }
        self.announce_task(serial);
    }
}

impl Task {
    /// When the essential containers' health checks would give up, if there are any.
    pub(crate) fn check_failure_seconds(&self) -> Option<i64> {
        let checks = self.containers.iter().filter(|container| container.spec.essential);
        checks
            .filter_map(|container| container.spec.check)
            .map(|check| check.start_period + check.interval * check.retries)
            .max()
    }

    /// Turns a fresh task into one that has been running for a while; for worlds that begin with services.
    pub(crate) fn settle_as_running(&mut self, facts: &[ImageFacts], life: Life, since: Timestamp) {
        for (container, facts) in self.containers.iter_mut().zip(facts) {
            container.digest = Some(facts.digest.clone());
        }
        self.life = Some(Life { exit: None, ..life });
        self.status = TaskStatus::Running;
        self.counted = true;
        if self.check_failure_seconds().is_some() {
            self.health = Health::Healthy;
        }
        self.agenda.clear();
        self.times = TaskTimes { created: since, updated: since, ..TaskTimes::new(since) };
        self.times.pull_started = Some(since);
        self.times.pull_stopped = Some(since);
        self.times.started = Some(since);
    }
}

impl TaskTimes {
    fn new(now: Timestamp) -> Self {
        Self {
            created: now,
            pull_started: None,
            pull_stopped: None,
            started: None,
            stopping: None,
            execution_stopped: None,
            stopped: None,
            updated: now,
        }
    }
}
