//! A served registry, a client with a password, and images to push.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gantry_domain::Scale;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::aws::{AuthCheck, BusEvent, JsonService};
use crate::clock::WorldClock;
use crate::ecr::blobs::Limits;
use crate::ecr::store::digest_of;
use crate::ecr::{Distribution, Ecr, TagMutability};
use crate::front::authorizer::{Assumable, AuthorizationError, Decision};
use crate::front::identity::Session;
use crate::front::policy::Context;
use crate::front::{Authorizer, Caller, Front, Identities};
use crate::journal::Journal;

pub(super) const REPOSITORY: &str = "exchange-backend-f899186";
pub(super) const OTHER: &str = "exchange/client";
pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const ROLE: &str = "arn:aws:iam::111122223333:role/ci";
const ACCOUNT: &str = "111122223333";

/// An IAM that knows what the role of CI must not do.
#[derive(Default)]
pub(super) struct Denied(Mutex<BTreeSet<(String, String)>>);

#[async_trait]
impl Authorizer for Denied {
    async fn allowed(&self, role_arn: &str, check: &AuthCheck) -> Result<Decision, AuthorizationError> {
        assert_eq!(role_arn, ROLE);
        let denied = self.0.lock().unwrap().contains(&(check.action.clone(), check.resource.clone()));
        Ok(if denied { Decision::NotAllowed } else { Decision::Allowed })
    }

    async fn trusts(
        &self,
        _: &str,
        _: Option<&str>,
        _: &Context,
    ) -> Result<Option<Assumable>, AuthorizationError> {
        Ok(None)
    }
}

/// A registry on loopback with two repositories, the first immutable.
pub(super) struct Served {
    pub(super) ecr: Arc<Ecr>,
    pub(super) url: String,
    pub(super) events: UnboundedReceiver<BusEvent>,
    pub(super) folder: tempfile::TempDir,
    iam: Arc<Denied>,
    http: reqwest::Client,
    credentials: Option<(String, String)>,
}

