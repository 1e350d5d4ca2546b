//! The simulated registry: ECR's own API, the OCI distribution protocol for `docker push`, and pushes from CI without either.
//!
//! All three lead to the same store. Images are real: manifests and indexes whose SHA-256 is their digest, configurations
//! with labels and platform, attestations beside them. Scans, signatures, lifecycle rules, ECR's own operations to upload
//! layers and the referrers of OCI 1.1 are not played.

mod blobs;
mod distribution;
mod downloads;
mod events;
mod operations;
mod push;
mod refusal;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod uploads;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

pub use distribution::Distribution;
pub use events::Delivery;
pub use push::PushedImage;
pub use store::TagMutability;

use crate::aws::{AuthCheck, AwsError, BusEvent, JsonService};
use crate::clock::WorldClock;
use crate::front::Caller;
use crate::images::{ImageCatalog, ImageFacts};
use blobs::Disk;
use downloads::Downloads;
use events::ImageAction;
use operations::{Input, Operation, Registry};
use store::{NewImage, Repository, Store};
use tokens::Tokens;
use uploads::Uploads;

const GET_AUTHORIZATION_TOKEN: &str = "GetAuthorizationToken";

const PLAYED: [&str; 8] = [
    GET_AUTHORIZATION_TOKEN,
    "DescribeRepositories",
    "DescribeImages",
    "ListImages",
    "BatchGetImage",
    "PutImage",
    "BatchDeleteImage",
    "GetDownloadUrlForLayer",
];

/// A repository as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepositoryView {
    /// Its name.
    pub name: String,
    /// Tagged images, newest first.
    pub images: Vec<ImageView>,
}

/// A tagged image as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageView {
    /// Its digest.
    pub digest: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// World time of the push.
    pub pushed_at: Timestamp,
    /// Labels of its configuration.
    pub labels: BTreeMap<String, String>,
}

/// The registry of one account in one region.
pub struct Ecr {
    registry: Registry,
    clock: WorldClock,
    state: Mutex<World>,
    tokens: Tokens,
    disk: Disk,
    uploads: Uploads,
    events: UnboundedSender<BusEvent>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct World {
    store: Store,
    delivery: Delivery,
    public_url: String,
    downloads: Downloads,
}

impl Ecr {
    /// An empty registry that sends its events into `events`.
    pub fn new(
        account: impl Into<String>,
        region: impl Into<String>,
        clock: WorldClock,
        events: UnboundedSender<BusEvent>,
    ) -> Self {
        Self {
            registry: Registry { account: account.into(), region: region.into() },
            clock,
            state: Mutex::default(),
            tokens: Tokens::default(),
            disk: Disk::default(),
            uploads: Uploads::default(),
            events,
            changes: watch::Sender::new(0),
        }
    }

    /// Writes what is uploaded into this folder, instead of the system's for temporary files.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.disk.folder = Some(folder.into());
        self
    }

    /// The host in image references: `<account>.dkr.ecr.<region>.amazonaws.com`.
    pub fn host(&self) -> String {
        self.registry.host()
    }

    /// Makes a repository, or changes the mutability of one that exists.
    pub fn create_repository(&self, name: impl Into<String>, mutability: TagMutability) {
        let now = self.clock.now();
        let name = name.into();
        let mut world = self.lock();
        let repository =
            world.store.repositories.entry(name).or_insert_with(|| Repository::new(mutability.clone(), now));
        repository.mutability = mutability;
        drop(world);
        self.changed();
    }

    /// How events are delivered from now on.
    pub fn set_delivery(&self, delivery: Delivery) {
        self.lock().delivery = delivery;
    }

    /// Where `router` and [`Distribution::router`] are reachable, for the URLs that are answered.
    pub fn set_public_url(&self, url: impl Into<String>) {
        self.lock().public_url = url.into().trim_end_matches('/').to_owned();
    }

