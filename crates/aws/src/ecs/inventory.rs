//! What runs in a cluster, for commands that a person runs: with their own credentials, not with a stage's roles, which do
//! not exist before there is a stack. Reads only.

use aws_config::SdkConfig;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{ContainerDefinition, Service, TaskDefinition};
use gantry_domain::ecs::Controller;
use gantry_domain::names::{ClusterName, ContainerName, Region, RoleArn, ServiceName};
use gantry_steps::ports::PortError;

use super::convert::{self, required};
use super::observe::only_missing;
use crate::error::{Unreadable, classify};

/// How many services one call describes, and how many it lists.
const DESCRIBED: usize = 10;
const LISTED: i32 = 100;

/// A service as it stands in a cluster, with what its task definition says.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveService {
    /// Its name.
    pub name: ServiceName,
    /// Who carries out its deployments.
    pub controller: Controller,
    /// Containers that a load balancer sends requests to.
    pub balanced: Vec<String>,
    /// Does ECS put the version before back when a deployment fails?
    pub rolls_back: bool,
    /// How many tasks are wanted.
    pub desired_count: i32,
    /// What it is to run. `None` for a service without a task definition of its own, as one of task sets.
    pub definition: Option<LiveDefinition>,
}

/// The parts of a task definition that a configuration repeats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveDefinition {
    /// Its family.
    pub family: String,
    /// Its containers, in its order.
    pub containers: Vec<LiveContainer>,
    /// Its execution and task role.
    pub roles: Vec<RoleArn>,
}

/// A container of a task definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveContainer {
    /// Its name.
    pub name: ContainerName,
    /// Its image, as the task definition names it.
    pub image: String,
    /// Whether the task ends when it does.
    pub essential: bool,
    /// The CloudWatch log group it writes to.
    pub log_group: Option<String>,
}

/// ECS with the credentials of whoever runs a command.
#[derive(Debug, Clone)]
pub struct EcsInventory {
    ecs: Client,
}

impl EcsInventory {
    /// Over that configuration.
    pub fn new(config: &SdkConfig) -> Self {
        Self { ecs: Client::new(config) }
    }

    /// Over that configuration, in another region.
    pub fn in_region(config: &SdkConfig, region: &Region) -> Self {
        let region = aws_config::Region::new(region.to_string());
        Self::new(&config.to_builder().region(region).build())
    }

    /// The active services of a cluster with their task definitions, by name.
    pub async fn services(&self, cluster: &ClusterName) -> Result<Vec<LiveService>, PortError> {
        let call = format!("ecs:DescribeServices in {cluster}");
        let mut services = Vec::new();
        for arns in self.listed(cluster).await?.chunks(DESCRIBED) {
            let request =
                self.ecs.describe_services().cluster(cluster.as_str()).set_services(Some(arns.to_vec()));
            let answer = request.send().await.map_err(|error| classify(&call, error))?;
            // One that was deleted since it was listed is simply gone.
            only_missing(&call, answer.failures())?;
            let active = answer.services.unwrap_or_default().into_iter();
            for service in active.filter(|service| service.status.as_deref() == Some("ACTIVE")) {
                services.push(self.with_definition(&call, service).await?);
            }
        }
        services.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(services)
    }

    async fn listed(&self, cluster: &ClusterName) -> Result<Vec<String>, PortError> {
        let call = format!("ecs:ListServices in {cluster}");
        let mut arns = Vec::new();
        let mut next = None;
        loop {
            let request = self.ecs.list_services().cluster(cluster.as_str()).max_results(LISTED);
            let answer = request.set_next_token(next.take()).send().await;
            let answer = answer.map_err(|error| classify(&call, error))?;
            arns.extend(answer.service_arns.unwrap_or_default());
            next = answer.next_token;
            if next.is_none() {
                return Ok(arns);
            }
        }
    }

    async fn with_definition(&self, call: &str, service: Service) -> Result<LiveService, PortError> {
        let definition = match &service.task_definition {
            Some(arn) => Some(self.definition(arn).await?),
            None => None,
        };
        let balancers = service.load_balancers.unwrap_or_default().into_iter();
        let breaker = service.deployment_configuration.and_then(|it| it.deployment_circuit_breaker);
        Ok(LiveService {
            rolls_back: breaker.is_some_and(|breaker| breaker.enable && breaker.rollback),
            desired_count: service.desired_count,
            name: required("service name", service.service_name).map_err(|error| error.of(call))?,
            controller: convert::controller(service.deployment_controller),
            balanced: balancers.filter_map(|balancer| balancer.container_name).collect(),
            definition,
        })
    }

    async fn definition(&self, arn: &str) -> Result<LiveDefinition, PortError> {
        let call = format!("ecs:DescribeTaskDefinition {arn}");
        let request = self.ecs.describe_task_definition().task_definition(arn);
        let answer = request.send().await.map_err(|error| classify(&call, error))?;
        let definition =
            answer.task_definition.ok_or_else(|| Unreadable::Missing("task definition").of(&call))?;
        read(definition).map_err(|error| error.of(&call))
    }
}

