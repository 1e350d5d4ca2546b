//! `gantry.toml`: reading it with all its mistakes, its JSON Schema, and the template it renders to.
//!
//! Reads files and nothing else: no network, no AWS. What functions get is `gantry_domain::pipeline::Pipeline`.

mod compile;
mod file;
mod mistake;
mod read;
mod render;
mod schema;

use std::path::Path;

use mistake::{Gathered, Place};
use read::{Node, Read};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use compile::{Configuration, Overrides, StageGrants};
pub use mistake::{LoadError, Mistake, Mistakes, Position};
pub use render::{RenderError, RenderOptions, Rendered, render};
pub use schema::schema;

/// Reads and checks a file.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Configuration, LoadError> {
    let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Ok(parse(&path.display().to_string(), &text, overrides)?)
}

/// Reads and checks a text; `file` names it in mistakes.
pub fn parse(file: &str, text: &str, overrides: &Overrides) -> Result<Configuration, Mistakes> {
    let mut mistakes = Gathered::default();
    let (tree, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        mistakes.add_syntax(error.span().map(|span| span.start), error.message());
    }
    let root = Spanned::new(tree.span(), DeValue::Table(tree.into_inner()));
    let document = file::Document::read(&Node::new(&root, String::new()), &mut mistakes);
    let configuration = document.and_then(|document| compile::compile(&document, overrides, &mut mistakes));
    match configuration {
        Some(configuration) if mistakes.is_empty() => Ok(configuration),
        _ => {
            if mistakes.is_empty() {
                mistakes.add(
                    &Place { offset: None, path: String::new() },
                    "could not be compiled: a defect of Gantry",
                );
            }
            Err(mistakes.located(file, text))
        }
    }
}
