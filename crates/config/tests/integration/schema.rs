//! The committed JSON Schema is the one that the types give, and agrees with the reader about structure.

use serde_json::Value;

use crate::support::{files, read, root};

fn json(path: &std::path::Path) -> Value {
    toml::from_str(&read(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_committed_schema_is_up_to_date() {
    let committed = read(&root().join("crates/config/gantry.schema.json"));
    let committed: Value = serde_json::from_str(&committed).unwrap();
    assert_eq!(committed, gantry_config::schema(), "run: gantry schema > crates/config/gantry.schema.json");
}

#[test]
fn examples_and_allowed_files_follow_the_schema() {
    let schema = jsonschema::validator_for(&gantry_config::schema()).unwrap();
    let mut paths = files("allowed", "toml");
    paths.push(root().join("examples/exchange/gantry.toml"));
    for path in paths {
        let problems: Vec<String> = schema.iter_errors(&json(&path)).map(|error| error.to_string()).collect();
        assert_eq!(problems, [""; 0], "{}", path.display());
    }
}

#[test]
fn the_schema_refuses_wrong_structure() {
    let schema = jsonschema::validator_for(&gantry_config::schema()).unwrap();
    for name in ["empty", "missing", "types", "unknown-fields", "paths", "durations"] {
        let path = root().join(format!("crates/config/tests/not/{name}.toml"));
        assert!(!schema.is_valid(&json(&path)), "{name}");
    }
}

#[test]
fn every_field_is_documented() {
    fn undocumented(place: &str, value: &Value, found: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                if property.get("description").and_then(Value::as_str).is_none_or(str::is_empty) {
                    found.push(format!("{place}.{name}"));
                }
            }
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            undocumented(&format!("{place}.{name}"), inner, found);
        }
    }
    let mut found = Vec::new();
    undocumented("", &gantry_config::schema(), &mut found);
    assert_eq!(found, [""; 0]);
}
