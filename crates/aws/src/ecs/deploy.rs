//! Changing a stage: three calls, each with as little in it as possible.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride, LaunchType,
    NetworkConfiguration, Tag, TaskOverride,
};
use gantry_domain::ecs::Network;
use gantry_domain::names::{ServiceName, TaskArn, TaskDefinitionArn};
use gantry_domain::task_definition::TaskDefinitionBody;
use gantry_steps::ports::{DeployStage, PortError, StageScope, TaskRequest, TaskStart};

use super::observe::told;
use super::once::once;
use super::{EcsStage, fields};
use crate::error::{Unreadable, classify};

#[async_trait]
impl DeployStage for EcsStage {
    #[expect(deprecated, reason = "an old task definition with accelerators must not lose them")]
    async fn register_task_definition(
        &self,
        scope: &StageScope,
        body: &TaskDefinitionBody,
        tags: &BTreeMap<String, String>,
    ) -> Result<TaskDefinitionArn, PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let call = format!("ecs:RegisterTaskDefinition {}", body.family());
        let from = fields::read(body.as_json())
            .map_err(|error| Unreadable::invalid("task definition", error).of(&call))?;
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let request = ecs
            .register_task_definition()
            .set_family(from.family)
            .set_task_role_arn(from.task_role_arn)
            .set_execution_role_arn(from.execution_role_arn)
            .set_network_mode(from.network_mode)
            .set_container_definitions(from.container_definitions)
            .set_volumes(from.volumes)
            .set_placement_constraints(from.placement_constraints)
            .set_requires_compatibilities(from.requires_compatibilities)
            .set_cpu(from.cpu)
            .set_memory(from.memory)
            .set_pid_mode(from.pid_mode)
            .set_ipc_mode(from.ipc_mode)
            .set_proxy_configuration(from.proxy_configuration)
            .set_inference_accelerators(from.inference_accelerators)
            .set_ephemeral_storage(from.ephemeral_storage)
            .set_runtime_platform(from.runtime_platform)
            .set_enable_fault_injection(from.enable_fault_injection)
            .set_tags(Some(tags));
        let sent = request.customize().config_override(once()).send();
        let answer = sent.await.map_err(|error| classify(&call, error))?;
        let arn = answer.task_definition.and_then(|definition| definition.task_definition_arn);
        let arn = arn.ok_or_else(|| Unreadable::Missing("task definition's ARN").of(&call))?;
        TaskDefinitionArn::new(arn)
            .map_err(|error| Unreadable::invalid("task definition's ARN", error).of(&call))
    }

    async fn update_service(
        &self,
        scope: &StageScope,
        service: &ServiceName,
        task_definition: &TaskDefinitionArn,
    ) -> Result<(), PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let request = ecs
            .update_service()
            .cluster(scope.cluster.as_str())
            .service(service.as_str())
            .task_definition(task_definition.as_str());
        let answer = request.customize().config_override(once()).send().await;
        answer.map(drop).map_err(|error| classify(format!("ecs:UpdateService {service}"), error))
    }

    async fn run_task(&self, scope: &StageScope, request: &TaskRequest) -> Result<TaskStart, PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let call = format!("ecs:RunTask {}", request.task_definition);
        let placement = &request.placement;
        let network = placement.network.as_ref().map(network).transpose().map_err(|error| error.of(&call))?;
        let command = ContainerOverride::builder()
            .name(request.container.as_str())
            .set_command(Some(request.command.clone()))
            .build();
        let strategy = capacity_providers(request).map_err(|error| error.of(&call))?;
        let launch_type =
            placement.launch_type.as_deref().filter(|_| strategy.is_none()).map(LaunchType::from);
        let answer = ecs
            .run_task()
            .cluster(scope.cluster.as_str())
            .task_definition(request.task_definition.as_str())
            .count(1)
            .set_launch_type(launch_type)
            .set_capacity_provider_strategy(strategy)
            .set_platform_version(placement.platform_version.clone())
            .set_network_configuration(network)
            .overrides(TaskOverride::builder().container_overrides(command).build())
            .client_token(&request.client_token)
            .started_by(&request.started_by)
            .send()
            .await
            .map_err(|error| classify(&call, error))?;
        if let Some(task) = answer.tasks().first() {
            let arn = task.task_arn().ok_or_else(|| Unreadable::Missing("task's ARN").of(&call))?;
            let arn =
                TaskArn::new(arn).map_err(|error| Unreadable::invalid("task's ARN", error).of(&call))?;
            return Ok(TaskStart::Started(arn));
        }
        match answer.failures().first() {
            Some(failure) => Ok(TaskStart::Failed(told(failure))),
            None => Err(Unreadable::Missing("task").of(&call)),
        }
    }
}

fn network(from: &Network) -> Result<NetworkConfiguration, Unreadable> {
    let awsvpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(from.subnets.clone()))
        .set_security_groups(Some(from.security_groups.clone()))
        .set_assign_public_ip(from.assign_public_ip.as_deref().map(AssignPublicIp::from))
        .build()
        .map_err(|error| Unreadable::invalid("network configuration", error))?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(awsvpc).build())
}

fn capacity_providers(
    request: &TaskRequest,
) -> Result<Option<Vec<CapacityProviderStrategyItem>>, Unreadable> {
    let providers = &request.placement.capacity_providers;
    if providers.is_empty() {
        return Ok(None);
    }
    let items = providers.iter().map(|provider| {
        CapacityProviderStrategyItem::builder()
            .capacity_provider(&provider.name)
            .weight(provider.weight)
            .base(provider.base)
            .build()
            .map_err(|error| Unreadable::invalid("capacity provider", error))
    });
    items.collect::<Result<Vec<_>, _>>().map(Some)
}
