//! Calls to DynamoDB: strong reads to the last page, conditional writes, transactions with their reasons.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValue, TransactWriteItem, Update};
use gantry_steps::ports::PortError;

use super::item::{Item, Key, s};
use crate::error::classify;

/// One table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
}

/// An expression with its names and values: `#x` and `:x` throughout, because many words are reserved.
#[derive(Debug, Clone, Default)]
pub(super) struct Expression {
    update: Option<String>,
    condition: Option<String>,
    values: Item,
}

impl Expression {
    pub(super) fn when(condition: &str) -> Self {
        Self { condition: Some(condition.to_owned()), ..Self::default() }
    }

    pub(super) fn update(update: &str) -> Self {
        Self { update: Some(update.to_owned()), ..Self::default() }
    }

    pub(super) fn and_when(mut self, condition: &str) -> Self {
        self.condition = Some(match self.condition {
            Some(earlier) => format!("({earlier}) AND ({condition})"),
            None => condition.to_owned(),
        });
        self
    }

    pub(super) fn or_when(mut self, condition: &str) -> Self {
        self.condition = Some(match self.condition {
            Some(earlier) => format!("({earlier}) OR ({condition})"),
            None => condition.to_owned(),
        });
        self
    }

    pub(super) fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(format!(":{name}"), value);
        self
    }

    pub(super) fn and_set(mut self, assignments: &str) -> Self {
        self.update = Some(match self.update {
            Some(earlier) => format!("{earlier}, {assignments}"),
            None => format!("SET {assignments}"),
        });
        self
    }

    fn values(&self) -> Option<Item> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    /// The names that stand in the expressions, each for the attribute of that name.
    fn names(&self) -> Option<std::collections::HashMap<String, String>> {
        let text = [self.update.as_deref(), self.condition.as_deref()];
        let mut names = std::collections::HashMap::new();
        for part in text.into_iter().flatten() {
            for word in part.split('#').skip(1) {
                let name: String = word.chars().take_while(char::is_ascii_alphanumeric).collect();
                names.insert(format!("#{name}"), name);
            }
        }
        (!names.is_empty()).then_some(names)
    }
}

/// Nothing stands at the key yet.
pub(super) const ABSENT: &str = "attribute_not_exists(#pk)";

/// Why an item of a transaction was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// It was not at fault.
    None,
    /// Its condition did not hold.
    Condition,
    /// Somebody else was writing it.
    Conflict,
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Transacted {
    /// All written.
    Done,
    /// Nothing written; one reason for each item.
    Cancelled(Vec<Reason>),
}

