//! Proof that a webhook body comes from the vendor that shares a secret with us.
//!
//! The order is fixed: refuse by length, decode, verify over the raw bytes, and only then let anybody parse. A
//! [`VerifiedBody`] cannot be made in any other way, so a parser that takes one cannot be reached by a forger (T2, T4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::Sha256;

/// A Slack request may be this many seconds old or early, in real time. Slack's own kit draws the line there too.
const SLACK_WINDOW_SECONDS: u64 = 300;

/// Bytes whose origin was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBody(Vec<u8>);

impl VerifiedBody {
    /// The bytes, as they were signed.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Why a request is turned away before anybody looks into it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Longer than this endpoint takes.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The longest body that is taken.
        limit: usize,
    },
    /// Said to be base64 and is not.
    #[error("the body is not valid base64")]
    NotBase64,
    /// A header that every genuine request has is missing.
    #[error("header {0} is missing")]
    MissingHeader(&'static str),
    /// A header is there and not in the form the vendor writes.
    #[error("header {0} is malformed")]
    MalformedHeader(&'static str),
    /// Signed too long ago, or in the future.
    #[error("header X-Slack-Request-Timestamp is more than {SLACK_WINDOW_SECONDS} seconds away from now")]
    Stale,
    /// Not signed with our secret, or changed since.
    #[error("the signature does not match")]
    WrongSignature,
}

/// A shared secret, and the one before it while a rotation is under way (T34).
#[derive(Debug, Clone)]
pub struct SigningSecret {
    current: SecretString,
    previous: Option<SecretString>,
}

/// Why a stored secret cannot be used. Never repeats the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// An empty secret would let anybody in.
    #[error("the secret is empty")]
    Empty,
    /// It looks like JSON and does not say what is needed.
    #[error("the secret looks like JSON but is not {{\"current\": \"…\", \"previous\": \"…\"}}")]
    Malformed,
}

#[derive(Deserialize)]
struct Rotation {
    current: String,
    previous: Option<String>,
}

impl SigningSecret {
    /// Reads a stored secret: the bare secret, or JSON with `current` and `previous`.
    pub fn parse(stored: &SecretString) -> Result<Self, SecretError> {
        let text = stored.expose_secret().trim();
        let rotation = if text.starts_with('{') {
            serde_json::from_str::<Rotation>(text).map_err(|_| SecretError::Malformed)?
        } else {
            Rotation { current: text.to_owned(), previous: None }
        };
        if rotation.current.is_empty() {
            return Err(SecretError::Empty);
        }
        let previous = rotation.previous.filter(|secret| !secret.is_empty()).map(SecretString::from);
        Ok(Self { current: rotation.current.into(), previous })
    }

    /// Compares in constant time: `verify_slice` looks at all bytes whatever the first ones are (T33).
    fn signed(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        let signed_with = |secret: &SecretString| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
                return false;
            };
            for part in parts {
                mac.update(part);
            }
            mac.verify_slice(signature).is_ok()
        };
        signed_with(&self.current) || self.previous.as_ref().is_some_and(signed_with)
    }
}

/// A body as it came, short enough to look at. Nothing is known of where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBody(Vec<u8>);

impl RawBody {
    /// Takes a body of at most `limit` bytes: by its encoded length before anything is decoded, by its own after.
    pub fn take(text: &str, is_base64: bool, limit: usize) -> Result<Self, Refusal> {
        if !is_base64 {
            return if text.len() > limit { Err(Refusal::TooLarge { limit }) } else { Ok(Self(text.into())) };
        }
        if text.len() > limit.div_ceil(3).saturating_mul(4) {
            return Err(Refusal::TooLarge { limit });
        }
        let bytes = STANDARD.decode(text).map_err(|_| Refusal::NotBase64)?;
        if bytes.len() > limit { Err(Refusal::TooLarge { limit }) } else { Ok(Self(bytes)) }
    }

    /// Proves that Slack signed this body (`v0`), no more than five minutes from `now` (seconds of real time).
    pub fn from_slack(
        self,
        timestamp: Option<&str>,
        signature: Option<&str>,
        secret: &SigningSecret,
        now: i64,
    ) -> Result<VerifiedBody, Refusal> {
        const TIMESTAMP: &str = "X-Slack-Request-Timestamp";
        let timestamp = timestamp.ok_or(Refusal::MissingHeader(TIMESTAMP))?;
        let signature = mac_bytes("X-Slack-Signature", signature, "v0=")?;
        // Digits only: `parse` would take a sign, and the signature is made over the text, not the number.
        if timestamp.is_empty() || !timestamp.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Refusal::MalformedHeader(TIMESTAMP));
        }
        let at: i64 = timestamp.parse().map_err(|_| Refusal::MalformedHeader(TIMESTAMP))?;
        if now.abs_diff(at) > SLACK_WINDOW_SECONDS {
            return Err(Refusal::Stale);
        }
        let genuine = secret.signed(&[b"v0:", timestamp.as_bytes(), b":", &self.0], &signature);
        if genuine { Ok(VerifiedBody(self.0)) } else { Err(Refusal::WrongSignature) }
    }

    /// Proves that GitHub signed this body (`sha256`).
    pub fn from_github(
        self,
        signature: Option<&str>,
        secret: &SigningSecret,
    ) -> Result<VerifiedBody, Refusal> {
        let signature = mac_bytes("X-Hub-Signature-256", signature, "sha256=")?;
        if secret.signed(&[&self.0], &signature) {
            Ok(VerifiedBody(self.0))
        } else {
            Err(Refusal::WrongSignature)
        }
    }
}

fn mac_bytes(header: &'static str, value: Option<&str>, prefix: &str) -> Result<[u8; 32], Refusal> {
    let value = value.ok_or(Refusal::MissingHeader(header))?;
    let digits = value.strip_prefix(prefix).ok_or(Refusal::MalformedHeader(header))?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| Refusal::MalformedHeader(header))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
