//! Untrusted text made harmless for Slack's markup, and lists that fit (T35).
//!
//! Slack's markup is only dangerous between `<` and `>`: escaping these and `&` is what Slack asks for. Everything else
//! a text may do is look odd.

use gantry_domain::names::SlackId;
use jiff::Timestamp;
use url::Url;

/// Escapes a text for mrkdwn, in one line: what would break the line or hide text becomes a space.
pub(super) fn line(text: &str, longest: usize) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || unseen(c)).filter(|w| !w.is_empty()).collect();
    escape(&words.join(" "), longest)
}

/// Escapes a text for mrkdwn and keeps its lines.
pub(super) fn lines(text: &str, longest: usize) -> String {
    let text: String = text.trim().chars().filter(|c| *c == '\n' || !unseen(*c)).collect();
    escape(&text, longest)
}

/// Lines as a block of code, which ends nowhere inside. The last lines are kept when there is no room for all.
pub(super) fn code<'a>(printed: impl DoubleEndedIterator<Item = &'a str>, longest: usize) -> String {
    const FENCE: &str = "```";
    let mut left = longest.saturating_sub(2 * FENCE.len() + 2);
    let mut kept: Vec<String> = Vec::new();
    for text in printed.rev() {
        let bare: String = text.chars().filter(|c| !unseen(*c)).collect();
        let line = escape(&bare.replace('`', "'"), left.saturating_sub(1));
        let length = line.chars().count() + 1;
        if length > left || (line.is_empty() && !bare.is_empty()) {
            break;
        }
        left -= length;
        kept.push(line);
    }
    kept.reverse();
    format!("{FENCE}\n{}\n{FENCE}", kept.join("\n"))
}

/// The same for plain text, where Slack reads no markup. Escaped all the same, because a notification may.
pub(super) fn plain(text: &str, longest: usize) -> String {
    line(text, longest)
}

/// Control characters, and those that turn the direction of writing or take no room.
fn unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Escaped, and at most `longest` characters then; the last is `…` when something was cut.
fn escape(text: &str, longest: usize) -> String {
    let (mut escaped, mut length, mut kept) = (String::new(), 0, 0);
    let mut buffer = [0; 4];
    for c in text.chars() {
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => c.encode_utf8(&mut buffer),
        };
        length += piece.chars().count();
        if length > longest {
            escaped.truncate(kept);
            return format!("{}…", escaped.trim_end());
        }
        escaped.push_str(piece);
        if length < longest {
            kept = escaped.len();
        }
    }
    escaped
}

/// Names a person.
pub(super) fn person(id: &SlackId) -> String {
    format!("<@{id}>")
}

/// A moment, in the reader's own time zone; in UTC where that cannot be shown.
pub(super) fn moment(at: Timestamp) -> String {
    format!("<!date^{}^{{date_short}} at {{time}}|{}>", at.as_second(), utc(at))
}

/// A moment in UTC, for text without markup.
pub(super) fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// A link to an address from the configuration; anything that is not one is shown as text.
pub(super) fn link(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) if is_linkable(&url) => {
            let address = url.as_str();
            let shown = address.trim_start_matches("https://").trim_end_matches('/');
            format!("<{}|{}>", address.replace('&', "&amp;"), line(shown, 120))
        }
        _ => line(address, 120),
    }
}

fn is_linkable(url: &Url) -> bool {
    let address = url.as_str();
    matches!(url.scheme(), "http" | "https") && !address.contains(['|', '<', '>']) && address.len() <= 300
}

/// Lines under one budget of characters. What does not fit is counted.
pub(super) fn list(title: &str, items: impl ExactSizeIterator<Item = String>, budget: usize) -> String {
    let mut text = title.to_owned();
    let mut left = items.len();
    for item in items {
        // Room for the line that says how many are missing.
        if text.chars().count() + item.chars().count() + 20 > budget {
            text.push_str(&format!("\n… and {left} more"));
            break;
        }
        text.push('\n');
        text.push_str(&item);
        left -= 1;
    }
    text
}

