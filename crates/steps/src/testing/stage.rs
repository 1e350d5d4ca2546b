//! A small ECS: what is written has its effect once, deployments and tasks come to the end that a test gives them, and
//! a task's token is honoured. The clock decides how far things are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use gantry_domain::ecs::{
    ContainerImage, Controller, Deployment, DeploymentStatus, DeploymentSummary, Network, Placement,
    Revision, Service, ServiceEvent, Task, TaskContainer,
};
use gantry_domain::names::{
    Digest, RepositoryName, ServiceDeploymentArn, ServiceName, ServiceRevisionArn, TaskArn, TaskDefinitionArn,
};
use gantry_domain::pipeline::Pipeline;
use gantry_domain::task_definition::{TaskDefinition, TaskDefinitionBody, image_by_digest};
use gantry_domain::verdict::deadline;
use jiff::Timestamp;
use serde_json::json;

use super::{FakeClock, Faults};
use crate::ports::{
    Clock, DeployStage, ObserveStage, PortError, StageScope, TaskRequest, TaskStart, TaskState,
};

pub(crate) const REGISTRY: &str = "111122223333.dkr.ecr.us-west-2.amazonaws.com";
const ARN: &str = "arn:aws:ecs:us-west-2:111122223333";

/// What becomes of a service's next deployment.
#[derive(Debug, Clone)]
pub(crate) enum Fate {
    Succeeds,
    RollsBack(&'static str),
    Hangs,
}

/// A stage of the Exchange.
pub(crate) struct FakeStage<'a> {
    clock: &'a FakeClock,
    world: Mutex<World>,
    /// Named after the ports' methods.
    pub(crate) faults: Faults,
    denied: Mutex<BTreeSet<&'static str>>,
}

/// How long a deployment takes.
pub(crate) const TAKES: Duration = Duration::from_secs(40);

#[derive(Default)]
struct World {
    services: BTreeMap<ServiceName, Service>,
    definitions: BTreeMap<String, Vec<TaskDefinition>>,
    deployments: BTreeMap<ServiceName, Vec<Deployment>>,
    revisions: BTreeMap<ServiceRevisionArn, Revision>,
    tasks: BTreeMap<TaskArn, (Option<ServiceName>, Task)>,
    requests: BTreeMap<String, (TaskRequest, TaskArn)>,
    fates: BTreeMap<ServiceName, Fate>,
    exit_code: i32,
    endless: bool,
    full: Option<String>,
    count: u32,
    /// What was written and had its effect.
    written: Vec<String>,
}

impl<'a> FakeStage<'a> {
    /// Every service of the pipeline runs that digest, by reference, since a deployment of old.
    pub(crate) fn running(pipeline: &Pipeline, digest: &Digest, clock: &'a FakeClock) -> Self {
        let mut world = World::default();
        for component in &pipeline.components {
            for service in component.services() {
                world.add_service(service, &component.repository, digest);
            }
        }
        Self { clock, world: Mutex::new(world), faults: Faults::default(), denied: Mutex::default() }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap();
        world.advance(self.clock.now());
        world
    }

    pub(crate) fn deny(&self, call: &'static str) {
        self.denied.lock().unwrap().insert(call);
    }

    pub(crate) fn fate(&self, service: &str, fate: Fate) {
        self.world().fates.insert(ServiceName::new(service).unwrap(), fate);
    }

    pub(crate) fn tasks_exit_with(&self, code: i32) {
        self.world().exit_code = code;
    }

    pub(crate) fn tasks_never_end(&self) {
        self.world().endless = true;
    }

    pub(crate) fn has_no_room(&self, reason: Option<&str>) {
        self.world().full = reason.map(str::to_owned);
    }

    pub(crate) fn written(&self) -> Vec<String> {
        self.world().written.clone()
    }

    pub(crate) fn change_service(&self, service: &str, change: impl FnOnce(&mut Service)) {
        change(self.world().services.get_mut(&ServiceName::new(service).unwrap()).unwrap());
    }

    pub(crate) fn change_definition(&self, family: &str, change: impl FnOnce(&mut TaskDefinition)) {
        change(self.world().definitions.get_mut(family).unwrap().last_mut().unwrap());
    }

    pub(crate) fn definition(&self, arn: &TaskDefinitionArn) -> TaskDefinition {
        self.world().definition(arn).unwrap().clone()
    }

    pub(crate) fn requests(&self) -> Vec<TaskRequest> {
        self.world().requests.values().map(|(request, _)| request.clone()).collect()
    }

