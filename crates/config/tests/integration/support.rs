//! Where files are, and the Exchange rendered.

use std::path::{Path, PathBuf};

use gantry_config::{Configuration, Overrides, RenderOptions, Rendered};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The files of a folder beside this one that end so, by name.
pub(crate) fn files(folder: &str, end: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == end))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The example's configuration.
pub(crate) fn exchange() -> Configuration {
    gantry_config::load(&root().join("examples/exchange/gantry.toml"), &Overrides::default()).unwrap()
}

/// The example's template.
pub(crate) fn rendered() -> Rendered {
    gantry_config::render(&exchange(), &RenderOptions::default()).unwrap()
}

/// The smallest file, with one text in it replaced.
pub(crate) fn minimal(from: &str, to: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/allowed/minimal.toml");
    let text = read(&path);
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}
