//! AWS's request throttling: a bucket of tokens per class of operations, filled on the world's clock.
//!
//! Off unless a test asks for it. Sizes and rates are those of the ECS developer guide as the project recorded them; the
//! classes of `RunTask`, `StopTask`, tagging and `StopServiceDeployment` are taken to be like their nearest neighbours.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use jiff::Timestamp;

use super::Ecs;
use crate::aws::AwsError;

/// The buckets of one account and region.
#[derive(Debug, Default)]
pub(crate) struct Quotas(BTreeMap<&'static str, Bucket>);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
}

/// A class of operations that share a bucket.
struct Class {
    name: &'static str,
    burst: f64,
    per_second: f64,
}

fn class(operation: &str) -> Class {
    let (name, burst, per_second) = match operation {
        "UpdateService" | "StopServiceDeployment" => ("service modify", 50.0, 5.0),
        "RegisterTaskDefinition" | "DeregisterTaskDefinition" => ("task definition modify", 20.0, 1.0),
        "DescribeTaskDefinition" | "ListTaskDefinitions" => ("task definition read", 50.0, 20.0),
        "DescribeServices" | "ListServices" => ("service read", 100.0, 20.0),
        "ListServiceDeployments" | "DescribeServiceDeployments" => ("service deployment read", 50.0, 20.0),
        "DescribeServiceRevisions" => ("service revision read", 50.0, 20.0),
        "DescribeTasks" | "ListTasks" => ("task read", 100.0, 20.0),
        "RunTask" | "StopTask" => ("task modify", 100.0, 20.0),
        "TagResource" | "ListTagsForResource" => ("tagging", 50.0, 20.0),
        _ => ("cluster read", 50.0, 20.0),
    };
    Class { name, burst, per_second }
}

impl Quotas {
    /// Takes a token for a call, if there is one.
    fn take(&mut self, operation: &str, now: Timestamp) -> bool {
        let class = class(operation);
        let bucket = self.0.entry(class.name).or_insert(Bucket { tokens: class.burst, at: now });
        let passed = now.duration_since(bucket.at).as_secs_f64().max(0.0);
        bucket.tokens = (bucket.tokens + passed * class.per_second).min(class.burst);
        bucket.at = bucket.at.max(now);
        let granted = bucket.tokens >= 1.0;
        if granted {
            bucket.tokens -= 1.0;
        }
        granted
    }
}

impl Ecs {
    /// Switches AWS's request throttling on, with full buckets, or off.
    pub fn throttle(&self, on: bool) {
        *self.quotas.lock().unwrap_or_else(PoisonError::into_inner) = on.then(Quotas::default);
    }

    /// Refuses a call that exceeds its quota.
    pub(crate) fn check_quota(&self, operation: &str, now: Timestamp) -> Result<(), AwsError> {
        let mut quotas = self.quotas.lock().unwrap_or_else(PoisonError::into_inner);
        match quotas.as_mut().is_none_or(|quotas| quotas.take(operation, now)) {
            true => Ok(()),
            false => Err(AwsError::throttled()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::world::later;

    #[test]
    fn a_class_has_its_burst_and_then_its_sustained_rate() {
        let start = Timestamp::UNIX_EPOCH;
        let cases = [
            ("UpdateService", "StopServiceDeployment", 50, 5),
            ("RegisterTaskDefinition", "DeregisterTaskDefinition", 20, 1),
            ("DescribeServices", "ListServices", 100, 20),
            ("DescribeServiceDeployments", "ListServiceDeployments", 50, 20),
            ("DescribeTasks", "ListTasks", 100, 20),
        ];
        for (operation, neighbour, burst, rate) in cases {
            let mut quotas = Quotas::default();
            let mut granted =
                |second| (0..1000).filter(|_| quotas.take(operation, later(start, second))).count();
            assert_eq!(
                [granted(0), granted(0), granted(1), granted(3)],
                [burst, 0, rate, 2 * rate],
                "{operation}"
            );
            assert_eq!(granted(100_000), burst, "{operation}: never more than the bucket holds");
            assert!(!quotas.take(neighbour, later(start, 100_000)), "{neighbour} shares the bucket");
            assert!(quotas.take("DescribeClusters", later(start, 100_000)), "others have their own");
        }
    }
}
