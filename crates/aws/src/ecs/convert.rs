//! The SDK's types in our words. What the model promises and the answer does not have is an error.

use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types;
use gantry_domain::ecs::{
    CapacityProvider, ContainerImage, Controller, Deployment, DeploymentStatus, DeploymentSummary, Network,
    Placement, Revision, Service, ServiceEvent, Task, TaskContainer,
};
use gantry_domain::names::{ContainerName, Digest, NameError};
use jiff::Timestamp;

use crate::error::Unreadable;

/// A name of ours from an optional text.
pub(super) fn required<T>(field: &'static str, text: Option<String>) -> Result<T, Unreadable>
where
    T: TryFrom<String, Error = NameError>,
{
    let text = text.ok_or(Unreadable::Missing(field))?;
    T::try_from(text).map_err(|error| Unreadable::invalid(field, error))
}

/// A name of ours, where there is a text.
fn optional<T>(field: &'static str, text: Option<String>) -> Result<Option<T>, Unreadable>
where
    T: TryFrom<String, Error = NameError>,
{
    text.map(|text| T::try_from(text).map_err(|error| Unreadable::invalid(field, error))).transpose()
}

fn count(field: &'static str, number: i32) -> Result<u32, Unreadable> {
    u32::try_from(number).map_err(|error| Unreadable::invalid(field, error))
}

fn time(at: Option<DateTime>) -> Option<Timestamp> {
    let at = at?;
    Timestamp::new(at.secs(), i32::try_from(at.subsec_nanos()).ok()?).ok()
}

/// A digest, where the text is one: EC2 instances of old leave it empty.
fn digest(text: Option<String>) -> Option<Digest> {
    text.and_then(|text| Digest::new(text).ok())
}

/// ECS is the default, and not always told.
pub(super) fn controller(from: Option<types::DeploymentController>) -> Controller {
    match from.map(|controller| controller.r#type) {
        None | Some(types::DeploymentControllerType::Ecs) => Controller::Ecs,
        Some(other) => Controller::Other(other.as_str().to_owned()),
    }
}

pub(super) fn service(from: types::Service) -> Result<Service, Unreadable> {
    let controller = controller(from.deployment_controller);
    let deployments = from.deployments.unwrap_or_default();
    let newest = deployments.iter().find(|deployment| deployment.status.as_deref() == Some("PRIMARY"));
    let rollout_state = newest.and_then(|newest| newest.rollout_state.as_ref());
    let rollout_state = rollout_state.map(|state| state.as_str().to_owned());
    let revisions = from.current_service_revisions.unwrap_or_default();
    let placement = Placement {
        network: from.network_configuration.and_then(|network| network.awsvpc_configuration).map(network),
        launch_type: from.launch_type.map(|launch_type| launch_type.as_str().to_owned()),
        capacity_providers: from
            .capacity_provider_strategy
            .unwrap_or_default()
            .into_iter()
            .map(|item| CapacityProvider {
                name: item.capacity_provider,
                weight: item.weight,
                base: item.base,
            })
            .collect(),
        platform_version: from.platform_version,
    };
    let events = from.events.unwrap_or_default().into_iter().filter_map(|event| {
        Some(ServiceEvent { at: time(event.created_at)?, message: event.message.unwrap_or_default() })
    });
    Ok(Service {
        name: required("service name", from.service_name)?,
        status: from.status.ok_or(Unreadable::Missing("service status"))?,
        controller,
        task_definition: optional("task definition", from.task_definition)?,
        desired_count: count("desired count", from.desired_count)?,
        running_count: count("running count", from.running_count)?,
        rollout_state,
        revisions: revisions
            .into_iter()
            .filter(|revision| revision.running_task_count > 0)
            .map(|revision| required("service revision", revision.arn))
            .collect::<Result<_, _>>()?,
        placement,
        events: events.collect(),
    })
}

fn network(from: types::AwsVpcConfiguration) -> Network {
    Network {
        subnets: from.subnets,
        security_groups: from.security_groups.unwrap_or_default(),
        assign_public_ip: from.assign_public_ip.map(|assign| assign.as_str().to_owned()),
    }
}

fn status(from: Option<types::ServiceDeploymentStatus>) -> DeploymentStatus {
    from.map_or_else(
        || DeploymentStatus::from("without a status"),
        |status| DeploymentStatus::from(status.as_str()),
    )
}

pub(super) fn deployment_summary(
    from: types::ServiceDeploymentBrief,
) -> Result<DeploymentSummary, Unreadable> {
    Ok(DeploymentSummary {
        arn: required("service deployment", from.service_deployment_arn)?,
        status: status(from.status),
        target: optional("target revision", from.target_service_revision_arn)?,
        created_at: time(from.created_at),
    })
}

pub(super) fn deployment(from: types::ServiceDeployment) -> Result<Deployment, Unreadable> {
    let target = from.target_service_revision.and_then(|target| target.arn);
    let failed = from.deployment_circuit_breaker.map_or(0, |breaker| breaker.failure_count);
    Ok(Deployment {
        arn: required("service deployment", from.service_deployment_arn)?,
        status: status(from.status),
        status_reason: from.status_reason,
        target: optional("target revision", target)?,
        created_at: time(from.created_at),
        finished_at: time(from.finished_at),
        rollback_reason: from.rollback.and_then(|rollback| rollback.reason),
        failed_tasks: count("failed tasks", failed)?,
        alarms: from.alarms.and_then(|alarms| alarms.triggered_alarm_names).unwrap_or_default(),
    })
}

pub(super) fn revision(from: types::ServiceRevision) -> Result<Revision, Unreadable> {
    let image = |from: types::ContainerImage| -> Result<ContainerImage, Unreadable> {
        Ok(ContainerImage {
            container: required::<ContainerName>("container name", from.container_name)?,
            image: from.image.unwrap_or_default(),
            digest: digest(from.image_digest),
        })
    };
    let images = from.container_images.unwrap_or_default();
    Ok(Revision {
        arn: required("service revision", from.service_revision_arn)?,
        task_definition: required("task definition", from.task_definition)?,
        images: images.into_iter().map(image).collect::<Result<_, _>>()?,
    })
}

pub(super) fn task(from: types::Task) -> Result<Task, Unreadable> {
    let container = |from: types::Container| -> Result<TaskContainer, Unreadable> {
        Ok(TaskContainer {
            name: required("container name", from.name)?,
            image: from.image.unwrap_or_default(),
            digest: digest(from.image_digest),
            exit_code: from.exit_code,
            reason: from.reason,
        })
    };
    let containers = from.containers.unwrap_or_default();
    Ok(Task {
        arn: required("task", from.task_arn)?,
        task_definition: required("task definition", from.task_definition_arn)?,
        last_status: from.last_status.ok_or(Unreadable::Missing("task status"))?,
        healthy: match from.health_status {
            Some(types::HealthStatus::Healthy) => Some(true),
            Some(types::HealthStatus::Unhealthy) => Some(false),
            Some(_) | None => None,
        },
        started_at: time(from.started_at),
        stop_code: from.stop_code.map(|code| code.as_str().to_owned()),
        stopped_reason: from.stopped_reason,
        // Its network interface takes a while to go; the containers have ended before.
        stopped_at: time(from.execution_stopped_at.or(from.stopping_at).or(from.stopped_at)),
        containers: containers.into_iter().map(container).collect::<Result<_, _>>()?,
    })
}
