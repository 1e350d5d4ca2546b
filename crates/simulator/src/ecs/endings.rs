//! How tasks fail: they cannot start, fail their health checks, or their containers end.
//!
//! What a failure means for the deployment is `breaker`'s business.

use super::model::{Health, Owner, ServiceKey, Stop, StopCode, World};
use super::tasks::SIGTERM_EXIT;
use super::words::{CHECKS_FAILED, CONTAINER_EXITED, Refusal};

impl World {
    /// Stops a task that failed by itself, and counts it against its rollout.
    fn fail_task(&mut self, serial: u64, stop: Stop) {
        match stop.code {
            StopCode::SchedulerInitiated | StopCode::UserInitiated => {
                self.note_failure(serial);
                self.stop_task(serial, stop);
            }
            StopCode::FailedToStart | StopCode::EssentialContainerExited => {
                self.note_failure(serial);
                if let Some(task) = self.tasks.get_mut(&serial) {
                    task.stop = Some(stop);
                    self.deprovision(serial);
                }
            }
        }
    }

    /// A container's image cannot be pulled, or its process not be started.
    pub(crate) fn cannot_start(&mut self, serial: u64, container: usize, refusal: Refusal) {
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        let Some(container) = task.containers.get_mut(container) else { return };
        let reason = refusal.reason(&container.pull);
        container.reason = Some(reason.clone());
        let key = task.service();
        self.fail_task(serial, Stop { code: StopCode::FailedToStart, reason: reason.clone() });
        if let Some(key) = key {
            self.complain(&key, format!("was unable to place a task. Reason: {reason}."));
        }
    }

    /// The image is there, its command is not.
    pub(crate) fn refuse(&mut self, serial: u64) {
        let life = self.tasks.get(&serial).and_then(|task| task.life.as_ref());
        if let Some((container, refusal)) = life.and_then(|life| life.refusal) {
            self.cannot_start(serial, container, refusal);
        }
    }

    /// The checks of the containers or, where they have none, of the load balancer give a task up.
    pub(crate) fn fail_health(&mut self, serial: u64) {
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        if task.check_failure_seconds().is_none() {
            return self.fail_balancer(serial);
        }
        task.health = Health::Unhealthy;
        let (id, key) = (task.id.clone(), task.service());
        self.changed(serial);
        let Some(key) = key else { return };
        self.say(&key, format!("(service {}) (task {id}) failed container health checks.", key.1));
        self.fail_task(serial, Stop { code: StopCode::SchedulerInitiated, reason: CHECKS_FAILED.into() });
        self.say_stopped(&key, &id);
    }

    /// The load balancer gives a task up.
    pub(crate) fn fail_balancer(&mut self, serial: u64) {
        let Some(task) = self.tasks.get(&serial) else { return };
        let (id, life) = (task.id.clone(), task.life.as_ref());
        let Some(key) = task.service() else { return };
        let why = life.and_then(|life| life.balancer.clone());
        let why = why.unwrap_or_else(|| "Health checks failed with these codes: [503]".into());
        let (target_group, port) = self.target(&key);
        self.say(
            &key,
            format!(
                "(service {}) (task {id}) (port {port}) is unhealthy in (target-group {target_group}) due to \
                 (reason {why}).",
                key.1
            ),
        );
        let reason = format!("Task failed ELB health checks in (target-group {target_group})");
        self.fail_task(serial, Stop { code: StopCode::SchedulerInitiated, reason });
        self.say_stopped(&key, &id);
    }

    fn say_stopped(&mut self, key: &ServiceKey, id: &str) {
        self.say(key, format!("(service {}) has stopped 1 running tasks: (task {id}).", key.1));
    }

    /// The target group and port of a service's first load balancer.
    fn target(&self, key: &ServiceKey) -> (String, u64) {
        let balancers = self.services.get(key).and_then(|service| service.settings.get("loadBalancers"));
        let first = balancers.and_then(|balancers| balancers.get(0));
        let member = |name: &str| first.and_then(|first| first.get(name));
        let group = member("targetGroupArn").and_then(|arn| arn.as_str()).unwrap_or_default();
        (group.to_owned(), member("containerPort").and_then(serde_json::Value::as_u64).unwrap_or(80))
    }

    /// An essential container ends by itself, and with it the task.
    pub(crate) fn exit(&mut self, serial: u64) {
        let Some(task) = self.tasks.get_mut(&serial) else { return };
        let Some(exit) = task.life.as_ref().and_then(|life| life.exit) else { return };
        for (position, container) in task.containers.iter_mut().enumerate() {
            let itself = position == exit.container;
            container.exit_code = Some(if itself { exit.code } else { SIGTERM_EXIT });
            if itself {
                container.reason = exit.reason.map(str::to_owned);
            }
        }
        self.write_last_words(serial, exit.container);
        let stop = Stop { code: StopCode::EssentialContainerExited, reason: CONTAINER_EXITED.into() };
        self.fail_task(serial, stop);
    }

    /// Counts a failed task against its rollout, if a service owns it.
    fn note_failure(&mut self, serial: u64) {
        let Some(task) = self.tasks.get(&serial) else { return };
        let (Some(key), Owner::Service { rollout, .. }) = (task.service(), &task.owner) else { return };
        let (rollout, ran, useful) = (*rollout, task.times.started.is_some(), task.counted);
        self.count_failure(&key, rollout, ran, useful);
    }
}
