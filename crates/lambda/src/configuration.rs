//! The compiled configuration that lies beside the function.

use std::path::{Path, PathBuf};

use gantry_domain::pipeline::Pipeline;

/// Why there is no configuration. Everything that needs one is refused then.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// Not there.
    #[error("{path} cannot be read")]
    Read {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not what `gantry render` writes.
    #[error("{path} is not a compiled configuration")]
    Parse {
        /// Where it is.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Reads `gantry.json` in the function's folder.
pub(crate) fn load(task_root: &str) -> Result<Pipeline, ConfigurationError> {
    let path = Path::new(task_root).join("gantry.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(source) => return Err(ConfigurationError::Read { path, source }),
    };
    serde_json::from_slice(&text).map_err(|source| ConfigurationError::Parse { path, source })
}
