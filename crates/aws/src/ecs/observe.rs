//! Looking at a stage.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionError;
use aws_sdk_ecs::types::{DesiredStatus, Failure, SortOrder, TaskDefinitionField, TaskDefinitionStatus};
use gantry_domain::ecs::{Deployment, DeploymentSummary, Revision, Service, Task};
use gantry_domain::names::{
    ServiceDeploymentArn, ServiceName, ServiceRevisionArn, TaskArn, TaskDefinitionArn,
};
use gantry_domain::task_definition::{TaskDefinition, TaskDefinitionBody};
use gantry_steps::ports::{ObserveStage, PortError, StageScope, TaskState};
use serde_json::Value;

use super::fields::{KeepBody, registrable};
use super::{EcsStage, convert};
use crate::error::{Unreadable, classify};

/// How many things one call takes.
const SERVICES: usize = 10;
const DEPLOYMENTS: usize = 20;
const REVISIONS: usize = 20;
const LISTED: i32 = 100;
const DESCRIBED: usize = 100;

#[async_trait]
impl ObserveStage for EcsStage {
    async fn services(&self, scope: &StageScope, names: &[ServiceName]) -> Result<Vec<Service>, PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let mut services = Vec::new();
        for some in names.chunks(SERVICES) {
            let call = format!("ecs:DescribeServices in {}", scope.cluster);
            let names = some.iter().map(ToString::to_string).collect();
            let request = ecs.describe_services().cluster(scope.cluster.as_str()).set_services(Some(names));
            let answer = request.send().await.map_err(|error| classify(&call, error))?;
            only_missing(&call, answer.failures())?;
            for service in answer.services.unwrap_or_default() {
                services.push(convert::service(service).map_err(|error| error.of(&call))?);
            }
        }
        Ok(services)
    }

    async fn task_definition(
        &self,
        scope: &StageScope,
        arn: &TaskDefinitionArn,
    ) -> Result<Option<TaskDefinition>, PortError> {
        self.describe_task_definition(scope, arn.as_str()).await
    }

    async fn latest_task_definition(
        &self,
        scope: &StageScope,
        family: &str,
    ) -> Result<Option<TaskDefinition>, PortError> {
        self.describe_task_definition(scope, family).await
    }

    async fn newest_task_definitions(
        &self,
        scope: &StageScope,
        family: &str,
        count: u8,
    ) -> Result<Vec<TaskDefinitionArn>, PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let call = format!("ecs:ListTaskDefinitions of {family}");
        let request = ecs
            .list_task_definitions()
            .family_prefix(family)
            .status(TaskDefinitionStatus::Active)
            .sort(SortOrder::Desc)
            .max_results(i32::from(count));
        let answer = request.send().await.map_err(|error| classify(&call, error))?;
        let arns = answer.task_definition_arns.unwrap_or_default().into_iter();
        arns.map(|arn| {
            TaskDefinitionArn::new(arn)
                .map_err(|error| Unreadable::invalid("task definition", error).of(&call))
        })
        .collect()
    }

    async fn deployments_of(
        &self,
        scope: &StageScope,
        service: &ServiceName,
    ) -> Result<Vec<DeploymentSummary>, PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let call = format!("ecs:ListServiceDeployments of {service}");
        let mut deployments: Vec<DeploymentSummary> = Vec::new();
        let mut next = None;
        // To the last page: in which order they come is not promised, nor that a page is full.
        loop {
            let request = ecs
                .list_service_deployments()
                .cluster(scope.cluster.as_str())
                .service(service.as_str())
                .max_results(LISTED)
                .set_next_token(next.take());
            let answer = request.send().await.map_err(|error| classify(&call, error))?;
            for one in answer.service_deployments.unwrap_or_default() {
                deployments.push(convert::deployment_summary(one).map_err(|error| error.of(&call))?);
            }
            next = answer.next_token;
            if next.is_none() {
                break;
            }
        }
        deployments.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_at));
        Ok(deployments)
    }

    async fn deployments(
        &self,
        scope: &StageScope,
        arns: &[ServiceDeploymentArn],
    ) -> Result<Vec<Deployment>, PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let call = "ecs:DescribeServiceDeployments";
        let mut deployments = Vec::new();
        for some in arns.chunks(DEPLOYMENTS) {
            let arns = some.iter().map(ToString::to_string).collect();
            let request = ecs.describe_service_deployments().set_service_deployment_arns(Some(arns));
            let answer = request.send().await.map_err(|error| classify(call, error))?;
            only_missing(call, answer.failures())?;
            for deployment in answer.service_deployments.unwrap_or_default() {
                deployments.push(convert::deployment(deployment).map_err(|error| error.of(call))?);
            }
        }
        Ok(deployments)
    }

    async fn revisions(
        &self,
        scope: &StageScope,
        arns: &[ServiceRevisionArn],
    ) -> Result<Vec<Revision>, PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let call = "ecs:DescribeServiceRevisions";
        let mut revisions = Vec::new();
        for some in arns.chunks(REVISIONS) {
            let arns = some.iter().map(ToString::to_string).collect();
            let request = ecs.describe_service_revisions().set_service_revision_arns(Some(arns));
            let answer = request.send().await.map_err(|error| classify(call, error))?;
            only_missing(call, answer.failures())?;
            for revision in answer.service_revisions.unwrap_or_default() {
                revisions.push(convert::revision(revision).map_err(|error| error.of(call))?);
            }
        }
        Ok(revisions)
    }

    async fn tasks_of(
        &self,
        scope: &StageScope,
        service: &ServiceName,
        state: TaskState,
    ) -> Result<Vec<Task>, PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let call = format!("ecs:ListTasks of {service}");
        let desired = match state {
            TaskState::Running => DesiredStatus::Running,
            TaskState::Stopped => DesiredStatus::Stopped,
        };
        let mut arns = Vec::new();
        let mut next = None;
        // As many as one call describes; a page may hold fewer.
        loop {
            let request = ecs
                .list_tasks()
                .cluster(scope.cluster.as_str())
                .service_name(service.as_str())
                .desired_status(desired.clone())
                .max_results(LISTED)
                .set_next_token(next.take());
            let answer = request.send().await.map_err(|error| classify(&call, error))?;
            arns.extend(answer.task_arns.unwrap_or_default());
            next = answer.next_token;
            if next.is_none() || arns.len() >= DESCRIBED {
                break;
            }
        }
        arns.truncate(DESCRIBED);
        self.describe_tasks(scope, arns).await
    }

    async fn task(&self, scope: &StageScope, arn: &TaskArn) -> Result<Option<Task>, PortError> {
        Ok(self.describe_tasks(scope, vec![arn.to_string()]).await?.into_iter().next())
    }
}

