//! Texts for vendors that show them as they are: one line, without control characters, cut.

/// The text's first line that says something, with no more than so many characters.
pub(crate) fn line(text: &str, longest: usize) -> String {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let clean: Vec<char> = first.chars().filter(|c| !c.is_control()).collect();
    if clean.len() <= longest {
        return clean.into_iter().collect();
    }
    clean.into_iter().take(longest.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t35_a_text_becomes_one_clean_line_of_bounded_length() {
        assert_eq!(line("\n  Fix \u{7}prices \u{1b}[31m\nand more", 80), "Fix prices [31m");
        assert_eq!(line(&"é".repeat(300), 140).chars().count(), 140);
        assert_eq!(line("12345", 5), "12345");
        assert_eq!(line("123456", 5), "1234…");
        assert_eq!(line(" \n", 5), "");
    }
}
