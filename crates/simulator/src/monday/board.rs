//! Items and what may stand in their columns, in Monday's words. Free of HTTP and GraphQL.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::MondayConfig;

/// A name may not be longer.
const NAME: usize = 255;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Column {
    /// What the API calls it.
    pub id: String,
    /// What people call it.
    pub title: String,
    /// What it holds.
    pub kind: ColumnKind,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ColumnKind {
    /// Any text.
    Text,
    /// One of the board's labels.
    Status,
    /// A date, with a time in UTC.
    Date,
    /// An address and its text.
    Link,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// Values by column, as they were written.
    pub values: BTreeMap<String, Value>,
    /// What its status columns have said, oldest first.
    pub labels: Vec<String>,
    /// World time of its creation.
    pub created_at: String,
    /// World time of its last change.
    pub updated_at: String,
}

/// Why something was not written: Monday's code, message and status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) status: u16,
}

impl Refusal {
    pub(super) fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status }
    }
}

/// The items and the labels that exist by now.
#[derive(Debug, Default)]
pub(super) struct Items {
    items: Vec<Item>,
    labels: BTreeSet<String>,
    ids: u64,
}

type Arguments = Map<String, Value>;

fn text<'a>(arguments: &'a Arguments, name: &str) -> &'a str {
    arguments.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Items {
    pub(super) fn all(&self) -> &[Item] {
        &self.items
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.items.retain(|item| item.id != id);
    }

    /// Ids of items whose column holds one of the values.
    pub(super) fn find(&self, config: &MondayConfig, arguments: &Arguments) -> Result<Vec<String>, Refusal> {
        of_board(config, arguments)?;
        let limit = arguments.get("limit").and_then(Value::as_u64).unwrap_or(25);
        let queries = arguments.get("columns").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut found: Vec<&Item> = self.items.iter().collect();
        for query in &queries {
            let column = query["column_id"].as_str().unwrap_or_default();
            known(config, column)?;
            let values = query["column_values"].as_array().cloned().unwrap_or_default();
            found.retain(|item| item.values.get(column).is_some_and(|value| values.contains(value)));
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(found.into_iter().take(limit).map(|item| item.id.clone()).collect())
    }

    /// Adds an item.
    pub(super) fn create(
        &mut self,
        config: &MondayConfig,
        now: &str,
        arguments: &Arguments,
    ) -> Result<String, Refusal> {
        of_board(config, arguments)?;
        let name = text(arguments, "item_name");
        if name.trim().is_empty() || name.chars().count() > NAME {
            let message = "Item name exceeds the maximum length of 255 characters, or is empty";
            return Err(Refusal::new("ItemNameTooLongException", 200, message));
        }
        let group = match text(arguments, "group_id") {
            "" => config.groups.first().map_or("topics", String::as_str),
            group if config.groups.iter().any(|known| known == group) => group,
            group => {
                let message = format!("Group not found: {group}");
                return Err(Refusal::new("ResourceNotFoundException", 404, message));
            }
        };
        let values = self.checked(config, arguments)?;
        self.ids += 1;
        let id = (7_400_000_000 + self.ids).to_string();
        let mut item = Item {
            id: id.clone(),
            name: name.to_owned(),
            group: group.to_owned(),
            values: BTreeMap::new(),
            labels: Vec::new(),
            created_at: now.to_owned(),
            updated_at: now.to_owned(),
        };
        self.write(&mut item, values);
        self.items.push(item);
        Ok(id)
    }

    /// Changes columns of an item.
    pub(super) fn change(
        &mut self,
        config: &MondayConfig,
        now: &str,
        arguments: &Arguments,
    ) -> Result<String, Refusal> {
        of_board(config, arguments)?;
        let id = text(arguments, "item_id").to_owned();
        let values = self.checked(config, arguments)?;
        let Some(index) = self.items.iter().position(|item| item.id == id) else {
            return Err(Refusal::new("ResourceNotFoundException", 404, format!("Item not found: {id}")));
        };
        let mut item = self.items[index].clone();
        item.updated_at = now.to_owned();
        self.write(&mut item, values);
        self.items[index] = item;
        Ok(id)
    }

    fn write(&mut self, item: &mut Item, values: Vec<(String, Value)>) {
        for (column, value) in values {
            if let Some(label) = value["label"].as_str() {
                self.labels.insert(label.to_owned());
                // Writing what stands there already is no change.
                if item.labels.last().is_none_or(|last| last != label) {
                    item.labels.push(label.to_owned());
                }
            }
            item.values.insert(column, value);
        }
    }

    /// The values of a mutation, which come as JSON in a text.
    fn checked(&self, config: &MondayConfig, arguments: &Arguments) -> Result<Vec<(String, Value)>, Refusal> {
        let creates = arguments.get("create_labels_if_missing") == Some(&Value::Bool(true));
        let values = text(arguments, "column_values");
        let Ok(Value::Object(values)) = serde_json::from_str(values) else {
            let message = "column_values is not a JSON text";
            return Err(Refusal::new("InvalidArgumentException", 200, message));
        };
        for (column, value) in &values {
            let kind = known(config, column)?.kind;
            if !fits(kind, value) {
                let message = format!("invalid value for column {column}: {value}");
                return Err(Refusal::new("ColumnValueException", 200, message));
            }
            let label = value["label"].as_str().filter(|_| kind == ColumnKind::Status);
            if label.is_some_and(|label| !creates && !self.labels.contains(label)) {
                let message = "This status label doesn't exist, please use one of the existing labels";
                return Err(Refusal::new("ColumnValueException", 200, message));
            }
        }
        Ok(values.into_iter().collect())
    }
}

fn of_board(config: &MondayConfig, arguments: &Arguments) -> Result<(), Refusal> {
    let board = arguments.get("board_id").map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
    if board.as_deref() == Some(&config.board) {
        return Ok(());
    }
    Err(Refusal::new("InvalidBoardIdException", 200, "The board does not exist. Please check your board ID"))
}

fn known<'a>(config: &'a MondayConfig, id: &str) -> Result<&'a Column, Refusal> {
    let column = config.columns.iter().find(|column| column.id == id);
    column.ok_or_else(|| {
        let message = format!("This column ID doesn't exist for the board: {id}");
        Refusal::new("InvalidColumnIdException", 200, message)
    })
}

fn fits(kind: ColumnKind, value: &Value) -> bool {
    let field = |name: &str| value[name].as_str().unwrap_or_default();
    match kind {
        ColumnKind::Text => value.is_string(),
        ColumnKind::Status => !field("label").is_empty() || value["index"].is_u64(),
        ColumnKind::Date => {
            let date: Result<jiff::civil::Date, _> = field("date").parse();
            let time = value["time"].as_str();
            date.is_ok() && time.is_none_or(|time| time.parse::<jiff::civil::Time>().is_ok())
        }
        ColumnKind::Link => field("url").starts_with("http"),
    }
}
