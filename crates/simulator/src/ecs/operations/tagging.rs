//! Tags of clusters, services, tasks and task definitions.

use serde_json::{Value, json};

use crate::aws::AwsError;
use crate::ecs::answers;
use crate::ecs::input::{tags, text};
use crate::ecs::model::{Tags, World};

pub(super) fn tag(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let given = tags(input)?;
    let arn = text(input, "resourceArn").unwrap_or_default();
    let missing = || AwsError::client("ResourceNotFoundException", "The specified resource was not found.");
    world.tags_mut(arn).ok_or_else(missing)?.extend(given);
    world.changes += 1;
    Ok(json!({}))
}

pub(super) fn list(world: &World, input: &Value) -> Result<Value, AwsError> {
    let arn = text(input, "resourceArn").unwrap_or_default();
    let missing = || AwsError::client("InvalidParameterException", "The specified resource was not found.");
    Ok(json!({"tags": answers::tags(world.tags(arn).ok_or_else(missing)?)}))
}

impl World {
    /// The tags of a resource that exists.
    pub(crate) fn tags(&self, arn: &str) -> Option<&Tags> {
        let place = &self.place;
        if let Some([name]) = place.parts(arn, "cluster").as_deref() {
            return self.clusters.get(*name).map(|cluster| &cluster.tags);
        }
        if let Some([cluster, name]) = place.parts(arn, "service").as_deref() {
            return self.services.get(&((*cluster).into(), (*name).into())).map(|service| &service.tags);
        }
        if let Some([cluster, id]) = place.parts(arn, "task").as_deref() {
            let mut tasks = self.tasks.values();
            return tasks.find(|task| task.cluster == *cluster && task.id == *id).map(|task| &task.tags);
        }
        place.parts(arn, "task-definition")?;
        self.definition_of(arn).map(|definition| &definition.tags)
    }

    fn tags_mut(&mut self, arn: &str) -> Option<&mut Tags> {
        let place = &self.place;
        if let Some([name]) = place.parts(arn, "cluster").as_deref() {
            return self.clusters.get_mut(*name).map(|cluster| &mut cluster.tags);
        }
        if let Some([cluster, name]) = place.parts(arn, "service").as_deref() {
            return self
                .services
                .get_mut(&((*cluster).into(), (*name).into()))
                .map(|service| &mut service.tags);
        }
        if let Some([cluster, id]) = place.parts(arn, "task").as_deref() {
            let mut tasks = self.tasks.values_mut();
            return tasks.find(|task| task.cluster == *cluster && task.id == *id).map(|task| &mut task.tags);
        }
        place.parts(arn, "task-definition")?;
        let (family, revision) = {
            let definition = self.definition_of(arn)?;
            (definition.family.clone(), definition.revision)
        };
        let mut revisions = self.definitions.get_mut(&family)?.iter_mut();
        revisions.find(|definition| definition.revision == revision).map(|definition| &mut definition.tags)
    }
}
