//! The life of a task: PROVISIONING, PENDING, RUNNING, and the way down to STOPPED.
//!
//! When tasks start and stop is for `deployments` and the operations to say.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::behaviour::{Behaviour, End, Fitness, Http, Life, Purpose};
use super::model::{
    Container, DefinitionKey, Health, Owner, Service, Step, Stop, StopCode, Tags, Task, TaskStatus,
    TaskTimes, World,
};
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
const SIGTERM_EXIT: i64 = 143;

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct TaskOrder {
    pub(crate) cluster: String,
    pub(crate) owner: Owner,
    pub(crate) definition: DefinitionKey,
    /// Digests to pull by, per container name.
    pub(crate) digests: BTreeMap<String, String>,
    pub(crate) launch_type: String,
    pub(crate) network: Value,
    pub(crate) overrides: Value,
    pub(crate) tags: Tags,
}

impl World {
    /// Starts a task, which is PROVISIONING now. Returns its serial number.
    pub(crate) fn start_task(&mut self, order: TaskOrder) -> u64 {
        let id = self.fresh_id();
        let serial = self.next_serial();
        let specs = self.definition(&order.definition).map(|definition| definition.containers.clone());
        let container = |spec: super::model::ContainerSpec| Container {
            pull: pinned(&spec.image, order.digests.get(&spec.name)),
            spec,
            digest: None,
            exit_code: None,
            reason: None,
        };
        let task = Task {
            id,
            cluster: order.cluster,
            owner: order.owner,
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
        };
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
            }
            Step::PassHealth => self.pass_health(serial),
            Step::FailHealth => self.fail_health(serial),
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

    fn balanced(&self, key: &super::model::ServiceKey) -> bool {
        self.services.get(key).is_some_and(Service::balanced)
    }

    fn deprovision(&mut self, serial: u64) {
        let now = self.now;
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        task.counted = false;
        task.times.stopping.get_or_insert(now);
        task.times.execution_stopped = Some(now);
        task.agenda = vec![(later(now, DEPROVISIONING_SECONDS), Step::Gone)];
        self.enter(serial, TaskStatus::Deprovisioning);
    }

    /// Stops a task that failed by itself, and counts it against its rollout.
    fn fail_task(&mut self, serial: u64, stop: Stop) {
        self.count_failure(serial, &stop.reason);
        match stop.code {
            StopCode::SchedulerInitiated | StopCode::UserInitiated => self.stop_task(serial, stop),
            StopCode::FailedToStart | StopCode::EssentialContainerExited => {
                if let Some(task) = self.tasks.get_mut(&serial) {
                    task.stop = Some(stop);
                    self.deprovision(serial);
                }
            }
        }
    }

