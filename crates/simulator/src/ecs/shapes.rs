//! Which members ECS's requests and answers have, of which type: the API's own shapes, as a table.
//!
//! AWS ignores members it does not know. Here they are refused, because a member that is silently dropped is exactly
//! the mistake a rehearsal should show.

use std::sync::LazyLock;

use serde_json::Value;

use crate::aws::AwsError;

/// The table, read once. A broken table would be a broken build: a test reads it.
static TABLE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("shapes.json")).unwrap_or(Value::Null));

/// How a JSON value departs from a shape.
#[derive(Debug, PartialEq)]
enum Departure {
    Unknown(String),
    Type(String, String),
    Missing(String),
    Enum(String, String),
}

impl From<Departure> for AwsError {
    fn from(departure: Departure) -> Self {
        match departure {
            Departure::Unknown(at) => {
                AwsError::client("SerializationException", format!("Unknown member {at}"))
            }
            Departure::Type(at, wanted) => {
                AwsError::client("SerializationException", format!("{at} can not be read as {wanted}"))
            }
            Departure::Missing(at) => {
                AwsError::client("InvalidParameterException", format!("{at} can not be null."))
            }
            Departure::Enum(at, wanted) => AwsError::client(
                "InvalidParameterException",
                format!("Invalid value for {at}: must satisfy enum value set [{wanted}]"),
            ),
        }
    }
}

/// Whether an operation is played.
pub(crate) fn plays(operation: &str) -> bool {
    TABLE["operations"].get(operation).is_some()
}

/// Refuses operations that are not played and inputs that ECS would not understand.
pub(crate) fn check_input(operation: &str, input: &Value) -> Result<(), AwsError> {
    check(operation, "input", input)
}

/// Whether an answer is one that an SDK built from ECS's model can read.
#[cfg(test)]
pub(crate) fn check_output(operation: &str, output: &Value) -> Result<(), AwsError> {
    check(operation, "output", output)
}

fn check(operation: &str, side: &str, value: &Value) -> Result<(), AwsError> {
    let Some(shape) = TABLE["operations"].get(operation).and_then(|sides| sides.get(side)) else {
        return Err(AwsError::client(
            "UnknownOperationException",
            format!("ECS {operation} is not simulated"),
        ));
    };
    if !value.is_object() {
        return Err(Departure::Type("The request".into(), "a structure".into()).into());
    }
    compare(shape, value, "").map_err(AwsError::from)
}

fn compare(shape: &Value, value: &Value, at: &str) -> Result<(), Departure> {
    if let Some(items) = shape.as_array() {
        let values = value.as_array().ok_or_else(|| Departure::Type(at.into(), "a list".into()))?;
        let item = items.first().unwrap_or(&Value::Null);
        return values
            .iter()
            .enumerate()
            .try_for_each(|(index, value)| compare(item, value, &format!("{at}[{index}]")));
    }
    if let Some(item) = shape.get("map") {
        let entries = value.as_object().ok_or_else(|| Departure::Type(at.into(), "a map".into()))?;
        return entries.iter().try_for_each(|(key, value)| compare(item, value, &join(at, key)));
    }
    let name = shape.as_str().unwrap_or_default();
    let fits = match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" | "timestamp" => value.is_number(),
        "boolean" => value.is_boolean(),
        _ => return compare_named(&TABLE["shapes"][name], value, at),
    };
    if fits { Ok(()) } else { Err(Departure::Type(at.into(), name.to_owned())) }
}

fn compare_named(shape: &Value, value: &Value, at: &str) -> Result<(), Departure> {
    if let Some(values) = shape["enum"].as_array() {
        let given = value.as_str().ok_or_else(|| Departure::Type(at.into(), "string".into()))?;
        if values.iter().any(|known| known == given) {
            return Ok(());
        }
        let wanted: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        return Err(Departure::Enum(at.into(), wanted.join(", ")));
    }
    let given = value.as_object().ok_or_else(|| Departure::Type(at.into(), "a structure".into()))?;
    let members = &shape["members"];
    for (key, value) in given {
        let member = members.get(key).ok_or_else(|| Departure::Unknown(join(at, key)))?;
        compare(member, value, &join(at, key))?;
    }
    for required in shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !given.contains_key(required) {
            return Err(Departure::Missing(join(at, required)));
        }
    }
    Ok(())
}

fn join(at: &str, key: &str) -> String {
    if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(operation: &str, input: Value) -> String {
        check_input(operation, &input).unwrap_err().to_string()
    }

    #[test]
    fn the_table_knows_every_shape_it_names() {
        for operation in TABLE["operations"].as_object().unwrap().values() {
            for side in ["input", "output"] {
                assert!(TABLE["shapes"][operation[side].as_str().unwrap()].is_object());
            }
        }
    }

    #[test]
    fn inputs_that_ecs_does_not_understand_are_refused_by_the_field_s_name() {
        let cases = [
            (
                "UpdateService",
                json!({"service": "web", "taskDef": "x"}),
                "SerializationException: Unknown member taskDef",
            ),
            (
                "UpdateService",
                json!({"service": "web", "desiredCount": "2"}),
                "SerializationException: desiredCount can not be read as integer",
            ),
            ("UpdateService", json!({}), "InvalidParameterException: service can not be null."),
            (
                "RegisterTaskDefinition",
                json!({"family": "web", "containerDefinitions": [{"name": "web", "imagee": "x"}]}),
                "SerializationException: Unknown member containerDefinitions[0].imagee",
            ),
            (
                "RunTask",
                json!({"taskDefinition": "web", "launchType": "CLOUD"}),
                "InvalidParameterException: Invalid value for launchType: must satisfy enum value set \
                 [EC2, FARGATE, EXTERNAL, MANAGED_INSTANCES]",
            ),
            ("CreateService", json!({}), "UnknownOperationException: ECS CreateService is not simulated"),
            (
                "DescribeTasks",
                json!([]),
                "SerializationException: The request can not be read as a structure",
            ),
        ];
        for (operation, input, wanted) in cases {
            assert_eq!(refusal(operation, input), wanted);
        }
    }
}