/// Names in a row, cut like a list.
pub(super) fn row<'a, T: AsRef<str> + 'a>(names: impl IntoIterator<Item = &'a T>, longest: usize) -> String {
    let mut text = String::new();
    let names: Vec<&str> = names.into_iter().map(AsRef::as_ref).collect();
    for (index, name) in names.iter().enumerate() {
        if text.chars().count() + name.chars().count() + 2 > longest {
            text.push_str(&format!(" and {} more", names.len() - index));
            break;
        }
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn t35_text_cannot_call_the_channel_or_hide_a_link() {
        assert_eq!(
            line("<!channel> & <https://evil|x>", 100),
            "&lt;!channel&gt; &amp; &lt;https://evil|x&gt;"
        );
        assert_eq!(line("a\nb\u{202e}c\u{0}d\u{200b}", 100), "a b c d");
        assert_eq!(lines("a\nb\u{202e}c\r\n", 100), "a\nbc");
    }

    #[test]
    fn t35_only_web_addresses_become_links() {
        assert_eq!(
            link("https://qa.example.com/a?b=1&c=2"),
            "<https://qa.example.com/a?b=1&amp;c=2|qa.example.com/a?b=1&amp;c=2>"
        );
        assert_eq!(link("javascript:alert(1)"), "javascript:alert(1)");
        assert_eq!(link("https://qa.example.com/|<!here>"), "https://qa.example.com/|&lt;!here&gt;");
    }

    #[test]
    fn t35_a_block_of_code_ends_where_it_ends_and_keeps_the_last_lines() {
        let block = |lines: &[&str], longest| code(lines.iter().copied(), longest);
        assert_eq!(block(&["a ``` <!here>", "\u{202e}b"], 100), "```\na ''' &lt;!here&gt;\nb\n```");
        assert_eq!(block(&["first", "second", "third"], 22), "```\nsecond\nthird\n```");
        assert_eq!(block(&["first", "xxxxxxxxxxxxxxxxxxxx"], 20), "```\nxxxxxxxxxx…\n```");
    }

    #[test]
    fn a_cut_is_shown() {
        assert_eq!((&*line("abcd", 4), &*line("abcdef", 4)), ("abcd", "abc…"));
        assert_eq!((&*line("a<b", 6), &*line("a<b", 5)), ("a&lt;b", "a…"));
        let items = (1..=9).map(|n| format!("line number {n}")).collect::<Vec<_>>();
        assert_eq!(list("T", items.into_iter(), 60), "T\nline number 1\nline number 2\n… and 7 more");
        assert_eq!(
            row(&["web".to_owned(), "sidekiq".to_owned(), "clockwork".to_owned()], 15),
            "web, sidekiq and 1 more"
        );
    }

    proptest! {
        #[test]
        fn t35_no_markup_survives(text in ".{0,300}", longest in 1usize..200) {
            for safe in [line(&text, longest), lines(&text, longest)] {
                prop_assert!(!safe.contains(['<', '>']), "{safe}");
                prop_assert!(safe.chars().count() <= longest, "{safe}");
                let entities = safe.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
                prop_assert!(!entities.contains('&'), "{safe}");
            }
        }

        #[test]
        fn t35_no_markup_survives_in_code(lines in proptest::collection::vec(".{0,80}", 0..20), longest in 10usize..400) {
            let block = code(lines.iter().map(String::as_str), longest);
            prop_assert!(!block.contains(['<', '>']) && block.matches('`').count() == 6, "{block}");
            prop_assert!(block.chars().count() <= longest, "{block}");
        }

        #[test]
        fn a_list_keeps_its_budget(items in proptest::collection::vec(".{0,80}", 0..60), budget in 60usize..900) {
            prop_assert!(list("Title", items.into_iter(), budget).chars().count() <= budget);
        }
    }
}