    /// Somebody else registers a copy of what the service runs and deploys it.
    pub(crate) fn somebody_deploys(&self, service: &str) {
        let name = ServiceName::new(service).unwrap();
        let now = self.clock.now();
        let mut world = self.world();
        let running = world.services[&name].task_definition.clone().unwrap();
        let body = world.definition(&running).unwrap().body.clone();
        let copy = world.register(&body, &BTreeMap::new());
        world.deploy(&name, &copy, now);
    }

    async fn call(&self, call: &'static str) -> Result<(), PortError> {
        self.faults.before(call).await?;
        if self.denied.lock().unwrap().contains(call) {
            return Err(PortError::Denied { call: call.to_owned(), source: "not authorized".into() });
        }
        Ok(())
    }
}

impl World {
    fn add_service(&mut self, name: &ServiceName, repository: &RepositoryName, digest: &Digest) {
        let body = TaskDefinitionBody::new(json!({
            "family": name.as_str(), "networkMode": "awsvpc", "cpu": "512",
            "containerDefinitions": [
                {"name": "app", "image": image_by_digest(REGISTRY, repository, digest),
                 "environment": [{"name": "KEY", "value": "hush"}]},
                {"name": "log", "image": "public.ecr.aws/log:1"}],
        }));
        let tags = BTreeMap::from([
            ("team".to_owned(), "exchange".to_owned()),
            ("aws:cloudformation:stack-name".to_owned(), "exchange".to_owned()),
        ]);
        let definition = self.register(&body, &tags);
        let network = Network {
            subnets: vec!["subnet-1".to_owned()],
            security_groups: vec!["sg-1".to_owned()],
            assign_public_ip: None,
        };
        self.services.insert(
            name.clone(),
            Service {
                name: name.clone(),
                status: "ACTIVE".to_owned(),
                controller: Controller::Ecs,
                task_definition: None,
                desired_count: 2,
                running_count: 2,
                rollout_state: Some("COMPLETED".to_owned()),
                revisions: Vec::new(),
                placement: Placement { network: Some(network), ..Placement::default() },
                events: Vec::new(),
            },
        );
        self.deploy(name, &definition, Timestamp::UNIX_EPOCH);
        self.advance("2026-01-01T00:00:00Z".parse().unwrap());
        self.written.clear();
    }

    fn definition(&self, arn: &TaskDefinitionArn) -> Option<&TaskDefinition> {
        self.definitions.values().flatten().find(|definition| definition.arn == *arn)
    }

    fn register(&mut self, body: &TaskDefinitionBody, tags: &BTreeMap<String, String>) -> TaskDefinitionArn {
        let family = self.definitions.entry(body.family().to_owned()).or_default();
        let revision = family.len() + 1;
        let arn =
            TaskDefinitionArn::new(format!("{ARN}:task-definition/{}:{revision}", body.family())).unwrap();
        family.push(TaskDefinition {
            arn: arn.clone(),
            body: body.clone(),
            tags: tags.clone(),
            unknown: Vec::new(),
        });
        self.written.push(format!("register {}:{revision}", body.family()));
        arn
    }

    fn deploy(&mut self, name: &ServiceName, definition: &TaskDefinitionArn, now: Timestamp) {
        self.count += 1;
        let id = self.count;
        let body = self.definition(definition).unwrap().body.clone();
        let images = body.images().into_iter().map(|(container, image)| ContainerImage {
            container,
            image: image.to_owned(),
            digest: image.rsplit_once('@').and_then(|(_, digest)| Digest::new(digest).ok()),
        });
        let revision = Revision {
            arn: ServiceRevisionArn::new(format!("{ARN}:service-revision/c/{name}/{id}")).unwrap(),
            task_definition: definition.clone(),
            images: images.collect(),
        };
        let deployment = Deployment {
            arn: ServiceDeploymentArn::new(format!("{ARN}:service-deployment/c/{name}/{id}")).unwrap(),
            status: DeploymentStatus::InProgress,
            status_reason: None,
            target: Some(revision.arn.clone()),
            created_at: Some(now),
            finished_at: None,
            rollback_reason: None,
            failed_tasks: 0,
            alarms: Vec::new(),
        };
        self.revisions.insert(revision.arn.clone(), revision);
        let deployments = self.deployments.entry(name.clone()).or_default();
        for before in deployments.iter_mut().filter(|before| !before.status.is_over()) {
            before.status = DeploymentStatus::Stopped;
        }
        deployments.push(deployment);
        let service = self.services.get_mut(name).unwrap();
        service.task_definition = Some(definition.clone());
        service.rollout_state = Some("IN_PROGRESS".to_owned());
        let revision = definition.as_str().rsplit('/').next().unwrap();
        self.written.push(format!("update {name} to {revision}"));
    }

