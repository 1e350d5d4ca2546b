//! Block Kit's limits, as Slack enforces them on messages and modals.
//!
//! Pure. It knows the blocks and elements Gantry uses (section, header, context, divider, actions, image, input; button,
//! image, plain-text input) and refuses the rest as unsupported, so that a message that passes here passes at Slack.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Where blocks are shown; the limits differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// A channel message: at most 50 blocks.
    Message,
    /// A modal: at most 100 blocks.
    Modal,
}

/// Most text all blocks of a message may hold. Slack documents no number; its maintainers name this one and
/// people were refused above it.
const MESSAGE_TEXT: usize = 12_000;

/// Largest view in bytes of JSON.
const VIEW_BYTES: usize = 250_000;

/// Checks the blocks of a message or modal. The errors read like Slack's, each with the place it is about.
pub fn check_blocks(blocks: &Value, surface: Surface, at: &str) -> Result<(), Vec<String>> {
    let mut check = Check::default();
    check.blocks(blocks, surface, at);
    check.finish()
}

/// Checks a modal view as `views.open` takes it.
pub fn check_view(view: &Value) -> Result<(), Vec<String>> {
    let mut check = Check::default();
    check.view(view);
    check.finish()
}

/// Whether the text of all blocks together is more than a message may hold.
pub fn blocks_too_long(blocks: &Value) -> bool {
    fn text(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(text).sum(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, value)| match (name.as_str(), value) {
                    ("text" | "alt_text", Value::String(words)) => words.chars().count(),
                    (_, nested) => text(nested),
                })
                .sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
    text(blocks) > MESSAGE_TEXT
}

/// Whether a view is larger than Slack stores.
pub fn view_too_large(view: &Value) -> bool {
    view.to_string().len() > VIEW_BYTES
}

#[derive(Default)]
struct Check {
    errors: Vec<String>,
    block_ids: BTreeSet<String>,
}

impl Check {
    fn finish(self) -> Result<(), Vec<String>> {
        if self.errors.is_empty() { Ok(()) } else { Err(self.errors) }
    }

    fn refuse(&mut self, what: impl AsRef<str>, at: &str) {
        self.errors.push(format!("[ERROR] {} [json-pointer:{at}]", what.as_ref()));
    }

    fn blocks(&mut self, blocks: &Value, surface: Surface, at: &str) {
        let Some(blocks) = blocks.as_array() else {
            return self.refuse("must be an array", at);
        };
        let most = match surface {
            Surface::Message => 50,
            Surface::Modal => 100,
        };
        if blocks.len() > most {
            self.refuse(format!("no more than {most} items allowed"), at);
        }
        if surface == Surface::Modal && blocks.is_empty() {
            self.refuse("no fewer than 1 items allowed", at);
        }
        for (index, block) in blocks.iter().enumerate() {
            self.block(block, &format!("{at}/{index}"));
        }
    }

    fn block(&mut self, block: &Value, at: &str) {
        let Some(block) = block.as_object() else {
            return self.refuse("must be an object", at);
        };
        if let Some(id) = self.string(block, "block_id", 255, at)
            && !self.block_ids.insert(id.to_owned())
        {
            self.refuse(format!("`block_id` already exists: {id}"), &format!("{at}/block_id"));
        }
        match block.get("type").and_then(Value::as_str) {
            Some("section") => self.section(block, at),
            Some("header") => {
                self.only(block, &["text", "level"], at);
                self.required(block, "text", at);
                self.text(block.get("text"), &["plain_text"], 150, &format!("{at}/text"));
            }
            Some("context") => {
                self.only(block, &["elements"], at);
                self.elements(block, 10, at, Self::context_element);
            }
            Some("divider") => self.only(block, &[], at),
            Some("actions") => {
                self.only(block, &["elements"], at);
                self.elements(block, 25, at, Self::actions_element);
                self.unique_actions(block, at);
            }
            Some("image") => self.image(block, &["title"], at),
            Some("input") => self.input(block, at),
            Some(other) => self.refuse(format!("unsupported type: {other}"), &format!("{at}/type")),
            None => self.refuse("missing required field: type", at),
        }
    }

    fn section(&mut self, block: &Map<String, Value>, at: &str) {
        self.only(block, &["text", "fields", "accessory", "expand"], at);
        self.text(block.get("text"), &["plain_text", "mrkdwn"], 3000, &format!("{at}/text"));
        match block.get("fields") {
            None => {
                self.required(block, "text", at);
            }
            Some(Value::Array(fields)) => {
                let at = format!("{at}/fields");
                if fields.is_empty() {
                    self.refuse("no fewer than 1 items allowed", &at);
                }
                if fields.len() > 10 {
                    self.refuse("no more than 10 items allowed", &at);
                }
                for (index, field) in fields.iter().enumerate() {
                    self.text(Some(field), &["plain_text", "mrkdwn"], 2000, &format!("{at}/{index}"));
                }
            }
            Some(_) => self.refuse("must be an array", &format!("{at}/fields")),
        }
        if let Some(accessory) = block.get("accessory") {
            let at = format!("{at}/accessory");
            match accessory.as_object() {
                Some(element) if kind(element) == "image" => self.image(element, &[], &at),
                Some(element) => self.actions_element(element, &at),
                None => self.refuse("must be an object", &at),
            }
        }
    }

