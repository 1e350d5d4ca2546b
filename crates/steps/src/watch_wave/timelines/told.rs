//! What ECS says over time, as a table: a stage that answers as the table says at the moment it is asked.
//!
//! It knows no rules of ECS beyond the obvious (a deployment changes what its service is to run), so that a table can
//! also say what ECS should never say.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use gantry_domain::ecs::{
    ContainerImage, Controller, Deployment, DeploymentStatus, DeploymentSummary, Placement, Revision,
    Service, ServiceEvent, Task, TaskContainer,
};
use gantry_domain::names::{
    ContainerName, ServiceDeploymentArn, ServiceName, ServiceRevisionArn, TaskArn, TaskDefinitionArn,
};
use gantry_domain::task_definition::TaskDefinition;
use jiff::{SignedDuration, Timestamp};

use crate::ports::{Clock as _, ObserveStage, PortError, StageScope, TaskState};
use crate::testing::{FakeClock, given};

const ARN: &str = "arn:aws:ecs:us-west-2:111122223333";
const IMAGE: &str = "111122223333.dkr.ecr.us-west-2.amazonaws.com/exchange-backend-f899186";

/// One line of a table: from that second on, ECS says this.
#[derive(Debug, Clone, Copy)]
pub(super) enum Says {
    /// Our deployment has that status.
    Ours(&'static str),
    /// Somebody's deployment of another task definition has that status.
    Theirs(&'static str),
    /// Somebody's deployment of our own task definition has that status.
    Again(&'static str),
    /// The status reason of our deployment.
    Why(&'static str),
    /// The reason of our deployment's rollback.
    GoesBack(&'static str),
    /// An alarm that our deployment watches.
    Alarm(&'static str),
    /// What the circuit breaker of our deployment counted.
    Failed(u32),
    /// Our deployment does not tell when it came to its end.
    NeverFinished,
    /// Our deployment's revision, as image reference and resolved digest.
    Brings(&'static str, Option<char>),
    /// The tasks that are to run, such as `2 ours, 1 old`. See `Kind`.
    Runs(&'static str),
    /// So many running tasks of ours exit with 1.
    Crash(u32),
    /// A running task of ours is killed for its use of memory.
    OutOfMemory,
    /// A task of that kind stops: stop code and reason.
    Stops(&'static str, &'static str, &'static str),
    /// How many tasks the service wants.
    Wants(u32),
    /// What the service itself says it is to run: `ours`, `old` or `theirs`.
    IsToRun(&'static str),
    /// The rollout state of the service's newest deployment.
    Rollout(Option<&'static str>),
    /// The service's status.
    Status(&'static str),
    /// The service's deployment controller.
    Controller(&'static str),
    /// A line in the service's event log.
    Event(&'static str),
    /// Answers are as old as that second, until then.
    Lags { as_of: i64, until: i64 },
    /// What is asked with that call is missing from the answer, until then.
    Missing(&'static str, i64),
    /// That call, or every one (`*`), is throttled until then.
    Throttled(&'static str, i64),
    /// That call gets no answer until then.
    Down(&'static str, i64),
}

/// A second, a service, and what ECS says of it from then on.
pub(super) type Line = (i64, &'static str, Says);

/// A stage that answers from a table.
pub(super) struct ToldStage<'a> {
    clock: &'a FakeClock,
    pub(super) start: Timestamp,
    lines: Vec<Line>,
    /// What was worked out last: one look asks several times.
    last: Mutex<BTreeMap<String, (i64, Told)>>,
}

pub(super) fn definition(service: &str, whose: &str) -> TaskDefinitionArn {
    let revision = ["none", "old", "ours", "theirs"].iter().position(|one| *one == whose).unwrap();
    given::task_definition(service, u32::try_from(revision).unwrap())
}

pub(super) fn deployment_arn(service: &str, whose: &str) -> ServiceDeploymentArn {
    ServiceDeploymentArn::new(format!("{ARN}:service-deployment/c/{service}/{whose}")).unwrap()
}

fn revision_arn(service: &str, whose: &str) -> ServiceRevisionArn {
    ServiceRevisionArn::new(format!("{ARN}:service-revision/c/{service}/{whose}")).unwrap()
}

/// Everything ECS says of one service at one moment.
#[derive(Clone)]
struct Told {
    service: Service,
    deployments: BTreeMap<&'static str, Deployment>,
    brings: (String, Option<char>),
    running: Vec<Task>,
    stopped: Vec<Task>,
    count: u32,
}

impl Told {
    /// Two old tasks run, and nothing is under way.
    fn before(name: &str) -> Self {
        let mut told = Self {
            service: Service {
                name: ServiceName::new(name).unwrap(),
                status: "ACTIVE".to_owned(),
                controller: Controller::Ecs,
                task_definition: Some(definition(name, "old")),
                desired_count: 2,
                running_count: 2,
                rollout_state: Some("COMPLETED".to_owned()),
                revisions: Vec::new(),
                placement: Placement::default(),
                events: Vec::new(),
            },
            deployments: BTreeMap::new(),
            brings: (format!("{IMAGE}@{}", given::digest('b')), Some('b')),
            running: Vec::new(),
            stopped: Vec::new(),
            count: 0,
        };
        let then = Timestamp::UNIX_EPOCH;
        told.deploys("old", "SUCCESSFUL", then);
        told.runs("2 old", then);
        told
    }

    fn hears(&mut self, says: Says, at: Timestamp) {
        match says {
            Says::Ours(status) => self.deploys("ours", status, at),
            Says::Theirs(status) => self.deploys("theirs", status, at),
            Says::Again(status) => self.deploys("again", status, at),
            Says::Why(reason) => self.ours().status_reason = Some(reason.to_owned()),
            Says::GoesBack(reason) => self.ours().rollback_reason = Some(reason.to_owned()),
            Says::Alarm(name) => self.ours().alarms.push(name.to_owned()),
            Says::Failed(count) => self.ours().failed_tasks = count,
            Says::NeverFinished => self.ours().finished_at = None,
            Says::Brings(image, digest) => {
                let pinned = given::digest('b').to_string();
                self.brings = (image.replace("{ours}", &pinned).replace("{image}", IMAGE), digest);
            }
            Says::Runs(tasks) => self.runs(tasks, at),
            Says::Crash(count) => {
                for _ in 0..count {
                    self.ends(at, "EssentialContainerExited", "Essential container in task exited", 1, None);
                }
            }
            Says::OutOfMemory => {
                let reason = "OutOfMemoryError: Container killed due to memory usage";
                let exited = "Essential container in task exited";
                self.ends(at, "EssentialContainerExited", exited, 137, Some(reason));
            }
            Says::Stops(kind, code, reason) => {
                let mut task = self.task(kind, at);
                task.last_status = "STOPPED".to_owned();
                task.stop_code = Some(code.to_owned());
                task.stopped_reason = Some(reason.to_owned());
                task.stopped_at = Some(at);
                self.stopped.push(task);
            }
            Says::Wants(count) => self.service.desired_count = count,
            Says::IsToRun(whose) => {
                self.service.task_definition = Some(definition(self.service.name.as_str(), whose));
            }
            Says::Rollout(state) => self.service.rollout_state = state.map(str::to_owned),
            Says::Status(status) => self.service.status = status.to_owned(),
            Says::Controller(who) => self.service.controller = Controller::Other(who.to_owned()),
            Says::Event(message) => {
                self.service.events.insert(0, ServiceEvent { at, message: message.to_owned() });
            }
            Says::Lags { .. } | Says::Missing(..) | Says::Throttled(..) | Says::Down(..) => {}
        }
    }

    fn ours(&mut self) -> &mut Deployment {
        self.deployments.get_mut("ours").unwrap()
    }

    fn deploys(&mut self, whose: &'static str, status: &str, at: Timestamp) {
        let name = self.service.name.to_string();
        let goes_back = status.starts_with("ROLLBACK_");
        let status = DeploymentStatus::from(status);
        let deployment = self.deployments.entry(whose).or_insert_with(|| Deployment {
            arn: deployment_arn(&name, whose),
            status: status.clone(),
            status_reason: None,
            target: Some(revision_arn(&name, whose)),
            created_at: Some(at),
            finished_at: None,
            rollback_reason: None,
            failed_tasks: 0,
            alarms: Vec::new(),
        });
        deployment.finished_at = status.is_over().then_some(at);
        let is_new = deployment.created_at == Some(at);
        deployment.status = status.clone();
        if is_new || goes_back {
            let runs = if goes_back { "old" } else { whose.replace("again", "ours").leak() };
            self.service.task_definition = Some(definition(&name, runs));
        }
        self.service.rollout_state =
            Some(if status.is_over() { "COMPLETED" } else { "IN_PROGRESS" }.to_owned());
    }

    /// A running task of ours ends by itself.
    fn ends(&mut self, at: Timestamp, code: &str, reason: &str, exit_code: i32, told: Option<&str>) {
        let ours = definition(self.service.name.as_str(), "ours");
        let index = self.running.iter().position(|task| task.task_definition == ours).unwrap();
        let mut task = self.running.remove(index);
        task.last_status = "STOPPED".to_owned();
        task.stop_code = Some(code.to_owned());
        task.stopped_reason = Some(reason.to_owned());
        task.stopped_at = Some(at);
        task.containers[0].exit_code = Some(exit_code);
        task.containers[0].reason = told.map(str::to_owned);
        self.stopped.push(task);
    }

    /// Those that run already go on; the others are new.
    fn runs(&mut self, tasks: &str, at: Timestamp) {
        let mut before = std::mem::take(&mut self.running);
        for some in tasks.split(", ").filter(|some| !some.is_empty()) {
            let (count, kind) = some.split_once(' ').unwrap();
            for _ in 0..count.parse().unwrap() {
                let new = self.task(kind, at);
                // What a task's health checks say does not make it another one.
                let same = |task: &Task| {
                    let (arn, started_at) = (new.arn.clone(), new.started_at);
                    Task { arn, started_at, healthy: new.healthy, ..task.clone() } == new
                };
                let found = before.iter().position(same).map(|index| before.remove(index));
                let task = found.map(|task| Task { healthy: new.healthy, ..task });
                self.running.push(task.unwrap_or(new));
            }
        }
    }

    /// A task: `old`, `ours`, `theirs`, or ours with something about it, such as `ours-unhealthy`.
    fn task(&mut self, kind: &str, at: Timestamp) -> Task {
        self.count += 1;
        let (whose, what) = kind.split_once('-').unwrap_or((kind, ""));
        let digit = if what == "other" || whose == "old" { 'a' } else { 'b' };
        let name = self.service.name.as_str();
        let app = TaskContainer {
            name: ContainerName::new("app").unwrap(),
            image: format!("{IMAGE}@{}", given::digest(digit)),
            digest: Some(given::digest(if what == "child" { 'c' } else { digit })),
            exit_code: None,
            reason: None,
        };
        Task {
            arn: TaskArn::new(format!("{ARN}:task/c/{name}-{}", self.count)).unwrap(),
            task_definition: definition(name, whose),
            last_status: if what == "pending" { "PENDING" } else { "RUNNING" }.to_owned(),
            healthy: match what {
                "unhealthy" => Some(false),
                "healthy" => Some(true),
                _ => None,
            },
            started_at: (what != "pending").then_some(at),
            stop_code: None,
            stopped_reason: None,
            stopped_at: None,
            containers: if what == "untold" { Vec::new() } else { vec![app] },
        }
    }

    fn revision(&self, whose: &str) -> Revision {
        let name = self.service.name.as_str();
        let (image, digit) = match whose {
            "old" => (format!("{IMAGE}@{}", given::digest('a')), Some('a')),
            _ => self.brings.clone(),
        };
        let digest = digit.map(given::digest);
        Revision {
            arn: revision_arn(name, whose),
            task_definition: definition(name, whose.replace("again", "ours").as_str()),
            images: vec![ContainerImage { container: ContainerName::new("app").unwrap(), image, digest }],
        }
    }
}

impl<'a> ToldStage<'a> {
    /// Second 0 is now.
    pub(super) fn new(clock: &'a FakeClock, lines: Vec<Line>) -> Self {
        Self { clock, start: clock.now(), lines, last: Mutex::default() }
    }

    fn second(&self) -> i64 {
        self.clock.now().duration_since(self.start).as_secs()
    }

    fn now(&self, name: &str) -> Told {
        let mut second = self.second();
        for (from, of, says) in &self.lines {
            if let Says::Lags { as_of, until } = says
                && *of == name
                && (*from..*until).contains(&second)
            {
                second = *as_of;
            }
        }
        if let Some((at, told)) = self.last.lock().unwrap().get(name)
            && *at == second
        {
            return told.clone();
        }
        let mut told = Told::before(name);
        for (at, _, says) in self.lines.iter().filter(|(at, of, _)| *at <= second && *of == name) {
            told.hears(*says, self.start + SignedDuration::from_secs(*at));
        }
        self.last.lock().unwrap().insert(name.to_owned(), (second, told.clone()));
        told
    }

    fn holds(&self, wanted: impl Fn(&Says) -> Option<i64>) -> bool {
        let second = self.second();
        self.lines
            .iter()
            .any(|(from, _, says)| wanted(says).is_some_and(|until| (*from..until).contains(&second)))
    }

    /// Does the call go through, and is what it asks for there?
    fn call(&self, call: &'static str) -> Result<bool, PortError> {
        let (name, source) = (call.to_owned(), || "as the table says".into());
        if self.holds(|says| match says {
            Says::Throttled(of, until) => (*of == call || *of == "*").then_some(*until),
            _ => None,
        }) {
            return Err(PortError::Throttled { call: name, source: source() });
        }
        if self.holds(|says| match says {
            Says::Down(of, until) => (*of == call).then_some(*until),
            _ => None,
        }) {
            return Err(PortError::Unavailable { call: name, source: source() });
        }
        Ok(!self.holds(|says| match says {
            Says::Missing(of, until) => (*of == call).then_some(*until),
            _ => None,
        }))
    }
}

/// The service and whose it is, from an ARN's end.
fn parts(arn: &str) -> (&str, &str) {
    let mut parts = arn.rsplit('/');
    let whose = parts.next().unwrap();
    (parts.next().unwrap(), whose)
}

#[async_trait]
impl ObserveStage for ToldStage<'_> {
    async fn services(&self, _: &StageScope, names: &[ServiceName]) -> Result<Vec<Service>, PortError> {
        let there = self.call("services")?;
        Ok(names.iter().filter(|_| there).map(|name| self.now(name.as_str()).service).collect())
    }

    async fn task_definition(
        &self,
        _: &StageScope,
        _: &TaskDefinitionArn,
    ) -> Result<Option<TaskDefinition>, PortError> {
        unreachable!("watching asks for no task definition")
    }

    async fn latest_task_definition(
        &self,
        _: &StageScope,
        _: &str,
    ) -> Result<Option<TaskDefinition>, PortError> {
        unreachable!("watching asks for no task definition")
    }

    async fn newest_task_definitions(
        &self,
        _: &StageScope,
        _: &str,
        _: u8,
    ) -> Result<Vec<TaskDefinitionArn>, PortError> {
        unreachable!("watching asks for no task definition")
    }

    async fn deployments_of(
        &self,
        _: &StageScope,
        service: &ServiceName,
    ) -> Result<Vec<DeploymentSummary>, PortError> {
        let there = self.call("deployments_of")?;
        let deployments = self.now(service.as_str()).deployments.into_values().filter(|_| there);
        let mut list: Vec<DeploymentSummary> = deployments
            .map(|one| DeploymentSummary {
                arn: one.arn,
                status: one.status,
                target: one.target,
                created_at: one.created_at,
            })
            .collect();
        list.sort_by_key(|one| std::cmp::Reverse(one.created_at));
        Ok(list)
    }

    async fn deployments(
        &self,
        _: &StageScope,
        arns: &[ServiceDeploymentArn],
    ) -> Result<Vec<Deployment>, PortError> {
        let there = self.call("deployments")?;
        let found = arns.iter().filter(|_| there).filter_map(|arn| {
            let (service, whose) = parts(arn.as_str());
            self.now(service).deployments.remove(whose)
        });
        Ok(found.collect())
    }

    async fn revisions(
        &self,
        _: &StageScope,
        arns: &[ServiceRevisionArn],
    ) -> Result<Vec<Revision>, PortError> {
        let there = self.call("revisions")?;
        let found = arns.iter().filter(|_| there).map(|arn| {
            let (service, whose) = parts(arn.as_str());
            self.now(service).revision(whose)
        });
        Ok(found.collect())
    }

    async fn tasks_of(
        &self,
        _: &StageScope,
        service: &ServiceName,
        state: TaskState,
    ) -> Result<Vec<Task>, PortError> {
        let call = match state {
            TaskState::Running => "running",
            TaskState::Stopped => "stopped",
        };
        self.call(call)?;
        let told = self.now(service.as_str());
        let mut tasks = match state {
            TaskState::Running => told.running,
            TaskState::Stopped => told.stopped,
        };
        // ECS lists no more.
        tasks.truncate(100);
        Ok(tasks)
    }

    async fn task(&self, _: &StageScope, _: &TaskArn) -> Result<Option<Task>, PortError> {
        unreachable!("watching asks for no single task")
    }
}
