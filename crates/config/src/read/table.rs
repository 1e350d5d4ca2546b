//! Tables of the file: one declaration gives the type, its reader and its JSON Schema, so that they cannot disagree.

use schemars::Schema;
use serde_json::{Map, Value, json};
use toml::de::{DeTable, DeValue};

use super::{Node, Read, read_at};
use crate::mistake::{At, Gathered, Place};

/// Declares a table. Each field is `required`, `optional` or `defaulted` (with a TOML literal as its default); unknown
/// fields are mistakes. In the type every field is an `Option`: `None` stands for absent or unreadable.
macro_rules! table {
    ($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $field_doc:literal])* $field:ident: $presence:ident $type:ty $(= $default:tt)?,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Debug)]
        pub(crate) struct $name {
            $($(#[doc = $field_doc])* pub(crate) $field: Option<$crate::mistake::At<$type>>,)*
        }

        impl $crate::read::Read for $name {
            fn read(node: &$crate::read::Node<'_>, mistakes: &mut $crate::mistake::Gathered) -> Option<Self> {
                let table = $crate::read::TableReader::open(node, &[$(stringify!($field)),*], mistakes)?;
                Some(Self {
                    $($field: table.$presence::<$type>(stringify!($field), $(stringify!($default),)? mistakes),)*
                })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut table = $crate::read::TableSchema::new(&[$($doc),*]);
                $(table.$presence(
                    stringify!($field),
                    &[$($field_doc),*],
                    generator.subschema_for::<$type>(),
                    $(stringify!($default))?
                );)*
                table.finish()
            }
        }
    };
}
pub(crate) use table;

/// Reads the fields of one table.
#[derive(Debug)]
pub(crate) struct TableReader<'a> {
    table: &'a DeTable<'a>,
    place: Place,
}

impl<'a> TableReader<'a> {
    /// Notes fields that the table does not have.
    pub(crate) fn open(node: &Node<'a>, known: &[&str], mistakes: &mut Gathered) -> Option<Self> {
        let Some(table) = node.value.as_table() else {
            node.expected("a table", mistakes);
            return None;
        };
        for key in table.keys() {
            if !known.contains(&key.get_ref().as_ref()) {
                let place = Place { offset: Some(key.span().start), ..node.place.field(key.get_ref()) };
                mistakes.add(&place, format!("unknown field; expected one of {}", known.join(", ")));
            }
        }
        Some(Self { table, place: node.place.clone() })
    }

    pub(crate) fn optional<T: Read>(&self, field: &str, mistakes: &mut Gathered) -> Option<At<T>> {
        let value = self.table.get(field)?;
        read_at(&Node::new(value, self.place.field(field).path), mistakes)
    }

    pub(crate) fn required<T: Read>(&self, field: &str, mistakes: &mut Gathered) -> Option<At<T>> {
        if !self.table.contains_key(field) {
            mistakes.add(&self.place.field(field), "required, but missing");
        }
        self.optional(field, mistakes)
    }

    pub(crate) fn defaulted<T: Read>(
        &self,
        field: &str,
        default: &str,
        mistakes: &mut Gathered,
    ) -> Option<At<T>> {
        if self.table.contains_key(field) {
            return self.optional(field, mistakes);
        }
        let place = self.place.field(field);
        let Ok(value) = DeValue::parse(default) else {
            mistakes.add(&place, format!("its default {default} is not TOML: a defect of Gantry"));
            return None;
        };
        read_at(&Node { value: value.get_ref(), place }, mistakes)
    }
}

/// Builds the JSON Schema of one table.
#[derive(Debug)]
pub(crate) struct TableSchema {
    description: String,
    properties: Map<String, Value>,
    required: Vec<Value>,
}

impl TableSchema {
    pub(crate) fn new(doc: &[&str]) -> Self {
        Self { description: sentence(doc), properties: Map::new(), required: Vec::new() }
    }

    pub(crate) fn optional(&mut self, field: &str, doc: &[&str], mut schema: Schema) {
        schema.insert("description".to_owned(), sentence(doc).into());
        self.properties.insert(field.to_owned(), schema.to_value());
    }

    pub(crate) fn required(&mut self, field: &str, doc: &[&str], schema: Schema) {
        self.required.push(field.into());
        self.optional(field, doc, schema);
    }

    pub(crate) fn defaulted(&mut self, field: &str, doc: &[&str], mut schema: Schema, default: &str) {
        // The literals used as defaults mean the same in TOML and in JSON.
        schema.insert("default".to_owned(), serde_json::from_str(default).unwrap_or(Value::Null));
        self.optional(field, doc, schema);
    }

    pub(crate) fn finish(self) -> Schema {
        let Self { description, properties, required } = self;
        let mut schema = Schema::default();
        schema.insert("type".to_owned(), "object".into());
        schema.insert("description".to_owned(), description.into());
        schema.insert("properties".to_owned(), properties.into());
        schema.insert("required".to_owned(), required.into());
        schema.insert("additionalProperties".to_owned(), json!(false));
        schema
    }
}

/// Documentation lines as one text.
fn sentence(doc: &[&str]) -> String {
    doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
