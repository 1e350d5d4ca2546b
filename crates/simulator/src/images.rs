//! What the simulated ECS asks the simulated registry about an image.

use std::collections::BTreeMap;

/// An image as a task needs it: what it is and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    /// Digest of the manifest or index the reference resolved to.
    pub digest: String,
    /// Labels of the image configuration; `org.opencontainers.image.version` and
    /// `org.opencontainers.image.revision` say what answers, `gantry.simulator.*` how the task behaves.
    pub labels: BTreeMap<String, String>,
}

/// Resolves image references (`<registry>/<repository>:<tag>` or `@sha256:…`).
pub trait ImageCatalog: Send + Sync {
    /// `None` when the registry has no such image: the task cannot be pulled.
    fn resolve(&self, reference: &str) -> Option<ImageFacts>;
}
