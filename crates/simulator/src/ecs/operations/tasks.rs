//! Tasks: running, describing, listing, stopping.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::aws::AwsError;
use crate::ecs::answers::{self, Stamp};
use crate::ecs::input::{count, includes, page, some_texts, tags, text};
use crate::ecs::model::{DefinitionKey, Owner, RunToken, Stop, StopCode, Task, TaskDefinition, World};
use crate::ecs::tasks::TaskOrder;
use crate::ecs::world::{invalid, service_not_found};

pub(super) fn run(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let cluster = world.cluster_of(text(input, "cluster"))?;
    let number = count(input, "count")?.unwrap_or(1);
    if !(1..=10).contains(&number) {
        return Err(invalid("Count must be between 1 and 10."));
    }
    for (name, most) in [("startedBy", 128), ("clientToken", 64)] {
        if text(input, name).is_some_and(|value| value.len() > most) {
            return Err(invalid(format!("{name} can not be longer than {most} characters.")));
        }
    }
    let token = text(input, "clientToken").map(|token| (cluster.clone(), token.to_owned()));
    if let Some(known) = token.as_ref().and_then(|token| world.run_tokens.get(token)) {
        if known.input != *input {
            return Err(AwsError::client(
                "ConflictException",
                "The provided clientToken is already in use with a different RunTask request.",
            ));
        }
        return Ok(started(world, &known.tasks));
    }
    let order = order(world, input, &cluster)?;
    let (mut serials, mut failures) = (Vec::new(), Vec::new());
    for _ in 0..number {
        let ordinal = world.runs.entry(order.definition.clone()).or_default();
        *ordinal += 1;
        let order = TaskOrder { ordinal: *ordinal, ..order.clone() };
        let task = world.draft(order);
        match world.shortage(&task) {
            None => serials.push(world.place(task)),
            Some(shortage) => failures.push(json!({"reason": shortage.failure()})),
        }
    }
    // A call that started nothing may be made again with its token.
    if let Some(token) = token.filter(|_| !serials.is_empty()) {
        world.run_tokens.insert(token, RunToken { input: input.clone(), tasks: serials.clone() });
    }
    let mut answer = started(world, &serials);
    answer["failures"] = failures.into();
    Ok(answer)
}

fn started(world: &World, serials: &[u64]) -> Value {
    let tasks = serials.iter().filter_map(|serial| world.tasks.get(serial));
    let tasks: Vec<Value> = tasks.map(|task| shown(world, task, true)).collect();
    json!({"tasks": tasks, "failures": []})
}

fn order(world: &World, input: &Value, cluster: &str) -> Result<TaskOrder, AwsError> {
    let found = world.definition_of(text(input, "taskDefinition").unwrap_or_default());
    let definition = found.ok_or_else(|| AwsError::client("ClientException", "TaskDefinition not found."))?;
    if definition.deregistered_at.is_some() {
        return Err(invalid("TaskDefinition is inactive"));
    }
    let provider = input.get("capacityProviderStrategy").is_some();
    let launch_type = match text(input, "launchType") {
        Some(_) if provider => {
            return Err(invalid(
                "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
            ));
        }
        Some("FARGATE") => "FARGATE",
        None if provider => "FARGATE",
        _ => return Err(invalid("No Container Instances were found in your cluster.")),
    };
    check_fit(definition, input)?;
    let family = definition.family.clone();
    let group = text(input, "group").map_or_else(|| format!("family:{family}"), str::to_owned);
    let mut overrides = input.get("overrides").cloned().unwrap_or_else(|| json!({}));
    if overrides.get("containerOverrides").is_none() {
        overrides["containerOverrides"] = json!([]);
    }
    Ok(TaskOrder {
        cluster: cluster.to_owned(),
        owner: Owner::Caller { group, started_by: text(input, "startedBy").map(str::to_owned) },
        ordinal: 0,
        definition: DefinitionKey { family, revision: definition.revision },
        digests: BTreeMap::new(),
        launch_type: launch_type.to_owned(),
        network: input.get("networkConfiguration").cloned().unwrap_or(Value::Null),
        overrides,
        tags: tags(input)?,
    })
}

