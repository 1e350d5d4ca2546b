//! The hash of a configuration: SHA-256 over canonical JSON, so that equal meanings have equal hashes.

use std::collections::BTreeMap;

use gantry_domain::names::ConfigHash;
use gantry_domain::pipeline::Pipeline;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The pipeline with the hash over everything else in it.
pub(super) fn hashed(mut pipeline: Pipeline) -> Option<Pipeline> {
    let mut value = serde_json::to_value(&pipeline).ok()?;
    value.as_object_mut()?.remove("hash");
    pipeline.hash = ConfigHash::new(hex::encode(Sha256::digest(canonical(&value)))).ok()?;
    Some(pipeline)
}

/// JSON without spaces and with sorted keys, whatever order the map keeps.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
            let fields: Vec<String> = sorted
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(canonical).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}
