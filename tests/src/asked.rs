//! What AWS was asked to change, one line a call: who, what, and with which images.

use gantry_simulator::journal::Call;
use serde_json::Value;

use crate::names::Names;

/// The operations that change something in ECS.
const WRITES: [&str; 6] = [
    "RegisterTaskDefinition",
    "UpdateService",
    "RunTask",
    "StopTask",
    "DeregisterTaskDefinition",
    "TagResource",
];

/// Whether a call is a write of the stack's. The harness itself calls as root.
pub(crate) fn is_write(call: &Call) -> bool {
    call.service == "ecs" && call.role != "root" && WRITES.contains(&call.operation.as_str())
}

/// One line about a write.
pub(crate) fn line(call: &Call, names: &Names) -> String {
    let stage = call.role.rsplit("deploy-").next().unwrap_or(&call.role);
    let text = |name: &str| call.input[name].as_str().unwrap_or_default().to_owned();
    let what = match call.operation.as_str() {
        "RegisterTaskDefinition" => {
            format!("registers {} with {}", text("family"), images(&call.input, names))
        }
        "UpdateService" => format!("updates {} to {}", text("service"), short(&text("taskDefinition"))),
        "RunTask" => format!("runs {}: {}", short(&text("taskDefinition")), commands(&call.input)),
        other => format!("{other} {}", call.input),
    };
    let refusal = call.outcome.as_ref().err().map(|error| format!(" -> {}", error.code)).unwrap_or_default();
    format!("{stage:<13} {what}{refusal}")
}

/// Container and image pairs of a registration.
pub(crate) fn images_of(input: &Value) -> Vec<(String, String)> {
    let containers = input["containerDefinitions"].as_array().into_iter().flatten();
    let pair = |container: &Value| {
        (
            container["name"].as_str().unwrap_or_default().to_owned(),
            container["image"].as_str().unwrap_or_default().to_owned(),
        )
    };
    containers.map(pair).collect()
}

fn images(input: &Value, names: &Names) -> String {
    let name = |(_, image): (String, String)| match image.split_once('@') {
        Some((_, digest)) => names.of_image(digest),
        None => format!("{image} (by its tag)"),
    };
    images_of(input).into_iter().map(name).collect::<Vec<_>>().join(", ")
}

/// A task definition's family and revision.
fn short(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

fn commands(input: &Value) -> String {
    let overrides = input["overrides"]["containerOverrides"].as_array().into_iter().flatten();
    let words = overrides.flat_map(|container| container["command"].as_array().into_iter().flatten());
    words.filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
}
