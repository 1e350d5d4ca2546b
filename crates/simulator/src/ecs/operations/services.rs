//! Clusters and services: describing, listing, updating.

use serde_json::{Map, Value, json};

use crate::aws::AwsError;
use crate::ecs::answers;
use crate::ecs::deployments::differ_in_tasks;
use crate::ecs::early::check_configuration;
use crate::ecs::input::{count, includes, page, some_texts, text, texts};
use crate::ecs::model::{DefinitionKey, World};
use crate::ecs::world::invalid;

pub(super) fn describe_clusters(world: &World, input: &Value) -> Result<Value, AwsError> {
    let given = texts(input, "clusters");
    let given = if given.is_empty() { vec!["default"] } else { given };
    if given.len() > 100 {
        return Err(invalid("Clusters cannot contain more than 100 elements."));
    }
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for one in given {
        let name = world.place.cluster_name(Some(one))?;
        if world.clusters.contains_key(&name) {
            clusters.push(answers::cluster(world, &name, includes(input, "TAGS")));
        } else {
            failures.push(answers::missing(&world.place.cluster(&name)));
        }
    }
    Ok(json!({"clusters": clusters, "failures": failures}))
}

pub(super) fn describe_services(world: &World, input: &Value) -> Result<Value, AwsError> {
    let cluster = world.cluster_of(text(input, "cluster"))?;
    let (mut services, mut failures) = (Vec::new(), Vec::new());
    for one in some_texts(input, "services", 10)? {
        let name = world.place.service_name(&cluster, one)?;
        match world.services.get(&(cluster.clone(), name.clone())) {
            Some(service) => services.push(answers::service(world, service, includes(input, "TAGS"))),
            None => failures.push(answers::missing(&world.place.service(&cluster, &name))),
        }
    }
    Ok(json!({"services": services, "failures": failures}))
}

pub(super) fn list_services(world: &World, input: &Value) -> Result<Value, AwsError> {
    let cluster = world.cluster_of(text(input, "cluster"))?;
    let launch_type = text(input, "launchType");
    let all = world
        .services
        .values()
        .filter(|service| service.cluster == cluster && service.active)
        .filter(|service| {
            launch_type.is_none_or(|wanted| service.settings.get("launchType") == Some(&json!(wanted)))
        })
        .map(|service| json!(world.place.service(&cluster, &service.name)))
        .collect();
    page(input, "serviceArns", all, 10)
}

pub(super) fn update_service(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let key = world.service_of(text(input, "cluster"), text(input, "service").unwrap_or_default())?;
    let service = world.service(&key)?;
    if !service.active {
        return Err(AwsError::client("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    let controller =
        service.settings.get("deploymentController").and_then(|controller| text(controller, "type"));
    let force = input.get("forceNewDeployment").and_then(Value::as_bool).unwrap_or(false);
    if let Some(controller) = controller.filter(|controller| *controller != "ECS")
        && (force || input.get("taskDefinition").is_some())
    {
        return Err(invalid(format!(
            "Unable to update task definition on services with a {controller} deployment controller."
        )));
    }
    let running = service.definition().cloned();
    let wanted = match text(input, "taskDefinition") {
        Some(given) => Some(usable_definition(world, given)?),
        None => running.clone(),
    };
    let settings = merged_settings(&service.settings, input)?;
    let desired = count(input, "desiredCount")?;
    let changed = wanted != running || differ_in_tasks(&service.settings, &settings);
    if let Some(service) = world.services.get_mut(&key) {
        service.settings = settings;
        if let Some(desired) = desired.filter(|desired| *desired != service.desired) {
            service.desired = desired;
            service.steady = false;
        }
    }
    if let Some(definition) = wanted.filter(|_| changed || force) {
        world.deploy(&key, definition);
    }
    world.settle(&key);
    Ok(json!({"service": answers::service(world, world.service(&key)?, true)}))
}

fn usable_definition(world: &World, given: &str) -> Result<DefinitionKey, AwsError> {
    let found = world.definition_of(given);
    let definition = found.ok_or_else(|| AwsError::client("ClientException", "TaskDefinition not found."))?;
    if definition.deregistered_at.is_some() {
        return Err(AwsError::client("ClientException", "TaskDefinition is inactive"));
    }
    Ok(DefinitionKey { family: definition.family.clone(), revision: definition.revision })
}

/// The settings after the update: what is given replaces, the deployment configuration member by member.
fn merged_settings(before: &Map<String, Value>, input: &Value) -> Result<Map<String, Value>, AwsError> {
    const OTHERS: [&str; 6] = [
        "cluster",
        "service",
        "desiredCount",
        "taskDefinition",
        "forceNewDeployment",
        "deploymentConfiguration",
    ];
    let mut settings = before.clone();
    for (name, value) in input.as_object().into_iter().flatten() {
        if !OTHERS.contains(&name.as_str()) {
            settings.insert(name.clone(), value.clone());
        }
    }
    let Some(given) = input.get("deploymentConfiguration").and_then(Value::as_object) else {
        return Ok(settings);
    };
    let configuration = settings.entry("deploymentConfiguration").or_insert_with(|| json!({}));
    for (name, value) in given {
        configuration[name.as_str()] = value.clone();
    }
    check_configuration(configuration)?;
    Ok(settings)
}
