//! Names and things that tests begin with.

use std::collections::BTreeMap;

use gantry_domain::names::{
    ClusterName, CommitSha, ComponentName, Digest, ExecutionArn, PlanHash, ReleaseId, ServiceName, SlackId,
    StageName, TaskDefinitionArn,
};
use gantry_domain::pipeline::Pipeline;
use gantry_domain::plan::{Change, Plan, PlanStep, PlanTerms, PlannedService};
use gantry_domain::release::{ComponentSource, Origin, Release, ReleasedComponent};

use crate::ports::TaskToken;

pub(crate) use gantry_domain::testing::exchange;

pub(crate) fn execution(name: &str) -> ExecutionArn {
    let machine = "arn:aws:states:us-west-2:111122223333:execution:gantry-exchange-release";
    ExecutionArn::new(format!("{machine}:{name}")).unwrap()
}

pub(crate) fn release_id(text: &str) -> ReleaseId {
    ReleaseId::new(text).unwrap()
}

pub(crate) fn stage(text: &str) -> StageName {
    StageName::new(text).unwrap()
}

pub(crate) fn component(text: &str) -> ComponentName {
    ComponentName::new(text).unwrap()
}

pub(crate) fn person(text: &str) -> SlackId {
    SlackId::new(text).unwrap()
}

pub(crate) fn token(text: &str) -> TaskToken {
    TaskToken::new(text)
}

/// A commit of one hexadecimal digit, repeated.
pub(crate) fn commit(digit: char) -> CommitSha {
    CommitSha::new(digit.to_string().repeat(40)).unwrap()
}

/// A digest of one hexadecimal digit, repeated.
pub(crate) fn digest(digit: char) -> Digest {
    Digest::new(format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
}

/// A plan's hash of one hexadecimal digit, repeated.
pub(crate) fn plan_hash(digit: char) -> PlanHash {
    PlanHash::new(digit.to_string().repeat(64)).unwrap()
}

/// A release of the commit with that digit, claimed at that time, by an execution of its own name. Its components all
/// run the digest of the same digit.
pub(crate) fn release(pipeline: &Pipeline, digit: char, claimed_at: &str) -> Release {
    let commit = commit(digit);
    let id = gantry_domain::claim::release_id(pipeline, &commit, 1).unwrap();
    let components: BTreeMap<ComponentName, ReleasedComponent> = pipeline
        .components
        .iter()
        .map(|component| {
            let released = ReleasedComponent {
                repository: component.repository.clone(),
                digest: digest(digit),
                commit: Some(commit.clone()),
                source: ComponentSource::Built,
            };
            (component.name.clone(), released)
        })
        .collect();
    Release {
        execution: execution(id.as_str()),
        id,
        commit,
        attempt: 1,
        origin: Origin::Push,
        claimed_at: claimed_at.parse().unwrap(),
        config: pipeline.hash.clone(),
        components,
        commits: Vec::new(),
        undoes: None,
    }
}

/// A task definition of a service.
pub(crate) fn task_definition(service: &str, revision: u32) -> TaskDefinitionArn {
    let arn = format!("arn:aws:ecs:us-west-2:111122223333:task-definition/{service}:{revision}");
    TaskDefinitionArn::new(arn).unwrap()
}

/// A plan of that release: the components named are deployed where digest `running` runs, the others run theirs already.
pub(crate) fn plan(
    pipeline: &Pipeline,
    release: &Release,
    stage: &str,
    deployed: &[&str],
    running: char,
) -> Plan {
    let stage = pipeline.stage(&self::stage(stage)).unwrap();
    let planned = |name: &ServiceName, component: &gantry_domain::pipeline::Component| {
        let released = release.components.get(&component.name).unwrap();
        let change =
            if deployed.contains(&component.name.as_str()) { Change::Deploy } else { Change::NoChange };
        PlannedService {
            component: component.name.clone(),
            service: name.clone(),
            change,
            running: task_definition(name.as_str(), 1),
            running_digest: Some(match change {
                Change::Deploy => digest(running),
                Change::NoChange => released.digest.clone(),
            }),
            base: task_definition(name.as_str(), 1),
            containers: Vec::new(),
            repository: released.repository.clone(),
            digest: released.digest.clone(),
        }
    };
    let services: Vec<PlannedService> = pipeline
        .components
        .iter()
        .flat_map(|component| component.services().map(move |service| planned(service, component)))
        .collect();
    let waves =
        pipeline.components.iter().filter(|component| deployed.contains(&component.name.as_str())).flat_map(
            |component| {
                component
                    .waves
                    .iter()
                    .map(|wave| PlanStep::Wave { component: component.name.clone(), services: wave.clone() })
            },
        );
    let terms = PlanTerms {
        kind: gantry_domain::plan::PlanKind::Release,
        release: release.id.clone(),
        stage: stage.name.clone(),
        config: pipeline.hash.clone(),
        region: stage.region.clone(),
        cluster: ClusterName::new(stage.cluster.as_str()).unwrap(),
        registry: stage.registry(),
        deploy_role: stage.deploy_role.clone(),
        observe_role: stage.observe_role.clone(),
        wave_timeout: stage.wave_timeout,
        soak: stage.soak,
        private_hosts: stage.private_hosts.clone(),
        services,
        steps: waves.collect(),
    };
    Plan { terms, observed_at: release.claimed_at, observations: Vec::new() }
}
