//! Moving the world through time, and finding things in it.
//!
//! Transitions happen one by one in the order of their times, so the outcome depends on the times alone and not on
//! how often somebody looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::arn::Place;
use super::model::{DefinitionKey, Service, ServiceKey, Step, TaskDefinition, World};
use crate::aws::AwsError;
use crate::images::ImageCatalog;
use crate::logs::Logs;

/// What is due next.
enum Due {
    Task(u64, Step),
    Deployment(ServiceKey, usize),
    /// The scheduler may try again to start tasks.
    Attempt(ServiceKey),
}

/// A moment some seconds later.
pub(crate) fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

impl World {
    /// An empty world.
    pub(crate) fn new(place: Place, catalog: Arc<dyn ImageCatalog>, now: Timestamp, seed: String) -> Self {
        let logs = Arc::new(Logs::new(place.account.clone(), place.region.clone()));
        Self {
            place,
            now,
            catalog,
            clusters: BTreeMap::new(),
            definitions: BTreeMap::new(),
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            runs: BTreeMap::new(),
            shortages: BTreeMap::new(),
            imposed: BTreeMap::new(),
            alarms: BTreeSet::new(),
            logs,
            run_tokens: BTreeMap::new(),
            outbox: Vec::new(),
            changes: 0,
            serial: 0,
            seed,
        }
    }

    /// Carries out everything that is due by `until`. Time never runs back.
    pub(crate) fn advance(&mut self, until: Timestamp) {
        while let Some((at, due)) = self.next_due().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            self.changes += 1;
            let service = match due {
                Due::Task(serial, step) => {
                    let service = self.tasks.get(&serial).and_then(super::model::Task::service);
                    self.step_task(serial, step);
                    service
                }
                Due::Deployment(key, index) => {
                    self.step_deployment(&key, index);
                    Some(key)
                }
                Due::Attempt(key) => {
                    if let Some(service) = self.services.get_mut(&key) {
                        service.held_until = None;
                    }
                    Some(key)
                }
            };
            if let Some(key) = service {
                self.settle(&key);
            }
        }
        self.now = self.now.max(until);
    }

    fn next_due(&self) -> Option<(Timestamp, Due)> {
        let task = self
            .tasks
            .iter()
            .flat_map(|(serial, task)| task.agenda.iter().map(move |(at, step)| (*at, *serial, *step)))
            .min();
        let deployment = self
            .services
            .iter()
            .flat_map(|(key, service)| {
                let due = move |(index, deployment): (usize, &super::model::ServiceDeployment)| {
                    deployment.due.map(|at| (at, key, index))
                };
                service.deployments.iter().enumerate().filter_map(due)
            })
            .min();
        let attempt =
            self.services.iter().filter_map(|(key, service)| Some((service.held_until?, key))).min();
        let mut due = task.map(|(at, serial, step)| (at, Due::Task(serial, step)));
        let mut sooner = |at: Timestamp, what: Due| {
            if due.as_ref().is_none_or(|(earliest, _)| at < *earliest) {
                due = Some((at, what));
            }
        };
        if let Some((at, key, index)) = deployment {
            sooner(at, Due::Deployment(key.clone(), index));
        }
        if let Some((at, key)) = attempt {
            sooner(at, Due::Attempt(key.clone()));
        }
        due
    }

    /// The next serial number.
    pub(crate) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A fresh id of 32 hexadecimal digits, the same in every run of the same world.
    pub(crate) fn fresh_id(&mut self) -> String {
        let serial = self.next_serial();
        let mut id = hex::encode(Sha256::digest(format!("{}:{serial}", self.seed)));
        id.truncate(32);
        id
    }

    /// A fresh id of 19 decimal digits.
    pub(crate) fn fresh_number(&mut self) -> String {
        let serial = self.next_serial();
        let hash = Sha256::digest(format!("{}#{serial}", self.seed));
        let number = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        (1_000_000_000_000_000_000 + number % 8_000_000_000_000_000_000).to_string()
    }

    /// The cluster a request means, which must exist.
    pub(crate) fn cluster_of(&self, given: Option<&str>) -> Result<String, AwsError> {
        let name = self.place.cluster_name(given)?;
        if self.clusters.contains_key(&name) { Ok(name) } else { Err(cluster_not_found()) }
    }

    /// The service a request means, which must exist.
    pub(crate) fn service_of(&self, cluster: Option<&str>, service: &str) -> Result<ServiceKey, AwsError> {
        let cluster = self.cluster_of(cluster)?;
        let name = self.place.service_name(&cluster, service)?;
        let key = (cluster, name);
        if self.services.contains_key(&key) { Ok(key) } else { Err(service_not_found()) }
    }

    /// A service by its key.
    pub(crate) fn service(&self, key: &ServiceKey) -> Result<&Service, AwsError> {
        self.services.get(key).ok_or_else(service_not_found)
    }

    /// The definition meant by a family (its newest active revision), `family:revision` or an ARN.
    pub(crate) fn definition_of(&self, given: &str) -> Option<&TaskDefinition> {
        let name = if given.starts_with("arn:") {
            let parts = self.place.parts(given, "task-definition")?;
            match parts.as_slice() {
                [name] => *name,
                _ => return None,
            }
        } else {
            given
        };
        match name.split_once(':') {
            Some((family, revision)) => {
                let revision = revision.parse().ok()?;
                self.definition(&DefinitionKey { family: family.into(), revision })
            }
            None => self
                .definitions
                .get(name)?
                .iter()
                .rev()
                .find(|definition| definition.deregistered_at.is_none()),
        }
    }

    /// A definition by its key.
    pub(crate) fn definition(&self, key: &DefinitionKey) -> Option<&TaskDefinition> {
        self.definitions.get(&key.family)?.iter().find(|definition| definition.revision == key.revision)
    }
}

/// AWS's refusal of an unknown cluster.
pub(crate) fn cluster_not_found() -> AwsError {
    AwsError::client("ClusterNotFoundException", "Cluster not found.")
}

/// AWS's refusal of an unknown service.
pub(crate) fn service_not_found() -> AwsError {
    AwsError::client("ServiceNotFoundException", "Service not found.")
}

/// AWS's refusal of a value.
pub(crate) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::client("InvalidParameterException", message)
}
