//! ARNs of what a stage consists of.

use gantry_domain::names::{Region, RepositoryName, ServiceName};
use gantry_domain::pipeline::Stage;

/// The partition a region is in.
pub(crate) fn partition(region: &Region) -> &'static str {
    match region.as_str().split_once('-') {
        Some(("cn", _)) => "aws-cn",
        Some(("us", rest)) if rest.starts_with("gov-") => "aws-us-gov",
        _ => "aws",
    }
}

fn arn(stage: &Stage, service: &str, resource: &str) -> String {
    format!("arn:{}:{service}:{}:{}:{resource}", partition(&stage.region), stage.region, stage.account)
}

pub(super) fn cluster(stage: &Stage) -> String {
    arn(stage, "ecs", &format!("cluster/{}", stage.cluster))
}

pub(super) fn service(stage: &Stage, service: &ServiceName) -> String {
    arn(stage, "ecs", &format!("service/{}/{service}", stage.cluster))
}

pub(super) fn service_deployments(stage: &Stage, service: &ServiceName) -> String {
    arn(stage, "ecs", &format!("service-deployment/{}/{service}/*", stage.cluster))
}

pub(super) fn service_revisions(stage: &Stage, service: &ServiceName) -> String {
    arn(stage, "ecs", &format!("service-revision/{}/{service}/*", stage.cluster))
}

pub(super) fn tasks(stage: &Stage) -> String {
    arn(stage, "ecs", &format!("task/{}/*", stage.cluster))
}

/// Every revision of a family.
pub(super) fn family(stage: &Stage, family: &str) -> String {
    arn(stage, "ecs", &format!("task-definition/{family}:*"))
}

/// Every stream of a log group: what a container writes to is named after its task.
pub(super) fn log_streams(stage: &Stage, group: &str) -> String {
    arn(stage, "logs", &format!("log-group:{group}:log-stream:*"))
}

/// A family itself: what a new revision is tagged under.
pub(super) fn unrevised_family(stage: &Stage, family: &str) -> String {
    arn(stage, "ecs", &format!("task-definition/{family}"))
}

pub(super) fn repository(stage: &Stage, repository: &RepositoryName) -> String {
    arn(stage, "ecr", &format!("repository/{repository}"))
}

/// A name with hyphens as a part of a logical id: `pre-production` becomes `PreProduction`.
pub(super) fn pascal(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_partitions() {
        for (region, expected) in [
            ("us-west-2", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-east-1", "aws-us-gov"),
            ("eu-central-1", "aws"),
        ] {
            assert_eq!(partition(&Region::new(region).unwrap()), expected);
        }
    }

    #[test]
    fn names_become_logical_ids() {
        assert_eq!(pascal("pre-production"), "PreProduction");
        assert_eq!(pascal("eu2"), "Eu2");
    }
}
