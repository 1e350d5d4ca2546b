//! Service deployments and revisions: listing, describing, stopping.

use serde_json::{Value, json};

use crate::aws::AwsError;
use crate::ecs::answers::{self, Stamp};
use crate::ecs::input::{page, some_texts, text, texts};
use crate::ecs::model::{DeploymentStatus, Service, ServiceKey, World};
use crate::ecs::words;
use crate::ecs::world::invalid;

pub(super) fn list(world: &World, input: &Value) -> Result<Value, AwsError> {
    let key = world.service_of(text(input, "cluster"), text(input, "service").unwrap_or_default())?;
    let service = world.service(&key)?;
    let statuses = texts(input, "status");
    let bound = |name: &str| input.get("createdAt").and_then(|range| range.get(name)).and_then(Value::as_f64);
    let (before, after) = (bound("before"), bound("after"));
    let all = service
        .deployments
        .iter()
        .rev()
        .filter(|deployment| statuses.is_empty() || statuses.contains(&deployment.status.word()))
        .filter(|deployment| {
            let created = Stamp::Epoch.value(deployment.created_at).as_f64().unwrap_or_default();
            before.is_none_or(|before| created < before) && after.is_none_or(|after| created > after)
        })
        .map(|deployment| answers::deployment_brief(world, service, deployment))
        .collect();
    page(input, "serviceDeployments", all, 20)
}

pub(super) fn describe(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in some_texts(input, "serviceDeploymentArns", 20)? {
        match find(world, arn)? {
            Some((service, index)) => {
                let deployment = service.deployments.get(index);
                found.extend(deployment.map(|deployment| answers::deployment(world, service, deployment)));
            }
            None => failures.push(answers::missing(arn)),
        }
    }
    Ok(json!({"serviceDeployments": found, "failures": failures}))
}

pub(super) fn describe_revisions(world: &World, input: &Value) -> Result<Value, AwsError> {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for arn in some_texts(input, "serviceRevisionArns", 20)? {
        let (service, id) = resource(world, arn, "service-revision")?;
        let revision = service.and_then(|service| {
            let index = service.revisions.iter().position(|revision| revision.id == id)?;
            answers::revision(world, service, index)
        });
        match revision {
            Some(revision) => found.push(revision),
            None => failures.push(answers::missing(arn)),
        }
    }
    Ok(json!({"serviceRevisions": found, "failures": failures}))
}

pub(super) fn stop(world: &mut World, input: &Value) -> Result<Value, AwsError> {
    let arn = text(input, "serviceDeploymentArn").unwrap_or_default();
    if text(input, "stopType").is_some_and(|kind| kind != "ROLLBACK") {
        return Err(invalid("stopType must be ROLLBACK."));
    }
    let (service, index) = find(world, arn)?.ok_or_else(|| {
        AwsError::client("ServiceDeploymentNotFoundException", "The service deployment was not found.")
    })?;
    let key: ServiceKey = (service.cluster.clone(), service.name.clone());
    let status = service.deployments.get(index).map(|deployment| deployment.status);
    let conflict = |why: &str| AwsError::client("ConflictException", why);
    match status {
        Some(DeploymentStatus::Pending | DeploymentStatus::InProgress) => {}
        Some(status) => {
            return Err(conflict(&format!(
                "The service deployment can not be stopped: it is {}.",
                status.word()
            )));
        }
        None => return Err(conflict("The service deployment can not be stopped.")),
    }
    if !world.request_rollback(&key, index, words::STOPPED_BY_HAND) {
        return Err(conflict("There is no previous service revision to roll back to."));
    }
    world.settle(&key);
    Ok(json!({"serviceDeploymentArn": arn}))
}

/// The deployment an ARN names; an ARN that cannot be one is refused.
fn find<'a>(world: &'a World, arn: &str) -> Result<Option<(&'a Service, usize)>, AwsError> {
    let (service, id) = resource(world, arn, "service-deployment")?;
    Ok(service.and_then(|service| {
        Some((service, service.deployments.iter().position(|deployment| deployment.id == id)?))
    }))
}

fn resource<'a, 'b>(
    world: &'a World,
    arn: &'b str,
    kind: &str,
) -> Result<(Option<&'a Service>, &'b str), AwsError> {
    match world.place.parts(arn, kind).as_deref() {
        Some([cluster, service, id]) => {
            Ok((world.services.get(&((*cluster).to_owned(), (*service).to_owned())), *id))
        }
        _ => Err(invalid(format!("Invalid identifier: {arn}"))),
    }
}