    /// Pushes an image as CI does, children first, and returns the digest its tags name.
    ///
    /// What is there already is not pushed again and causes no event.
    pub fn push(&self, image: &PushedImage) -> Result<String, AwsError> {
        let now = self.clock.now();
        let mut world = self.lock();
        let repository = world.repository(&image.repository, &self.registry)?;
        let manifests = image.manifests(repository);
        let mut actions = Vec::new();
        let outcome = repository.put_all(image, &manifests, now, &mut actions);
        // A push that is refused half-way has still pushed the first half.
        self.emit(world, &image.repository, &actions);
        outcome
    }

    /// Moves a tag to another digest, as far as the repository's mutability lets it.
    pub fn retag(&self, repository: &str, tag: &str, digest: &str) -> Result<(), AwsError> {
        let now = self.clock.now();
        let mut world = self.lock();
        let target = world.repository(repository, &self.registry)?;
        let image = target.images.get(digest);
        let manifest = image.map(|image| image.manifest.clone()).ok_or_else(|| {
            refusal::image_not_found(repository, &self.registry.account, Some(digest), None)
        })?;
        let actions = target.put_if_absent(repository, &NewImage::tagged(&manifest, Some(tag)), now)?;
        self.emit(world, repository, &actions.into_iter().collect::<Vec<_>>());
        Ok(())
    }

    /// A number that changes with every change of the registry.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// All repositories with their tagged images.
    pub fn snapshot(&self) -> Vec<RepositoryView> {
        let world = self.lock();
        let view = |(name, repository): (&String, &Repository)| {
            let mut images: Vec<ImageView> = repository
                .images
                .iter()
                .map(|(digest, image)| ImageView {
                    digest: digest.clone(),
                    tags: repository.tags_of(digest).into_iter().map(str::to_owned).collect(),
                    pushed_at: image.pushed_at,
                    labels: repository.labels(digest).unwrap_or_default(),
                })
                .filter(|image| !image.tags.is_empty())
                .collect();
            images.sort_by_key(|image| std::cmp::Reverse(image.pushed_at));
            RepositoryView { name: name.clone(), images }
        };
        world.store.repositories.iter().map(view).collect()
    }

    /// Serves blobs under the URLs that `GetDownloadUrlForLayer` hands out: `GET /ecr-blobs/{ticket}`, unsigned.
    pub fn router(self: Arc<Self>) -> Router {
        downloads::router(self)
    }

    /// A password for whoever calls, as `docker login` takes it.
    fn authorize(&self, caller: &Caller) -> Result<Value, AwsError> {
        let issued = self.tokens.issue(caller, tokens::LIFETIME, Timestamp::now()).map_err(|error| {
            AwsError { status: 500, code: "ServerException".to_owned(), message: error.to_string() }
        })?;
        let token = STANDARD.encode(format!("{}:{}", tokens::USER, issued.password));
        let endpoint = self.lock().public_url.clone();
        Ok(json!({ "authorizationData": [{
            "authorizationToken": token,
            "expiresAt": issued.expires_at.as_duration().as_secs_f64(),
            "proxyEndpoint": endpoint,
        }] }))
    }

    /// Puts a manifest that a registry client sent, and returns its digest. What is there already stays as it is.
    fn put_manifest(&self, repository: &str, new: &NewImage<'_>) -> Result<String, AwsError> {
        let now = self.clock.now();
        let mut world = self.lock();
        let target = world.repository(repository, &self.registry)?;
        let action = target.put_if_absent(repository, new, now)?;
        self.emit(world, repository, &action.into_iter().collect::<Vec<_>>());
        Ok(store::digest_of(new.manifest.as_bytes()))
    }

    /// Sends events while the world is still locked, so that two pushes cannot overtake each other.
    fn emit(&self, world: MutexGuard<'_, World>, repository: &str, actions: &[ImageAction]) {
        for event in world.delivery.events(repository, actions) {
            if self.events.send(event).is_err() {
                tracing::debug!("nobody listens to registry events");
            }
        }
        drop(world);
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|number| *number += 1);
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn repository(&mut self, name: &str, registry: &Registry) -> Result<&mut Repository, AwsError> {
        let repository = self.store.repositories.get_mut(name);
        repository.ok_or_else(|| refusal::repository_not_found(name, &registry.account))
    }
}

