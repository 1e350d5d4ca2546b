//! ECS's operations, each on the world as it is at this moment.

mod definitions;
mod deployments;
mod services;
mod tagging;
mod tasks;

use serde_json::Value;

use super::model::World;
use crate::aws::AwsError;

/// Carries an operation out. Its input has the right shape.
pub(crate) fn carry_out(world: &mut World, operation: &str, input: &Value) -> Result<Value, AwsError> {
    match operation {
        "DescribeClusters" => services::describe_clusters(world, input),
        "DescribeServices" => services::describe_services(world, input),
        "ListServices" => services::list_services(world, input),
        "UpdateService" => services::update_service(world, input),
        "RegisterTaskDefinition" => definitions::register(world, input),
        "DescribeTaskDefinition" => definitions::describe(world, input),
        "DeregisterTaskDefinition" => definitions::deregister(world, input),
        "ListTaskDefinitions" => definitions::list(world, input),
        "ListServiceDeployments" => deployments::list(world, input),
        "DescribeServiceDeployments" => deployments::describe(world, input),
        "DescribeServiceRevisions" => deployments::describe_revisions(world, input),
        "StopServiceDeployment" => deployments::stop(world, input),
        "RunTask" => tasks::run(world, input),
        "DescribeTasks" => tasks::describe(world, input),
        "ListTasks" => tasks::list(world, input),
        "StopTask" => tasks::stop(world, input),
        "TagResource" => tagging::tag(world, input),
        "ListTagsForResource" => tagging::list(world, input),
        other => Err(AwsError::client("UnknownOperationException", format!("ECS {other} is not simulated"))),
    }
}
