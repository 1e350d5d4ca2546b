//! Task definitions: registering, describing, deregistering, listing.

use serde_json::{Map, Value, json};

use crate::aws::AwsError;
use crate::ecs::answers;
use crate::ecs::input::{includes, page, tags, text};
use crate::ecs::model::{TaskDefinition, World};
use crate::ecs::validation;

pub(super) fn register(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let members = input.as_object().cloned().unwrap_or_default();
    let definition = add(world, &members, tags(input)?)?;
    Ok(with_tags(world, &definition, true))
}

/// Adds the next revision of a family.
pub(crate) fn add(
    world: &mut World,
    members: &Map<String, Value>,
    tags: crate::ecs::model::Tags,
) -> Result<TaskDefinition, AwsError> {
    let checked = validation::task_definition(members)?;
    let family = members.get("family").and_then(Value::as_str).unwrap_or_default().to_owned();
    let registered_at = world.now;
    let revisions = world.definitions.entry(family.clone()).or_default();
    let definition = TaskDefinition {
        family,
        revision: revisions.last().map_or(1, |last| last.revision + 1),
        body: checked.body,
        containers: checked.containers,
        tags,
        registered_at,
        deregistered_at: None,
    };
    revisions.push(definition.clone());
    world.changes += 1;
    Ok(definition)
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let found = world.definition_of(text(input, "taskDefinition").unwrap_or_default());
    let definition =
        found.ok_or_else(|| AwsError::client("ClientException", "Unable to describe task definition."))?;
    Ok(with_tags(world, definition, includes(input, "TAGS")))
}

fn with_tags(world: &World, definition: &TaskDefinition, include: bool) -> Value {
    let tags = if include { answers::tags(&definition.tags) } else { json!([]) };
    json!({"taskDefinition": answers::definition(world, definition), "tags": tags})
}

pub(super) fn deregister(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let given = text(input, "taskDefinition").unwrap_or_default();
    let name = given.rsplit('/').next().unwrap_or_default();
    if !name.contains(':') {
        return Err(AwsError::client("ClientException", format!("Invalid revision number. Number: {name}")));
    }
    let found = world.definition_of(given).map(|definition| (definition.family.clone(), definition.revision));
    let missing = || AwsError::client("ClientException", "The specified task definition does not exist.");
    let (family, revision) = found.ok_or_else(missing)?;
    let now = world.now;
    let revisions = world.definitions.get_mut(&family).into_iter().flatten();
    let mut revisions = revisions.filter(|definition| definition.revision == revision);
    let definition = revisions.next().ok_or_else(missing)?;
    definition.deregistered_at.get_or_insert(now);
    let definition = definition.clone();
    world.changes += 1;
    Ok(json!({"taskDefinition": answers::definition(world, &definition)}))
}

pub(super) fn list(world: &World, input: &Value) -> Result<Value, AwsError> {
    let family = text(input, "familyPrefix");
    let active = text(input, "status").unwrap_or("ACTIVE") == "ACTIVE";
    let mut arns: Vec<Value> = world
        .definitions
        .values()
        .flatten()
        .filter(|definition| family.is_none_or(|family| family == definition.family))
        .filter(|definition| definition.deregistered_at.is_none() == active)
        .map(|definition| json!(world.place.definition(&definition.family, definition.revision)))
        .collect();
    if text(input, "sort") == Some("DESC") {
        arns.reverse();
    }
    page(input, "taskDefinitionArns", arns, 100)
}
