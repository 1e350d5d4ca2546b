//! S3: the bucket of the stack's artifacts.

use reqwest::Method;

use super::{Client, ClientError, REGION};

impl Client {
    /// Creates a bucket; one that is there already is fine.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), ClientError> {
        let body = format!(
            "<CreateBucketConfiguration><LocationConstraint>{REGION}</LocationConstraint></CreateBucketConfiguration>"
        );
        match self.rest("s3", Method::PUT, &format!("/{bucket}"), body.into_bytes()).await {
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// Stores an object.
    pub async fn put_object(&self, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), ClientError> {
        self.rest("s3", Method::PUT, &format!("/{bucket}/{key}"), body).await.map(drop)
    }
}
