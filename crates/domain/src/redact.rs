//! Takes what may be a secret out of texts that others wrote: lines that a container printed, reasons (T37).
//!
//! It hides values it is told of, and what looks like a credential. It denies in doubt: a word too many is hidden rather
//! than one too few. Nothing proves that a line is harmless; who must keep logs to themselves configures no log groups.

/// What stands in place of what was hidden.
pub const HIDDEN: &str = "***";

/// Shorter values would blank out half of every text; no real secret is that short.
const SHORTEST: usize = 6;

/// Words before `=` or `:` whose value is nobody's business.
const NAMES: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "access-key",
    "accesskey",
    "private_key",
    "authorization",
    "credential",
    "cookie",
];

/// How credentials of well-known makers begin.
const BEGINNINGS: [&str; 20] = [
    "AKIA",
    "ASIA",
    "AIza",
    "eyJ",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "npm_",
    "pypi-",
    "rk_live_",
    "sk-",
    "sk_live_",
    "xapp-",
    "xoxb-",
    "xoxp-",
    "xoxs-",
];

/// One that begins like that is at least this long.
const CREDENTIAL: usize = 16;

/// A run of mixed letters and digits of this length is a key: AWS's secret access keys have 40 characters.
const KEY: usize = 40;

/// Hides secrets, line by line in order: a private key goes over several.
#[derive(Debug)]
pub struct Redactor {
    values: Vec<String>,
    in_key: bool,
}

impl Redactor {
    /// Hides these values wherever they stand, beside what looks like a credential.
    pub fn new(values: impl IntoIterator<Item = String>) -> Self {
        let mut values: Vec<String> =
            values.into_iter().map(|value| value.trim().to_owned()).filter(|v| v.len() >= SHORTEST).collect();
        // The longest first: one may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self { values, in_key: false }
    }

    /// The next line without what must not be shown.
    pub fn line(&mut self, line: &str) -> String {
        if line.contains("-----BEGIN") && line.contains("PRIVATE KEY") {
            self.in_key = !line.contains("-----END");
            return HIDDEN.to_owned();
        }
        if self.in_key {
            self.in_key = !line.contains("-----END");
            return HIDDEN.to_owned();
        }
        let known = self.values.iter().fold(line.to_owned(), |line, value| line.replace(value, HIDDEN));
        shapes(&assignments(&logins(&known)))
    }

    /// A text of one line or several.
    pub fn text(&mut self, text: &str) -> String {
        text.split('\n').map(|line| self.line(line)).collect::<Vec<_>>().join("\n")
    }
}

/// `scheme://user:password@host`.
fn logins(line: &str) -> String {
    let mut parts = line.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push_str("://");
        let end = part.find(|c: char| c.is_whitespace() || "/?#\"'<>`".contains(c)).unwrap_or(part.len());
        let (authority, rest) = part.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => shown.extend([HIDDEN, "@", host]),
            None => shown.push_str(authority),
        }
        shown.push_str(rest);
    }
    shown
}

/// `password=…`, `"api_key": "…"`, `Authorization: Bearer …`.
fn assignments(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut shown = String::new();
    let mut from = 0;
    while let Some(name_end) = next_name(&lower, from) {
        let Some((start, end)) = value(line, name_end) else {
            shown.push_str(line.get(from..name_end).unwrap_or_default());
            from = name_end;
            continue;
        };
        shown.push_str(line.get(from..start).unwrap_or_default());
        shown.push_str(HIDDEN);
        from = end;
    }
    shown.push_str(line.get(from..).unwrap_or_default());
    shown
}

/// Where the next telling name ends, with the rest of its word.
fn next_name(lower: &str, from: usize) -> Option<usize> {
    let rest = lower.get(from..)?;
    let found = NAMES.iter().filter_map(|name| rest.find(name).map(|at| at + name.len())).min()?;
    let word = rest.get(found..)?;
    let more = word.find(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c))).unwrap_or(word.len());
    Some(from + found + more)
}

/// Where the value stands that is assigned to a name which ends there.
fn value(line: &str, name_end: usize) -> Option<(usize, usize)> {
    let rest = line.get(name_end..)?;
    let after_name = rest.trim_start_matches(['"', '\'', '\\', '`', ']']).trim_start();
    let assigned = after_name.strip_prefix("=>").or_else(|| after_name.strip_prefix(['=', ':']))?;
    // `Token::Error` names a class, and `==` compares.
    if assigned.starts_with([':', '=']) {
        return None;
    }
    let mut value = assigned.trim_start();
    for scheme in ["bearer ", "basic "] {
        if value.get(..scheme.len()).is_some_and(|word| word.eq_ignore_ascii_case(scheme)) {
            value = value.get(scheme.len()..)?.trim_start();
        }
    }
    let unescaped = value.trim_start_matches('\\');
    let quote = unescaped.chars().next().filter(|c| "\"'`".contains(*c));
    let (value, end) = match quote {
        Some(quote) => {
            let inside = unescaped.get(1..)?;
            (inside, inside.find(quote).unwrap_or(inside.len()))
        }
        None => {
            let stop = |c: char| c.is_whitespace() || ",&;)}]\"'<>`".contains(c);
            (value, value.find(stop).unwrap_or(value.len()))
        }
    };
    let start = line.len() - value.len();
    (end > 0).then_some((start, start + end))
}