impl EcsStage {
    async fn describe_task_definition(
        &self,
        scope: &StageScope,
        reference: &str,
    ) -> Result<Option<TaskDefinition>, PortError> {
        let ecs = self.sessions.session(scope).await?.ecs;
        let call = format!("ecs:DescribeTaskDefinition {reference}");
        let body = KeepBody::default();
        let request =
            ecs.describe_task_definition().task_definition(reference).include(TaskDefinitionField::Tags);
        let answer = match request.customize().interceptor(body.clone()).send().await {
            Ok(answer) => answer,
            Err(error) if is_unknown_task_definition(error.as_service_error()) => return Ok(None),
            Err(error) => return Err(classify(&call, error)),
        };
        let arn = answer.task_definition.and_then(|definition| definition.task_definition_arn);
        let arn = arn.ok_or_else(|| Unreadable::Missing("task definition").of(&call))?;
        let arn = TaskDefinitionArn::new(arn)
            .map_err(|error| Unreadable::invalid("task definition's ARN", error).of(&call))?;
        let answered: Value = serde_json::from_slice(&body.take())
            .map_err(|error| Unreadable::invalid("body", error).of(&call))?;
        let definition = answered.get("taskDefinition").unwrap_or(&Value::Null);
        let (body, unknown) = registrable(definition)
            .map_err(|error| Unreadable::invalid("task definition", error).of(&call))?;
        let tags: BTreeMap<String, String> = answer
            .tags
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
            .collect();
        Ok(Some(TaskDefinition { arn, body: TaskDefinitionBody::new(body), tags, unknown }))
    }

    /// At most a hundred.
    async fn describe_tasks(&self, scope: &StageScope, arns: Vec<String>) -> Result<Vec<Task>, PortError> {
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let ecs = self.sessions.session(scope).await?.ecs;
        let call = format!("ecs:DescribeTasks in {}", scope.cluster);
        let request = ecs.describe_tasks().cluster(scope.cluster.as_str()).set_tasks(Some(arns));
        let answer = request.send().await.map_err(|error| classify(&call, error))?;
        only_missing(&call, answer.failures())?;
        let tasks = answer.tasks.unwrap_or_default().into_iter();
        tasks.map(|task| convert::task(task).map_err(|error| error.of(&call))).collect()
    }
}

/// ECS has no error of its own for this.
fn is_unknown_task_definition(error: Option<&DescribeTaskDefinitionError>) -> bool {
    let Some(DescribeTaskDefinitionError::ClientException(error)) = error else {
        return false;
    };
    error.message().is_some_and(|message| message.contains("Unable to describe task definition"))
}

/// Things that are not there are absent from the answer; any other failure fails the call.
pub(super) fn only_missing(call: &str, failures: &[Failure]) -> Result<(), PortError> {
    match failures.iter().find(|failure| failure.reason() != Some("MISSING")) {
        None => Ok(()),
        Some(failure) => Err(PortError::Rejected { call: call.to_owned(), source: told(failure).into() }),
    }
}

/// A failure in ECS's words.
pub(super) fn told(failure: &Failure) -> String {
    let parts = [failure.reason(), failure.detail(), failure.arn()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
