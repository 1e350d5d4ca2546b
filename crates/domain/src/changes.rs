//! Which components a push touched, from the paths it changed.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::names::ComponentName;
use crate::pipeline::Pipeline;

/// What changed between two commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangedPaths {
    /// Exactly these paths. Untrusted text.
    Known(Vec<String>),
    /// The list was cut, the push was forced, or nobody could tell: everything may have changed.
    Unclear,
}

impl ChangedPaths {
    /// The components touched, in deployment order. Ignored paths touch none.
    ///
    /// A glob that does not compile matches everything: the configuration is validated before it is deployed, and
    /// expecting too much only makes a release wait.
    pub fn components(&self, pipeline: &Pipeline) -> Vec<ComponentName> {
        let all = || pipeline.components.iter();
        match self {
            Self::Unclear => all().map(|component| component.name.clone()).collect(),
            Self::Known(paths) => {
                let ignored = globs(&pipeline.source.ignored_paths);
                let paths: Vec<&String> = paths
                    .iter()
                    .filter(|path| !ignored.as_ref().is_some_and(|ignored| ignored.is_match(path.as_str())))
                    .collect();
                all()
                    .filter(|component| {
                        globs(&component.paths)
                            .is_none_or(|globs| paths.iter().any(|path| globs.is_match(path.as_str())))
                    })
                    .map(|component| component.name.clone())
                    .collect()
            }
        }
    }
}

/// A glob as the configuration writes them: `*` stays within a folder, `**` does not.
pub fn glob(pattern: &str) -> Result<Glob, globset::Error> {
    GlobBuilder::new(pattern).literal_separator(true).build()
}

fn globs(patterns: &[String]) -> Option<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(pattern).ok()?);
    }
    set.build().ok()
}
