//! The JSON Schema of `gantry.toml`, for editors.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::file::Document;

/// The schema, generated from the same declarations that read the file.
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document>();
    schema.insert("title".to_owned(), "gantry.toml".into());
    schema.to_value()
}
