//! Makes the archives that functions are deployed from, and keeps their large part between worlds.
//!
//! A binary with debug information is tens of megabytes, and there are many. It is stripped and compressed once after
//! each build; what stands beside it in the archive differs from world to world and is appended.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use crate::places;

/// Why a function could not be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The functions cannot be listed.
    #[error("{} could not be listed", .directory.display())]
    List {
        /// Where they should be.
        directory: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// One binary could not be packed.
    #[error("{} could not be packed", .binary.display())]
    Pack {
        /// The binary.
        binary: PathBuf,
        /// Why not.
        #[source]
        source: ZipError,
    },
    /// One archive could not be put where it was wanted.
    #[error("{} could not be written", .path.display())]
    Write {
        /// The archive.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The work was cut off.
    #[error("packing was not finished")]
    Task(#[source] tokio::task::JoinError),
}

/// What `provided.al2023` runs.
const BOOTSTRAP: &str = "bootstrap";

/// The archive of a function: its binary as `bootstrap`, and the files beside it.
pub(crate) fn archive(
    binary: &Path,
    beside: &BTreeMap<String, Vec<u8>>,
    kept: &Path,
) -> Result<Vec<u8>, ZipError> {
    let packed = packed_binary(binary, kept)?;
    // Appending leaves the large part where it is.
    let mut archive = ZipWriter::new_append(Cursor::new(packed))?;
    for (name, content) in beside {
        archive.start_file(name.as_str(), options(0o644))?;
        archive.write_all(content)?;
    }
    Ok(archive.finish()?.into_inner())
}

/// Packs the binaries of all functions of this checkout, so that no world has to. Returns how many there are.
///
/// With a folder given, the archives are put there as `make package` puts them, for whoever deploys without this crate.
pub async fn pack_functions(into: Option<&Path>) -> Result<usize, PackError> {
    let functions = places::root().join("functions");
    let listed =
        fs::read_dir(&functions).map_err(|source| PackError::List { directory: functions, source })?;
    let names: Vec<OsString> = listed.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
    let work: Vec<_> = names
        .iter()
        .map(|name| {
            let binary = places::binaries().join(name);
            let archive = into.map(|into| into.join(name).with_extension("zip"));
            tokio::task::spawn_blocking(move || {
                let packed = packed_binary(&binary, &places::kept(&places::binaries()))
                    .map_err(|source| PackError::Pack { binary, source })?;
                archive.map_or(Ok(()), |archive| write(&archive, &packed))
            })
        })
        .collect();
    for packed in work {
        packed.await.map_err(PackError::Task)??;
    }
    if let Some(into) = into {
        write(&into.join("package.json"), manifest(&names).to_string().as_bytes())?;
    }
    Ok(names.len())
}

/// What `make package` says of its archives, as far as who deploys them asks.
fn manifest(names: &[OsString]) -> Value {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let functions: BTreeMap<_, _> = names.iter().map(|name| (name.to_string_lossy(), json!({}))).collect();
    json!({ "architecture": architecture, "functions": functions })
}

fn write(path: &Path, content: &[u8]) -> Result<(), PackError> {
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(path, content))
        .map_err(|source| PackError::Write { path: path.to_path_buf(), source })
}

/// An archive with nothing but the binary, from the directory `kept` if it is there.
fn packed_binary(binary: &Path, kept: &Path) -> Result<Vec<u8>, ZipError> {
    let facts = fs::metadata(binary)?;
    let built_at = facts.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let name = binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = kept.join(&name).join(format!("{}-{built_at}.zip", facts.len()));
    if let Ok(packed) = fs::read(&path) {
        return Ok(packed);
    }
    let directory = kept.join(&name);
    fs::create_dir_all(&directory)?;
    let stripped = stripped(binary, &directory)?;
    // Written apart and moved into place: several worlds may start at the same moment.
    let unfinished = tempfile::NamedTempFile::new_in(&directory)?;
    pack(&stripped, unfinished.as_file())?;
    drop(stripped);
    let older = fs::read_dir(&directory)?.filter_map(Result::ok).map(|entry| entry.path());
    for older in older.filter(|older| older.extension().is_some_and(|extension| extension == "zip")) {
        // Another world may have been quicker.
        let _ = fs::remove_file(older);
    }
    let packed = fs::read(unfinished.path())?;
    unfinished.persist(&path).map_err(|error| error.error)?;
    Ok(packed)
}

/// The binary without its symbols, where this machine has a `strip`; the binary itself where it has none. Not on macOS:
/// it keeps debug information elsewhere, and runs no binary that was changed after it was signed.
fn stripped(binary: &Path, directory: &Path) -> io::Result<Stripped> {
    let target = tempfile::NamedTempFile::new_in(directory)?.into_temp_path();
    let done = cfg!(target_os = "linux") && strip(binary, &target);
    Ok(if done { Stripped::Copy(target) } else { Stripped::Original(binary.to_path_buf()) })
}

fn strip(binary: &Path, target: &Path) -> bool {
    Command::new("strip")
        .arg("-o")
        .arg(target)
        .arg(binary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

enum Stripped {
    Copy(tempfile::TempPath),
    Original(PathBuf),
}

fn pack(stripped: &Stripped, into: &File) -> Result<(), ZipError> {
    let path: &Path = match stripped {
        Stripped::Copy(path) => path,
        Stripped::Original(path) => path,
    };
    let mut archive = ZipWriter::new(BufWriter::new(into));
    archive.start_file(BOOTSTRAP, options(0o755))?;
    archive.write_all(&fs::read(path)?)?;
    archive.finish()?.flush()?;
    Ok(())
}

/// The same content makes the same archive: no times go into it.
fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(1))
        .last_modified_time(DateTime::default())
        .unix_permissions(mode)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use zip::read::ZipArchive;

    use super::*;

    fn read(archive: &[u8], name: &str) -> String {
        let mut archive = ZipArchive::new(Cursor::new(archive)).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn an_archive_holds_the_binary_as_bootstrap_and_follows_its_changes() {
        let directory = tempfile::tempdir().unwrap();
        let (binary, kept) = (directory.path().join("sweep"), directory.path().join("kept"));
        let beside = BTreeMap::from([("gantry.json".to_owned(), b"{}".to_vec())]);
        fs::write(&binary, "#!/bin/sh\n# one").unwrap();
        let one = archive(&binary, &beside, &kept).unwrap();
        assert_eq!(read(&one, BOOTSTRAP), "#!/bin/sh\n# one");
        assert_eq!(read(&one, "gantry.json"), "{}");
        assert_eq!(archive(&binary, &beside, &kept).unwrap(), one);
        let mode = ZipArchive::new(Cursor::new(&one)).unwrap().by_name(BOOTSTRAP).unwrap().unix_mode();
        assert_eq!(mode.map(|mode| mode & 0o777), Some(0o755));

        fs::write(&binary, "#!/bin/sh\n# another").unwrap();
        let two = archive(&binary, &beside, &kept).unwrap();
        assert_eq!(read(&two, BOOTSTRAP), "#!/bin/sh\n# another");
        assert_eq!(fs::read_dir(kept.join("sweep")).unwrap().count(), 1, "the older one is gone");
    }
}
