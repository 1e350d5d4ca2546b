//! A small client for the AWS that MiniStack plays: what the local world and its tests ask, and nothing else.
//!
//! It speaks the wire protocols over plain HTTP with the root credentials, whose signature MiniStack does not
//! check. The AWS SDK stays with the functions, which are what is under test.

mod cloudformation;
mod dynamodb;
mod events;
mod iam;
mod lambda;
mod logs;
mod queues;
mod s3;
mod secrets;
mod states;

pub use cloudformation::{Stack, StackResource};
pub use dynamodb::Row;
pub use events::ScheduledTarget;
pub use lambda::Invocation;
pub use states::{Execution, HistoryEvent};

use reqwest::Method;
use serde_json::Value;

/// The region of every resource in the local world.
pub const REGION: &str = "us-west-2";
/// The account of every resource in the local world.
pub const ACCOUNT: &str = "111122223333";

/// Why a question to MiniStack has no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No answer at all.
    #[error("{operation} did not reach the local AWS")]
    Transport {
        /// What was asked.
        operation: String,
        /// Why it got lost.
        #[source]
        source: reqwest::Error,
    },
    /// An answer that says no.
    #[error("{operation} was refused with {status} {code}: {message}")]
    Refused {
        /// What was asked.
        operation: String,
        /// HTTP status.
        status: u16,
        /// AWS's error code.
        code: String,
        /// AWS's sentence about it.
        message: String,
    },
    /// An answer that is not what AWS documents.
    #[error("{operation} answered something unexpected: {what}")]
    Answer {
        /// What was asked.
        operation: String,
        /// What was wrong with the answer.
        what: String,
    },
    /// A stack that did not become what was asked for.
    #[error("stack {stack} ended as {status}:{reasons}")]
    Stack {
        /// The stack's name.
        stack: String,
        /// Its status.
        status: String,
        /// One line for each resource that failed, with CloudFormation's reason.
        reasons: String,
    },
}

impl ClientError {
    /// AWS's error code, if AWS refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Transport { .. } | Self::Answer { .. } | Self::Stack { .. } => None,
        }
    }
}

/// Asks one MiniStack.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
}

/// The services that speak AWS's JSON protocol: target prefix, signing name, JSON version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonService(&'static str, &'static str, &'static str);

pub(crate) const STATES: JsonService = JsonService("AWSStepFunctions", "states", "1.0");
pub(crate) const DYNAMODB: JsonService = JsonService("DynamoDB_20120810", "dynamodb", "1.0");
pub(crate) const EVENTS: JsonService = JsonService("AWSEvents", "events", "1.1");
pub(crate) const LOGS: JsonService = JsonService("Logs_20140328", "logs", "1.1");
pub(crate) const QUEUES: JsonService = JsonService("AmazonSQS", "sqs", "1.0");
pub(crate) const SECRETS: JsonService = JsonService("secretsmanager", "secretsmanager", "1.1");

impl Client {
    /// A client for the MiniStack at `endpoint`, for example `http://127.0.0.1:4566`.
    pub fn new(endpoint: impl Into<String>) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder().no_proxy().build().map_err(|source| {
            ClientError::Transport { operation: "building the client".to_owned(), source }
        })?;
        Ok(Self { http, endpoint: endpoint.into() })
    }

    /// Where this MiniStack listens.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// One operation of a service that speaks AWS's JSON protocol.
    pub(crate) async fn json(
        &self,
        service: JsonService,
        operation: &str,
        body: &Value,
    ) -> Result<Value, ClientError> {
        let JsonService(prefix, name, version) = service;
        let request = self
            .http
            .post(&self.endpoint)
            .header("x-amz-target", format!("{prefix}.{operation}"))
            .header("content-type", format!("application/x-amz-json-{version}"))
            .body(body.to_string());
        let answer = self.send(name, operation, request).await?;
        json_of(operation, &answer)
    }

    /// One action of a service that speaks AWS's query protocol; the answer is XML.
    pub(crate) async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(String, String)],
    ) -> Result<String, ClientError> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", version)
            .extend_pairs(parameters)
            .finish();
        let request = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = self.send(service, action, request).await?;
        String::from_utf8(answer).map_err(|_| unexpected(action, "not UTF-8"))
    }

    /// One call of a service with paths, such as Lambda or S3.
    pub(crate) async fn rest(
        &self,
        service: &str,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, ClientError> {
        let operation = format!("{method} {path}");
        let request = self.http.request(method, format!("{}{path}", self.endpoint)).body(body);
        self.send(service, &operation, request).await
    }

    async fn send(
        &self,
        service: &str,
        operation: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Vec<u8>, ClientError> {
        let lost = |source| ClientError::Transport { operation: operation.to_owned(), source };
        let answer = request.header("authorization", credential(service)).send().await.map_err(lost)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(lost)?;
        if status.is_success() {
            return Ok(body.to_vec());
        }
        let (code, message) = refusal(&String::from_utf8_lossy(&body));
        Err(ClientError::Refused { operation: operation.to_owned(), status: status.as_u16(), code, message })
    }
}

/// MiniStack reads account, region and service from here and trusts the key `test` as root.
fn credential(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

pub(crate) fn unexpected(operation: &str, what: impl Into<String>) -> ClientError {
    ClientError::Answer { operation: operation.to_owned(), what: what.into() }
}

pub(crate) fn json_of(operation: &str, answer: &[u8]) -> Result<Value, ClientError> {
    if answer.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(answer).map_err(|error| unexpected(operation, error.to_string()))
}

/// Code and message of a refusal in either of AWS's two shapes.
fn refusal(body: &str) -> (String, String) {
    if let Ok(json) = serde_json::from_str::<Value>(body) {
        let text = |names: &[&str]| {
            names.iter().find_map(|name| json.get(name)?.as_str()).unwrap_or_default().to_owned()
        };
        let code = text(&["__type", "code", "Code", "Type"]);
        let code = code.rsplit('#').next().unwrap_or_default().to_owned();
        return (code, text(&["message", "Message"]));
    }
    let xml = roxmltree::Document::parse(body).ok();
    let text =
        |name: &str| xml.as_ref().and_then(|document| text_of(document.root(), name)).unwrap_or_default();
    let message = text("Message");
    (text("Code"), if message.is_empty() { body.chars().take(300).collect() } else { message })
}

/// The text of the first element with this name below `node`.
pub(crate) fn text_of(node: roxmltree::Node<'_, '_>, name: &str) -> Option<String> {
    node.descendants()
        .find(|found| found.tag_name().name() == name)
        .and_then(|found| found.text())
        .map(str::to_owned)
}

/// The `<member>` elements directly below the first element with this name.
pub(crate) fn members<'a, 'input>(
    document: &'a roxmltree::Document<'input>,
    name: &str,
) -> Vec<roxmltree::Node<'a, 'input>> {
    document
        .descendants()
        .find(|found| found.tag_name().name() == name)
        .map(|list| list.children().filter(|child| child.tag_name().name() == "member").collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_json_and_from_xml() {
        let json = r#"{"__type":"com.amazonaws#ResourceNotFoundException","message":"no such table"}"#;
        assert_eq!(refusal(json), ("ResourceNotFoundException".to_owned(), "no such table".to_owned()));
        let xml = "<ErrorResponse><Error><Code>ValidationError</Code><Message>no such stack</Message></Error></ErrorResponse>";
        assert_eq!(refusal(xml), ("ValidationError".to_owned(), "no such stack".to_owned()));
        assert_eq!(refusal("Bad gateway"), (String::new(), "Bad gateway".to_owned()));
    }
}
