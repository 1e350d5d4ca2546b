//! `earlySuccessCriteria`: a rolling deployment that is declared successful before it is done.

use serde_json::Value;

use super::model::{DeploymentStatus, ServiceDeployment};
use super::world::invalid;
use crate::aws::AwsError;

/// When a deployment counts as successful, where it need not be complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EarlySuccess {
    healthy_percent: usize,
    /// The tasks it replaces must be gone first.
    blocking: bool,
}

impl EarlySuccess {
    /// The criteria of a deployment under way. A rollback has none.
    pub(crate) fn of(deployment: &ServiceDeployment) -> Option<Self> {
        let underway = deployment.status == DeploymentStatus::InProgress;
        Self::read(&deployment.configuration).filter(|_| underway)
    }

    fn read(configuration: &Value) -> Option<Self> {
        let criteria = &configuration["earlySuccessCriteria"];
        let percent = criteria["healthyPercent"].as_u64().and_then(|percent| usize::try_from(percent).ok());
        (criteria["enable"] == true).then(|| Self {
            healthy_percent: percent.unwrap_or(100),
            blocking: criteria["sourceServiceRevisionCleanup"] != "DEFERRED",
        })
    }

    /// Whether so many healthy tasks of so many are enough, with or without tasks of other revisions.
    pub(crate) fn met(self, healthy: usize, desired: usize, old: bool) -> bool {
        let wanted = desired.saturating_mul(self.healthy_percent).div_ceil(100);
        healthy >= wanted && !(self.blocking && old)
    }
}

/// What AWS refuses of a `deploymentConfiguration`.
pub(crate) fn check_configuration(configuration: &Value) -> Result<(), AwsError> {
    let percent = |name: &str| configuration[name].as_i64();
    if percent("minimumHealthyPercent") == Some(100) && percent("maximumPercent") == Some(100) {
        return Err(invalid(
            "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
        ));
    }
    let threshold = &configuration["deploymentCircuitBreaker"]["thresholdConfiguration"]["value"];
    if threshold.as_i64().is_some_and(|value| value < 1) {
        return Err(invalid("The circuit breaker's threshold value must be at least 1."));
    }
    let criteria = &configuration["earlySuccessCriteria"];
    if criteria["enable"] == true {
        let given = criteria["healthyPercent"].as_i64();
        let (Some(healthy), true) = (given, criteria["sourceServiceRevisionCleanup"].is_string()) else {
            return Err(invalid(
                "healthyPercent and sourceServiceRevisionCleanup are required when earlySuccessCriteria is enabled.",
            ));
        };
        if !(0..=100).contains(&healthy)
            || percent("minimumHealthyPercent").is_some_and(|least| healthy < least)
        {
            return Err(invalid(
                "healthyPercent must be between 0 and 100 and not less than minimumHealthyPercent.",
            ));
        }
    }
    Ok(())
}
