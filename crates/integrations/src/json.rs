//! JSON from outside, with a limit on its depth (T29).
//!
//! `serde_json` limits what it descends into, but skips fields that nobody reads however deep they are. Genuine payloads
//! are some ten levels deep; a deeper one is refused as a whole.

use serde::de::{DeserializeOwned, Error as _};

const DEEPEST: usize = 64;

/// Reads JSON that is not too deep.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    if depth(bytes) > DEEPEST {
        return Err(serde_json::Error::custom(format_args!("nested more than {DEEPEST} levels deep")));
    }
    serde_json::from_slice(bytes)
}

/// How deep arrays and objects are nested, looking no further than the limit. Of text that is not JSON it says anything.
fn depth(bytes: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !in_text => open = open.saturating_sub(1),
            _ => {}
        }
        if deepest > DEEPEST {
            break;
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn t29_depth_is_limited_and_brackets_in_texts_do_not_count() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read::<Value>(nested(DEEPEST).as_bytes()).is_ok());
        assert!(read::<Value>(nested(DEEPEST + 1).as_bytes()).unwrap_err().to_string().contains("64 levels"));
        let text = format!(r#"["\"{}", {{"a": "\\"}}, []]"#, "[".repeat(200));
        assert!(read::<Value>(text.as_bytes()).is_ok());
        assert!(read::<Value>(format!("[{}]", "[],".repeat(500) + "[]").as_bytes()).is_ok());
    }
}
