//! The simulated registry: ECR's read operations, `PutImage` and `BatchDeleteImage` over the wire, pushes from CI without it.
//!
//! Images are real: OCI manifests and indexes whose SHA-256 is their digest, configurations with labels and platform,
//! attestations beside them. Scans, signatures, lifecycle rules and layer uploads are not played.

mod events;
mod operations;
mod push;
mod refusal;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;

pub use events::Delivery;
pub use push::PushedImage;
pub use store::TagMutability;

use crate::aws::{AuthCheck, AwsError, BusEvent, JsonService};
use crate::clock::WorldClock;
use crate::images::{ImageCatalog, ImageFacts};
use events::ImageAction;
use operations::{Input, Operation, Registry, pushed};
use store::{NewImage, Repository, Store};

const PLAYED: [&str; 7] = [
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
    events: UnboundedSender<BusEvent>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct World {
    store: Store,
    delivery: Delivery,
    public_url: String,
    /// Download tickets: repository and blob digest.
    downloads: BTreeMap<String, (String, String)>,
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
            events,
            changes: watch::Sender::new(0),
        }
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

    /// Where `router` is reachable, for the URLs that `GetDownloadUrlForLayer` answers.
    pub fn set_public_url(&self, url: impl Into<String>) {
        self.lock().public_url = url.into();
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
        let actions = target.put_if_absent(repository, &manifest, Some(tag), now)?;
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
        Router::new().route("/ecr-blobs/{ticket}", get(download)).with_state(self)
    }

    fn download_url(&self, world: &mut World, repository: String, digest: String) -> Result<Value, AwsError> {
        let mut ticket = [0_u8; 16];
        getrandom::fill(&mut ticket).map_err(|error| AwsError {
            status: 500,
            code: "ServerException".to_owned(),
            message: error.to_string(),
        })?;
        let ticket = hex::encode(ticket);
        let answer = json!({
            "downloadUrl": format!("{}/ecr-blobs/{ticket}", world.public_url.trim_end_matches('/')),
            "layerDigest": digest,
        });
        world.downloads.insert(ticket, (repository, digest));
        Ok(answer)
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

impl Repository {
    /// Puts children, then what carries the tags; notes what happened as it goes.
    fn put_all(
        &mut self,
        image: &PushedImage,
        manifests: &[String],
        now: Timestamp,
        actions: &mut Vec<ImageAction>,
    ) -> Result<String, AwsError> {
        let name = image.repository.as_str();
        let (top, children) = manifests
            .split_last()
            .ok_or_else(|| refusal::invalid_parameter("platforms", "must not be empty"))?;
        for child in children {
            actions.extend(self.put_if_absent(name, child, None, now)?);
        }
        let before = actions.len();
        if image.tags.is_empty() {
            actions.extend(self.put_if_absent(name, top, None, now)?);
        }
        for tag in &image.tags {
            actions.extend(self.put_if_absent(name, top, Some(tag), now)?);
        }
        let tagged = actions.get(before..).and_then(<[_]>::last).filter(|last| !last.tag.is_empty()).cloned();
        if let Some(last) = tagged.filter(|_| !children.is_empty()) {
            actions.push(ImageAction { tag: String::new(), ..last });
        }
        Ok(store::digest_of(top.as_bytes()))
    }

    /// Puts a manifest unless it is there already, as a registry client does; returns what happened.
    fn put_if_absent(
        &mut self,
        name: &str,
        manifest: &str,
        tag: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<ImageAction>, AwsError> {
        let new = NewImage { manifest, media_type: None, tag, digest: None };
        match self.put(name, &new, now) {
            Ok(digest) => {
                Ok(self.images.get(&digest).map(|image| pushed(&digest, tag.unwrap_or_default(), image)))
            }
            Err(error) if error.code == "ImageAlreadyExistsException" => Ok(None),
            Err(error) => Err(error),
        }
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
                let (repository, digest) = work.layer()?;
                return self.download_url(world, repository, digest);
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

async fn download(
    State(ecr): State<Arc<Ecr>>,
    Path(ticket): Path<String>,
) -> Result<Vec<u8>, (StatusCode, &'static str)> {
    let world = ecr.lock();
    let blob = world.downloads.get(&ticket).and_then(|(repository, digest)| {
        world.store.repositories.get(repository)?.blobs.get(digest).cloned()
    });
    blob.ok_or((StatusCode::FORBIDDEN, "the link is not valid"))
}
