//! Names and things that tests begin with.

use std::collections::BTreeMap;

use gantry_domain::names::{
    CommitSha, ComponentName, Digest, ExecutionArn, PlanHash, ReleaseId, SlackId, StageName,
};
use gantry_domain::pipeline::Pipeline;
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
    }
}
