//! Three operations of Monday's GraphQL API. Their texts never change: what differs is in variables.

use gantry_steps::ports::{Secrets, VendorError};
use reqwest::Client;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal;
use crate::outgoing;

/// Without this header Monday answers in whatever version is current, which changes every quarter.
pub(super) const API_VERSION: &str = "2026-10";
/// Ids, and errors.
const ANSWER_LIMIT: usize = 256 * 1024;

/// Two, so that a key which stands twice is noticed.
const FIND: &str = "query FindItem($board: ID!, $column: String!, $key: String!) {
  items_page_by_column_values(board_id: $board, limit: 2, columns: [{column_id: $column, column_values: [$key]}]) {
    items { id }
  }
}";

const CREATE: &str = "mutation CreateItem($board: ID!, $group: String, $name: String!, $values: JSON!) {
  create_item(board_id: $board, group_id: $group, item_name: $name, column_values: $values, create_labels_if_missing: true) {
    id
  }
}";

const CHANGE: &str = "mutation ChangeItem($board: ID!, $item: ID!, $values: JSON!) {
  change_multiple_column_values(board_id: $board, item_id: $item, column_values: $values, create_labels_if_missing: true) {
    id
  }
}";

/// The API with a token.
pub(super) struct Api<'a> {
    pub(super) http: &'a Client,
    pub(super) address: &'a str,
    /// The ARN of the token's secret.
    pub(super) token: &'a str,
    pub(super) secrets: &'a dyn Secrets,
    pub(super) board: &'a str,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the answer is not what Monday documents")]
    Unreadable(#[source] serde_json::Error),
    #[error("the answer lacks {0}")]
    Lacks(&'static str),
}

#[derive(Deserialize)]
struct Item {
    id: String,
}

/// An item that was added.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Created {
    pub(super) id: String,
    /// It was added by an earlier call with the same key, and holds what that one said.
    pub(super) was_there: bool,
}

/// An answer that says yes.
struct Answered {
    data: Value,
    is_replay: bool,
}

impl Api<'_> {
    /// Items that hold the key, at most two.
    pub(super) async fn find(&self, column: &str, key: &str) -> Result<Vec<String>, VendorError> {
        const CALL: &str = "monday:items_page_by_column_values";
        let variables = json!({"board": self.board, "column": column, "key": key});
        let found = self.ask(CALL, FIND, &variables, None).await?;
        let items = found.data.pointer("/items_page_by_column_values/items").cloned().unwrap_or_default();
        let items: Vec<Item> = serde_json::from_value(items).map_err(|error| unreadable(CALL, error))?;
        Ok(items.into_iter().map(|item| item.id).collect())
    }

    /// Adds an item.
    pub(super) async fn create(
        &self,
        group: Option<&str>,
        name: &str,
        values: &Value,
        once: &str,
    ) -> Result<Created, VendorError> {
        const CALL: &str = "monday:create_item";
        // Values are JSON in a text.
        let variables =
            json!({"board": self.board, "group": group, "name": name, "values": values.to_string()});
        let created = self.ask(CALL, CREATE, &variables, Some(once)).await?;
        let id = id_of(CALL, &created.data["create_item"])?;
        Ok(Created { id, was_there: created.is_replay })
    }

    /// Changes columns of an item.
    pub(super) async fn change(&self, item: &str, values: &Value, once: &str) -> Result<(), VendorError> {
        const CALL: &str = "monday:change_multiple_column_values";
        let variables = json!({"board": self.board, "item": item, "values": values.to_string()});
        let changed = self.ask(CALL, CHANGE, &variables, Some(once)).await?;
        id_of(CALL, &changed.data["change_multiple_column_values"]).map(drop)
    }

    /// Sends an operation. `once` makes a mutation that is repeated have the effect of once.
    async fn ask(
        &self,
        call: &'static str,
        query: &'static str,
        variables: &Value,
        once: Option<&str>,
    ) -> Result<Answered, VendorError> {
        let unavailable = |source| VendorError::Unavailable { call, source };
        let token = self.secrets.read(self.token).await.map_err(|error| unavailable(error.into()))?;
        let mut request = self
            .http
            .post(self.address)
            // Monday wants the token as it is, without a scheme.
            .header("Authorization", token.expose_secret().trim())
            .header("API-Version", API_VERSION)
            .json(&json!({"query": query, "variables": variables}));
        if let Some(once) = once {
            request = request.header("Idempotency-Key", once);
        }
        let response = request.send().await.map_err(|error| unavailable(error.without_url().into()))?;
        let (status, asked) = (response.status(), outgoing::retry_after(&response));
        let is_replay = response.headers().get("idempotency-replayed").is_some_and(|value| value == "true");
        let bytes =
            outgoing::body(response, ANSWER_LIMIT).await.map_err(|error| unavailable(error.into()))?;
        let answer: Result<Value, _> = crate::json::read(&bytes);
        if let Some(refused) = refusal::of(call, status, asked, answer.as_ref().ok()) {
            return Err(refused);
        }
        let mut answer = answer.map_err(|error| unreadable(call, error))?;
        Ok(Answered { data: answer["data"].take(), is_replay })
    }
}

fn unreadable(call: &'static str, error: serde_json::Error) -> VendorError {
    VendorError::Unavailable { call, source: Trouble::Unreadable(error).into() }
}

/// An item was written only if the answer names it.
fn id_of(call: &'static str, item: &Value) -> Result<String, VendorError> {
    match item["id"].as_str() {
        Some(id) => Ok(id.to_owned()),
        None => Err(VendorError::Unavailable { call, source: Trouble::Lacks("the item's id").into() }),
    }
}
