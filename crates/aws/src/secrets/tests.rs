use gantry_steps::ports::{PortError, Secrets as _};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::SecretsManager;
use crate::testing::{Answer, StubAws};

const ARN: &str = "arn:aws:secretsmanager:us-west-2:111122223333:secret:gantry/slack-841f3a";

async fn read(answer: Answer) -> Result<secrecy::SecretString, PortError> {
    let aws = StubAws::new(move |_| answer.clone());
    SecretsManager::new(&aws.config()).read(ARN).await
}

#[tokio::test]
async fn t37_a_secret_is_read_and_not_printed() {
    let secret = read(Answer::json(&json!({ "ARN": ARN, "SecretString": "hush" }))).await.unwrap();
    assert_eq!(secret.expose_secret(), "hush");
    assert!(!format!("{secret:?}").contains("hush"));
}

#[tokio::test]
async fn a_secret_that_says_nothing_is_refused_by_name() {
    for answer in
        [json!({ "ARN": ARN }), json!({ "SecretString": " \n" }), json!({ "SecretBinary": "aHVzaA==" })]
    {
        let error = read(Answer::json(&answer)).await.unwrap_err();
        assert!(matches!(error, PortError::Malformed { .. }), "{error:?}");
        assert!(error.to_string().contains(ARN), "{error}");
    }
    let error = read(Answer::error(400, "ResourceNotFoundException", "none")).await.unwrap_err();
    assert!(matches!(error, PortError::Rejected { .. }), "{error:?}");
}