    /// Lets what is due come to its end.
    fn advance(&mut self, now: Timestamp) {
        for name in self.services.keys().cloned().collect::<Vec<_>>() {
            let deployments = self.deployments.get_mut(&name).unwrap();
            let Some((newest, before)) = deployments.split_last_mut() else { continue };
            let due = deadline(newest.created_at.unwrap(), TAKES);
            if newest.status.is_over() || now < due {
                continue;
            }
            let service = self.services.get_mut(&name).unwrap();
            match self.fates.get(&name).unwrap_or(&Fate::Succeeds) {
                Fate::Hangs => continue,
                Fate::Succeeds => {
                    newest.status = DeploymentStatus::Successful;
                    let revision = self.revisions[newest.target.as_ref().unwrap()].clone();
                    service.revisions = vec![revision.arn.clone()];
                    self.tasks.retain(|_, (owner, _)| owner.as_ref() != Some(&name));
                    for task in 0..service.desired_count {
                        let task = running_task(&mut self.count, &name, task, &revision);
                        self.tasks.insert(task.arn.clone(), (Some(name.clone()), task));
                    }
                }
                Fate::RollsBack(reason) => {
                    newest.status = DeploymentStatus::RollbackSuccessful;
                    newest.rollback_reason = Some((*reason).to_owned());
                    let revision = self.revisions[newest.target.as_ref().unwrap()].clone();
                    let mut task = running_task(&mut self.count, &name, 0, &revision);
                    task.last_status = "STOPPED".to_owned();
                    task.stop_code = Some("EssentialContainerExited".to_owned());
                    task.stopped_reason = Some("Essential container in task exited".to_owned());
                    self.tasks.insert(task.arn.clone(), (Some(name.clone()), task));
                    let target = before.last().and_then(|before| before.target.clone()).unwrap();
                    service.task_definition = Some(self.revisions[&target].task_definition.clone());
                    let message = format!("(service {name}) rolled back.");
                    service.events.insert(0, ServiceEvent { at: now, message });
                }
            }
            newest.finished_at = Some(due);
            service.rollout_state = Some("COMPLETED".to_owned());
        }
    }
}

fn running_task(count: &mut u32, name: &ServiceName, index: u32, revision: &Revision) -> Task {
    *count += 1;
    let containers = revision.images.iter().map(|image| TaskContainer {
        name: image.container.clone(),
        image: image.image.clone(),
        digest: image.digest.clone(),
        exit_code: None,
        reason: None,
    });
    Task {
        arn: TaskArn::new(format!("{ARN}:task/c/{name}-{count}-{index}")).unwrap(),
        task_definition: revision.task_definition.clone(),
        last_status: "RUNNING".to_owned(),
        healthy: None,
        started_at: None,
        stop_code: None,
        stopped_reason: None,
        stopped_at: None,
        containers: containers.collect(),
    }
}

#[async_trait]
impl ObserveStage for FakeStage<'_> {
    async fn services(&self, _: &StageScope, names: &[ServiceName]) -> Result<Vec<Service>, PortError> {
        self.call("services").await?;
        let world = self.world();
        Ok(names.iter().filter_map(|name| world.services.get(name).cloned()).collect())
    }

    async fn task_definition(
        &self,
        _: &StageScope,
        arn: &TaskDefinitionArn,
    ) -> Result<Option<TaskDefinition>, PortError> {
        self.call("task_definition").await?;
        Ok(self.world().definition(arn).cloned())
    }

    async fn latest_task_definition(
        &self,
        _: &StageScope,
        family: &str,
    ) -> Result<Option<TaskDefinition>, PortError> {
        self.call("latest_task_definition").await?;
        Ok(self.world().definitions.get(family).and_then(|family| family.last()).cloned())
    }

    async fn newest_task_definitions(
        &self,
        _: &StageScope,
        family: &str,
        count: u8,
    ) -> Result<Vec<TaskDefinitionArn>, PortError> {
        self.call("newest_task_definitions").await?;
        let world = self.world();
        let family = world.definitions.get(family).map(Vec::as_slice).unwrap_or_default();
        Ok(family.iter().rev().take(usize::from(count)).map(|definition| definition.arn.clone()).collect())
    }

    async fn deployments_of(
        &self,
        _: &StageScope,
        service: &ServiceName,
    ) -> Result<Vec<DeploymentSummary>, PortError> {
        self.call("deployments_of").await?;
        let world = self.world();
        let deployments = world.deployments.get(service).into_iter().flatten().rev();
        Ok(deployments
            .map(|deployment| DeploymentSummary {
                arn: deployment.arn.clone(),
                status: deployment.status.clone(),
                target: deployment.target.clone(),
                created_at: deployment.created_at,
            })
            .collect())
    }

    async fn deployments(
        &self,
        _: &StageScope,
        arns: &[ServiceDeploymentArn],
    ) -> Result<Vec<Deployment>, PortError> {
        self.call("deployments").await?;
        let world = self.world();
        Ok(world.deployments.values().flatten().filter(|one| arns.contains(&one.arn)).cloned().collect())
    }

    async fn revisions(
        &self,
        _: &StageScope,
        arns: &[ServiceRevisionArn],
    ) -> Result<Vec<Revision>, PortError> {
        self.call("revisions").await?;
        let world = self.world();
        Ok(arns.iter().filter_map(|arn| world.revisions.get(arn).cloned()).collect())
    }

    async fn tasks_of(
        &self,
        _: &StageScope,
        service: &ServiceName,
        state: TaskState,
    ) -> Result<Vec<Task>, PortError> {
        self.call("tasks_of").await?;
        let world = self.world();
        let wanted = |task: &Task| task.is_stopped() == (state == TaskState::Stopped);
        let tasks =
            world.tasks.values().filter(|(owner, task)| owner.as_ref() == Some(service) && wanted(task));
        Ok(tasks.map(|(_, task)| task.clone()).collect())
    }

    async fn task(&self, _: &StageScope, arn: &TaskArn) -> Result<Option<Task>, PortError> {
        self.call("task").await?;
        let now = self.clock.now();
        let mut world = self.world();
        let exit_code = world.exit_code;
        let Some((_, task)) = world.tasks.get_mut(arn) else { return Ok(None) };
        if task.stopped_at.is_some_and(|at| now >= at) {
            task.last_status = "STOPPED".to_owned();
            task.stopped_reason = Some("Essential container in task exited".to_owned());
            task.containers[0].exit_code = Some(exit_code);
        }
        Ok(Some(task.clone()))
    }
}