    fn pulled(&mut self, serial: u64) {
        let now = self.now;
        let Some(task) = self.tasks.get(&serial) else { return };
        let facts: Vec<Option<ImageFacts>> =
            task.containers.iter().map(|container| self.resolve(&container.pull)).collect();
        if let Some(index) = facts.iter().position(Option::is_none) {
            let image =
                task.containers.get(index).map(|container| container.pull.clone()).unwrap_or_default();
            let reason = format!(
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): \
                 failed to resolve ref {image}: {image}: not found"
            );
            if let Some(container) =
                self.tasks.get_mut(&serial).and_then(|task| task.containers.get_mut(index))
            {
                container.reason = Some(reason.clone());
            }
            return self.fail_task(serial, Stop { code: StopCode::FailedToStart, reason });
        }
        let facts: Vec<ImageFacts> = facts.into_iter().flatten().collect();
        if let Owner::Service { name, rollout, .. } = &task.owner {
            let key = (task.cluster.clone(), name.clone());
            let digests = task
                .containers
                .iter()
                .zip(&facts)
                .map(|(container, facts)| (container.spec.name.clone(), facts.digest.clone()));
            let digests: Vec<(String, String)> = digests.collect();
            self.pin(&key, *rollout, digests);
        }
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        for (container, facts) in task.containers.iter_mut().zip(&facts) {
            container.digest = Some(facts.digest.clone());
        }
        let life = live(task, &facts);
        task.times.pull_stopped = Some(now);
        task.agenda.push((later(now, life.start), Step::Start));
        task.life = Some(life);
    }

    /// Images of other registries are taken to be there: only ours is simulated.
    pub(crate) fn resolve(&self, reference: &str) -> Option<ImageFacts> {
        let ours = format!("{}.dkr.ecr.{}.amazonaws.com/", self.place.account, self.place.region);
        if reference.starts_with(&ours) {
            return self.catalog.resolve(reference);
        }
        let digest = match reference.split_once('@') {
            Some((_, digest)) => digest.to_owned(),
            None => format!("sha256:{}", hex::encode(Sha256::digest(reference))),
        };
        Some(ImageFacts { digest, labels: BTreeMap::new() })
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
        let failure = task.check_failure_seconds().or(balanced.then_some(grace + BALANCER_FAILURE_SECONDS));
        match (failure, life.fitness) {
            (Some(_), Fitness::After(seconds)) => task.agenda.push((later(now, seconds), Step::PassHealth)),
            (Some(seconds), Fitness::Never) => task.agenda.push((later(now, seconds), Step::FailHealth)),
            (None, _) if in_service => task.agenda.push((later(now, UNCHECKED_SECONDS), Step::PassHealth)),
            (None, _) => {}
        }
        if let Some((_, after, _)) = life.exit {
            task.agenda.push((later(now, after), Step::Exit));
        }
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

    fn fail_health(&mut self, serial: u64) {
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        let checked = task.check_failure_seconds().is_some();
        if checked {
            task.health = Health::Unhealthy;
        }
        let alone = task.service().is_none();
        if checked {
            self.changed(serial);
        }
        if alone {
            return;
        }
        let reason =
            if checked { "Task failed container health checks" } else { "Task failed ELB health checks" };
        self.fail_task(serial, Stop { code: StopCode::SchedulerInitiated, reason: reason.into() });
    }

    fn exit(&mut self, serial: u64) {
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        let Some((index, _, code)) = task.life.as_ref().and_then(|life| life.exit) else { return };
        for (position, container) in task.containers.iter_mut().enumerate() {
            container.exit_code = Some(if position == index { code } else { SIGTERM_EXIT });
        }
        let reason = "Essential container in task exited".to_owned();
        self.fail_task(serial, Stop { code: StopCode::EssentialContainerExited, reason });
    }

    fn enter(&mut self, serial: u64, status: TaskStatus) {
        if let Some(task) = self.tasks.get_mut(&serial) {
            task.status = status;
        }
        self.changed(serial);
    }

    /// A change of a task that AWS counts and announces.
    fn changed(&mut self, serial: u64) {
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
    pub(crate) fn settle_as_running(&mut self, facts: &[ImageFacts], since: Timestamp) {
        for (container, facts) in self.containers.iter_mut().zip(facts) {
            container.digest = Some(facts.digest.clone());
        }
        let mut life = live(self, facts);
        life.exit = None;
        self.life = Some(life);
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

/// The reference to pull: by digest where the service revision knows it.
fn pinned(image: &str, digest: Option<&String>) -> String {
    match digest {
        Some(digest) if !image.contains('@') => format!("{}@{digest}", repository(image)),
        _ => image.to_owned(),
    }
}

/// An image reference without its tag.
fn repository(image: &str) -> &str {
    match image.rfind(':') {
        Some(colon) if !image.get(colon..).is_some_and(|rest| rest.contains('/')) => {
            image.get(..colon).unwrap_or(image)
        }
        _ => image,
    }
}

/// How the images make the task behave: it starts with the slowest, is healthy with the last, ends with the first.
fn live(task: &Task, facts: &[ImageFacts]) -> Life {
    let main = task.containers.iter().position(|container| container.spec.essential).unwrap_or(0);
    // Only the first essential container is the command that was run; others are its sidecars.
    let purpose = |index: usize| match task.owner {
        Owner::Caller { .. } if index == main => Purpose::RunTask,
        _ => Purpose::Service,
    };
    let behaviours: Vec<Behaviour> =
        facts.iter().enumerate().map(|(index, facts)| Behaviour::of(&facts.labels, purpose(index))).collect();
    let essential = || {
        let pairs = task.containers.iter().zip(&behaviours).enumerate();
        pairs.filter(|(_, (container, _))| container.spec.essential)
    };
    let checked: Vec<Fitness> = essential()
        .filter(|(_, (container, _))| container.spec.check.is_some())
        .map(|(_, (_, behaviour))| behaviour.fitness)
        .collect();
    let fitness = if checked.is_empty() {
        behaviours.get(main).map_or(Fitness::After(0), |behaviour| behaviour.fitness)
    } else {
        checked.into_iter().fold(Fitness::After(0), slower)
    };
    let exit = essential()
        .filter_map(|(index, (_, behaviour))| match behaviour.end {
            End::Exits { after, code } => Some((index, after, code)),
            End::Serves => None,
        })
        .min_by_key(|(index, after, _)| (*after, *index));
    let labels = facts.get(main).map(|facts| facts.labels.clone()).unwrap_or_default();
    Life {
        start: behaviours.iter().map(|behaviour| behaviour.start).max().unwrap_or(0),
        fitness,
        exit,
        http: Http::of(&labels),
        version: labels.get("org.opencontainers.image.version").cloned(),
        revision: labels.get("org.opencontainers.image.revision").cloned(),
        digest: facts.get(main).map(|facts| facts.digest.clone()),
    }
}

fn slower(one: Fitness, other: Fitness) -> Fitness {
    match (one, other) {
        (Fitness::After(one), Fitness::After(other)) => Fitness::After(one.max(other)),
        _ => Fitness::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_gives_way_to_the_digest_but_a_port_is_no_tag() {
        let digest = "sha256:aa".to_owned();
        assert_eq!(pinned("host:5000/web:1", Some(&digest)), "host:5000/web@sha256:aa");
        assert_eq!(pinned("host:5000/web", Some(&digest)), "host:5000/web@sha256:aa");
        assert_eq!(pinned("host/web@sha256:bb", Some(&digest)), "host/web@sha256:bb");
        assert_eq!(pinned("host/web:1", None), "host/web:1");
    }
}
