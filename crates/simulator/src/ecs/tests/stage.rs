//! A small world whose time only moves when a test says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gantry_domain::Scale;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::aws::{AwsError, BusEvent};
use crate::clock::WorldClock;
use crate::ecs::shapes::check_output;
use crate::ecs::{Ecs, ServiceSeed};
use crate::images::{ImageCatalog, ImageFacts};

pub(super) const CLUSTER: &str = "exchange-base-cluster-prod2";
pub(super) const REGISTRY: &str = "111122223333.dkr.ecr.us-west-2.amazonaws.com";

/// A registry that a test fills: reference to labels; the digest follows from the version label.
#[derive(Default)]
pub(super) struct Shelf(Mutex<BTreeMap<String, ImageFacts>>);

impl ImageCatalog for Shelf {
    fn resolve(&self, reference: &str) -> Option<ImageFacts> {
        self.0.lock().unwrap().get(reference).cloned()
    }
}

pub(super) struct Stage {
    pub(super) ecs: Arc<Ecs>,
    shelf: Arc<Shelf>,
    events: UnboundedReceiver<BusEvent>,
    start: Timestamp,
    now: Timestamp,
}

pub(super) fn digest(version: &str) -> String {
    use sha2::Digest;
    format!("sha256:{}", hex::encode(sha2::Sha256::digest(version)))
}

pub(super) fn image(version: &str) -> String {
    format!("{REGISTRY}/exchange-backend-f899186@{}", digest(version))
}

impl Stage {
    /// A world with one cluster, and version 1 of the backend in the registry and registered as `web:1`.
    pub(super) fn new() -> Self {
        Self::on(1.0, SignedDuration::from_hours(1))
    }

    /// The same on a clock that counts where no time is chosen; chosen times start so far `ahead` of it.
    pub(super) fn on(factor: f64, ahead: SignedDuration) -> Self {
        let origin = Timestamp::now();
        let clock = WorldClock::new(Scale::new(origin, factor).unwrap());
        let (send, events) = unbounded_channel();
        let shelf = Arc::new(Shelf::default());
        let ecs = Arc::new(Ecs::new(clock, shelf.clone(), send, "111122223333", "us-west-2"));
        let start = origin.checked_add(ahead).unwrap();
        ecs.create_cluster(CLUSTER);
        let mut stage = Self { ecs, shelf, events, start, now: start };
        stage.push("1", &[]);
        stage.register("web", "1", json!({}));
        stage
    }

    /// A world whose `web` service runs two tasks of version 1 behind a load balancer.
    pub(super) fn with_web() -> Self {
        Self::with(ServiceSeed::new(CLUSTER, "web", "web", 2).balanced(
            "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/web/1",
            "app",
            3000,
        ))
    }

    pub(super) fn with(seed: ServiceSeed) -> Self {
        let stage = Self::new();
        stage.ecs.create_service(seed).unwrap();
        stage.ecs.advance(stage.start);
        stage
    }

    /// Puts an image with these `gantry.simulator.` labels into the registry.
    pub(super) fn push(&self, version: &str, behaviour: &[(&str, &str)]) {
        let mut labels: BTreeMap<String, String> = behaviour
            .iter()
            .map(|(name, value)| (format!("gantry.simulator.{name}"), (*value).to_owned()))
            .collect();
        labels.insert("org.opencontainers.image.version".into(), version.into());
        let facts = ImageFacts { digest: digest(version), labels };
        self.shelf.0.lock().unwrap().insert(image(version), facts);
    }

    /// Lets a tag of the backend's repository name this version. Returns the reference.
    pub(super) fn tag(&self, tag: &str, version: &str) -> String {
        let reference = format!("{REGISTRY}/exchange-backend-f899186:{tag}");
        let mut shelf = self.shelf.0.lock().unwrap();
        let facts = shelf.get(&image(version)).unwrap().clone();
        shelf.insert(reference.clone(), facts);
        reference
    }

