//! Sessions in a stage's roles: assumed when needed, kept until shortly before they expire. Always in real time.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_ecs::config::{Credentials, Region, SharedCredentialsProvider};
use gantry_steps::ports::{PortError, StageScope};
use tokio::sync::Mutex;

use crate::error::{Unreadable, classify};

/// A session is not used when it has less than this left: longer than any function runs.
const LEFT: Duration = Duration::from_secs(5 * 60);

/// STS takes no longer name for a session.
const NAME_LENGTH: usize = 64;

/// The clients of one session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) ecs: aws_sdk_ecs::Client,
    pub(crate) ecr: aws_sdk_ecr::Client,
    /// For clients that few functions need.
    pub(crate) config: SdkConfig,
    expires: SystemTime,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    role: String,
    region: String,
    name: String,
}

/// Sessions in the roles of stages. One for a whole function; share it.
#[derive(Debug)]
pub struct StageSessions {
    base: SdkConfig,
    sts: aws_sdk_sts::Client,
    sessions: Mutex<HashMap<Key, Session>>,
}

impl StageSessions {
    /// Sessions that are assumed from the function's own role.
    pub fn new(config: &SdkConfig) -> Self {
        Self::over(config.to_builder().timeout_config(timeouts()).retry_config(retries()).build())
    }

    /// With that configuration as it is.
    pub(crate) fn over(base: SdkConfig) -> Self {
        Self { sts: aws_sdk_sts::Client::new(&base), base, sessions: Mutex::default() }
    }

    /// The session for a scope. Named after the release, so that `CloudTrail` tells what a call was for.
    pub(crate) async fn session(&self, scope: &StageScope) -> Result<Session, PortError> {
        let name: String = scope.release.as_str().chars().take(NAME_LENGTH).collect();
        let key = Key { role: scope.role.to_string(), region: scope.region.to_string(), name };
        // Held while a role is assumed: calls side by side need one session, not one each.
        let mut sessions = self.sessions.lock().await;
        let now = SystemTime::now();
        sessions.retain(|_, session| session.expires > now + LEFT);
        if let Some(session) = sessions.get(&key) {
            return Ok(session.clone());
        }
        let session = self.assume(&key).await?;
        sessions.insert(key, session.clone());
        Ok(session)
    }

    async fn assume(&self, key: &Key) -> Result<Session, PortError> {
        let call = format!("sts:AssumeRole {}", key.role);
        let request = self.sts.assume_role().role_arn(&key.role).role_session_name(&key.name);
        let answer = request.send().await.map_err(|error| classify(&call, error))?;
        let credentials = answer.credentials.ok_or_else(|| Unreadable::Missing("credentials").of(&call))?;
        let expires = SystemTime::try_from(credentials.expiration)
            .map_err(|error| Unreadable::invalid("expiration", error).of(&call))?;
        let credentials = Credentials::new(
            credentials.access_key_id,
            credentials.secret_access_key,
            Some(credentials.session_token),
            Some(expires),
            "gantry-stage-session",
        );
        let config = self
            .base
            .to_builder()
            .region(Region::new(key.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Ok(Session {
            ecs: aws_sdk_ecs::Client::new(&config),
            ecr: aws_sdk_ecr::Client::new(&config),
            config,
            expires,
        })
    }
}

/// A writer has 30 seconds in all, so one call must not take them (DESIGN, invariant 3).
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(4))
        .operation_timeout(Duration::from_secs(9))
        .build()
}

/// The SDK's standard retries, with jitter, but within the time above. `RegisterTaskDefinition` refills at one a second.
fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(4)
        .with_initial_backoff(Duration::from_millis(400))
        .with_max_backoff(Duration::from_secs(3))
}

#[cfg(test)]
mod tests {
    use gantry_domain::names::ReleaseId;

    use super::*;
    use crate::testing::{Answer, StubAws, scope, sessions};

    #[tokio::test]
    async fn a_session_is_assumed_once_for_each_role_and_release() {
        let aws = StubAws::new(|_| Answer::empty());
        let sessions = sessions(&aws);
        let one = scope();
        sessions.session(&one).await.unwrap();
        sessions.session(&one).await.unwrap();
        let other = StageScope { release: ReleaseId::new("exchange-4f2a9c1-2").unwrap(), ..scope() };
        sessions.session(&other).await.unwrap();
        let asked = aws.asked("AssumeRole");
        assert_eq!(asked.len(), 2);
        assert!(asked[0].body.contains("RoleSessionName=exchange-4f2a9c1-1"), "{}", asked[0].body);
        assert!(asked[1].body.contains("RoleSessionName=exchange-4f2a9c1-2"), "{}", asked[1].body);
    }

    #[tokio::test]
    async fn a_session_that_is_about_to_expire_is_assumed_again() {
        let aws = StubAws::new(|_| Answer::empty()).with_session_length(LEFT);
        let sessions = sessions(&aws);
        sessions.session(&scope()).await.unwrap();
        sessions.session(&scope()).await.unwrap();
        assert_eq!(aws.asked("AssumeRole").len(), 2);
    }

    #[tokio::test]
    async fn a_role_that_may_not_be_assumed_is_denied() {
        let aws = StubAws::new(|_| Answer::empty()).refusing_roles();
        let error = sessions(&aws).session(&scope()).await.unwrap_err();
        assert!(
            matches!(&error, PortError::Denied { call, .. } if call.starts_with("sts:AssumeRole")),
            "{error:?}"
        );
    }

    #[test]
    fn t09_one_call_with_its_retries_is_well_within_a_writers_thirty_seconds() {
        let operation = timeouts().operation_timeout().unwrap();
        assert!(operation <= Duration::from_secs(10));
        assert!(timeouts().operation_attempt_timeout().unwrap() < operation);
    }
}