impl JsonService for Ecr {
    fn target_prefix(&self) -> &'static str {
        "AmazonEC2ContainerRegistry_V20150921"
    }

    fn authorization(&self, operation: &str, input: &Value) -> Vec<AuthCheck> {
        if !PLAYED.contains(&operation) {
            return Vec::new();
        }
        let named = |name: &Value| name.as_str().map(str::to_owned);
        if operation == GET_AUTHORIZATION_TOKEN {
            let action = format!("ecr:{operation}");
            return vec![AuthCheck { action, resource: "*".to_owned(), context: BTreeMap::new() }];
        }
        let names: Vec<String> = if operation == "DescribeRepositories" {
            match input.get("repositoryNames").and_then(Value::as_array) {
                Some(names) if !names.is_empty() => names.iter().filter_map(named).collect(),
                _ => vec!["*".to_owned()],
            }
        } else {
            vec![input.get("repositoryName").and_then(named).unwrap_or_else(|| "*".to_owned())]
        };
        let check = |name: String| AuthCheck {
            action: format!("ecr:{operation}"),
            resource: self.registry.arn(&name),
            context: BTreeMap::new(),
        };
        names.into_iter().map(check).collect()
    }

    fn call_as(&self, caller: &Caller, operation: &str, input: &Value) -> Result<Value, AwsError> {
        if operation == GET_AUTHORIZATION_TOKEN {
            self.authorize(caller)
        } else {
            self.call(operation, input)
        }
    }

    fn answers_secret(&self, operation: &str) -> bool {
        operation == GET_AUTHORIZATION_TOKEN
    }

    fn call(&self, operation: &str, input: &Value) -> Result<Value, AwsError> {
        let mut guard = self.lock();
        let world = &mut *guard;
        let mut work = Operation {
            registry: &self.registry,
            store: &mut world.store,
            input: Input(input),
            now: self.clock.now(),
            actions: Vec::new(),
        };
        let answer = match operation {
            "DescribeRepositories" => work.describe_repositories(),
            "DescribeImages" => work.describe_images(),
            "ListImages" => work.list_images(),
            "BatchGetImage" => work.batch_get_image(),
            "PutImage" => work.put_image(),
            "BatchDeleteImage" => work.batch_delete_image(),
            "GetDownloadUrlForLayer" => {
                let (digest, blob) = work.layer()?;
                let url = world.download_url(blob)?;
                return Ok(json!({ "downloadUrl": url, "layerDigest": digest }));
            }
            _ => Err(AwsError::client("UnknownOperationException", operation)),
        }?;
        let actions = work.actions;
        if !actions.is_empty() {
            let repository = input.get("repositoryName").and_then(Value::as_str).unwrap_or_default();
            self.emit(guard, repository, &actions);
        }
        Ok(answer)
    }
}

impl ImageCatalog for Ecr {
    fn resolve(&self, reference: &str) -> Option<ImageFacts> {
        let (host, rest) = reference.split_once('/')?;
        if host != self.registry.host() {
            return None;
        }
        let (named, digest) = match rest.split_once('@') {
            Some((named, digest)) => (named, Some(digest)),
            None => (rest, None),
        };
        let (name, tag) = match named.split_once(':') {
            Some((name, tag)) => (name, tag),
            None => (named, "latest"),
        };
        let world = self.lock();
        let repository = world.store.repositories.get(name)?;
        // With both, the digest decides, as for every container runtime.
        let digest = match digest {
            Some(digest) => digest.to_owned(),
            None => repository.tags.get(tag)?.clone(),
        };
        let labels = repository.labels(&digest)?;
        Some(ImageFacts { digest, labels })
    }
}