    fn input(&mut self, block: &Map<String, Value>, at: &str) {
        self.only(block, &["label", "element", "hint", "optional", "dispatch_action"], at);
        if self.required(block, "label", at) {
            self.text(block.get("label"), &["plain_text"], 2000, &format!("{at}/label"));
        }
        self.text(block.get("hint"), &["plain_text"], 2000, &format!("{at}/hint"));
        if !self.required(block, "element", at) {
            return;
        }
        let at = format!("{at}/element");
        match block.get("element").and_then(Value::as_object) {
            Some(element) if kind(element) == "plain_text_input" => self.plain_text_input(element, &at),
            Some(element) => {
                self.refuse(format!("unsupported type: {}", kind(element)), &format!("{at}/type"))
            }
            None => self.refuse("must be an object", &at),
        }
    }

    fn plain_text_input(&mut self, element: &Map<String, Value>, at: &str) {
        let allowed = [
            "action_id",
            "initial_value",
            "multiline",
            "min_length",
            "max_length",
            "placeholder",
            "focus_on_load",
            "dispatch_action_config",
        ];
        self.only(element, &allowed, at);
        self.string(element, "action_id", 255, at);
        self.string(element, "initial_value", 3000, at);
        self.text(element.get("placeholder"), &["plain_text"], 150, &format!("{at}/placeholder"));
        for (name, least) in [("min_length", 0), ("max_length", 1)] {
            let value = element.get(name);
            if value.is_some_and(|value| !value.as_u64().is_some_and(|n| (least..=3000).contains(&n))) {
                self.refuse(format!("must be between {least} and 3000"), &format!("{at}/{name}"));
            }
        }
    }

    fn elements(
        &mut self,
        block: &Map<String, Value>,
        most: usize,
        at: &str,
        each: fn(&mut Self, &Map<String, Value>, &str),
    ) {
        let at = format!("{at}/elements");
        let Some(elements) = block.get("elements").and_then(Value::as_array) else {
            return self.refuse("missing required field: elements", &at);
        };
        if elements.is_empty() {
            self.refuse("no fewer than 1 items allowed", &at);
        }
        if elements.len() > most {
            self.refuse(format!("no more than {most} items allowed"), &at);
        }
        for (index, element) in elements.iter().enumerate() {
            let at = format!("{at}/{index}");
            match element.as_object() {
                Some(element) => each(self, element, &at),
                None => self.refuse("must be an object", &at),
            }
        }
    }

    fn context_element(&mut self, element: &Map<String, Value>, at: &str) {
        if kind(element) == "image" {
            self.image(element, &[], at);
        } else {
            self.text(Some(&Value::Object(element.clone())), &["plain_text", "mrkdwn"], 3000, at);
        }
    }

    fn actions_element(&mut self, element: &Map<String, Value>, at: &str) {
        match kind(element) {
            "button" => self.button(element, at),
            other => self.refuse(format!("unsupported type: {other}"), &format!("{at}/type")),
        }
    }

    fn button(&mut self, button: &Map<String, Value>, at: &str) {
        let allowed = ["text", "action_id", "url", "value", "style", "confirm", "accessibility_label"];
        self.only(button, &allowed, at);
        if self.required(button, "text", at) {
            self.text(button.get("text"), &["plain_text"], 75, &format!("{at}/text"));
        }
        self.string(button, "action_id", 255, at);
        self.string(button, "value", 2000, at);
        self.string(button, "url", 3000, at);
        self.string(button, "accessibility_label", 75, at);
        self.style(button, at);
        if let Some(confirm) = button.get("confirm") {
            self.confirm(confirm, &format!("{at}/confirm"));
        }
    }

    fn confirm(&mut self, confirm: &Value, at: &str) {
        let Some(confirm) = confirm.as_object() else {
            return self.refuse("must be an object", at);
        };
        for (name, _) in confirm {
            if !["title", "text", "confirm", "deny", "style"].contains(&name.as_str()) {
                self.refuse(format!("invalid additional property: {name}"), at);
            }
        }
        let parts: [(&str, &[&str], usize); 4] = [
            ("title", &["plain_text"], 100),
            ("text", &["plain_text", "mrkdwn"], 300),
            ("confirm", &["plain_text"], 30),
            ("deny", &["plain_text"], 30),
        ];
        for (name, types, most) in parts {
            if self.required(confirm, name, at) {
                self.text(confirm.get(name), types, most, &format!("{at}/{name}"));
            }
        }
        self.style(confirm, at);
    }

