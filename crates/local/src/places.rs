//! Where the local world finds what it needs in a checkout. It is a developer's tool and never runs outside one.

use std::path::{Path, PathBuf};

/// The workspace's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The Python that has MiniStack: `GANTRY_PYTHON`, or the one in the virtual environment that `make` creates.
pub fn python() -> PathBuf {
    std::env::var_os("GANTRY_PYTHON").map_or_else(|| root().join(".venv/bin/python"), PathBuf::from)
}

/// The script that starts MiniStack.
pub fn launcher() -> PathBuf {
    root().join("crates/local/launcher.py")
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// The functions' executables, one file for each.
pub fn binaries() -> PathBuf {
    target().join("debug")
}

/// Where packed executables of a folder are kept between worlds.
pub fn kept(binaries: &Path) -> PathBuf {
    if *binaries == self::binaries() { target().join("local") } else { binaries.join("packed") }
}
