//! Signature Version 4: is this request signed by the key it names?
//!
//! The request is signed again with the secret we know, by the crate AWS's own SDK signs with, over exactly the headers
//! the caller signed; the signatures must agree. Presigned URLs and the asymmetric variant are not played.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as SigningCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::http::{HeaderMap, Method};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::identity::{Credentials, Identities};

/// How far a request's date may be from now, either way, as on AWS.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Why a request was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No `Authorization` header.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// The header lacks a part, or a header that must be signed is not.
    #[error("{0}")]
    Incomplete(String),
    /// Nobody has this access key, or the session token is not its own.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The session is over.
    #[error("The security token included in the request is expired")]
    SessionExpired,
    /// The request's date is too far from now.
    #[error("Signature expired: {signed} is too far from {now}")]
    Stale {
        /// The request's `X-Amz-Date`.
        signed: String,
        /// The server's idea of now.
        now: String,
    },
    /// The key is known, the signature is not its own.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

/// What a request shows of itself to be verified.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// HTTP method.
    pub method: &'a Method,
    /// Path and query as sent.
    pub path_and_query: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: &'a [u8],
}

/// A believed request.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The credentials that signed.
    pub credentials: Credentials,
    /// The service in the credential scope, for example `ecs`.
    pub service: String,
    /// The region in the credential scope.
    pub region: String,
}

/// The parts of an `Authorization` header.
struct Authorization<'a> {
    access_key_id: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// Verifies `request` at the moment `now`.
pub fn verify(
    request: Signed<'_>,
    identities: &Identities,
    now: Timestamp,
) -> Result<Verified, SignatureError> {
    let header = text(request.headers, "authorization").ok_or(SignatureError::Missing)?;
    let authorization = parse_authorization(header)?;
    let amz_date = text(request.headers, "x-amz-date").ok_or_else(|| {
        incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    })?;
    let signed_at = parse_date(amz_date)?;
    require_signed(request.headers, &authorization.signed_headers)?;

    let credentials = identities.find(authorization.access_key_id).ok_or(SignatureError::UnknownKey)?;
    if text(request.headers, "x-amz-security-token") != credentials.session_token.as_deref() {
        return Err(SignatureError::UnknownKey);
    }
    if now.duration_since(signed_at).abs() > CLOCK_TOLERANCE || !amz_date.starts_with(authorization.date) {
        return Err(SignatureError::Stale { signed: amz_date.to_owned(), now: now.to_string() });
    }
    let body_hash = hex::encode(Sha256::digest(request.body));
    if text(request.headers, "x-amz-content-sha256").is_some_and(|sent| sent != body_hash) {
        return Err(SignatureError::Mismatch);
    }
    let expected = signature(request, &authorization, &credentials, signed_at, body_hash)?;
    if expected != authorization.signature {
        return Err(SignatureError::Mismatch);
    }
    // After the signature, so that only the key's holder learns that it ended.
    if credentials.expires_at.is_some_and(|end| end <= now) {
        return Err(SignatureError::SessionExpired);
    }
    Ok(Verified {
        credentials,
        service: authorization.service.to_owned(),
        region: authorization.region.to_owned(),
    })
}

/// Signs the request again with the secret we know.
fn signature(
    request: Signed<'_>,
    authorization: &Authorization<'_>,
    credentials: &Credentials,
    signed_at: Timestamp,
    body_hash: String,
) -> Result<String, SignatureError> {
    let mut headers = Vec::new();
    for name in &authorization.signed_headers {
        for value in request.headers.get_all(*name) {
            let value = value.to_str().map_err(|_| SignatureError::Mismatch)?;
            headers.push((*name, value));
        }
    }
    let host = text(request.headers, "host").unwrap_or_default();
    let mut settings = SigningSettings::default();
    // The caller's list of signed headers decides, not the signer's taste.
    settings.excluded_headers = None;
    // The token, if signed, is among the headers already.
    let signer = SigningCredentials::new(
        authorization.access_key_id,
        credentials.secret_access_key.as_str(),
        None,
        None,
        "simulator",
    );
    let identity = signer.into();
    let since_epoch = u64::try_from(signed_at.as_second()).map_err(|_| SignatureError::Mismatch)?;
    let params: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(authorization.region)
        .name(authorization.service)
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(since_epoch))
        .settings(settings)
        .build()
        .map_err(|_| SignatureError::Mismatch)?
        .into();
    let signable = SignableRequest::new(
        request.method.as_str(),
        format!("http://{host}{}", request.path_and_query),
        headers.into_iter(),
        SignableBody::Precomputed(body_hash),
    )
    .map_err(|_| SignatureError::Mismatch)?;
    let (_, signature) = sign(signable, &params).map_err(|_| SignatureError::Mismatch)?.into_parts();
    Ok(signature)
}

fn parse_authorization(header: &str) -> Result<Authorization<'_>, SignatureError> {
    let fields = header
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or_else(|| incomplete("Authorization header requires the algorithm 'AWS4-HMAC-SHA256'."))?;
    let field = |name: &str| {
        fields
            .split(',')
            .filter_map(|field| field.trim().split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
            .ok_or_else(|| incomplete(&format!("Authorization header requires '{name}' parameter.")))
    };
    let scope: Vec<&str> = field("Credential")?.split('/').collect();
    let [access_key_id, date, region, service, "aws4_request"] = scope[..] else {
        return Err(incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
        ));
    };
    let signed_headers = field("SignedHeaders")?.split(';').collect();
    Ok(Authorization { access_key_id, date, region, service, signed_headers, signature: field("Signature")? })
}

/// Headers that change what a request means must be signed.
fn require_signed(headers: &HeaderMap, signed: &[&str]) -> Result<(), SignatureError> {
    for name in ["host", "x-amz-date", "x-amz-target", "x-amz-security-token", "x-amz-content-sha256"] {
        let needed = name == "host" || headers.contains_key(name);
        if needed && !signed.contains(&name) {
            return Err(incomplete(&format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")));
        }
    }
    Ok(())
}

/// Reads `20261121T201755Z`.
fn parse_date(text: &str) -> Result<Timestamp, SignatureError> {
    DateTime::strptime("%Y%m%dT%H%M%SZ", text)
        .and_then(|date| date.to_zoned(TimeZone::UTC))
        .map(|zoned| zoned.timestamp())
        .map_err(|_| incomplete("Date must be in ISO-8601 'basic format'."))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn incomplete(message: &str) -> SignatureError {
    SignatureError::Incomplete(message.to_owned())
}
