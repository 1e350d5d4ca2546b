//! The last lines that a container printed, without secrets and within bounds.

use serde::{Deserialize, Serialize};

use super::cut;
use crate::names::ContainerName;
use crate::redact::Redactor;

/// What a container printed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogTail {
    /// The container.
    pub container: ContainerName,
    /// Where it stands: log group and stream, where known.
    pub place: Option<String>,
    /// The last lines, oldest first, without secrets.
    pub lines: Vec<String>,
    /// Why there are none, in a clause.
    pub unread: Option<String>,
}

/// No more lines of a log are kept.
pub const LINES: usize = 25;
/// No line of a log is longer, in characters.
const LINE: usize = 240;
/// No tail of a log is longer, in characters.
const TAIL: usize = 2400;

impl LogTail {
    /// The end of what was printed, without secrets, within bounds.
    pub fn of(container: ContainerName, place: String, printed: &[String], redactor: &mut Redactor) -> Self {
        // Hidden before it is cut: half of a secret would not be known as one.
        let lines: Vec<String> = printed
            .iter()
            .flat_map(|text| text.lines())
            .map(|line| cut(&redactor.line(&bare(line)), LINE))
            .filter(|line| !line.trim().is_empty())
            .collect();
        let mut length = 0;
        let mut kept: Vec<String> = lines
            .into_iter()
            .rev()
            .take(LINES)
            .take_while(|line| {
                length += line.chars().count() + 1;
                length <= TAIL
            })
            .collect();
        kept.reverse();
        let unread = kept.is_empty().then(|| "it printed nothing".to_owned());
        Self { container, place: Some(place), lines: kept, unread }
    }

    /// There is nothing to show, for this reason.
    pub fn unread(container: ContainerName, place: Option<String>, why: impl Into<String>) -> Self {
        Self { container, place, lines: Vec::new(), unread: Some(why.into()) }
    }
}

/// Without the colours that programs print for terminals, and other characters that are not seen.
fn bare(line: &str) -> String {
    let mut text = String::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                if chars.next_if_eq(&'[').is_some() {
                    while chars.next_if(|c| !('\u{40}'..='\u{7e}').contains(c)).is_some() {}
                    chars.next();
                }
            }
            '\t' => text.push_str("  "),
            c if c.is_control() => {}
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> ContainerName {
        ContainerName::new("app").unwrap()
    }

    #[test]
    fn t37_the_end_of_a_log_is_kept_without_colours_and_secrets() {
        let printed =
            ["\u{1b}[31mERROR\u{1b}[0m PASSWORD=hunter2\n\n", "one\ttwo\u{7}\n", ""].map(str::to_owned);
        let tail = LogTail::of(app(), "/ecs/web".to_owned(), &printed, &mut Redactor::new([]));
        assert_eq!(tail.lines, ["ERROR PASSWORD=***", "one  two"]);
        assert_eq!(tail.unread, None);
    }

    #[test]
    fn a_long_log_keeps_its_last_lines() {
        let printed: Vec<String> = (0..5000).map(|n| format!("line {n}")).collect();
        let tail = |printed: &[String]| LogTail::of(app(), String::new(), printed, &mut Redactor::new([]));
        let many = tail(&printed);
        assert_eq!((many.lines.len(), many.lines[LINES - 1].as_str()), (LINES, "line 4999"));
        let wide = tail(&vec!["x".repeat(100_000); 40]);
        assert!(wide.lines.iter().map(|line| line.chars().count() + 1).sum::<usize>() <= TAIL);
        assert!(!wide.lines.is_empty());
        assert_eq!(tail(&[]).unread.unwrap(), "it printed nothing");
    }
}
