//! Amazon ECS as a world that moves with time: services that roll out, tasks that start, fail and stop.
//!
//! ```text
//!  calls ──► shapes ──► operations ──► world ◄── advance(now) ◄── ticker
//!                           │            │
//!                       answers      tasks, deployments ──► events ──► bus
//!                                         └─► logs
//! ```
//!
//! It fails in the ways ECS fails: by the labels of images (`behaviour`), by what others do to it (`verbs`), or by the
//! front door's call scripts.
//!
//! Rolling deployments under the ECS controller on Fargate are played. Blue/green, task sets, daemons, capacity
//! providers, container instances and the creation of services over the wire are not.

mod answers;
mod arn;
mod authorization;
mod behaviour;
mod breaker;
mod deployments;
mod early;
mod endings;
mod events;
mod input;
mod life;
mod model;
mod operations;
mod output;
mod pulls;
mod quotas;
mod rollbacks;
mod scheduler;
mod seed;
mod shapes;
mod snapshot;
mod tasks;
#[cfg(test)]
mod tests;
mod validation;
mod verbs;
mod words;
mod world;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use self::arn::Place;
use self::behaviour::Http;
use self::model::{Task, TaskStatus, World};
use self::quotas::Quotas;
pub use self::seed::ServiceSeed;
pub use self::snapshot::{ClusterView, DeploymentView, RolloutView, ServiceView, Snapshot, TaskView};
pub use self::words::Shortage;
use crate::aws::{AuthCheck, AwsError, BusEvent, JsonService};
use crate::clock::WorldClock;
use crate::images::ImageCatalog;
use crate::logs::Logs;

/// How often, in real time, the world is looked after when nobody calls.
const TICK: Duration = Duration::from_millis(100);

/// The simulated ECS of one account and region.
pub struct Ecs {
    clock: WorldClock,
    world: Mutex<World>,
    bus: mpsc::UnboundedSender<BusEvent>,
    version: watch::Sender<u64>,
    logs: Arc<Logs>,
    /// Only while calls are throttled.
    quotas: Mutex<Option<Quotas>>,
}

/// What a task answers with over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answering {
    pub(crate) version: Option<String>,
    pub(crate) revision: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) http: Http,
}

impl Ecs {
    /// An ECS without clusters. Time moves with every call; `start` makes it move by itself too.
    pub fn new(
        clock: WorldClock,
        catalog: Arc<dyn ImageCatalog>,
        events: mpsc::UnboundedSender<BusEvent>,
        account: impl Into<String>,
        region: impl Into<String>,
    ) -> Self {
        let place = Place { account: account.into(), region: region.into() };
        let now = clock.now();
        let seed = format!("{}/{}/{now}", place.account, place.region);
        let world = World::new(place, catalog, now, seed);
        Self {
            clock,
            logs: Arc::clone(&world.logs),
            world: Mutex::new(world),
            bus: events,
            version: watch::Sender::new(0),
            quotas: Mutex::default(),
        }
    }

    /// Lets time move by itself, until this ECS is dropped or the handle aborted.
    pub fn start(self: &Arc<Self>) -> JoinHandle<()> {
        let ecs = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                match ecs.upgrade() {
                    Some(ecs) => ecs.advance(ecs.clock.now()),
                    None => return,
                }
            }
        })
    }

    /// Carries out everything that is due by `now` and sends the events it caused.
    pub fn advance(&self, now: Timestamp) {
        self.with_world(now, |_| ());
    }

    /// Carries an operation out at a chosen world time; `JsonService::call` chooses the clock's.
    pub fn call_at(&self, now: Timestamp, operation: &str, input: &Value) -> Result<Value, AwsError> {
        shapes::check_input(operation, input)?;
        self.with_world(now, |world| operations::carry_out(world, operation, input))
    }

    /// Changes with everything that a page would show.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// The world as a page shows it.
    pub fn snapshot(&self) -> Snapshot {
        self.with_world(self.clock.now(), |world| world.snapshot())
    }

    /// Adds a cluster to the world.
    pub fn create_cluster(&self, name: &str) {
        self.create_cluster_tagged(name, BTreeMap::new());
    }

    /// Adds a cluster with tags to the world.
    pub fn create_cluster_tagged(&self, name: &str, tags: BTreeMap<String, String>) {
        self.with_world(self.clock.now(), |world| world.seed_cluster(name, tags));
    }

    /// Registers a task definition, given as the input of `RegisterTaskDefinition`. Returns its ARN.
    pub fn register(&self, input: &Value) -> Result<String, AwsError> {
        self.with_world(self.clock.now(), |world| world.seed_definition(input))
    }

    /// Adds a service whose tasks have been running for an hour. Returns its ARN.
    pub fn create_service(&self, seed: ServiceSeed) -> Result<String, AwsError> {
        self.with_world(self.clock.now(), |world| world.seed_service(seed))
    }

    /// What the containers of this world write: a service of its own behind the front door.
    pub fn logs(&self) -> Arc<Logs> {
        Arc::clone(&self.logs)
    }

    /// The clock this world runs on.
    pub fn clock(&self) -> WorldClock {
        self.clock
    }

    /// The tasks of a service that take requests now, oldest first. `None` for a service that does not exist.
    pub(crate) fn answering(&self, cluster: &str, service: &str) -> Option<Vec<Answering>> {
        self.with_world(self.clock.now(), |world| {
            let found = world.services.get(&(cluster.to_owned(), service.to_owned()))?;
            let checked_by_balancer = found.balanced();
            let takes_requests = |task: &&Task| {
                let checked = checked_by_balancer || task.check_failure_seconds().is_some();
                task.status == TaskStatus::Running && task.wanted() && (task.counted || !checked)
            };
            let of_service =
                |task: &&Task| task.service().is_some_and(|(of, name)| of == cluster && name == service);
            let answering = |task: &Task| {
                let life = task.life.as_ref()?;
                let since = task.times.started.map_or(0, |at| world.now.duration_since(at).as_secs());
                Some(Answering {
                    version: life.version.clone(),
                    revision: life.revision.clone(),
                    digest: life.digest.clone(),
                    http: life.http.at(since),
                })
            };
            let tasks = world.tasks.values().filter(of_service).filter(takes_requests);
            Some(tasks.filter_map(answering).collect())
        })
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the world up to `now`, does something in it, and tells everyone what came of it.
    fn with_world<T>(&self, now: Timestamp, act: impl FnOnce(&mut World) -> T) -> T {
        let (result, events, version) = {
            let mut world = self.lock();
            world.advance(now);
            let result = act(&mut world);
            (result, std::mem::take(&mut world.outbox), world.changes)
        };
        for event in events {
            // Nobody listening is no reason for the world to stop.
            let _ = self.bus.send(event);
        }
        self.version.send_if_modified(|known| {
            let changed = *known < version;
            *known = (*known).max(version);
            changed
        });
        result
    }
}

impl JsonService for Ecs {
    fn target_prefix(&self) -> &'static str {
        "AmazonEC2ContainerServiceV20141113"
    }

    fn authorization(&self, operation: &str, input: &Value) -> Vec<AuthCheck> {
        self.with_world(self.clock.now(), |world| world.questions(operation, input))
    }

    fn call(&self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        self.check_quota(operation, self.clock.now())?;
        self.call_at(self.clock.now(), operation, input)
    }
}
