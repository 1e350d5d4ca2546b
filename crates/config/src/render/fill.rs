//! Fills configured values into the static part: `{Gantry::Value: <name>}` and the places of artifacts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{RenderError, RenderOptions};
use crate::compile::Configuration;

/// Replaces every marked value and every place of an artifact.
pub(super) fn fill(
    template: &mut Value,
    configuration: &Configuration,
    options: &RenderOptions,
) -> Result<(), RenderError> {
    match template {
        Value::Object(fields) => {
            if let Some(name) = fields.get("Gantry::Value").and_then(Value::as_str) {
                let value =
                    value(name, configuration).ok_or_else(|| RenderError::UnknownValue(name.to_owned()))?;
                *template = value;
                return Ok(());
            }
            for (name, field) in fields.iter_mut() {
                let place = match name.as_str() {
                    "CodeUri" => Some(("target/package/", &options.code_uri)),
                    "DefinitionUri" => Some(("statemachine/", &options.definition_uri)),
                    _ => None,
                };
                if let Some((written, chosen)) = place
                    && let Some(rest) = field.as_str().and_then(|text| text.strip_prefix(written))
                {
                    *field = format!("{}/{rest}", chosen.trim_end_matches('/')).into();
                } else {
                    fill(field, configuration, options)?;
                }
            }
        }
        Value::Array(values) => {
            for value in values {
                fill(value, configuration, options)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

fn value(name: &str, configuration: &Configuration) -> Option<Value> {
    let pipeline = &configuration.pipeline;
    Some(match name {
        "pipeline" => json!(pipeline.name),
        "repositories" => {
            json!(pipeline.components.iter().map(|component| &component.repository).collect::<BTreeSet<_>>())
        }
        "deployRoleArns" => json!(pipeline.stages.iter().map(|stage| &stage.deploy_role).collect::<Vec<_>>()),
        "observeRoleArns" => {
            json!(pipeline.stages.iter().map(|stage| &stage.observe_role).collect::<Vec<_>>())
        }
        "firstObserveRoleArn" => json!(pipeline.stages.first()?.observe_role),
        _ => return None,
    })
}
