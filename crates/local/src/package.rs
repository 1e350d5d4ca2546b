//! Turns a template with local paths into one that CloudFormation can deploy, as `sam package` does: code and
//! definitions are uploaded under the name of their content, and the paths become S3 addresses.
//!
//! MiniStack deploys a function without code and answers for it, so a missing artifact is refused here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::client::{Client, ClientError};
use crate::pack;

/// Why a template cannot be packaged.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// Functions whose binaries were not built, or definitions that are not there.
    #[error("these artifacts are missing, run `make build`:{}", listed(.0))]
    Missing(Vec<PathBuf>),
    /// A file could not be read.
    #[error("{} could not be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A definition is not JSON, which Step Functions would only notice when it starts.
    #[error("{} is not JSON", .path.display())]
    Definition {
        /// The file.
        path: PathBuf,
        /// Where it is not.
        #[source]
        source: serde_json::Error,
    },
    /// The archive of a function could not be written.
    #[error("the archive of function {function} could not be written")]
    Archive {
        /// The function.
        function: String,
        /// Why.
        #[source]
        source: zip::result::ZipError,
    },
    /// The work on an artifact was cut off.
    #[error("an artifact was not finished")]
    Task(#[source] tokio::task::JoinError),
    /// The artifacts could not be uploaded.
    #[error("an artifact could not be uploaded")]
    Upload(#[source] ClientError),
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("\n  {}", path.display())).collect()
}

/// What functions are made of.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// Where cargo put the executables; function `plan-stage` is the file `plan-stage`.
    pub directory: PathBuf,
    /// Where packed binaries are kept between worlds.
    pub kept: PathBuf,
    /// Files that stand beside every function's `bootstrap`.
    pub beside: BTreeMap<String, Vec<u8>>,
}

/// What a packaged template is made from.
#[derive(Debug, Clone)]
pub struct Artifacts {
    /// The directory that relative paths of the template start from.
    pub base: PathBuf,
    /// The functions' code.
    pub binaries: Binaries,
}

/// One path of the template and what has to stand in its place.
#[derive(Debug)]
struct Reference {
    resource: String,
    property: &'static str,
    /// The executable of a function, or the file of a definition.
    file: PathBuf,
    /// Name of the function, if it is one.
    function: Option<String>,
}

/// Uploads what `template` refers to into `bucket` and returns the template with the addresses of the uploads.
pub async fn package(
    template: &Value,
    artifacts: &Artifacts,
    bucket: &str,
    client: &Client,
) -> Result<Value, PackageError> {
    let references = references(template, artifacts);
    let missing: Vec<PathBuf> =
        references.iter().map(|reference| &reference.file).filter(|file| !file.is_file()).cloned().collect();
    if !missing.is_empty() {
        return Err(PackageError::Missing(missing));
    }
    client.create_bucket(bucket).await.map_err(PackageError::Upload)?;
    let mut packaged = template.clone();
    for (reference, content) in contents(references, &artifacts.binaries).await? {
        let key = format!("{}/{}", reference.resource, name_of(&reference, &content));
        client.put_object(bucket, &key, content).await.map_err(PackageError::Upload)?;
        let address = match reference.function {
            Some(_) => json!(format!("s3://{bucket}/{key}")),
            None => json!({ "Bucket": bucket, "Key": key }),
        };
        packaged["Resources"][&reference.resource]["Properties"][reference.property] = address;
    }
    Ok(packaged)
}

/// The contents of all references, made side by side.
async fn contents(
    references: Vec<Reference>,
    binaries: &Binaries,
) -> Result<Vec<(Reference, Vec<u8>)>, PackageError> {
    let work = references.into_iter().map(|reference| {
        let binaries = binaries.clone();
        tokio::task::spawn_blocking(move || {
            content(&reference, &binaries).map(|content| (reference, content))
        })
    });
    let mut contents = Vec::new();
    for done in work.collect::<Vec<_>>() {
        contents.push(done.await.map_err(PackageError::Task)??);
    }
    Ok(contents)
}

/// A name that follows the content. An archive ends in the checksums of all its files, so its end stands for all of it:
/// hashing tens of megabytes with unoptimised code takes seconds.
fn name_of(reference: &Reference, content: &[u8]) -> String {
    let end = if reference.function.is_some() { content.len().saturating_sub(4096) } else { 0 };
    hex::encode(Sha256::digest(content.get(end..).unwrap_or(content)))
}

fn references(template: &Value, artifacts: &Artifacts) -> Vec<Reference> {
    let mut found = Vec::new();
    for (name, resource) in template["Resources"].as_object().into_iter().flatten() {
        let property = match resource["Type"].as_str() {
            Some("AWS::Serverless::Function") => "CodeUri",
            Some("AWS::Serverless::StateMachine") => "DefinitionUri",
            _ => continue,
        };
        let Some(path) = resource["Properties"][property].as_str().filter(|path| !path.starts_with("s3://"))
        else {
            continue;
        };
        let function = (property == "CodeUri")
            .then(|| Path::new(path).file_stem().map(|name| name.to_string_lossy().into_owned()))
            .flatten();
        let file = match &function {
            Some(function) => artifacts.binaries.directory.join(function),
            None => artifacts.base.join(path),
        };
        found.push(Reference { resource: name.clone(), property, file, function });
    }
    found
}

/// What is uploaded for a reference.
fn content(reference: &Reference, binaries: &Binaries) -> Result<Vec<u8>, PackageError> {
    let path = &reference.file;
    if let Some(function) = &reference.function {
        return pack::archive(path, &binaries.beside, &binaries.kept)
            .map_err(|source| PackageError::Archive { function: function.clone(), source });
    }
    let definition =
        std::fs::read(path).map_err(|source| PackageError::Read { path: path.clone(), source })?;
    serde_json::from_slice::<serde::de::IgnoredAny>(&definition)
        .map_err(|source| PackageError::Definition { path: path.clone(), source })?;
    Ok(definition)
}
