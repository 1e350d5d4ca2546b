//! Reading members of a request whose shape has been checked.

use serde_json::{Value, json};

use super::model::Tags;
use super::world::invalid;
use crate::aws::AwsError;

/// A text, if given.
pub(crate) fn text<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input.get(name)?.as_str()
}

/// A list of texts; empty if not given.
pub(crate) fn texts<'a>(input: &'a Value, name: &str) -> Vec<&'a str> {
    input.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Between one and `most` names, which AWS wants of every describe call.
pub(crate) fn some_texts<'a>(input: &'a Value, name: &str, most: usize) -> Result<Vec<&'a str>, AwsError> {
    let given = texts(input, name);
    let mut title = name.to_owned();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if given.is_empty() {
        return Err(invalid(format!("{title} cannot be empty.")));
    }
    if given.len() > most {
        return Err(invalid(format!("{title} cannot contain more than {most} elements.")));
    }
    Ok(given)
}

/// A count, if given; negative ones are refused.
pub(crate) fn count(input: &Value, name: &str) -> Result<Option<usize>, AwsError> {
    let Some(given) = input.get(name).and_then(Value::as_i64) else { return Ok(None) };
    usize::try_from(given).map(Some).map_err(|_| invalid(format!("{name} must not be negative: {given}")))
}

/// Whether `include` names a field.
pub(crate) fn includes(input: &Value, field: &str) -> bool {
    texts(input, "include").contains(&field)
}

/// The request's tags.
pub(crate) fn tags(input: &Value) -> Result<Tags, AwsError> {
    let given = input.get("tags").and_then(Value::as_array).into_iter().flatten();
    let mut tags = Tags::new();
    for tag in given {
        let key = text(tag, "key").unwrap_or_default();
        if key.is_empty() || key.len() > 128 || key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid(format!("Invalid tag key: {key:?}")));
        }
        if tags.insert(key.into(), text(tag, "value").unwrap_or_default().into()).is_some() {
            return Err(invalid(format!("Duplicate tag key: {key}")));
        }
    }
    if tags.len() > 50 { Err(invalid("Too many tags: at most 50")) } else { Ok(tags) }
}

/// One page of a list: `name` with the page's values, and `nextToken` when there are more.
pub(crate) fn page(input: &Value, name: &str, all: Vec<Value>, default: usize) -> Result<Value, AwsError> {
    let from = match text(input, "nextToken") {
        Some(token) => token.parse().map_err(|_| invalid("Invalid token"))?,
        None => 0,
    };
    let size = count(input, "maxResults")?.unwrap_or(default);
    if !(1..=100).contains(&size) {
        return Err(invalid("maxResults must be between 1 and 100."));
    }
    let rest = all.len().saturating_sub(from);
    let values: Vec<Value> = all.into_iter().skip(from).take(size).collect();
    let mut answer = json!({ name: values });
    if rest > size {
        answer["nextToken"] = json!((from + size).to_string());
    }
    Ok(answer)
}