fn read(from: TaskDefinition) -> Result<LiveDefinition, Unreadable> {
    let roles = [from.execution_role_arn, from.task_role_arn].into_iter().flatten();
    let containers = from.container_definitions.unwrap_or_default();
    Ok(LiveDefinition {
        family: from.family.ok_or(Unreadable::Missing("family"))?,
        containers: containers.into_iter().map(container).collect::<Result<_, _>>()?,
        roles: roles.map(|arn| required("role", Some(arn))).collect::<Result<_, _>>()?,
    })
}

fn container(from: ContainerDefinition) -> Result<LiveContainer, Unreadable> {
    let options = from.log_configuration.and_then(|log| log.options);
    Ok(LiveContainer {
        name: required("container name", from.name)?,
        image: from.image.unwrap_or_default(),
        // ECS's own default.
        essential: from.essential.unwrap_or(true),
        log_group: options.and_then(|mut options| options.remove("awslogs-group")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Answer, Asked, StubAws};

    fn cluster() -> ClusterName {
        ClusterName::new("shop").unwrap()
    }

    fn arn(service: usize) -> String {
        format!("arn:aws:ecs:us-west-2:111122223333:service/shop/s{service:02}")
    }

    /// Thirteen services, listed in two pages, of which one is drained and one was deleted meanwhile.
    fn shop(asked: &Asked) -> Answer {
        let input = asked.json();
        match asked.operation.as_str() {
            "ListServices" => {
                let (range, next) = match input.get("nextToken").and_then(Value::as_str) {
                    None => (0..12, json!("more")),
                    Some(_) => (12..13, Value::Null),
                };
                Answer::json(&json!({"serviceArns": range.map(arn).collect::<Vec<_>>(), "nextToken": next}))
            }
            "DescribeServices" => {
                let arns = input["services"].as_array().unwrap();
                let gone = arns.iter().filter(|one| **one == json!(arn(2)));
                let services = arns.iter().filter(|one| **one != json!(arn(2))).map(|one| {
                    let name = one.as_str().unwrap().rsplit('/').next().unwrap();
                    json!({
                        "serviceName": name, "status": if name == "s01" { "DRAINING" } else { "ACTIVE" },
                        "taskDefinition": "arn:aws:ecs:us-west-2:111122223333:task-definition/web:12",
                        "deploymentController": {"type": if name == "s03" { "CODE_DEPLOY" } else { "ECS" }},
                        "desiredCount": 2, "deploymentConfiguration": {"deploymentCircuitBreaker": {
                            "enable": true, "rollback": name == "s00",
                        }},
                        "loadBalancers": [{"targetGroupArn": "tg", "containerName": "app", "containerPort": 80}],
                    })
                });
                let missing = gone.map(|one| json!({"arn": one, "reason": "MISSING"}));
                Answer::json(&json!({
                    "services": services.collect::<Vec<_>>(), "failures": missing.collect::<Vec<_>>(),
                }))
            }
            _ => Answer::json(&json!({"taskDefinition": {
                "family": "web", "executionRoleArn": "arn:aws:iam::111122223333:role/pull",
                "containerDefinitions": [{"name": "app", "image": "shop:1", "logConfiguration": {
                    "logDriver": "awslogs", "options": {"awslogs-group": "/ecs/web"},
                }}],
            }})),
        }
    }

    #[tokio::test]
    async fn every_page_is_listed_and_ten_services_are_described_at_a_time() {
        let aws = StubAws::new(shop);
        let services = EcsInventory::new(&aws.config()).services(&cluster()).await.unwrap();
        assert_eq!(services.len(), 11);
        assert!(services.iter().all(|service| !["s01", "s02"].contains(&service.name.as_str())));
        assert_eq!(aws.asked("ListServices").len(), 2);
        let sizes: Vec<usize> = aws
            .asked("DescribeServices")
            .iter()
            .map(|asked| asked.json()["services"].as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [10, 3]);
        assert!(aws.asked("DescribeServices").iter().all(|asked| asked.signed_by == "OWNKEY"));
        let other: Vec<&str> = services
            .iter()
            .filter(|service| service.controller != Controller::Ecs)
            .map(|service| service.name.as_str())
            .collect();
        assert_eq!(other, ["s03"]);
        let first = services.first().unwrap();
        assert_eq!(first.balanced, ["app"]);
        assert_eq!((first.rolls_back, first.desired_count), (true, 2));
        assert!(
            services.iter().skip(1).all(|service| !service.rolls_back),
            "enabled alone puts nothing back"
        );
        let definition = first.definition.as_ref().unwrap();
        assert_eq!(definition.roles, [RoleArn::new("arn:aws:iam::111122223333:role/pull").unwrap()]);
        assert_eq!(definition.containers[0].log_group.as_deref(), Some("/ecs/web"));
        assert!(definition.containers[0].essential);
    }

    #[tokio::test]
    async fn a_cluster_that_is_not_there_is_told_in_the_words_of_ecs() {
        let aws = StubAws::new(|_| Answer::error(400, "ClusterNotFoundException", "Cluster not found."));
        let error = EcsInventory::new(&aws.config()).services(&cluster()).await.unwrap_err();
        let PortError::Rejected { call, source } = error else { panic!("{error:?}") };
        assert_eq!(call, "ecs:ListServices in shop");
        assert!(source.to_string().contains("Cluster not found."), "{source}");
    }
}
