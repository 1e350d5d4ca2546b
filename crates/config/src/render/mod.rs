//! From a configuration to the template and its parameters.
//!
//! What is the same for every pipeline stands in `infra/*.yaml`, one file per concern; what depends on the
//! configuration (the stages' roles, lists of exact ARNs) is filled in here. The outcome is one SAM template for AWS and
//! for the local world.

mod fill;
mod fragments;
mod names;
mod roles;
mod size;
mod vendors;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(crate) use names::partition;

use crate::compile::Configuration;

/// What can be chosen when rendering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderOptions {
    /// The folder with an archive per function, as seen from where the template will stand.
    pub code_uri: String,
    /// The folder with the state machines' definitions, as seen from where the template will stand.
    pub definition_uri: String,
    /// Values of template parameters that differ from their defaults.
    pub parameters: BTreeMap<String, String>,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self {
            code_uri: "../target/package".to_owned(),
            definition_uri: "../statemachine".to_owned(),
            parameters: BTreeMap::new(),
        }
    }
}

/// A template and the values of all its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The SAM template.
    pub template: Value,
    /// A value for each of its parameters.
    pub parameters: BTreeMap<String, String>,
}

/// Why nothing was rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A fragment is not YAML: a defect.
    #[error("infra/{file} is not valid YAML")]
    Fragment {
        /// Its name.
        file: &'static str,
        /// Why.
        #[source]
        source: serde_yaml_ng::Error,
    },
    /// Two fragments define the same thing, or one lacks its shape: a defect.
    #[error("infra/{file}: {problem}")]
    Conflict {
        /// Its name.
        file: &'static str,
        /// What.
        problem: String,
    },
    /// A fragment asks for a value that the configuration does not have: a defect.
    #[error("there is no configured value {0:?}")]
    UnknownValue(String),
    /// A parameter was given that the template does not have.
    #[error("the template has no parameter {name:?}; it has {known}")]
    UnknownParameter {
        /// The name that was given.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// IAM takes at most 10,240 characters of inline policies for a role.
    #[error("the policies of {role} have {length} characters and IAM takes 10240: split the pipeline")]
    PolicyTooLong {
        /// The role's logical id.
        role: String,
        /// How many, without spaces.
        length: usize,
    },
}

/// Makes the template and its parameters.
pub fn render(configuration: &Configuration, options: &RenderOptions) -> Result<Rendered, RenderError> {
    let mut template = fragments::merged()?;
    fill::fill(&mut template, configuration, options)?;
    let (resources, outputs) = roles::of_stages(configuration);
    extend(&mut template, "Resources", resources);
    extend(&mut template, "Outputs", outputs);
    vendors::add(&mut template, &configuration.pipeline);
    size::check(&template)?;
    let parameters = parameters(&template, options)?;
    Ok(Rendered { template, parameters })
}

fn extend(template: &mut Value, section: &str, more: Map<String, Value>) {
    if let Some(section) = template.get_mut(section).and_then(Value::as_object_mut) {
        section.extend(more);
    }
}

/// Defaults, and what was chosen instead.
fn parameters(template: &Value, options: &RenderOptions) -> Result<BTreeMap<String, String>, RenderError> {
    let declared = template.get("Parameters").and_then(Value::as_object);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut parameters: BTreeMap<String, String> = declared
        .into_iter()
        .flatten()
        .map(|(name, parameter)| (name.clone(), parameter.get("Default").map(text).unwrap_or_default()))
        .collect();
    for (name, value) in &options.parameters {
        let Some(known) = parameters.get_mut(name) else {
            let known = parameters.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(RenderError::UnknownParameter { name: name.clone(), known });
        };
        known.clone_from(value);
    }
    Ok(parameters)
}
