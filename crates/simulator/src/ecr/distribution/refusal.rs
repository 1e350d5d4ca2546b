//! Refusals as the specification shapes them, with ECR's sentences.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use serde_json::json;

use crate::aws::AwsError;
use crate::ecr::blobs::UploadError;

/// The specification's codes, with the status that goes with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    Denied,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    PaginationNumberInvalid,
    SizeInvalid,
    TagInvalid,
    Unauthorized,
    Unsupported,
    /// A chunk that does not continue what is there.
    OutOfOrder,
    /// Somebody else writes to the upload.
    Busy,
    /// The registry itself is broken.
    Unknown,
}

/// One request's refusal.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Code,
    message: String,
    headers: Vec<(HeaderName, String)>,
}

impl Code {
    fn on_the_wire(self) -> (StatusCode, &'static str) {
        match self {
            Self::BlobUnknown => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            Self::BlobUploadInvalid => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
            Self::BlobUploadUnknown => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            Self::Denied => (StatusCode::FORBIDDEN, "DENIED"),
            Self::DigestInvalid => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            Self::ManifestBlobUnknown => (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"),
            Self::ManifestInvalid => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            Self::ManifestUnknown => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            Self::NameInvalid => (StatusCode::BAD_REQUEST, "NAME_INVALID"),
            Self::NameUnknown => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            Self::PaginationNumberInvalid => (StatusCode::BAD_REQUEST, "PAGINATION_NUMBER_INVALID"),
            Self::SizeInvalid => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"),
            Self::TagInvalid => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Self::Unsupported => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            Self::OutOfOrder => (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
            Self::Busy => (StatusCode::CONFLICT, "BLOB_UPLOAD_INVALID"),
            Self::Unknown => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
        }
    }
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), headers: Vec::new() }
    }

    pub(super) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Nobody, or somebody whom nobody knows: asked for user and password.
    pub(super) fn unauthorized(host: &str, message: &str) -> Self {
        let challenge = format!("Basic realm=\"https://{host}/\",service=\"ecr.amazonaws.com\"");
        Self::new(Code::Unauthorized, message).with(header::WWW_AUTHENTICATE, challenge)
    }

    /// A path that the protocol does not have, or that is not played.
    pub(super) fn no_such_page(path: &str) -> Self {
        Self::new(Code::NameUnknown, format!("there is no /v2/{path} here"))
    }

    /// Whether the upload it is about cannot be continued.
    pub(super) fn is_final(&self) -> bool {
        matches!(self.code, Code::SizeInvalid | Code::Unknown)
    }

    /// The registry's disk failed.
    pub(super) fn broken(error: &std::io::Error) -> Self {
        tracing::error!(%error, "the registry failed");
        Self::new(Code::Unknown, "the registry failed; its log says why")
    }
}

impl From<AwsError> for Refusal {
    fn from(error: AwsError) -> Self {
        let code = match error.code.as_str() {
            "RepositoryNotFoundException" => Code::NameUnknown,
            "ImageNotFoundException" => Code::ManifestUnknown,
            "ImageTagAlreadyExistsException" => Code::TagInvalid,
            "ReferencedImagesNotFoundException" | "LayersNotFoundException" => Code::ManifestBlobUnknown,
            "AccessDeniedException" => Code::Denied,
            // ECR calls a wrong digest a wrong manifest too.
            "ImageDigestDoesNotMatchException"
            | "InvalidParameterException"
            | "UnsupportedImageTypeException" => Code::ManifestInvalid,
            _ => Code::Unknown,
        };
        Self::new(code, error.message)
    }
}

impl From<UploadError> for Refusal {
    fn from(error: UploadError) -> Self {
        let code = match &error {
            UploadError::TooLarge { .. } | UploadError::Full { .. } => Code::SizeInvalid,
            UploadError::DigestMismatch { .. } => Code::DigestInvalid,
            UploadError::Io(source) => return Self::broken(source),
        };
        Self::new(code, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        let (status, code) = self.code.on_the_wire();
        let body = Json(json!({ "errors": [{ "code": code, "message": self.message }] }));
        let mut response = (status, body).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
