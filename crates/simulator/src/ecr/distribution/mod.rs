//! The registry as `docker push`, skopeo and buildx speak to it: the OCI distribution protocol, under `/v2/`.
//!
//! A request goes the same way each time: user and password, as `GetAuthorizationToken` gives them out, say who calls; IAM is
//! asked what it asks on AWS about such a request; the repository must exist; then the store is read or changed, the same
//! that ECR's own API has. What the specification leaves open is answered as ECR does, as far as that is known. Manifests and
//! blobs are not deleted this way, there is no catalog, and referrers are found by their tag only.

mod blobs;
mod manifests;
mod refusal;
#[cfg(test)]
mod tests;
mod uploads;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::any;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::Ecr;
use super::operations::well_named;
use super::store::Repository;
use super::tokens::NotAdmitted;
use crate::aws::AuthCheck;
use crate::front::{Caller, Gate};
use refusal::{Code, Refusal};

const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// An answer or why there is none.
type Outcome = Result<Response<Body>, Refusal>;

/// The distribution protocol in front of a registry.
#[derive(Clone)]
pub struct Distribution {
    ecr: Arc<Ecr>,
    gate: Gate,
}

/// What a path under `/v2/` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target<'a> {
    Manifest(&'a str),
    Blob(&'a str),
    Uploads,
    Upload(&'a str),
    Tags,
}

/// A request whose caller is known.
struct Call<'a> {
    parts: &'a Parts,
    caller: &'a Caller,
    /// The repository's name.
    repository: &'a str,
}

impl Distribution {
    /// In front of this registry; `gate` knows what callers may do.
    pub fn new(ecr: Arc<Ecr>, gate: Gate) -> Self {
        Self { ecr, gate }
    }

    /// The HTTP endpoint: everything under `/v2/`.
    pub fn router(self) -> Router {
        Router::new()
            .route("/v2", any(answer))
            .route("/v2/", any(answer))
            .route("/v2/{*path}", any(answer))
            .with_state(self)
    }

    async fn respond(&self, parts: &Parts, body: Body) -> Outcome {
        let caller = self.caller(parts)?;
        let path = parts.uri.path().strip_prefix("/v2").unwrap_or_default().trim_start_matches('/');
        if path.is_empty() {
            return Ok(StatusCode::OK.into_response());
        }
        let (repository, target) = read_path(path).ok_or_else(|| Refusal::no_such_page(path))?;
        if !well_named(repository) {
            return Err(Refusal::new(
                Code::NameInvalid,
                format!("'{repository}' is no name of a repository"),
            ));
        }
        let call = Call { parts, caller: &caller, repository };
        match (target, &parts.method) {
            (Target::Tags, &Method::GET) => self.list_tags(&call).await,
            (Target::Manifest(reference), &Method::GET | &Method::HEAD) => {
                self.manifest(&call, reference).await
            }
            (Target::Manifest(reference), &Method::PUT) => self.put_manifest(&call, reference, body).await,
            (Target::Blob(digest), &Method::HEAD) => self.has_blob(&call, digest).await,
            (Target::Blob(digest), &Method::GET) => self.blob(&call, digest).await,
            (Target::Uploads, &Method::POST) => self.begin_upload(&call, body).await,
            (Target::Upload(id), &Method::GET) => self.upload_status(&call, id).await,
            (Target::Upload(id), &Method::PATCH) => self.continue_upload(&call, id, body).await,
            (Target::Upload(id), &Method::PUT) => self.finish_upload(&call, id, body).await,
            (Target::Upload(id), &Method::DELETE) => self.cancel_upload(&call, id).await,
            (_, method) => Err(Refusal::new(Code::Unsupported, format!("{method} is not played here"))),
        }
    }

    /// Who calls: passwords are given out by `GetAuthorizationToken` and by nobody else.
    fn caller(&self, parts: &Parts) -> Result<Caller, Refusal> {
        let stranger = |message: &str| Refusal::unauthorized(&self.ecr.host(), message);
        let value =
            parts.headers.get(header::AUTHORIZATION).ok_or_else(|| stranger("authentication required"))?;
        let read = || {
            let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
            let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
            let (user, password) = text.split_once(':')?;
            scheme.eq_ignore_ascii_case("basic").then(|| (user.to_owned(), password.to_owned()))
        };
        let (user, password) = read().ok_or_else(|| stranger("user and password could not be read"))?;
        self.ecr.tokens.admit(&user, &password, Timestamp::now()).map_err(|why| match why {
            NotAdmitted::Unknown => stranger("user or password is not known"),
            NotAdmitted::Expired => {
                let message = "Your authorization token has expired. Reauthenticate and try again.";
                Refusal::new(Code::Denied, message)
            }
        })
    }

    /// Asks IAM whether the caller may do this to the repository.
    async fn permit(&self, call: &Call<'_>, action: &str) -> Result<(), Refusal> {
        self.permit_at(call, action, call.repository).await
    }

    async fn permit_at(&self, call: &Call<'_>, action: &str, repository: &str) -> Result<(), Refusal> {
        let check = AuthCheck {
            action: format!("ecr:{action}"),
            resource: self.ecr.registry.arn(repository),
            context: BTreeMap::new(),
        };
        Ok(self.gate.permit(call.caller, &check).await?)
    }

    /// Looks something up in the repository that is asked about.
    fn look<T>(&self, call: &Call<'_>, look: impl FnOnce(&mut Repository) -> T) -> Result<T, Refusal> {
        let mut world = self.ecr.lock();
        Ok(look(world.repository(call.repository, &self.ecr.registry)?))
    }
}

/// The repository's name and what is asked of it. Names have slashes, so the end decides.
fn read_path(path: &str) -> Option<(&str, Target<'_>)> {
    if let Some(name) = path.strip_suffix("/tags/list") {
        return Some((name, Target::Tags));
    }
    if let Some(name) = path.strip_suffix("/blobs/uploads/").or_else(|| path.strip_suffix("/blobs/uploads")) {
        return Some((name, Target::Uploads));
    }
    let (rest, last) = path.rsplit_once('/')?;
    if let Some(name) = rest.strip_suffix("/blobs/uploads") {
        return Some((name, Target::Upload(last)));
    }
    if let Some(name) = rest.strip_suffix("/manifests") {
        return Some((name, Target::Manifest(last)));
    }
    rest.strip_suffix("/blobs").map(|name| (name, Target::Blob(last)))
}

/// Only what ECR takes: SHA-256, in lower case.
fn checked_digest(digest: &str) -> Result<&str, Refusal> {
    let hash = digest.strip_prefix("sha256:").unwrap_or_default();
    let formed = hash.len() == 64 && hash.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    if formed {
        Ok(digest)
    } else {
        Err(Refusal::new(Code::DigestInvalid, format!("'{digest}' is no SHA-256 digest")))
    }
}

/// A parameter of the request's query.
fn parameter(parts: &Parts, name: &str) -> Option<String> {
    let query = parts.uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// What the client says the body's length is.
fn content_length(parts: &Parts) -> Option<u64> {
    parts.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// An answer without a body. A header that cannot be one is left out; all are made of checked names and numbers.
fn bare<const N: usize>(status: StatusCode, headers: [(HeaderName, String); N]) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

async fn answer(State(distribution): State<Distribution>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let mut response = distribution.respond(&parts, body).await.unwrap_or_else(IntoResponse::into_response);
    response.headers_mut().insert(VERSION, HeaderValue::from_static("registry/2.0"));
    response
}
