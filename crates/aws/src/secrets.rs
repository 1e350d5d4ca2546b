//! Secrets Manager. Values are read when needed and kept nowhere: a rotated secret counts from the next call on.

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use gantry_steps::ports::{PortError, Secrets};
use secrecy::SecretString;

use crate::error::classify;

/// Reads secrets.
#[derive(Debug, Clone)]
pub struct SecretsManager(Client);

impl SecretsManager {
    /// In the configuration's region.
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }
}

/// A secret that says nothing.
#[derive(Debug, thiserror::Error)]
#[error("the secret is empty or not a text")]
struct Empty;

#[async_trait]
impl Secrets for SecretsManager {
    async fn read(&self, arn: &str) -> Result<SecretString, PortError> {
        let call = || format!("secretsmanager:GetSecretValue {arn}");
        let answer = self.0.get_secret_value().secret_id(arn).send().await;
        let answer = answer.map_err(|error| classify(call(), error))?;
        answer
            .secret_string
            .filter(|text| !text.trim().is_empty())
            .map(SecretString::from)
            .ok_or_else(|| PortError::Malformed { call: call(), source: Empty.into() })
    }
}

#[cfg(test)]
mod tests;