/// What a request was answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    headers: reqwest::header::HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answered {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Status and the specification's code.
    pub(super) fn refusal(&self) -> (u16, String) {
        let error = self.json()["errors"][0].clone();
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        (self.status, error["code"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
    }
}

impl Served {
    /// With a client that the role of CI was given a password for.
    pub(super) async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(super) async fn with_limits(limits: Limits) -> Self {
        let (sender, events) = unbounded_channel();
        let clock = WorldClock::new(Scale::REAL);
        let folder = tempfile::tempdir().unwrap();
        let mut ecr = Ecr::new(ACCOUNT, "us-west-2", clock, sender).in_folder(folder.path());
        ecr.disk.limits = limits;
        ecr.create_repository(REPOSITORY, TagMutability::Immutable);
        ecr.create_repository(OTHER, TagMutability::Mutable);
        let ecr = Arc::new(ecr);
        let iam = Arc::new(Denied::default());
        let front =
            Front::new(Arc::new(Identities::new(ACCOUNT)), Arc::clone(&iam) as _, Journal::default(), clock);
        let router: Router = Distribution::new(Arc::clone(&ecr), front.gate()).router();
        let router = router.merge(Arc::clone(&ecr).router());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        ecr.set_public_url(&url);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let redirect = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(redirect).build().unwrap();
        let mut served = Self { ecr, url, events, folder, iam, http, credentials: None };
        served.credentials = Some(served.password());
        served
    }

    /// User and password from `GetAuthorizationToken`, for CI.
    pub(super) fn password(&self) -> (String, String) {
        let session = Session { role_arn: ROLE.to_owned(), name: "build-7".to_owned() };
        let answer = self.ecr.call_as(&Caller::Role(session), "GetAuthorizationToken", &json!({})).unwrap();
        let token = answer["authorizationData"][0]["authorizationToken"].as_str().unwrap().to_owned();
        let text = String::from_utf8(STANDARD.decode(token).unwrap()).unwrap();
        let (user, password) = text.split_once(':').unwrap();
        (user.to_owned(), password.to_owned())
    }

    pub(super) fn log_in(&mut self, credentials: Option<(&str, &str)>) {
        self.credentials = credentials.map(|(user, password)| (user.to_owned(), password.to_owned()));
    }

    pub(super) fn deny(&self, action: &str, repository: &str) {
        let arn = format!("arn:aws:ecr:us-west-2:{ACCOUNT}:repository/{repository}");
        self.iam.0.lock().unwrap().insert((format!("ecr:{action}"), arn));
    }

    /// A request below `/v2/`, or to a `Location` that was answered.
    pub(super) fn to(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("/v2") {
            format!("{}{path}", self.url)
        } else {
            format!("{}/v2/{path}", self.url)
        };
        let request = self.http.request(method, url);
        match &self.credentials {
            Some((user, password)) => request.basic_auth(user, Some(password)),
            None => request,
        }
    }

    pub(super) async fn ask(&self, method: Method, path: &str) -> Answered {
        answered(self.to(method, path).send().await.unwrap()).await
    }

    pub(super) async fn send(&self, request: RequestBuilder) -> Answered {
        answered(request.send().await.unwrap()).await
    }

    /// A `PATCH` whose length nobody knows beforehand, piece by piece. What was answered, as it came.
    pub(super) async fn in_pieces(&self, path: &str, pieces: &[&[u8]]) -> String {
        let host = self.url.trim_start_matches("http://");
        let (user, password) = self.credentials.as_ref().unwrap();
        let authorization = STANDARD.encode(format!("{user}:{password}"));
        let mut request = format!(
            "PATCH {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Basic {authorization}\r\nconnection: close\r\n\
             transfer-encoding: chunked\r\n\r\n"
        )
        .into_bytes();
        for piece in pieces {
            request.extend(format!("{:x}\r\n", piece.len()).into_bytes());
            request.extend_from_slice(piece);
            request.extend(b"\r\n");
        }
        request.extend(b"0\r\n\r\n");
        let mut connection = tokio::net::TcpStream::connect(host).await.unwrap();
        connection.write_all(&request).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Uploads a blob as Docker does: begin, one chunk, end.
    pub(super) async fn upload(&self, repository: &str, bytes: &[u8]) -> String {
        let begun = self.ask(Method::POST, &format!("{repository}/blobs/uploads/")).await;
        assert_eq!(begun.status, 202, "{begun:?}");
        let patched = self.send(self.to(Method::PATCH, begun.header("location")).body(bytes.to_vec())).await;
        assert_eq!(patched.status, 202, "{patched:?}");
        let digest = digest_of(bytes);
        let done = self.ask(Method::PUT, &format!("{}?digest={digest}", patched.header("location"))).await;
        assert_eq!((done.status, done.header("docker-content-digest")), (201, digest.as_str()), "{done:?}");
        digest
    }

    /// Puts a manifest; any client does it like this.
    pub(super) async fn put(&self, repository: &str, reference: &str, manifest: &Value) -> Answered {
        let media_type = manifest["mediaType"].as_str().unwrap().to_owned();
        let request = self.to(Method::PUT, &format!("{repository}/manifests/{reference}"));
        self.send(request.header("content-type", media_type).body(manifest.to_string())).await
    }

    /// Uploads what an image consists of; its manifest.
    pub(super) async fn image(&self, repository: &str, labels: &Value) -> Value {
        let layer = b"a layer, as far as anybody can tell";
        let config =
            json!({ "architecture": "amd64", "os": "linux", "config": { "Labels": labels } }).to_string();
        let described = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": digest_of(bytes), "size": bytes.len() });
        self.upload(repository, layer).await;
        self.upload(repository, config.as_bytes()).await;
        json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": described(OCI_CONFIG, config.as_bytes()),
            "layers": [described("application/vnd.oci.image.layer.v1.tar+gzip", layer)],
        })
    }

    /// The details of events since the last time.
    pub(super) fn told(&mut self) -> Vec<Value> {
        std::iter::from_fn(|| self.events.try_recv().ok()).map(|event| event.detail).collect()
    }

    /// How many files lie in the registry's folder.
    pub(super) fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path()).unwrap().count()
    }
}

pub(super) fn digest(manifest: &Value) -> String {
    digest_of(manifest.to_string().as_bytes())
}

async fn answered(response: Response) -> Answered {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    assert_eq!(headers.get("docker-distribution-api-version").unwrap(), "registry/2.0");
    Answered { status, headers, body: response.bytes().await.unwrap().to_vec() }
}