/// Words that look like a credential by themselves.
fn shapes(line: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_+/=.-".contains(c);
    let mut shown = String::new();
    let mut rest = line;
    while !rest.is_empty() {
        let start = rest.find(is_part).unwrap_or(rest.len());
        let (before, after) = rest.split_at(start);
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        let (word, behind) = after.split_at(end);
        shown.push_str(before);
        shown.push_str(if is_credential(word) { HIDDEN } else { word });
        rest = behind;
    }
    shown
}

fn is_credential(word: &str) -> bool {
    let begins = |word: &str| {
        word.len() >= CREDENTIAL && BEGINNINGS.iter().any(|beginning| word.starts_with(beginning))
    };
    begins(word) || word.split('=').any(begins) || word.split('.').any(is_key)
}

/// Mixed like the random thing it is. Digests are of one case, and paths have many slashes.
fn is_key(run: &str) -> bool {
    let digits = run.chars().filter(char::is_ascii_digit).count();
    run.len() >= KEY
        && digits >= 3
        && run.contains(|c: char| c.is_ascii_uppercase())
        && run.contains(|c: char| c.is_ascii_lowercase())
        && run.matches('/').count() <= 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hide(line: &str) -> String {
        Redactor::new([]).line(line)
    }

    #[test]
    fn t37_values_it_is_told_of_are_hidden_the_longest_first() {
        let mut redactor = Redactor::new(["hunter2".to_owned(), "hunter2-long".to_owned(), "abc".to_owned()]);
        assert_eq!(redactor.line("a hunter2-long b hunter2 c abc"), "a *** b *** c abc");
    }

    #[test]
    fn t37_what_looks_like_a_credential_is_hidden() {
        for (line, shown) in [
            ("postgres://exchange:s3cr3t@db:5432/app down", "postgres://***@db:5432/app down"),
            ("PASSWORD=hunter2 next", "PASSWORD=*** next"),
            (r#"{"api_key": "a b", "n": 1}"#, r#"{"api_key": "***", "n": 1}"#),
            (r#"{\"token\":\"abc\"}"#, r#"{\"token\":\"***"}"#),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            (":secret_key_base => 'x y'", ":secret_key_base => '***'"),
            ("key AKIAIOSFODNN7EXAMPLE is wrong", "key *** is wrong"),
            ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "got ***"),
            ("with wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE3K12", "with ***"),
        ] {
            assert_eq!(hide(line), shown);
        }
    }

    #[test]
    fn what_explains_a_failure_stays() {
        for line in [
            "PG::ConnectionBad: could not connect to server: no route to host",
            "FATAL: password authentication failed for user \"exchange\"",
            "/app/vendor/bundle/ruby/3.3.0/gems/activerecord-8.0.1/lib/active_record.rb:42:in 'connect'",
            "JWT::Token::Expired (token expired)",
            "running sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "see https://example.com/a@b?x=1",
        ] {
            assert_eq!(hide(line), line);
        }
    }

    #[test]
    fn t37_a_private_key_is_hidden_to_its_last_line() {
        let text = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb";
        assert_eq!(Redactor::new([]).text(text), "a\n***\n***\n***\nb");
    }

    proptest! {
        #[test]
        fn t37_a_value_never_survives(before in ".{0,30}", value in "[A-Za-z0-9]{6,30}", after in ".{0,30}") {
            let shown = Redactor::new([value.clone()]).text(&format!("{before}{value}{after}"));
            prop_assert!(!shown.contains(&value), "{}", shown);
        }

        #[test]
        fn t30_no_text_makes_it_panic(text in "(?s).{0,200}") {
            Redactor::new([]).text(&text);
        }

        #[test]
        fn t37_what_is_assigned_to_a_password_never_survives(value in "[A-Za-z0-9!%+/]{8,30}", sep in "=|: |\": \"|=>") {
            let shown = hide(&format!("db password{sep}{value} end"));
            prop_assert!(!shown.contains(&value), "{}", shown);
        }
    }
}
