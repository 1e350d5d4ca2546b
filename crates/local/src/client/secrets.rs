//! Secrets Manager: the secrets a person would type in after a first deployment.

use serde_json::json;

use super::{Client, ClientError, SECRETS};

impl Client {
    /// Gives a secret a new current value; creates the secret if there is none.
    pub async fn put_secret(&self, id: &str, value: &str) -> Result<(), ClientError> {
        let body = json!({ "SecretId": id, "SecretString": value });
        match self.json(SECRETS, "PutSecretValue", &body).await {
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                let body = json!({ "Name": id, "SecretString": value });
                self.json(SECRETS, "CreateSecret", &body).await.map(drop)
            }
            outcome => outcome.map(drop),
        }
    }

    /// Deletes a secret for good.
    pub async fn delete_secret(&self, id: &str) -> Result<(), ClientError> {
        let body = json!({ "SecretId": id, "ForceDeleteWithoutRecovery": true });
        self.json(SECRETS, "DeleteSecret", &body).await.map(drop)
    }
}
