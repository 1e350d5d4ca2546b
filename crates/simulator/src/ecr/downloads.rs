//! Links to blobs: what `GetDownloadUrlForLayer` answers, and where the registry sends whoever pulls a layer.
//!
//! A link needs no signature and no password, as on AWS; it is as good as it is unknown.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;

use super::blobs::Blob;
use super::{Ecr, World};
use crate::aws::AwsError;

/// Older links end when there are more.
const KEPT: usize = 1000;

/// The links that were handed out, newest last.
#[derive(Debug, Default)]
pub(super) struct Downloads(VecDeque<(String, Blob)>);

impl World {
    /// A new link to a blob.
    pub(super) fn download_url(&mut self, blob: Blob) -> Result<String, AwsError> {
        let mut ticket = [0_u8; 16];
        getrandom::fill(&mut ticket).map_err(|error| AwsError {
            status: 500,
            code: "ServerException".to_owned(),
            message: error.to_string(),
        })?;
        let ticket = hex::encode(ticket);
        let url = format!("{}/ecr-blobs/{ticket}", self.public_url);
        self.downloads.0.push_back((ticket, blob));
        if self.downloads.0.len() > KEPT {
            self.downloads.0.pop_front();
        }
        Ok(url)
    }
}

/// `GET /ecr-blobs/{ticket}`, unsigned.
pub(super) fn router(ecr: Arc<Ecr>) -> Router {
    Router::new().route("/ecr-blobs/{ticket}", get(download)).with_state(ecr)
}

async fn download(
    State(ecr): State<Arc<Ecr>>,
    Path(ticket): Path<String>,
) -> Result<Body, (StatusCode, &'static str)> {
    let blob = {
        let world = ecr.lock();
        world.downloads.0.iter().find(|(known, _)| *known == ticket).map(|(_, blob)| blob.clone())
    };
    let blob = blob.ok_or((StatusCode::FORBIDDEN, "the link is not valid"))?;
    blob.body().await.map_err(|error| {
        tracing::error!(%error, "a blob could not be read");
        (StatusCode::INTERNAL_SERVER_ERROR, "the blob could not be read")
    })
}
