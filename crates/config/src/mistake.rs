//! Mistakes in a configuration, each with its place, collected so that all are told at once.

use std::fmt;
use std::path::PathBuf;

/// Where in the file something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The byte it begins at; `None` for what did not come from the file.
    pub(crate) offset: Option<usize>,
    /// The field's path, for example `stages[1].approval.approvers`.
    pub(crate) path: String,
}

impl Place {
    /// A field of what stands here.
    pub(crate) fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { offset: self.offset, path }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// Gathers mistakes while a file is read and checked.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    found: Vec<(Place, String)>,
    /// Where the text is no TOML: what was made up in its place is not judged.
    broken: Vec<usize>,
}

impl Gathered {
    /// Notes that what stands at `place` is wrong. The message says what was expected.
    pub(crate) fn add(&mut self, place: &Place, message: impl Into<String>) {
        if place.offset.is_none_or(|offset| !self.broken.contains(&offset)) {
            self.found.push((place.clone(), message.into()));
        }
    }

    /// Notes that the text is no TOML there.
    pub(crate) fn add_syntax(&mut self, offset: Option<usize>, message: &str) {
        self.add(&Place { offset, path: String::new() }, message);
        self.broken.extend(offset);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Turns offsets into lines, in the order of the file.
    pub(crate) fn located(mut self, file: &str, text: &str) -> Mistakes {
        self.found.sort_by_key(|(place, _)| place.offset);
        let mistakes = self.found.into_iter().map(|(place, message)| Mistake {
            position: place.offset.map(|offset| Position::of(text, offset)),
            path: place.path,
            message,
        });
        Mistakes { file: file.to_owned(), mistakes: mistakes.collect() }
    }
}

/// A line and column, both counted from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands in the file; `None` when it stands on the command line.
    pub position: Option<Position>,
    /// The field's path.
    pub path: String,
    /// What is wrong and what was expected.
    pub message: String,
}

/// Every mistake of one file, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    /// The file's name as it was given.
    pub file: String,
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.file)?;
            if let Some(Position { line, column }) = mistake.position {
                write!(f, ":{line}:{column}")?;
            }
            if !mistake.path.is_empty() {
                write!(f, ": {}", mistake.path)?;
            }
            write!(f, ": {}", mistake.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("{} could not be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is wrong.
    #[error(transparent)]
    Wrong(#[from] Mistakes),
}
