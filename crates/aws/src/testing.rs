//! An AWS that answers as a test says, below the real SDK: signing, retries and (de)serialization are the SDK's own.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ecs::config::http::{HttpRequest, HttpResponse};
use aws_sdk_ecs::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_ecs::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use gantry_domain::names::{ClusterName, Region as StageRegion, ReleaseId, RoleArn};
use gantry_steps::ports::StageScope;
use serde_json::Value;

use crate::sts::StageSessions;

/// A request as AWS got it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// For example `DescribeServices`.
    pub(crate) operation: String,
    /// Its body.
    pub(crate) body: String,
    /// The access key that signed it.
    pub(crate) signed_by: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What AWS answers.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Http(u16, String),
    Broken,
    TimedOut,
}

impl Answer {
    pub(crate) fn empty() -> Self {
        Self::Http(200, "{}".to_owned())
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self::Http(200, body.to_string())
    }

    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Http(status, serde_json::json!({"__type": code, "message": message}).to_string())
    }
}

type Script = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// The whole of AWS.
#[derive(Clone)]
pub(crate) struct StubAws {
    script: Script,
    asked: Arc<Mutex<Vec<Asked>>>,
    session_length: Duration,
    refuses_roles: bool,
}

impl std::fmt::Debug for StubAws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StubAws").field("asked", &self.asked).finish_non_exhaustive()
    }
}

impl StubAws {
    pub(crate) fn new(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let session_length = Duration::from_secs(3600);
        Self { script: Arc::new(script), asked: Arc::default(), session_length, refuses_roles: false }
    }

    pub(crate) fn with_session_length(self, session_length: Duration) -> Self {
        Self { session_length, ..self }
    }

    pub(crate) fn refusing_roles(self) -> Self {
        Self { refuses_roles: true, ..self }
    }

    /// What was asked of an operation.
    pub(crate) fn asked(&self, operation: &str) -> Vec<Asked> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.operation == operation).cloned().collect()
    }

    fn answer(&self, asked: &Asked) -> Answer {
        if asked.operation != "AssumeRole" {
            return (self.script)(asked);
        }
        if self.refuses_roles {
            let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                <Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>";
            return Answer::Http(403, body.to_owned());
        }
        let expires = jiff::Timestamp::try_from(SystemTime::now() + self.session_length).unwrap();
        Answer::Http(
            200,
            format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>STAGEKEY</AccessKeyId>\
                 <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
                 <Expiration>{expires}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
            ),
        )
    }

    /// The configuration of a function that reaches only this AWS.
    pub(crate) fn config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-west-2"))
            .retry_config(RetryConfig::disabled())
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "OWNKEY", "s", None, None, "test",
            )))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build()
    }
}

impl HttpConnector for StubAws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap();
        let target = request.headers().get("x-amz-target").unwrap_or("sts.AssumeRole");
        let authorization = request.headers().get("authorization").unwrap_or_default();
        let signed_by = authorization.split(['=', '/']).nth(1).unwrap_or_default().to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let asked = Asked { operation, body, signed_by };
        let answer = self.answer(&asked);
        self.asked.lock().unwrap().push(asked);
        HttpConnectorFuture::ready(match answer {
            Answer::Http(status, body) => Ok(HttpResponse::new(status.try_into().unwrap(), body.into())),
            Answer::Broken => Err(ConnectorError::io("connection reset".into())),
            Answer::TimedOut => Err(ConnectorError::timeout("no answer".into())),
        })
    }
}

/// Sessions over that AWS, without retries.
pub(crate) fn sessions(aws: &StubAws) -> StageSessions {
    StageSessions::over(aws.config())
}

/// Pre-production.
pub(crate) fn scope() -> StageScope {
    StageScope {
        role: RoleArn::new("arn:aws:iam::111122223333:role/gantry-exchange-observe-preproduction").unwrap(),
        region: StageRegion::new("us-west-2").unwrap(),
        cluster: ClusterName::new("exchange-base-cluster-preprod2").unwrap(),
        release: ReleaseId::new("exchange-4f2a9c1-1").unwrap(),
    }
}
