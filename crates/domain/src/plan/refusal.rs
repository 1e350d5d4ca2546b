//! Why a service cannot be deployed to, with what a person can do about it.

use std::fmt;

use super::build::joined;
use crate::names::{
    ClusterName, ContainerName, RepositoryName, ServiceDeploymentArn, ServiceName, StepName,
    TaskDefinitionArn,
};

/// One thing that stands in the way of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The cluster has no such service.
    Missing {
        /// The service.
        service: ServiceName,
        /// The cluster.
        cluster: ClusterName,
    },
    /// The service is being deleted, or was.
    Inactive {
        /// The service.
        service: ServiceName,
        /// ECS's word.
        status: String,
    },
    /// ECS does not carry out the service's deployments.
    Controller {
        /// The service.
        service: ServiceName,
        /// Who does.
        controller: String,
    },
    /// Its task definition, or its family, cannot be read.
    NoTaskDefinition {
        /// The service.
        service: ServiceName,
    },
    /// No container would get the new image.
    NoContainer {
        /// The service.
        service: ServiceName,
        /// The repository of the new image.
        repository: RepositoryName,
        /// The containers that the configuration names.
        named: Vec<ContainerName>,
        /// The images that are there.
        images: Vec<String>,
    },
    /// A deployment to no tasks proves nothing (T15).
    NoTasksWanted {
        /// The service.
        service: ServiceName,
    },
    /// Somebody else's deployment is under way.
    Busy {
        /// The service.
        service: ServiceName,
        /// The deployment, where ECS names it.
        deployment: Option<ServiceDeploymentArn>,
        /// How far it is.
        status: String,
    },
    /// The base has fields that would be lost (T42).
    UnknownFields {
        /// The service.
        service: ServiceName,
        /// The base.
        task_definition: TaskDefinitionArn,
        /// The fields, as paths.
        fields: Vec<String>,
    },
    /// Nothing is known that the service could go back to.
    NoTarget {
        /// The service.
        service: ServiceName,
    },
    /// What the service is to go back to cannot be read any more.
    TargetGone {
        /// The service.
        service: ServiceName,
        /// Its target.
        task_definition: TaskDefinitionArn,
    },
    /// A task's service is not there, or not of this pipeline.
    TaskService {
        /// The task.
        task: StepName,
        /// The service.
        service: ServiceName,
    },
    /// A task's container is not there.
    TaskContainer {
        /// The task.
        task: StepName,
        /// The container that the configuration names.
        container: Option<ContainerName>,
        /// The base.
        task_definition: TaskDefinitionArn,
        /// The containers that are there.
        there: Vec<ContainerName>,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { service, cluster } => {
                write!(
                    f,
                    "cluster {cluster} has no service {service}: create it, or take it out of gantry.toml"
                )
            }
            Self::Inactive { service, status } => {
                write!(f, "service {service} is {status}: create it again, or take it out of gantry.toml")
            }
            Self::Controller { service, controller } => write!(
                f,
                "service {service} is deployed by {controller}: Gantry needs the deployment controller ECS, which a \
                 service can be changed to or created with"
            ),
            Self::NoTaskDefinition { service } => {
                write!(f, "the task definition of service {service} cannot be read: is it deleted?")
            }
            Self::NoContainer { service, repository, named, images } if named.is_empty() => write!(
                f,
                "no container of service {service} uses repository {repository} of the stage's registry (images: {}): \
                 name its containers in gantry.toml if that is wanted",
                joined(images)
            ),
            Self::NoContainer { service, named, .. } => {
                write!(
                    f,
                    "service {service} has none of the containers that gantry.toml names: {}",
                    joined(named)
                )
            }
            Self::NoTasksWanted { service } => {
                write!(f, "service {service} wants 0 tasks, so nothing could be proved: scale it up first")
            }
            Self::Busy { service, deployment: Some(deployment), status } => write!(
                f,
                "service {service} has a deployment that is not Gantry's under way ({deployment}, {status}): wait for \
                 it or stop it"
            ),
            Self::Busy { service, deployment: None, status } => write!(
                f,
                "service {service} has a deployment that is not Gantry's under way ({status}): wait for it or stop it"
            ),
            Self::UnknownFields { service, task_definition, fields } => write!(
                f,
                "the task definition of service {service} ({task_definition}) has fields that this version of Gantry \
                 does not know and would lose: {}; update Gantry, or remove them",
                joined(fields)
            ),
            Self::NoTarget { service } => write!(
                f,
                "service {service} has nothing to go back to: nothing of it was verified here, and ECS did not tell which \
                 image ran when Gantry first looked"
            ),
            Self::TargetGone { service, task_definition } => write!(
                f,
                "service {service} would go back to {task_definition}, which cannot be read any more: was it deleted?"
            ),
            Self::TaskService { task, service } => {
                write!(
                    f,
                    "task {task} is to run like service {service}, whose task definition cannot be read"
                )
            }
            Self::TaskContainer { task, container: Some(container), task_definition, there } => write!(
                f,
                "task {task} is to run in container {container}, which {task_definition} does not have (it has {})",
                joined(there)
            ),
            Self::TaskContainer { task, container: None, task_definition, .. } => write!(
                f,
                "no container of {task_definition} uses the repository of task {task}: name its container in gantry.toml"
            ),
        }
    }
}
