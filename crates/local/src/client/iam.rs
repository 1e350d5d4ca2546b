//! IAM: roles are looked up by name, and lose a right for a while in tests of what happens then.

use serde_json::json;

use super::{Client, ClientError, text_of, unexpected};

impl Client {
    /// ARN of a role; an error when there is none of this name.
    pub async fn role_arn(&self, name: &str) -> Result<String, ClientError> {
        let form = [("RoleName".to_owned(), name.to_owned())];
        let xml = self.query("iam", "2010-05-08", "GetRole", &form).await?;
        let document =
            roxmltree::Document::parse(&xml).map_err(|error| unexpected("GetRole", error.to_string()))?;
        text_of(document.root(), "Arn").ok_or_else(|| unexpected("GetRole", "no Arn"))
    }

    /// Denies a role these actions until [`Client::allow_again`], whatever its policies allow.
    pub async fn deny(&self, role: &str, actions: &[&str]) -> Result<(), ClientError> {
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Deny", "Action": actions, "Resource": "*" }],
        });
        let form = [
            ("RoleName".to_owned(), role.to_owned()),
            ("PolicyName".to_owned(), DENIED.to_owned()),
            ("PolicyDocument".to_owned(), policy.to_string()),
        ];
        self.query("iam", "2010-05-08", "PutRolePolicy", &form).await.map(drop)
    }

    /// Takes back what [`Client::deny`] did.
    pub async fn allow_again(&self, role: &str) -> Result<(), ClientError> {
        let form = [("RoleName".to_owned(), role.to_owned()), ("PolicyName".to_owned(), DENIED.to_owned())];
        self.query("iam", "2010-05-08", "DeleteRolePolicy", &form).await.map(drop)
    }
}

/// Name of the policy that takes a right away.
const DENIED: &str = "denied-for-a-while";