fn check_fit(definition: &TaskDefinition, input: &Value) -> Result<(), AwsError> {
    let compatible = definition.body.get("compatibilities").and_then(Value::as_array);
    if !compatible.is_some_and(|compatible| compatible.contains(&json!("FARGATE"))) {
        return Err(invalid("Task definition does not support launch_type FARGATE."));
    }
    let subnets = &input["networkConfiguration"]["awsvpcConfiguration"]["subnets"];
    let awsvpc = definition.body.get("networkMode") == Some(&json!("awsvpc"));
    if awsvpc && input.get("networkConfiguration").is_none() {
        return Err(invalid(
            "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
        ));
    }
    if awsvpc && subnets.as_array().is_none_or(Vec::is_empty) {
        return Err(invalid("subnets can not be empty."));
    }
    for one in input["overrides"]["containerOverrides"].as_array().into_iter().flatten() {
        let name = text(one, "name").unwrap_or_default();
        if !definition.containers.iter().any(|container| container.name == name) {
            return Err(invalid(format!(
                "Override for container named {name} is not a container in the TaskDefinition."
            )));
        }
    }
    Ok(())
}

fn shown(world: &World, task: &Task, with_tags: bool) -> Value {
    let mut answer = answers::task(world, task, Stamp::Epoch);
    if with_tags {
        answer["tags"] = answers::tags(&task.tags);
    }
    answer
}

fn find(world: &World, cluster: &str, given: &str) -> Option<u64> {
    let id = world.place.task_id(cluster, given)?;
    let mut tasks = world.tasks.iter();
    tasks.find(|(_, task)| task.cluster == cluster && task.id == id).map(|(serial, _)| *serial)
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let cluster = world.cluster_of(text(input, "cluster"))?;
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for given in some_texts(input, "tasks", 100)? {
        match find(world, &cluster, given).and_then(|serial| world.tasks.get(&serial)) {
            Some(task) => tasks.push(shown(world, task, includes(input, "TAGS"))),
            None if given.starts_with("arn:") => failures.push(answers::missing(given)),
            None => failures.push(answers::missing(&world.place.task(&cluster, given))),
        }
    }
    Ok(json!({"tasks": tasks, "failures": failures}))
}

pub(super) fn list(world: &World, input: &Value) -> Result<Value, AwsError> {
    let cluster = world.cluster_of(text(input, "cluster"))?;
    let service = match text(input, "serviceName") {
        Some(given) => {
            let name = world.place.service_name(&cluster, given)?;
            if !world.services.contains_key(&(cluster.clone(), name.clone())) {
                return Err(service_not_found());
            }
            Some(name)
        }
        None => None,
    };
    let desired = text(input, "desiredStatus").unwrap_or("RUNNING");
    let fits = |task: &&Task| {
        let started_by = match &task.owner {
            Owner::Service { rollout_id, .. } => Some(rollout_id.as_str()),
            Owner::Caller { started_by, .. } => started_by.as_deref(),
        };
        task.cluster == cluster
            && (if task.wanted() { "RUNNING" } else { "STOPPED" }) == desired
            && service
                .as_deref()
                .is_none_or(|service| task.service().is_some_and(|(_, name)| name == service))
            && text(input, "family").is_none_or(|family| task.definition.family == family)
            && text(input, "startedBy").is_none_or(|wanted| started_by == Some(wanted))
            && text(input, "launchType").is_none_or(|wanted| task.launch_type == wanted)
    };
    let tasks = world.tasks.values().filter(fits);
    let all = tasks.map(|task| json!(world.place.task(&cluster, &task.id))).collect();
    page(input, "taskArns", all, 100)
}

pub(super) fn stop(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let cluster = world.cluster_of(text(input, "cluster"))?;
    let found = find(world, &cluster, text(input, "task").unwrap_or_default());
    let serial = found.ok_or_else(|| invalid("The referenced task was not found."))?;
    let reason = text(input, "reason").unwrap_or("Task stopped by user").to_owned();
    if reason.len() > 255 {
        return Err(invalid("reason can not be longer than 255 characters."));
    }
    world.stop_task(serial, Stop { code: StopCode::UserInitiated, reason });
    let service = world.tasks.get(&serial).and_then(Task::service);
    if let Some(key) = service {
        world.settle(&key);
    }
    let task = world.tasks.get(&serial).map(|task| shown(world, task, false));
    Ok(json!({"task": task}))
}
