//! Whose credentials these are: for commands that a person runs.

use aws_config::SdkConfig;
use gantry_steps::ports::PortError;

use crate::error::{Unreadable, classify};

/// A person or role, and where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The ARN of the user or of the session in a role.
    pub arn: String,
    /// The account.
    pub account: String,
    /// The partition of AWS: `aws`, `aws-cn`, …
    pub partition: String,
    /// The region that is set.
    pub region: String,
}

impl Caller {
    /// Asks STS. Fails if no region is set.
    pub async fn ask(config: &SdkConfig) -> Result<Self, PortError> {
        const CALL: &str = "sts:GetCallerIdentity";
        let region = config.region().ok_or_else(|| PortError::Rejected {
            call: CALL.to_owned(),
            source: "no region is set: set AWS_REGION to the one that the stack is in".into(),
        })?;
        let client = aws_sdk_sts::Client::new(config);
        let answer = client.get_caller_identity().send().await.map_err(|error| classify(CALL, error))?;
        let (Some(arn), Some(account)) = (answer.arn, answer.account) else {
            return Err(Unreadable::Missing("identity").of(CALL));
        };
        let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
        Ok(Self { arn, account, partition, region: region.to_string() })
    }
}
