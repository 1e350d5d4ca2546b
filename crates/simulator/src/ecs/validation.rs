//! What ECS checks of a task definition before it registers it, and the defaults it fills in.

use serde_json::{Map, Value, json};

use super::model::{ContainerSpec, HealthCheck};
use super::world::invalid;
use crate::aws::AwsError;

/// A task definition that passed: its body with defaults, and the containers as the scheduler needs them.
pub(crate) struct Checked {
    pub(crate) body: Map<String, Value>,
    pub(crate) containers: Vec<ContainerSpec>,
}

fn client(message: impl Into<String>) -> AwsError {
    AwsError::client("ClientException", message)
}

/// Checks the input of `RegisterTaskDefinition`, whose members have the right types already.
pub(crate) fn task_definition(input: &Map<String, Value>) -> Result<Checked, AwsError> {
    let family = input.get("family").and_then(Value::as_str).unwrap_or_default();
    if family.is_empty() {
        return Err(client("Family should not be null or empty."));
    }
    if family.len() > 255 || !family.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    {
        return Err(client(format!(
            "Invalid family {family}: up to 255 letters (uppercase and lowercase), numbers, hyphens and underscores are allowed."
        )));
    }
    let fargate = list(input, "requiresCompatibilities").iter().any(|one| one == "FARGATE");
    if fargate {
        check_fargate(input)?;
    }
    let awsvpc = input.get("networkMode").and_then(Value::as_str) == Some("awsvpc");
    let given = list(input, "containerDefinitions");
    if given.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    let mut containers: Vec<ContainerSpec> = Vec::new();
    let mut bodies = Vec::new();
    for container in given.iter().filter_map(Value::as_object) {
        let spec = container_spec(container)?;
        if containers.iter().any(|other| other.name == spec.name) {
            return Err(client(format!("Container.name {} is not unique.", spec.name)));
        }
        containers.push(spec);
        bodies.push(with_container_defaults(container, awsvpc));
    }
    if !containers.iter().any(|container| container.essential) {
        return Err(client("At least one container must be essential."));
    }
    Ok(Checked { body: with_defaults(input, bodies, fargate), containers })
}

fn list<'a>(members: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    members.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn check_fargate(input: &Map<String, Value>) -> Result<(), AwsError> {
    if input.get("networkMode").and_then(Value::as_str) != Some("awsvpc") {
        return Err(client("Fargate only supports network mode ‘awsvpc’."));
    }
    let (Some(cpu), Some(memory)) = (
        input.get("cpu").and_then(Value::as_str).and_then(|cpu| units(cpu, "vcpu")),
        input.get("memory").and_then(Value::as_str).and_then(|memory| units(memory, "gb")),
    ) else {
        return Err(client("Fargate requires that 'cpu' and 'memory' be defined at the task level."));
    };
    let fits = match cpu {
        256 => [512, 1024, 2048].contains(&memory),
        512 => (1024..=4096).contains(&memory) && memory % 1024 == 0,
        1024 => (2048..=8192).contains(&memory) && memory % 1024 == 0,
        2048 => (4096..=16384).contains(&memory) && memory % 1024 == 0,
        4096 => (8192..=30720).contains(&memory) && memory % 1024 == 0,
        8192 => (16384..=61440).contains(&memory) && memory % 4096 == 0,
        16384 => (32768..=122_880).contains(&memory) && memory % 8192 == 0,
        _ => false,
    };
    if fits { Ok(()) } else { Err(client("No Fargate configuration exists for given values.")) }
}

/// `1024`, or `1 vCPU` and `2 GB` as people write them.
fn units(given: &str, unit: &str) -> Option<u64> {
    let given = given.trim().to_ascii_lowercase();
    match given.strip_suffix(unit) {
        Some(number) => match number.trim() {
            ".25" | "0.25" => Some(256),
            ".5" | "0.5" => Some(512),
            whole => whole.parse::<u64>().ok()?.checked_mul(1024),
        },
        None => given.parse().ok(),
    }
}

fn container_spec(container: &Map<String, Value>) -> Result<ContainerSpec, AwsError> {
    let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
    if name.is_empty() {
        return Err(client("Container.name should not be null or empty."));
    }
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    if image.is_empty() {
        return Err(client("Container.image should not be null or empty."));
    }
    check_image(image)?;
    let number = |check: &Value, member: &str, default: i64| {
        check.get(member).and_then(Value::as_i64).unwrap_or(default)
    };
    let check = container.get("healthCheck").map(|check| HealthCheck {
        interval: number(check, "interval", 30),
        retries: number(check, "retries", 3),
        start_period: number(check, "startPeriod", 0),
    });
    if check.is_some_and(|check| !(5..=300).contains(&check.interval) || !(1..=10).contains(&check.retries)) {
        return Err(invalid(
            "Health check interval must be between 5 and 300 seconds, retries between 1 and 10.",
        ));
    }
    let essential = container.get("essential").and_then(Value::as_bool).unwrap_or(true);
    Ok(ContainerSpec { name: name.into(), image: image.into(), essential, check })
}