    fn image(&mut self, image: &Map<String, Value>, more: &[&str], at: &str) {
        let allowed: Vec<&str> = ["image_url", "alt_text"].iter().chain(more).copied().collect();
        self.only(image, &allowed, at);
        for name in ["image_url", "alt_text"] {
            self.required(image, name, at);
        }
        self.string(image, "image_url", 3000, at);
        self.string(image, "alt_text", 2000, at);
        self.text(image.get("title"), &["plain_text"], 2000, &format!("{at}/title"));
    }

    fn view(&mut self, view: &Value) {
        let at = "/view";
        let Some(view) = view.as_object() else {
            return self.refuse("must be an object", at);
        };
        if kind(view) != "modal" {
            self.refuse(format!("unsupported type: {}", kind(view)), "/view/type");
        }
        let allowed = [
            "title",
            "blocks",
            "close",
            "submit",
            "private_metadata",
            "callback_id",
            "clear_on_close",
            "notify_on_close",
            "external_id",
            "submit_disabled",
        ];
        self.only(view, &allowed, at);
        for name in ["title", "blocks"] {
            self.required(view, name, at);
        }
        for name in ["title", "submit", "close"] {
            self.text(view.get(name), &["plain_text"], 24, &format!("{at}/{name}"));
        }
        self.string(view, "private_metadata", 3000, at);
        self.string(view, "callback_id", 255, at);
        self.string(view, "external_id", 255, at);
        if let Some(blocks) = view.get("blocks") {
            self.blocks(blocks, Surface::Modal, "/view/blocks");
            let inputs = blocks.as_array().into_iter().flatten().any(|block| block["type"] == "input");
            if inputs && !view.contains_key("submit") {
                self.refuse("missing required field: submit", at);
            }
        }
    }

    fn style(&mut self, holder: &Map<String, Value>, at: &str) {
        if holder.get("style").is_some_and(|style| style != "primary" && style != "danger") {
            self.refuse("must be one of: primary, danger", &format!("{at}/style"));
        }
    }

    fn unique_actions(&mut self, block: &Map<String, Value>, at: &str) {
        let mut seen = BTreeSet::new();
        let elements = block.get("elements").and_then(Value::as_array).into_iter().flatten();
        for id in elements.filter_map(|element| element["action_id"].as_str()) {
            if !seen.insert(id) {
                self.refuse(format!("`action_id` already exists: {id}"), &format!("{at}/elements"));
            }
        }
    }

    fn text(&mut self, text: Option<&Value>, types: &[&str], most: usize, at: &str) {
        let Some(text) = text else { return };
        let Some(text) = text.as_object() else {
            return self.refuse("must be an object", at);
        };
        if !types.contains(&kind(text)) {
            self.refuse(format!("unsupported type: {}", kind(text)), &format!("{at}/type"));
        }
        let own: &[&str] = if kind(text) == "mrkdwn" { &["verbatim"] } else { &["emoji"] };
        for (name, _) in text {
            if !["type", "text"].contains(&name.as_str()) && !own.contains(&name.as_str()) {
                self.refuse(format!("invalid additional property: {name}"), at);
            }
        }
        if self.required(text, "text", at) {
            self.string(text, "text", most, at);
            if text.get("text").and_then(Value::as_str) == Some("") {
                self.refuse("must be more than 0 characters", &format!("{at}/text"));
            }
        }
    }

    fn required(&mut self, holder: &Map<String, Value>, name: &str, at: &str) -> bool {
        let there = holder.contains_key(name);
        if !there {
            self.refuse(format!("missing required field: {name}"), at);
        }
        there
    }

    fn string<'a>(
        &mut self,
        holder: &'a Map<String, Value>,
        name: &str,
        most: usize,
        at: &str,
    ) -> Option<&'a str> {
        let value = holder.get(name)?;
        let at = format!("{at}/{name}");
        match value.as_str() {
            None => self.refuse("must be a string", &at),
            Some(text) if text.chars().count() > most => {
                self.refuse(format!("must be less than {} characters", most + 1), &at);
            }
            Some(_) => {}
        }
        value.as_str()
    }

    fn only(&mut self, holder: &Map<String, Value>, allowed: &[&str], at: &str) {
        for (name, _) in holder {
            if !["type", "block_id"].contains(&name.as_str()) && !allowed.contains(&name.as_str()) {
                self.refuse(format!("invalid additional property: {name}"), at);
            }
        }
    }
}

fn kind(holder: &Map<String, Value>) -> &str {
    holder.get("type").and_then(Value::as_str).unwrap_or("")
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
