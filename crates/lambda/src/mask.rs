//! Secrets and task tokens, kept out of everything that is written (T37).
//!
//! A secret becomes known when it is read, a token when it arrives; from then on each is replaced in every log line and
//! in every error. Types that print `***` come first; this is the net below them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use gantry_domain::task_definition::LogStream;
use gantry_steps::ports::{PortError, ReadLogs, Secrets, StageScope};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// What stands in place of a secret.
pub const MASK: &str = "***";
/// Shorter values would blank out half of every text; no real secret is that short.
const SHORTEST: usize = 6;
/// Tokens of states that were dealt with are forgotten; so many are remembered. Secrets are never forgotten.
const TOKENS: usize = 64;

/// The values that must not be written. Clones share them.
#[derive(Clone, Default)]
pub struct Mask {
    known: Arc<RwLock<Known>>,
}

#[derive(Default)]
struct Known {
    secrets: Vec<SecretString>,
    tokens: VecDeque<SecretString>,
}

impl Known {
    fn all(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().chain(&self.tokens).map(ExposeSecret::expose_secret)
    }
}

impl Mask {
    /// From now on this value is not written. Of stored JSON, every text in it counts.
    pub fn learn(&self, secret: &str) {
        let secret = secret.trim();
        if let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(secret) {
            fields.values().filter_map(Value::as_str).for_each(|inner| self.learn(inner));
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if secret.len() >= SHORTEST && known.all().all(|one| one != secret) {
            known.secrets.push(secret.into());
        }
    }

    /// Learns the task token of a step's input.
    pub fn learn_token(&self, input: &Value) {
        let Some(token) = input.get("token").and_then(Value::as_str) else { return };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if token.len() >= SHORTEST && known.all().all(|one| one != token) {
            known.tokens.push_back(token.into());
            if known.tokens.len() > TOKENS {
                known.tokens.pop_front();
            }
        }
    }

    /// The text without what must not be written.
    pub fn hide(&self, text: &str) -> String {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.all().fold(text.to_owned(), |text, secret| {
            let text = if text.contains(secret) { text.replace(secret, MASK) } else { text };
            // As it stands in a JSON log line.
            let quoted = Value::from(secret).to_string();
            let quoted = quoted.trim_matches('"');
            if quoted != secret && text.contains(quoted) { text.replace(quoted, MASK) } else { text }
        })
    }
}

/// A secret is read again after this, so that a rotation needs no deployment (T34).
const KEPT: Duration = Duration::from_secs(60);

/// Secrets, kept for a minute, that become known to the mask when they are read.
pub struct MaskedSecrets<S> {
    inner: S,
    mask: Mask,
    kept: Mutex<BTreeMap<String, (Instant, SecretString)>>,
}

impl<S: Secrets> MaskedSecrets<S> {
    /// Reads there.
    pub fn new(inner: S, mask: Mask) -> Self {
        Self { inner, mask, kept: Mutex::default() }
    }

    fn kept(&self, arn: &str) -> Option<SecretString> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(arn).filter(|(since, _)| since.elapsed() < KEPT).map(|(_, secret)| secret.clone())
    }
}

#[async_trait]
impl<S: Secrets> Secrets for MaskedSecrets<S> {
    async fn read(&self, arn: &str) -> Result<SecretString, PortError> {
        if let Some(secret) = self.kept(arn) {
            return Ok(secret);
        }
        let secret = self.inner.read(arn).await?;
        self.mask.learn(secret.expose_secret());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(arn.to_owned(), (Instant::now(), secret.clone()));
        Ok(secret)
    }
}

/// Logs without what the mask knows.
pub struct MaskedLogs<L> {
    inner: L,
    mask: Mask,
}

impl<L: ReadLogs> MaskedLogs<L> {
    /// Reads there.
    pub fn new(inner: L, mask: Mask) -> Self {
        Self { inner, mask }
    }
}

#[async_trait]
impl<L: ReadLogs> ReadLogs for MaskedLogs<L> {
    async fn tail(
        &self,
        scope: &StageScope,
        stream: &LogStream,
        count: u16,
    ) -> Result<Option<Vec<String>>, PortError> {
        let printed = self.inner.tail(scope, stream, count).await?;
        Ok(printed.map(|lines| lines.iter().map(|line| self.mask.hide(line)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn t37_what_is_known_is_not_written_in_any_spelling() {
        let mask = Mask::default();
        mask.learn("xoxb-very-secret\n");
        mask.learn(r#"{"current": "new\"secret", "previous": "old-secret"}"#);
        mask.learn_token(&json!({"token": "AQB-token", "stage": "production"}));
        let text = "a xoxb-very-secret b new\"secret c old-secret d AQB-token production";
        assert_eq!(mask.hide(text), "a *** b *** c *** d *** production");
        let line = json!({"message": text}).to_string();
        for secret in ["very-secret", "secret\"", "old-secret", "AQB-token"] {
            assert!(!mask.hide(&line).contains(secret), "{}", mask.hide(&line));
        }
    }

    #[test]
    fn t37_tokens_come_and_go_and_secrets_stay() {
        let mask = Mask::default();
        mask.learn("xoxb-secret");
        (0..200).for_each(|n| mask.learn_token(&json!({ "token": format!("token-{n:03}") })));
        assert_eq!(mask.hide("xoxb-secret token-199 token-000"), "*** *** token-000");
    }

    struct Printed;

    #[async_trait]
    impl ReadLogs for Printed {
        async fn tail(
            &self,
            _: &StageScope,
            stream: &LogStream,
            _: u16,
        ) -> Result<Option<Vec<String>>, PortError> {
            Ok(Some(vec![stream.stream.clone()]))
        }
    }

    #[tokio::test]
    async fn t37_a_log_holds_no_token_that_is_known() {
        let mask = Mask::default();
        mask.learn_token(&json!({"token": "AQB-token"}));
        let scope = StageScope {
            role: "arn:aws:iam::111122223333:role/observe".parse().unwrap(),
            region: "us-west-2".parse().unwrap(),
            cluster: "c".parse().unwrap(),
            release: "exchange-1".parse().unwrap(),
        };
        let stream = LogStream { group: String::new(), stream: "got AQB-token".to_owned(), region: None };
        let lines = MaskedLogs::new(Printed, mask).tail(&scope, &stream, 1).await.unwrap().unwrap();
        assert_eq!(lines, ["got ***"]);
    }

    #[test]
    fn a_short_value_does_not_blank_out_the_log() {
        let mask = Mask::default();
        mask.learn("a");
        mask.learn("");
        assert_eq!(mask.hide("a cat"), "a cat");
    }
}