/// Whether an image reference can be one: no blanks, a tag or a digest of 64 hexadecimal digits.
fn check_image(image: &str) -> Result<(), AwsError> {
    let bad = || invalid(format!("Invalid image reference {image}: invalid reference format"));
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if let Some(digest) = digest {
        let hex = digest.strip_prefix("sha256:").ok_or_else(bad)?;
        if hex.len() != 64 || !hex.bytes().all(lower_hex) {
            return Err(bad());
        }
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte);
    if name.is_empty() || name.len() > 255 || !name.bytes().all(allowed) { Err(bad()) } else { Ok(()) }
}

fn with_container_defaults(container: &Map<String, Value>, awsvpc: bool) -> Value {
    let mut body = container.clone();
    for name in ["portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"] {
        body.entry(name).or_insert_with(|| json!([]));
    }
    body.entry("cpu").or_insert_with(|| json!(0));
    body.entry("essential").or_insert_with(|| json!(true));
    let ports = body.get_mut("portMappings").and_then(Value::as_array_mut).into_iter().flatten();
    for port in ports.filter_map(Value::as_object_mut) {
        port.entry("protocol").or_insert_with(|| json!("tcp"));
        if let Some(number) = port.get("containerPort").cloned().filter(|_| awsvpc) {
            port.entry("hostPort").or_insert(number);
        }
    }
    if let Some(check) = body.get_mut("healthCheck").and_then(Value::as_object_mut) {
        for (name, value) in [("interval", 30), ("timeout", 5), ("retries", 3)] {
            check.entry(name).or_insert_with(|| json!(value));
        }
    }
    Value::Object(body)
}

fn with_defaults(input: &Map<String, Value>, containers: Vec<Value>, fargate: bool) -> Map<String, Value> {
    let mut body = input.clone();
    body.remove("tags");
    body.insert("containerDefinitions".into(), Value::Array(containers));
    body.entry("volumes").or_insert_with(|| json!([]));
    body.entry("placementConstraints").or_insert_with(|| json!([]));
    body.insert("compatibilities".into(), if fargate { json!(["EC2", "FARGATE"]) } else { json!(["EC2"]) });
    body.insert(
        "requiresAttributes".into(),
        json!([{"name": "com.amazonaws.ecs.capability.ecr-auth"}, {"name": "ecs.capability.task-eni"}]),
    );
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(change: Value) -> Map<String, Value> {
        let mut input = json!({
            "family": "web", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "512", "memory": "1024",
            "containerDefinitions": [{"name": "web", "image": "host/web:1", "portMappings": [{"containerPort": 3000}]}],
        });
        for (key, value) in change.as_object().unwrap() {
            input[key] = value.clone();
        }
        input.as_object().unwrap().clone()
    }

    #[test]
    fn a_definition_gets_the_defaults_that_aws_fills_in() {
        let checked = task_definition(&with(json!({}))).ok().unwrap();
        let container = &checked.body["containerDefinitions"][0];
        assert_eq!(
            container["portMappings"][0],
            json!({"containerPort": 3000, "hostPort": 3000, "protocol": "tcp"})
        );
        assert_eq!(container["essential"], true);
        assert_eq!(container["environment"], json!([]));
        assert_eq!(checked.body["compatibilities"], json!(["EC2", "FARGATE"]));
    }

    #[test]
    fn definitions_that_ecs_would_refuse_are_refused_in_its_words() {
        let container = |change: Value| {
            let mut container = json!({"name": "web", "image": "host/web:1"});
            for (key, value) in change.as_object().unwrap() {
                container[key] = value.clone();
            }
            json!({"containerDefinitions": [container]})
        };
        let digest = |digest: &str| container(json!({"image": format!("host/web@{digest}")}));
        let cases = [
            (json!({"family": ""}), "Family should not be null"),
            (json!({"family": "web app"}), "Invalid family"),
            (json!({"containerDefinitions": []}), "Container list cannot be empty"),
            (json!({"networkMode": "bridge"}), "Fargate only supports network mode"),
            (json!({"cpu": "333"}), "No Fargate configuration exists"),
            (json!({"memory": "lots"}), "Fargate requires that 'cpu' and 'memory'"),
            (container(json!({"image": ""})), "Container.image should not be null"),
            (container(json!({"essential": false})), "At least one container must be essential"),
            (digest("sha256:abc"), "invalid reference format"),
            (digest(&format!("sha256:{}", "A".repeat(64))), "invalid reference format"),
            (digest(&"a".repeat(64)), "invalid reference format"),
            (container(json!({"image": "host/web 1"})), "invalid reference format"),
            (
                container(json!({"healthCheck": {"command": ["true"], "interval": 1}})),
                "Health check interval",
            ),
        ];
        for (change, wanted) in cases {
            let refusal =
                task_definition(&with(change.clone())).err().map(|error| error.message).unwrap_or_default();
            assert!(refusal.contains(wanted), "{change}: {refusal:?}");
        }
        assert!(task_definition(&with(digest(&format!("sha256:{}", "a1".repeat(32))))).is_ok());
    }
}
