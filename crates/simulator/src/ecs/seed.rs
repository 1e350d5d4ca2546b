//! How a world gets its beginning: clusters, definitions and services that have been running for a while.
//!
//! None of this goes over the wire: Gantry never creates services.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answers::default_settings;
use super::input;
use super::model::{
    Cluster, DefinitionKey, DeploymentStatus, Owner, Revision, Rollout, RolloutState, Service,
    ServiceDeployment, ServiceKey, World,
};
use super::operations;
use super::tasks::TaskOrder;
use super::world::{invalid, later};
use crate::aws::AwsError;

/// How long ago the world's services were deployed.
const AGE_SECONDS: i64 = 3600;

/// A service as the world begins: steady.
#[derive(Debug, Clone, Default)]
pub struct ServiceSeed {
    /// Cluster it runs in; must exist.
    pub cluster: String,
    /// Its name.
    pub name: String,
    /// Family, `family:revision` or ARN of a registered definition.
    pub task_definition: String,
    /// How many tasks.
    pub desired_count: usize,
    /// Members of the service that replace the defaults, as `DescribeServices` shows them: `networkConfiguration`,
    /// `loadBalancers`, `deploymentConfiguration` (member by member), `healthCheckGracePeriodSeconds`, ….
    pub settings: Value,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl ServiceSeed {
    /// A Fargate service in two subnets, with a circuit breaker that rolls back.
    pub fn new(cluster: &str, name: &str, task_definition: &str, desired_count: usize) -> Self {
        let settings = json!({
            "networkConfiguration": {"awsvpcConfiguration": {
                "subnets": ["subnet-0a1b2c3d4e5f60001", "subnet-0a1b2c3d4e5f60002"],
                "securityGroups": ["sg-0a1b2c3d4e5f60001"],
                "assignPublicIp": "DISABLED",
            }},
            "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": true, "rollback": true}},
        });
        Self {
            cluster: cluster.into(),
            name: name.into(),
            task_definition: task_definition.into(),
            desired_count,
            settings,
            tags: BTreeMap::new(),
        }
    }

    /// Never two at once: the old task stops before the new one starts.
    #[must_use]
    pub fn singleton(mut self) -> Self {
        self.desired_count = 1;
        self.settings["deploymentConfiguration"]["minimumHealthyPercent"] = json!(0);
        self.settings["deploymentConfiguration"]["maximumPercent"] = json!(100);
        self
    }

    /// Behind a load balancer's target group.
    #[must_use]
    pub fn balanced(mut self, target_group: &str, container: &str, port: u16) -> Self {
        self.settings["loadBalancers"] =
            json!([{"targetGroupArn": target_group, "containerName": container, "containerPort": port}]);
        self.settings["healthCheckGracePeriodSeconds"] = json!(30);
        self
    }

    /// With one more tag.
    #[must_use]
    pub fn tagged(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.into(), value.into());
        self
    }
}

impl World {
    pub(crate) fn seed_cluster(&mut self, name: &str, tags: BTreeMap<String, String>) {
        self.clusters.insert(name.into(), Cluster { tags });
        self.changes += 1;
    }

    /// Registers a definition given as the input of `RegisterTaskDefinition`. Returns its ARN.
    pub(crate) fn seed_definition(&mut self, input: &Value) -> Result<String, AwsError> {
        super::shapes::check_input("RegisterTaskDefinition", input)?;
        let answer = operations::carry_out(self, "RegisterTaskDefinition", input)?;
        Ok(input::text(&answer["taskDefinition"], "taskDefinitionArn").unwrap_or_default().to_owned())
    }

