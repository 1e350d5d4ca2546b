//! What others do to the world: colleagues with a console, alarms, and AWS itself running out of something.
//!
//! Calls of Gantry's come through the front door; these do not, so neither IAM nor the journal sees them.

use serde_json::json;

use super::Ecs;
use super::model::DeploymentStatus;
use super::words::Shortage;
use crate::aws::AwsError;

impl Ecs {
    /// Somebody deploys a definition (family, `family:revision` or ARN) of their own, even the one that runs.
    pub fn somebody_deploys(&self, cluster: &str, service: &str, definition: &str) -> Result<(), AwsError> {
        self.somebody_calls(
            "UpdateService",
            json!({"cluster": cluster, "service": service, "taskDefinition": definition, "forceNewDeployment": true}),
        )
    }

    /// Somebody changes how many tasks a service should have.
    pub fn somebody_scales(&self, cluster: &str, service: &str, desired: usize) -> Result<(), AwsError> {
        self.somebody_calls(
            "UpdateService",
            json!({"cluster": cluster, "service": service, "desiredCount": desired}),
        )
    }

    /// Somebody changes members of a service's `deploymentConfiguration`: circuit breaker, alarms, early success, ….
    pub fn somebody_configures(
        &self,
        cluster: &str,
        service: &str,
        configuration: serde_json::Value,
    ) -> Result<(), AwsError> {
        self.somebody_calls(
            "UpdateService",
            json!({"cluster": cluster, "service": service, "deploymentConfiguration": configuration}),
        )
    }

    /// Somebody stops the deployment that is under way, which turns it back.
    pub fn somebody_stops(&self, cluster: &str, service: &str) -> Result<(), AwsError> {
        let arn = self.with_world(self.clock.now(), |world| {
            let key = world.service_of(Some(cluster), service)?;
            let underway =
                |status| matches!(status, DeploymentStatus::Pending | DeploymentStatus::InProgress);
            let newest = world.service(&key)?.deployments.last();
            let found = newest.filter(|deployment| underway(deployment.status));
            let found =
                found.ok_or_else(|| AwsError::client("ConflictException", "no deployment is under way"))?;
            Ok::<String, AwsError>(world.place.deployment(&key.0, &key.1, &found.id))
        })?;
        self.somebody_calls(
            "StopServiceDeployment",
            json!({"serviceDeploymentArn": arn, "stopType": "ROLLBACK"}),
        )
    }

    /// A CloudWatch alarm goes into the ALARM state or leaves it.
    pub fn alarm(&self, name: &str, ringing: bool) {
        self.with_world(self.clock.now(), |world| world.set_alarm(name, ringing));
    }

    /// A cluster runs out of something, so that no task is placed in it, or has enough again.
    pub fn run_short(&self, cluster: &str, shortage: Option<Shortage>) {
        self.with_world(self.clock.now(), |world| match shortage {
            Some(shortage) => world.shortages.insert(cluster.to_owned(), shortage),
            None => world.shortages.remove(cluster),
        });
    }

    /// Tasks of a service (or, for `RunTask`, of a family) that start from now on behave as if their images also had
    /// these labels, given without `gantry.simulator.`. No labels: as their images say.
    pub fn impose(&self, cluster: &str, name: &str, behaviour: &[(&str, &str)]) {
        let labels = behaviour
            .iter()
            .map(|(name, value)| (format!("gantry.simulator.{name}"), (*value).to_owned()))
            .collect();
        self.with_world(self.clock.now(), |world| {
            world.imposed.insert((cluster.to_owned(), name.to_owned()), labels);
        });
    }

    fn somebody_calls(&self, operation: &str, input: serde_json::Value) -> Result<(), AwsError> {
        self.call_at(self.clock.now(), operation, &input).map(drop)
    }
}