    /// Registers a revision of a family that runs this version. Returns its ARN.
    pub(super) fn register(&mut self, family: &str, version: &str, container: Value) -> String {
        let mut app =
            json!({"name": "app", "image": image(version), "portMappings": [{"containerPort": 3000}]});
        for (name, value) in container.as_object().unwrap() {
            app[name] = value.clone();
        }
        let input = json!({
            "family": family, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"],
            "cpu": "512", "memory": "1024", "containerDefinitions": [app],
            "taskRoleArn": "arn:aws:iam::111122223333:role/exchange-task",
            "executionRoleArn": "arn:aws:iam::111122223333:role/exchange-execution",
            "tags": [{"key": "gantry:version", "value": version}],
        });
        self.ask("RegisterTaskDefinition", input)["taskDefinition"]["taskDefinitionArn"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Calls an operation now; what it answers must fit the shape of ECS's answer.
    pub(super) fn ask(&self, operation: &str, input: Value) -> Value {
        let answer = self.ecs.call_at(self.now, operation, &input).unwrap();
        check_output(operation, &answer).unwrap();
        answer
    }

    pub(super) fn refused(&self, operation: &str, input: Value) -> AwsError {
        self.ecs.call_at(self.now, operation, &input).unwrap_err()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// Moves on to a second after the start.
    pub(super) fn at(&mut self, second: i64) -> &Self {
        self.now = self.start.checked_add(SignedDuration::from_secs(second)).unwrap();
        self.ecs.advance(self.now);
        self
    }

    pub(super) fn service(&self, name: &str) -> Value {
        self.ask("DescribeServices", json!({"cluster": CLUSTER, "services": [name]}))["services"][0].take()
    }

    /// Lets a service run this definition.
    pub(super) fn update(&self, name: &str, definition: &str) -> Value {
        let input = json!({"cluster": CLUSTER, "service": name, "taskDefinition": definition});
        self.ask("UpdateService", input)["service"].take()
    }

    /// The newest service deployment in full.
    pub(super) fn deployment(&self, name: &str) -> Value {
        let list = self.ask("ListServiceDeployments", json!({"cluster": CLUSTER, "service": name}));
        let arn = &list["serviceDeployments"][0]["serviceDeploymentArn"];
        self.ask("DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]}))["serviceDeployments"]
            [0]
        .take()
    }

    /// Pushes a version that behaves so, registers it and lets `web` run it. Returns the definition's ARN.
    pub(super) fn deploy(&mut self, version: &str, behaviour: &[(&str, &str)]) -> String {
        self.push(version, behaviour);
        let definition = self.register("web", version, json!({}));
        self.update("web", &definition);
        definition
    }

    /// Changes members of `web`'s deployment configuration.
    pub(super) fn configure(&self, configuration: Value) {
        self.ecs.somebody_configures(CLUSTER, "web", configuration).unwrap();
    }

    /// The statuses of `web`'s service deployments, newest first.
    pub(super) fn statuses(&self) -> Vec<String> {
        let list = self.ask("ListServiceDeployments", json!({"cluster": CLUSTER, "service": "web"}));
        let list = list["serviceDeployments"].as_array().unwrap();
        list.iter().map(|deployment| deployment["status"].as_str().unwrap().to_owned()).collect()
    }

    /// The lines of `web`'s event log that contain a text, oldest first.
    pub(super) fn lines(&self, text: &str) -> Vec<String> {
        let events = self.service("web")["events"].take();
        let lines = events.as_array().unwrap().iter().rev();
        let lines = lines.map(|event| event["message"].as_str().unwrap().to_owned());
        lines.filter(|line| line.contains(text)).collect()
    }

    /// `web`'s tasks that are stopped or asked to, in full, oldest first.
    pub(super) fn stopped(&self) -> Vec<Value> {
        let list = json!({"cluster": CLUSTER, "serviceName": "web", "desiredStatus": "STOPPED"});
        let arns = self.ask("ListTasks", list)["taskArns"].take();
        let tasks = self.ask("DescribeTasks", json!({"cluster": CLUSTER, "tasks": arns}))["tasks"].take();
        tasks.as_array().unwrap().clone()
    }

    /// How many tasks of each version are in which status, as `1 RUNNING x2`.
    pub(super) fn tasks(&self, name: &str) -> Vec<String> {
        let mut counts = BTreeMap::<String, usize>::new();
        let snapshot = self.ecs.with_world(self.now, |world| world.snapshot());
        let services = snapshot.clusters.iter().flat_map(|cluster| &cluster.services);
        for task in services.filter(|service| service.name == name).flat_map(|service| &service.tasks) {
            let revision = task.task_definition.rsplit(':').next().unwrap();
            *counts.entry(format!("{revision} {}", task.status)).or_default() += 1;
        }
        counts.into_iter().map(|(what, count)| format!("{what} x{count}")).collect()
    }

    /// The next event, which must come by itself.
    pub(super) async fn next_event(&mut self) -> BusEvent {
        self.events.recv().await.unwrap()
    }

    /// Events since the last look.
    pub(super) fn events(&mut self) -> Vec<BusEvent> {
        std::iter::from_fn(|| self.events.try_recv().ok()).collect()
    }
}
