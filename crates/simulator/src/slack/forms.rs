//! A modal's form: its fields, what Slack checks before it submits, and what it does with the answer.

use std::collections::BTreeMap;

use serde_json::Value;

use super::model::Modal;
use super::people::PeopleError;
use super::web_api::check_view;
use crate::outbound::Answer;

/// What Slack shows when the app's answer makes no sense.
const TROUBLE: &str = "We had some trouble connecting. Try again?";

/// What becomes of a modal after its submission was answered.
pub(super) enum Outcome {
    Close,
    Clear,
    Update(Value),
    Errors(BTreeMap<String, String>),
}

/// What Slack does with the answer to a submission.
pub(super) fn outcome(answer: &Answer) -> Outcome {
    let trouble = || Outcome::Errors(BTreeMap::from([(String::new(), TROUBLE.to_owned())]));
    if answer.status != 200 {
        return trouble();
    }
    if answer.body.trim().is_empty() {
        return Outcome::Close;
    }
    let Ok(body) = serde_json::from_str::<Value>(&answer.body) else { return trouble() };
    match body["response_action"].as_str() {
        None if body.is_object() => Outcome::Close,
        Some("clear") => Outcome::Clear,
        Some("update") if check_view(&body["view"]).is_ok() => Outcome::Update(body["view"].clone()),
        Some("errors") => {
            serde_json::from_value(body["errors"].clone()).map_or_else(|_| trouble(), Outcome::Errors)
        }
        _ => trouble(),
    }
}

/// Errors belong to fields of the form; about anything else Slack only says that there is trouble.
pub(super) fn known_blocks(modal: &Modal, errors: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let fields = fields(modal);
    let known = |id: &String| fields.iter().any(|field| field.block_id == *id);
    if !errors.is_empty() && errors.keys().all(known) {
        return errors;
    }
    BTreeMap::from([(String::new(), TROUBLE.to_owned())])
}

/// An input of a modal.
pub(super) struct Field {
    pub(super) block_id: String,
    pub(super) action_id: String,
    optional: bool,
    least: usize,
    most: usize,
}

pub(super) fn fields(modal: &Modal) -> Vec<Field> {
    let blocks = modal.view["blocks"].as_array().into_iter().flatten();
    let size =
        |value: &Value, otherwise| value.as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(otherwise);
    blocks
        .filter(|block| block["type"] == "input")
        .map(|block| Field {
            block_id: block["block_id"].as_str().unwrap_or_default().to_owned(),
            action_id: block["element"]["action_id"].as_str().unwrap_or_default().to_owned(),
            optional: block["optional"] == true,
            least: size(&block["element"]["min_length"], 0),
            most: size(&block["element"]["max_length"], 3000),
        })
        .collect()
}

/// Required fields and lengths, which Slack's form checks before it sends anything.
pub(super) fn check_fields(modal: &Modal, values: &BTreeMap<String, String>) -> Result<(), PeopleError> {
    for field in fields(modal) {
        let length = values.get(&field.action_id).map_or(0, |value| value.chars().count());
        let problem = match length {
            0 if field.optional => continue,
            0 => "is required".to_owned(),
            _ if length < field.least => format!("needs at least {} characters", field.least),
            _ if length > field.most => format!("takes at most {} characters", field.most),
            _ => continue,
        };
        return Err(PeopleError::Incomplete { field: field.action_id, problem });
    }
    Ok(())
}
