//! Task definitions made from a base: only images of named containers differ. Registered once, however often asked.

use std::collections::BTreeMap;

use gantry_domain::names::{ContainerName, Digest, PlanHash, RepositoryName, TaskDefinitionArn};
use gantry_domain::plan::{PlanKind, PlanTerms, PlannedService, PlannedTask, task_family};
use gantry_domain::task_definition::{TaskDefinition, TaskDefinitionBody, image_by_digest};

use super::RolloutError;
use crate::ports::{DeployStage, ObserveStage, StageScope};

/// Tags of task definitions that Gantry registers. `CONTENT` finds one again whose registration was not answered.
pub(crate) const RELEASE: &str = "gantry:release";
const PLAN: &str = "gantry:plan";
const CONTENT: &str = "gantry:content";

/// Keys with this prefix belong to AWS and cannot be given.
const AWS_PREFIX: &str = "aws:";

/// How many revisions newer than the base are looked at for our own.
const NEWEST: u8 = 10;

/// Derives and registers task definitions for one plan.
pub(crate) struct Derivation<'a> {
    pub(crate) observe: &'a dyn ObserveStage,
    pub(crate) deploy: &'a dyn DeployStage,
    pub(crate) terms: &'a PlanTerms,
    pub(crate) plan: &'a PlanHash,
}

impl Derivation<'_> {
    /// The task definition that a service is to run.
    pub(crate) async fn of_service(
        &self,
        planned: &PlannedService,
    ) -> Result<TaskDefinitionArn, RolloutError> {
        if self.terms.kind == PlanKind::Rollback {
            let base = self.any_base(&planned.base).await?;
            let image = image_by_digest(&self.terms.registry, &planned.repository, &planned.digest);
            let has_it = |name| base.body.image(name) == Some(image.as_str());
            // What passed is what it goes back to, not a copy of it; nothing of it can be lost.
            if planned.containers.iter().all(has_it) {
                return Ok(base.arn);
            }
        }
        let base = self.base(&planned.base).await?;
        let body = self.body(&base, &planned.containers, &planned.repository, &planned.digest)?;
        self.find_or_register(&base, &body).await
    }

    /// The task definition of a one-off task.
    pub(crate) async fn of_task(
        &self,
        task: &PlannedTask,
    ) -> Result<(TaskDefinitionArn, TaskDefinitionBody), RolloutError> {
        let base = self.base(&task.base).await?;
        let family = task_family(&base, task, &self.terms.registry);
        let body = self
            .body(&base, &task.containers, &task.repository, &task.digest)?
            .with_family(&family)
            .map_err(|source| RolloutError::Derive { base: base.arn.clone(), source })?;
        Ok((self.find_or_register(&base, &body).await?, body))
    }

    async fn base(&self, arn: &TaskDefinitionArn) -> Result<TaskDefinition, RolloutError> {
        let base = self.any_base(arn).await?;
        if base.unknown.is_empty() {
            return Ok(base);
        }
        Err(RolloutError::UnknownFields { task_definition: base.arn, fields: base.unknown })
    }

    async fn any_base(&self, arn: &TaskDefinitionArn) -> Result<TaskDefinition, RolloutError> {
        let scope = StageScope::observing_plan(self.terms);
        let base = self.observe.task_definition(&scope, arn).await?;
        base.ok_or_else(|| RolloutError::BaseGone(arn.clone()))
    }

    fn body(
        &self,
        base: &TaskDefinition,
        containers: &[ContainerName],
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<TaskDefinitionBody, RolloutError> {
        let image = image_by_digest(&self.terms.registry, repository, digest);
        let images = containers.iter().map(|container| (container.clone(), image.clone())).collect();
        base.body
            .with_images(&images)
            .map_err(|source| RolloutError::Derive { base: base.arn.clone(), source })
    }

    async fn find_or_register(
        &self,
        base: &TaskDefinition,
        body: &TaskDefinitionBody,
    ) -> Result<TaskDefinitionArn, RolloutError> {
        let content = body.content_hash(self.terms.release.as_str());
        if let Some(found) = self.find(base, body, &content).await? {
            return Ok(found);
        }
        let scope = StageScope::deploying_plan(self.terms);
        Ok(self.deploy.register_task_definition(&scope, body, &self.tags(base, &content)).await?)
    }

    /// Our own earlier registration: of the same content for the same release, newer than the base.
    async fn find(
        &self,
        base: &TaskDefinition,
        body: &TaskDefinitionBody,
        content: &str,
    ) -> Result<Option<TaskDefinitionArn>, RolloutError> {
        let scope = StageScope::observing_plan(self.terms);
        let newest = self.observe.newest_task_definitions(&scope, body.family(), NEWEST).await?;
        for arn in newest.into_iter().take_while(|arn| *arn != base.arn) {
            let Some(found) = self.observe.task_definition(&scope, &arn).await? else { continue };
            let tagged = found.tags.get(CONTENT).is_some_and(|tag| tag == content);
            if tagged && found.body.images() == body.images() {
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }

    fn tags(&self, base: &TaskDefinition, content: &str) -> BTreeMap<String, String> {
        let kept = base.tags.iter().filter(|(key, _)| !key.starts_with(AWS_PREFIX));
        let mut tags: BTreeMap<String, String> =
            kept.map(|(key, value)| (key.clone(), value.clone())).collect();
        tags.insert(RELEASE.to_owned(), self.terms.release.to_string());
        tags.insert(PLAN.to_owned(), self.plan.to_string());
        tags.insert(CONTENT.to_owned(), content.to_owned());
        tags
    }
}
