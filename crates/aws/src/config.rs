//! How the SDK is set up in a function: region and credentials from its environment, few and short retries.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// The configuration all clients of a function share. Calls no one.
pub async fn connect() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(4))
        .operation_timeout(Duration::from_secs(9))
        .build();
    let retries =
        RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(200));
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(retries)
        .load()
        .await
}

/// A configuration whose calls all go to one address, under made-up credentials: a stand-in for AWS in tests.
#[cfg(feature = "testing")]
pub fn connect_to(address: &str) -> SdkConfig {
    use aws_config::Region;
    use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
    let credentials = Credentials::new("test", "test", None, None, "testing");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(address)
        .region(Region::new("us-west-2"))
        .retry_config(RetryConfig::disabled())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}
