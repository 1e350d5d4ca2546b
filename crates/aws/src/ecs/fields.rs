//! A task definition as AWS answers it, and what our SDK would lose of it.
//!
//! Newer AWS than SDK: a field that the SDK's model does not have is dropped without a word when the answer is read. So
//! the answer's own bytes are kept beside the SDK's reading of them, and compared with what the SDK would write.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::config::interceptors::AfterDeserializationInterceptorContextRef;
use aws_sdk_ecs::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecs::error::BoxError;
use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionInput;
use aws_sdk_ecs::types::TaskDefinition;
use aws_smithy_json::codec::{JsonCodec, JsonCodecSettings};
use aws_smithy_schema::codec::Codec as _;
use aws_smithy_schema::serde::{SerdeError, ShapeSerializer as _};
use serde_json::{Map, Value};

/// Keeps the body of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct KeepBody(Arc<Mutex<Vec<u8>>>);

impl KeepBody {
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for KeepBody {
    fn name(&self) -> &'static str {
        "KeepBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(bytes) = context.response().body().bytes() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes.to_vec();
        }
        Ok(())
    }
}

/// Fields that the answer has and a registration does not take: revision, status, who registered it when, …
fn only_answered() -> Vec<&'static str> {
    let taken = names(RegisterTaskDefinitionInput::SCHEMA);
    names(TaskDefinition::SCHEMA).into_iter().filter(|name| !taken.contains(name)).collect()
}

/// The names of a structure's fields.
pub(super) fn names(schema: &'static aws_smithy_schema::Schema<'static>) -> Vec<&'static str> {
    schema.members().iter().filter_map(|member| member.member_name()).collect()
}

/// A task definition without what only answers have, as a registration takes it, and the fields of it that the SDK
/// would lose.
pub(super) fn registrable(answered: &Value) -> Result<(Value, Vec<String>), SerdeError> {
    let only_answered = only_answered();
    let fields: Map<String, Value> = answered
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| !only_answered.contains(&name.as_str()) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let body = Value::Object(fields);
    let kept = written(&read(&body)?)?;
    let mut unknown = Vec::new();
    lost(&body, &kept, "", &mut unknown);
    Ok((body, unknown))
}

fn codec() -> JsonCodec {
    JsonCodec::new(JsonCodecSettings::builder().use_json_name(false).build())
}

/// JSON as the SDK reads it.
pub(super) fn read(body: &Value) -> Result<TaskDefinition, SerdeError> {
    let bytes = body.to_string().into_bytes();
    TaskDefinition::deserialize(&mut codec().create_deserializer(&bytes))
}

/// JSON as the SDK writes it.
fn written(definition: &TaskDefinition) -> Result<Value, SerdeError> {
    let mut serializer = codec().create_serializer();
    serializer.write_struct(TaskDefinition::SCHEMA, definition)?;
    serde_json::from_slice(&serializer.finish())
        .map_err(|error| SerdeError::custom(format!("the SDK wrote no JSON: {error}")))
}

/// Collects the paths of what is in `answered` and not, or otherwise, in `kept`.
fn lost(answered: &Value, kept: &Value, path: &str, paths: &mut Vec<String>) {
    match (answered, kept) {
        (Value::Null, _) => {}
        (Value::Object(answered), Value::Object(kept)) => {
            for (name, value) in answered.iter().filter(|(_, value)| !value.is_null()) {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                match kept.get(name) {
                    Some(kept) => lost(value, kept, &path, paths),
                    None => paths.push(path),
                }
            }
        }
        (Value::Array(answered), Value::Array(kept)) if answered.len() == kept.len() => {
            for (index, (value, kept)) in answered.iter().zip(kept).enumerate() {
                lost(value, kept, &format!("{path}[{index}]"), paths);
            }
        }
        (Value::Number(answered), Value::Number(kept)) if answered.as_f64() == kept.as_f64() => {}
        _ if answered == kept => {}
        _ => paths.push(path.to_owned()),
    }
}