    /// Puts a service into the world whose tasks run and are healthy. Returns its ARN.
    pub(crate) fn seed_service(&mut self, seed: ServiceSeed) -> Result<String, AwsError> {
        let cluster = self.cluster_of(Some(&seed.cluster))?;
        let key: ServiceKey = (cluster.clone(), seed.name.clone());
        if self.services.contains_key(&key) {
            return Err(invalid("Creation of service was not idempotent."));
        }
        let found = self.definition_of(&seed.task_definition);
        let definition = found
            .map(|definition| DefinitionKey {
                family: definition.family.clone(),
                revision: definition.revision,
            })
            .ok_or_else(|| AwsError::client("ClientException", "TaskDefinition not found."))?;
        let service = self.steady_service(&seed, definition);
        self.services.insert(key.clone(), service);
        for _ in 0..seed.desired_count {
            self.seed_task(&key)?;
        }
        self.say(&key, format!("(service {}) has reached a steady state.", seed.name));
        self.changes += 1;
        Ok(self.place.service(&cluster, &seed.name))
    }

    fn steady_service(&mut self, seed: &ServiceSeed, definition: DefinitionKey) -> Service {
        let since = later(self.now, -AGE_SECONDS);
        let settings = seeded_settings(&seed.settings);
        let digests = self.digests_of(&definition);
        let revision = Revision {
            id: self.fresh_number(),
            definition,
            settings: settings.clone(),
            digests,
            created_at: since,
        };
        let mut rollout = Rollout::new(format!("ecs-svc/{}", self.fresh_number()), 0, since);
        rollout.state = RolloutState::Completed;
        rollout.proven = true;
        rollout.reason = format!("ECS deployment {} completed.", rollout.id);
        let mut service = Service {
            cluster: seed.cluster.clone(),
            name: seed.name.clone(),
            active: true,
            desired: seed.desired_count,
            settings,
            tags: seed.tags.clone(),
            created_at: since,
            revisions: vec![revision],
            rollouts: vec![rollout],
            deployments: Vec::new(),
            current: 0,
            events: Default::default(),
            steady: true,
            held_until: None,
            complaint: None,
        };
        let mut deployment = ServiceDeployment::new(self.fresh_id(), &service, since);
        deployment.started_at = Some(since);
        deployment.end(DeploymentStatus::Successful, later(since, 60));
        service.deployments.push(deployment);
        service
    }

    fn seed_task(&mut self, key: &ServiceKey) -> Result<(), AwsError> {
        let service = self.service(key)?;
        let (Some(revision), Some(rollout)) = (service.revisions.first(), service.rollouts.first()) else {
            return Ok(());
        };
        let order = TaskOrder {
            cluster: key.0.clone(),
            owner: Owner::Service { name: key.1.clone(), rollout: 0, rollout_id: rollout.id.clone() },
            ordinal: 1,
            definition: revision.definition.clone(),
            digests: revision.digests.clone(),
            launch_type: "FARGATE".into(),
            network: revision.settings.get("networkConfiguration").cloned().unwrap_or(Value::Null),
            overrides: json!({"containerOverrides": []}),
            tags: BTreeMap::new(),
        };
        let since = later(revision.created_at, 15);
        let task = self.draft(order);
        let mut facts = Vec::new();
        for container in &task.containers {
            let found = self.resolve(&container.pull);
            let missing = || invalid(format!("the registry has no image {}", container.pull));
            facts.push(found.ok_or_else(missing)?);
        }
        let life = self.life_of(&task, &facts);
        let serial = self.place(task);
        if let Some(task) = self.tasks.get_mut(&serial) {
            task.settle_as_running(&facts, life, since);
        }
        // Nobody hears of what happened before the world began.
        self.outbox.clear();
        Ok(())
    }
}

fn seeded_settings(given: &Value) -> serde_json::Map<String, Value> {
    let mut settings = default_settings();
    for (name, value) in given.as_object().into_iter().flatten() {
        match (settings.get_mut(name).and_then(Value::as_object_mut), value.as_object()) {
            (Some(present), Some(value)) if name == "deploymentConfiguration" => {
                present.extend(value.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            _ => {
                settings.insert(name.clone(), value.clone());
            }
        }
    }
    settings
}
