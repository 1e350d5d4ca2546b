//! How a command can fail, and which exit code that is.
//!
//! 0: done. 1: the configuration is wrong, or what was asked is refused. 2: the command could not do its work (clap uses 2
//! for a wrong command line).

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gantry_config::{LoadError, Mistakes, RenderError};
use gantry_steps::ports::PortError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The configuration is wrong.
    #[error("{mistakes}\n{}", count(mistakes))]
    Wrong {
        /// All its mistakes.
        mistakes: Mistakes,
    },
    /// The file could not be read.
    #[error(transparent)]
    Unreadable(LoadError),
    /// There is no template.
    #[error("the template could not be rendered")]
    Render(#[from] RenderError),
    /// A file could not be written.
    #[error("{} could not be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What was asked is not done, for a reason that is told.
    #[error("{0}")]
    Refused(String),
    /// A call to AWS failed.
    #[error(transparent)]
    Call(#[from] PortError),
    /// The command could not begin.
    #[error("the command could not begin")]
    Runtime(#[source] std::io::Error),
    /// What was made could not be written as JSON: a defect.
    #[error("the outcome could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Failure {
    pub(crate) fn unwritable(path: &Path, source: std::io::Error) -> Self {
        Self::Unwritable { path: path.to_owned(), source }
    }

    /// Tells the whole chain on standard error.
    pub(crate) fn exit(self) -> ExitCode {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        eprintln!("{text}");
        match self {
            Self::Wrong { .. } | Self::Refused(_) => ExitCode::from(1),
            Self::Unreadable(_)
            | Self::Render(_)
            | Self::Unwritable { .. }
            | Self::Call(_)
            | Self::Runtime(_)
            | Self::Json(_) => ExitCode::from(2),
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Wrong(mistakes) => Self::Wrong { mistakes },
            LoadError::Unreadable { .. } => Self::Unreadable(error),
        }
    }
}

fn count(mistakes: &Mistakes) -> String {
    match mistakes.mistakes.len() {
        1 => "1 mistake".to_owned(),
        many => format!("{many} mistakes"),
    }
}
