//! IAM: roles are looked up by name.

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
}
