//! DynamoDB: rows are read, and now and then written, by tests that look at what the functions recorded.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Client, ClientError, DYNAMODB};

/// A row with plain JSON values instead of attribute values.
pub type Row = BTreeMap<String, Value>;

impl Client {
    /// Every row of a table.
    pub async fn rows(&self, table: &str) -> Result<Vec<Row>, ClientError> {
        let mut found = Vec::new();
        let mut body = json!({ "TableName": table, "ConsistentRead": true });
        loop {
            let answer = self.dynamodb("Scan", &body).await?;
            found.extend(answer["Items"].as_array().into_iter().flatten().map(row));
            match answer.get("LastEvaluatedKey") {
                Some(key) if !key.is_null() => body["ExclusiveStartKey"] = key.clone(),
                _ => return Ok(found),
            }
        }
    }

    /// Any DynamoDB operation with its own wire format, for example `GetItem`, `Query` or `UpdateItem`.
    pub async fn dynamodb(&self, operation: &str, body: &Value) -> Result<Value, ClientError> {
        self.json(DYNAMODB, operation, body).await
    }
}

fn row(item: &Value) -> Row {
    item.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect()
}

/// An attribute value as plain JSON. Binary values stay base64 text.
pub(crate) fn plain(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|tagged| tagged.iter().next()) else {
        return Value::Null;
    };
    match (kind.as_str(), inner) {
        ("N", Value::String(number)) => serde_json::from_str(number).unwrap_or_else(|_| inner.clone()),
        ("L", Value::Array(list)) => list.iter().map(plain).collect(),
        ("M", Value::Object(_)) => json!(row(inner)),
        ("NULL", _) => Value::Null,
        _ => inner.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_values_become_plain_json() {
        let item = json!({
            "pk": { "S": "release#1" }, "count": { "N": "3" }, "none": { "NULL": true },
            "list": { "L": [{ "BOOL": true }, { "M": { "x": { "N": "1.5" } } }] },
        });
        let expected = json!({ "pk": "release#1", "count": 3, "none": null, "list": [true, { "x": 1.5 }] });
        assert_eq!(json!(row(&item)), expected);
    }
}
