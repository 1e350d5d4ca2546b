//! Calls signed as an SDK signs them, for what verifies signatures: the simulator's front door.
//!
//! The local world's own [`crate::client::Client`] talks to MiniStack, which does not.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign};
use aws_sigv4::sign::v4;

use crate::client::REGION;

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum SignedCallError {
    /// It could not be signed.
    #[error("the call to {service} could not be signed")]
    Sign {
        /// The service that was called.
        service: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It got no answer.
    #[error("the call to {service} got no answer")]
    Send {
        /// The service that was called.
        service: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// Sends one `POST /`, signed with these keys; status and body of whatever is answered.
pub async fn post(
    credentials: &Credentials,
    service: &str,
    endpoint: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Result<(u16, String), SignedCallError> {
    let url = format!("{}/", endpoint.trim_end_matches('/'));
    let signature = signature(credentials, service, &url, headers, &body)
        .map_err(|source| SignedCallError::Sign { service: service.to_owned(), source })?;
    let lost = |source| SignedCallError::Send { service: service.to_owned(), source };
    let mut request = reqwest::Client::builder().no_proxy().build().map_err(lost)?.post(&url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    for (name, value) in &signature {
        request = request.header(name, value);
    }
    let response = request.send().await.map_err(lost)?;
    let status = response.status().as_u16();
    Ok((status, response.text().await.map_err(lost)?))
}

/// The headers that a signature adds.
fn signature(
    credentials: &Credentials,
    service: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
    let identity = credentials.clone().into();
    let params: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let signable = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", url, headers.iter().copied(), signable)?;
    let (instructions, _) = sign(request, &params)?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
