//! Rows: attributes in and out, with an error that names the row and the attribute.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use gantry_steps::ports::PortError;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A row's attributes.
pub(super) type Item = HashMap<String, AttributeValue>;

/// A row's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    pub(super) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    pub(super) fn attributes(&self) -> Item {
        Item::from([("pk".to_owned(), s(&self.pk)), ("sk".to_owned(), s(&self.sk))])
    }

    /// A row with this key and these attributes.
    pub(super) fn row<const N: usize>(&self, attributes: [(&str, AttributeValue); N]) -> Item {
        let mut item = self.attributes();
        item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
        item
    }
}

pub(super) fn s(text: impl AsRef<str>) -> AttributeValue {
    AttributeValue::S(text.as_ref().to_owned())
}

pub(super) fn n(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A moment such that later ones sort later as text.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.9}")
}

pub(super) fn to_json(value: &impl Serialize) -> Result<AttributeValue, PortError> {
    let text = serde_json::to_string(value)
        .map_err(|source| PortError::Malformed { call: "writing a row".to_owned(), source: source.into() })?;
    Ok(AttributeValue::S(text))
}

/// One row of a list, unless it cannot be read: written by another version perhaps, it must not hide the others. The
/// log names it.
pub(super) fn readable<T>(read: Result<T, PortError>) -> Option<Result<T, PortError>> {
    match read {
        Err(PortError::Malformed { call, source }) => {
            tracing::error!(row = call, error = %source, "a row cannot be read and is left out");
            None
        }
        read => Some(read),
    }
}

/// Why a row cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("attribute {attribute} is missing or of another type")]
struct BadAttribute {
    attribute: String,
}

/// A row being read.
pub(super) struct Row<'a>(pub(super) &'a Item);

impl Row<'_> {
    /// The text of an attribute that may be absent.
    pub(super) fn maybe(&self, attribute: &str) -> Option<&str> {
        self.0.get(attribute).and_then(|value| value.as_s().ok()).map(String::as_str)
    }

    pub(super) fn text(&self, attribute: &str) -> Result<&str, PortError> {
        self.maybe(attribute).ok_or_else(|| self.bad(attribute, None))
    }

    pub(super) fn number<T: std::str::FromStr>(&self, attribute: &str) -> Result<T, PortError> {
        let text = self.0.get(attribute).and_then(|value| value.as_n().ok());
        text.and_then(|text| text.parse().ok()).ok_or_else(|| self.bad(attribute, None))
    }

    pub(super) fn flag(&self, attribute: &str) -> Result<bool, PortError> {
        let flag = self.0.get(attribute).and_then(|value| value.as_bool().ok());
        flag.copied().ok_or_else(|| self.bad(attribute, None))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, attribute: &str) -> Result<T, PortError> {
        serde_json::from_str(self.text(attribute)?).map_err(|error| self.bad(attribute, Some(error.into())))
    }

    /// An attribute whose text is a checked name or a timestamp.
    pub(super) fn parsed<T>(&self, attribute: &str) -> Result<T, PortError>
    where
        T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        self.text(attribute)?.parse().map_err(|error: T::Err| self.bad(attribute, Some(error.into())))
    }

    pub(super) fn maybe_parsed<T>(&self, attribute: &str) -> Result<Option<T>, PortError>
    where
        T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
    {
        if self.0.contains_key(attribute) { self.parsed(attribute).map(Some) } else { Ok(None) }
    }

    /// Names the row by its key: a partition key is no secret.
    pub(super) fn bad(
        &self,
        attribute: &str,
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    ) -> PortError {
        let key = [self.maybe("pk").unwrap_or("?"), self.maybe("sk").unwrap_or("?")].join(" ");
        let source = source.unwrap_or_else(|| BadAttribute { attribute: attribute.to_owned() }.into());
        PortError::Malformed { call: format!("row {key}, attribute {attribute}"), source }
    }
}
