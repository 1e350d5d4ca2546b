//! Block Kit as far as Gantry speaks it.
//!
//! Plain structs in the order Slack documents. Every mrkdwn text is `verbatim`: Slack turns nothing in it into links or
//! mentions that we did not write.

use serde::Serialize;

/// A part of a message or modal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block {
    Header { text: Text },
    Section { text: Text },
    Context { elements: Vec<Text> },
    Actions { elements: Vec<Button> },
    Input { block_id: &'static str, label: Text, hint: Text, element: Input },
}

/// A text, with or without markup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Text {
    PlainText { text: String },
    Mrkdwn { text: String, verbatim: bool },
}

/// A button with a confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "button")]
pub(super) struct Button {
    pub(super) text: Text,
    pub(super) action_id: &'static str,
    pub(super) value: String,
    pub(super) style: Style,
    pub(super) confirm: Confirm,
}

/// The two colours Slack knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Style {
    Primary,
    Danger,
}

/// Asks once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Confirm {
    pub(super) title: Text,
    pub(super) text: Text,
    pub(super) confirm: Text,
    pub(super) deny: Text,
    pub(super) style: Style,
}

/// A field for several lines of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "plain_text_input")]
pub(super) struct Input {
    pub(super) action_id: &'static str,
    pub(super) multiline: bool,
    pub(super) min_length: u32,
    pub(super) max_length: u32,
    pub(super) focus_on_load: bool,
}

/// A dialogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "modal")]
pub(super) struct View {
    pub(super) callback_id: &'static str,
    pub(super) private_metadata: String,
    pub(super) title: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) submit: Option<Text>,
    pub(super) close: Text,
    pub(super) blocks: Vec<Block>,
}

/// Text without markup.
pub(super) fn plain(text: impl Into<String>) -> Text {
    Text::PlainText { text: text.into() }
}

/// Text with markup. The caller has escaped what is not its own.
pub(super) fn mrkdwn(text: impl Into<String>) -> Text {
    Text::Mrkdwn { text: text.into(), verbatim: true }
}

/// A paragraph.
pub(super) fn section(text: impl Into<String>) -> Block {
    Block::Section { text: mrkdwn(text) }
}

/// A line in small print.
pub(super) fn context(text: impl Into<String>) -> Block {
    Block::Context { elements: vec![mrkdwn(text)] }
}