#[async_trait]
impl DeployStage for FakeStage<'_> {
    async fn register_task_definition(
        &self,
        scope: &StageScope,
        body: &TaskDefinitionBody,
        tags: &BTreeMap<String, String>,
    ) -> Result<TaskDefinitionArn, PortError> {
        self.call("register_task_definition").await?;
        assert!(scope.role.as_str().contains("-deploy-"), "only the deploying role writes");
        let arn = self.world().register(body, tags);
        self.faults.after("register_task_definition")?;
        Ok(arn)
    }

    async fn update_service(
        &self,
        scope: &StageScope,
        service: &ServiceName,
        task_definition: &TaskDefinitionArn,
    ) -> Result<(), PortError> {
        self.call("update_service").await?;
        assert!(scope.role.as_str().contains("-deploy-"), "only the deploying role writes");
        let now = self.clock.now();
        let mut world = self.world();
        if world.services[service].task_definition.as_ref() != Some(task_definition) {
            world.deploy(service, task_definition, now);
        }
        drop(world);
        self.faults.after("update_service")
    }

    async fn run_task(&self, scope: &StageScope, request: &TaskRequest) -> Result<TaskStart, PortError> {
        self.call("run_task").await?;
        assert!(scope.role.as_str().contains("-deploy-"), "only the deploying role writes");
        let now = self.clock.now();
        let mut world = self.world();
        if let Some((before, arn)) = world.requests.get(&request.client_token) {
            if before != request {
                let source = "ConflictException: the token was used for another request".into();
                return Err(PortError::Rejected { call: "run_task".to_owned(), source });
            }
            return Ok(TaskStart::Started(arn.clone()));
        }
        if let Some(reason) = &world.full {
            return Ok(TaskStart::Failed(reason.clone()));
        }
        world.count += 1;
        let arn = TaskArn::new(format!("{ARN}:task/c/once-{}", world.count)).unwrap();
        let definition = world.definition(&request.task_definition).unwrap().clone();
        let containers = definition.body.images().into_iter().map(|(name, image)| TaskContainer {
            name,
            image: image.to_owned(),
            digest: None,
            exit_code: None,
            reason: None,
        });
        let task = Task {
            arn: arn.clone(),
            task_definition: request.task_definition.clone(),
            last_status: "RUNNING".to_owned(),
            healthy: None,
            started_at: None,
            stop_code: None,
            stopped_reason: None,
            stopped_at: (!world.endless).then(|| deadline(now, TAKES)),
            containers: containers.collect(),
        };
        world.tasks.insert(arn.clone(), (None, task));
        world.requests.insert(request.client_token.clone(), (request.clone(), arn.clone()));
        let written = format!("run {} as {}", request.command.join(" "), definition.body.family());
        world.written.push(written);
        drop(world);
        self.faults.after("run_task")?;
        Ok(TaskStart::Started(arn))
    }
}