impl Table {
    pub(super) async fn get(&self, key: &Key) -> Result<Option<Item>, PortError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| classify(self.call("GetItem"), error))?;
        Ok(answer.item)
    }

    /// All rows of a partition whose sort key begins so, in order.
    pub(super) async fn all(&self, pk: &str, begins: &str) -> Result<Vec<Item>, PortError> {
        self.query(pk, begins, true, None).await
    }

    /// The last rows of a partition, last first, at most `limit`.
    pub(super) async fn last(&self, pk: &str, limit: u32) -> Result<Vec<Item>, PortError> {
        self.query(pk, "", false, Some(limit)).await
    }

    async fn query(
        &self,
        pk: &str,
        begins: &str,
        forward: bool,
        limit: Option<u32>,
    ) -> Result<Vec<Item>, PortError> {
        let wanted = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let mut query = self
                .client
                .query()
                .table_name(&self.name)
                .consistent_read(true)
                .scan_index_forward(forward)
                .expression_attribute_names("#pk", "pk")
                .expression_attribute_values(":pk", s(pk))
                .set_limit(limit.and_then(|limit| i32::try_from(limit).ok()))
                .set_exclusive_start_key(start);
            query = if begins.is_empty() {
                query.key_condition_expression("#pk = :pk")
            } else {
                query
                    .key_condition_expression("#pk = :pk AND begins_with(#sk, :begins)")
                    .expression_attribute_names("#sk", "sk")
                    .expression_attribute_values(":begins", s(begins))
            };
            let page = query.send().await.map_err(|error| classify(self.call("Query"), error))?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() || items.len() >= wanted {
                items.truncate(wanted);
                return Ok(items);
            }
        }
    }

    /// Writes a row if the condition holds. `false`: it does not.
    pub(super) async fn put(&self, item: Item, expression: &Expression) -> Result<bool, PortError> {
        let written = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error, |e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(error) => Err(classify(self.call("PutItem"), error)),
        }
    }

    /// Changes a row if the condition holds, and returns it as it is then. `None`: the condition does not hold.
    pub(super) async fn change(&self, key: &Key, expression: &Expression) -> Result<Option<Item>, PortError> {
        let written = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .set_update_expression(expression.update.clone())
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        match written {
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(error) if is_condition(&error, |e| e.is_conditional_check_failed_exception()) => Ok(None),
            Err(error) => Err(classify(self.call("UpdateItem"), error)),
        }
    }

    /// Removes a row if the condition holds. `false`: it does not.
    pub(super) async fn remove(&self, key: &Key, expression: &Expression) -> Result<bool, PortError> {
        let removed = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .send()
            .await;
        match removed {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error, |e| e.is_conditional_check_failed_exception()) => Ok(false),
            Err(error) => Err(classify(self.call("DeleteItem"), error)),
        }
    }

    pub(super) fn putting(
        &self,
        item: Item,
        expression: &Expression,
    ) -> Result<TransactWriteItem, PortError> {
        let put = Put::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .build();
        let put = put.map_err(|error| self.unbuilt(error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    pub(super) fn changing(
        &self,
        key: &Key,
        expression: &Expression,
    ) -> Result<TransactWriteItem, PortError> {
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .set_update_expression(expression.update.clone())
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .build();
        let update = update.map_err(|error| self.unbuilt(error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    pub(super) fn removing(
        &self,
        key: &Key,
        expression: &Expression,
    ) -> Result<TransactWriteItem, PortError> {
        let delete = Delete::builder()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .set_condition_expression(expression.condition.clone())
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .build();
        let delete = delete.map_err(|error| self.unbuilt(error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    pub(super) async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<Transacted, PortError> {
        let written = self.client.transact_write_items().set_transact_items(Some(items)).send().await;
        let error = match written {
            Ok(_) => return Ok(Transacted::Done),
            Err(error) => error,
        };
        match reasons(&error) {
            Some(reasons) => Ok(Transacted::Cancelled(reasons)),
            None if is_throttled(&error) => {
                Err(PortError::Throttled { call: self.call("TransactWriteItems"), source: error.into() })
            }
            None => Err(classify(self.call("TransactWriteItems"), error)),
        }
    }

    pub(super) fn call(&self, operation: &str) -> String {
        format!("dynamodb:{operation} {}", self.name)
    }

    fn unbuilt(&self, error: impl std::error::Error + Send + Sync + 'static) -> PortError {
        PortError::Malformed { call: self.call("TransactWriteItems"), source: error.into() }
    }
}

fn is_condition<E>(error: &SdkError<E>, is: impl Fn(&E) -> bool) -> bool {
    error.as_service_error().is_some_and(is)
}

/// The reasons of a cancelled transaction, when they are ones that looking again can resolve.
fn reasons(error: &SdkError<TransactWriteItemsError>) -> Option<Vec<Reason>> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error.as_service_error()? else {
        return None;
    };
    let reasons: Option<Vec<Reason>> = cancelled
        .cancellation_reasons()
        .iter()
        .map(|reason| match reason.code() {
            None | Some("None") => Some(Reason::None),
            Some("ConditionalCheckFailed") => Some(Reason::Condition),
            Some("TransactionConflict") => Some(Reason::Conflict),
            Some(_) => None,
        })
        .collect();
    reasons.filter(|reasons| reasons.iter().any(|reason| *reason != Reason::None))
}

/// A transaction that was cancelled because one of its rows is throttled, which its own code does not tell.
fn is_throttled(error: &SdkError<TransactWriteItemsError>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
    else {
        return false;
    };
    let throttled = ["ThrottlingError", "ProvisionedThroughputExceeded"];
    cancelled
        .cancellation_reasons()
        .iter()
        .any(|reason| reason.code().is_some_and(|code| throttled.contains(&code)))
}

/// A pause before a write that others got in the way of is tried again. In real time: DynamoDB knows no other.
pub(super) async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(15).saturating_mul(1 << attempt.min(5))).await;
}
