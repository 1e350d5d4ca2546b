//! What people read in Slack, as text that fits a snapshot, and the account of what a story has looked at.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gantry_simulator::slack::{Message, SlackWorkspace};

/// Which versions of which messages have been read.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    read: BTreeMap<String, usize>,
}

impl Reader {
    /// Everything that is new or changed since the last time, oldest message first. It counts as looked at.
    pub(crate) fn news(&mut self, slack: &SlackWorkspace) -> String {
        let mut told = String::new();
        for message in slack.messages() {
            let versions = message.history.len() + 1;
            let known = self.read.insert(message.ts.clone(), versions).unwrap_or_default();
            slack.mark_seen(&message.ts);
            if known < versions {
                tell(&mut told, mark(&message, known), &message.words());
            }
        }
        for user in &slack.config().users {
            for note in slack.ephemerals(&user.id) {
                if self.read.insert(note.ts.clone(), 1).is_none() {
                    slack.mark_seen(&note.ts);
                    tell(&mut told, &format!("only {} sees", user.username), &note.words());
                }
            }
        }
        told
    }

    /// One message is looked at as it stands.
    pub(crate) fn has_read(&mut self, message: &Message) {
        self.read.insert(message.ts.clone(), message.history.len() + 1);
    }
}

fn mark(message: &Message, known: usize) -> &'static str {
    match (known > 0, message.thread_ts.is_some()) {
        (true, _) => "changed",
        (false, true) => "  reply",
        (false, false) => "message",
    }
}

/// The first line behind the mark, the others below it.
fn tell(told: &mut String, mark: &str, words: &str) {
    for (index, line) in words.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let head = if index == 0 { format!("{mark}:") } else { String::new() };
        let _ = writeln!(told, "{head:<9}{line}");
    }
}
