//! The password with which `docker login` and skopeo open a world's registry: `aws ecr get-login-password` without the AWS CLI.

use aws_credential_types::Credentials;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::signing::{self, SignedCallError};

const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Nobody answered.
    #[error("no local world answers at {address}; `make demo` starts one and prints its registry's address")]
    NoAnswer {
        /// Where it should be.
        address: String,
        /// Why not.
        #[source]
        source: SignedCallError,
    },
    /// Somebody else answered, or the world said no.
    #[error("{address} answered {status} instead of a password: {answer}")]
    NoPassword {
        /// Who answered.
        address: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the answer.
        answer: String,
    },
}

/// Asks the registry at this address, for example `127.0.0.1:41234`, with the root keys of the local world.
pub async fn password(address: &str) -> Result<String, LoginError> {
    let endpoint = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let keys = Credentials::new("test", "test", None, None, "local world");
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", TARGET)];
    let answered = signing::post(&keys, "ecr", &endpoint, &headers, "{}".to_owned()).await;
    let (status, body) =
        answered.map_err(|source| LoginError::NoAnswer { address: address.to_owned(), source })?;
    read(&body).ok_or_else(|| LoginError::NoPassword {
        address: address.to_owned(),
        status,
        answer: body.chars().take(200).collect(),
    })
}

/// The password in the answer of `GetAuthorizationToken`.
fn read(body: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(body).ok()?;
    let token = answer.pointer("/authorizationData/0/authorizationToken")?.as_str()?;
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_what_follows_the_user_in_the_token() {
        let token = STANDARD.encode("AWS:pass:word");
        let body = format!(r#"{{"authorizationData":[{{"authorizationToken":"{token}"}}]}}"#);
        assert_eq!(read(&body).as_deref(), Some("pass:word"));
        for nothing in ["", "{}", r#"{"authorizationData":[]}"#, r#"{"__type":"AccessDeniedException"}"#] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
