//! The dialogue that asks for the reason of a rejection, and what it is answered with.

use gantry_steps::ports::{ReasonQuestion, Whisper};
use serde_json::{Value, json};

use super::blocks::{Block, Input, View, plain, section};
use super::whisper::words;

/// Names the dialogue in the submission.
pub(super) const CALLBACK: &str = "reject";
/// The block and the field of the reason.
pub(super) const REASON: &str = "reason";
/// The longest reason that can be typed.
pub const REASON_LENGTH: u32 = 500;

/// Asks for a reason. Which approval it is about travels with it.
pub(super) fn ask_reason(question: &ReasonQuestion) -> View {
    let ReasonQuestion { approval, release, stage } = question;
    View {
        callback_id: CALLBACK,
        private_metadata: approval.to_string(),
        title: plain("Reject release"),
        submit: Some(plain("Reject")),
        close: plain("Back"),
        blocks: vec![
            section(format!(
                "Release `{release}` will not go to *{stage}*. What runs there keeps running, and a later release can still be approved."
            )),
            Block::Input {
                block_id: REASON,
                label: plain("Why?"),
                hint: plain("Everybody in the channel reads this. What should change before it can go?"),
                element: Input {
                    action_id: REASON,
                    multiline: true,
                    min_length: 1,
                    max_length: REASON_LENGTH,
                    focus_on_load: true,
                },
            },
        ],
    }
}

/// The answer to a submission without a reason: the dialogue stays open and says so at the field.
pub fn reason_missing() -> Value {
    json!({"response_action": "errors", "errors": {REASON: "Please give a reason: people will want to know."}})
}

/// The answer to a submission that was understood and had no effect: the dialogue says why.
pub fn closing_note(whisper: &Whisper) -> Value {
    let view = View {
        callback_id: "note",
        private_metadata: String::new(),
        title: plain("Reject release"),
        submit: None,
        close: plain("Close"),
        blocks: vec![section(words(whisper))],
    };
    json!({"response_action": "update", "view": view})
}
