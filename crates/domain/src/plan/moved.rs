//! What moved between the plan that people agreed to and the one that would be carried out, in sentences.

use std::collections::BTreeMap;

use super::build::joined;
use super::{Change, PlanTerms, PlannedService};
use crate::names::{ServiceName, TaskDefinitionArn};

/// What differs. Empty only for equal terms.
pub fn moved(old: &PlanTerms, new: &PlanTerms) -> Vec<String> {
    if old == new {
        return Vec::new();
    }
    let mut sentences = Vec::new();
    if (&old.release, &old.stage, old.kind) != (&new.release, &new.stage, new.kind) {
        sentences.push(format!("It is another plan: {} in {}.", new.release, new.stage));
    }
    if old.config != new.config {
        sentences.push("The configuration was deployed anew.".to_owned());
    }
    if (&old.region, &old.cluster, &old.registry) != (&new.region, &new.cluster, &new.registry) {
        sentences.push(format!("The stage is now cluster {} in {}.", new.cluster, new.region));
    }
    if (&old.deploy_role, &old.observe_role) != (&new.deploy_role, &new.observe_role) {
        sentences.push("The stage's roles are others.".to_owned());
    }
    let before: BTreeMap<&ServiceName, &PlannedService> =
        old.services.iter().map(|planned| (&planned.service, planned)).collect();
    for planned in &new.services {
        match before.get(&planned.service) {
            Some(was) => sentences.extend(service_moved(was, planned)),
            None => sentences.push(format!("{} is new in the plan.", planned.service)),
        }
    }
    for planned in &old.services {
        if new.service(&planned.service).is_none() {
            sentences.push(format!("{} is no longer in the plan.", planned.service));
        }
    }
    if old.steps != new.steps {
        let labels: Vec<String> = new.steps.iter().map(super::PlanStep::label).collect();
        if labels != old.steps.iter().map(super::PlanStep::label).collect::<Vec<_>>() {
            sentences.push(format!("The steps are now: {}.", joined(&labels)));
        } else if sentences.is_empty() {
            sentences.push("What a step does in detail is not the same.".to_owned());
        }
    }
    if sentences.is_empty() {
        sentences.push("Time limits or reachable hosts are not the same.".to_owned());
    }
    sentences
}

fn service_moved(was: &PlannedService, is: &PlannedService) -> Vec<String> {
    let mut sentences = Vec::new();
    let service = &is.service;
    if was.running != is.running {
        sentences.push(format!(
            "{service} runs {} now, not {}.",
            revision(&is.running),
            revision(&was.running)
        ));
    } else if was.running_digest != is.running_digest {
        sentences.push(format!("{service} runs another image under the same task definition."));
    }
    if was.base != is.base && is.base != is.running {
        sentences.push(format!(
            "{service} would be made from {}, not from {}.",
            revision(&is.base),
            revision(&was.base)
        ));
    }
    if was.containers != is.containers {
        sentences.push(format!("In {service} other containers get the image: {}.", joined(&is.containers)));
    }
    if (&was.repository, &was.digest) != (&is.repository, &is.digest) {
        sentences.push(format!("{service} is to run {}@{}.", is.repository, is.digest));
    }
    match (was.change, is.change) {
        (Change::Deploy, Change::NoChange) => {
            sentences.push(format!("{service} runs the new image already."))
        }
        (Change::NoChange, Change::Deploy) => sentences.push(format!("{service} would be deployed too.")),
        (Change::Deploy, Change::Deploy) | (Change::NoChange, Change::NoChange) => {}
    }
    sentences
}

/// `web:12`, as people read it.
fn revision(arn: &TaskDefinitionArn) -> &str {
    arn.as_str().rsplit('/').next().unwrap_or(arn.as_str())
}
