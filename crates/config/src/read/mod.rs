//! A lenient reader: it goes on after a mistake, so that all of a file's mistakes are found in one pass.
//!
//! `toml` parses into a tree with spans; types read themselves from its nodes and note what is wrong. What could not be
//! read is `None`, and whoever checks the whole afterwards passes over it.

mod leaf;
mod table;

use toml::Spanned;
use toml::de::DeValue;

pub(crate) use leaf::{
    Base, Command, Entries, Families, Glob, Host, Label, LogGroups, Pointer, Scalar, Span, UrlText, Workflow,
    host,
};
pub(crate) use table::{TableReader, TableSchema, table};

use crate::mistake::{At, Gathered, Place};

/// A value in the file.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    pub(crate) value: &'a DeValue<'a>,
    pub(crate) place: Place,
}

impl<'a> Node<'a> {
    pub(crate) fn new(value: &'a Spanned<DeValue<'a>>, path: String) -> Self {
        Self { value: value.get_ref(), place: Place { offset: Some(value.span().start), path } }
    }

    /// What the value is, as a sentence's object: `the text "x"`.
    pub(crate) fn found(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("the text {:?}", text.chars().take(60).collect::<String>()),
            DeValue::Integer(number) => format!("the number {}", number.as_str()),
            DeValue::Float(number) => format!("the number {}", number.as_str()),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Datetime(_) => "a date".to_owned(),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }

    /// Notes that something else stands here than what was expected.
    pub(crate) fn expected(&self, expected: &str, mistakes: &mut Gathered) {
        mistakes.add(&self.place, format!("expected {expected}, found {}", self.found()));
    }
}

/// What can be read from a node. Notes every mistake; `None` when nothing usable is left.
pub(crate) trait Read: Sized {
    fn read(node: &Node<'_>, mistakes: &mut Gathered) -> Option<Self>;
}

/// Reads a value and remembers its place.
pub(crate) fn read_at<T: Read>(node: &Node<'_>, mistakes: &mut Gathered) -> Option<At<T>> {
    Some(At { value: T::read(node, mistakes)?, place: node.place.clone() })
}

/// A list, with the place of each of its values.
#[derive(Debug)]
pub(crate) struct List<T> {
    /// Those that could be read.
    values: Vec<At<T>>,
    /// Is there nothing in it, readable or not?
    pub(crate) is_empty: bool,
}

impl<T> std::ops::Deref for List<T> {
    type Target = [At<T>];

    fn deref(&self) -> &[At<T>] {
        &self.values
    }
}

impl<T: Read> Read for List<T> {
    fn read(node: &Node<'_>, mistakes: &mut Gathered) -> Option<Self> {
        let Some(values) = node.value.as_array() else {
            node.expected("a list", mistakes);
            return None;
        };
        let each = values.iter().enumerate().filter_map(|(index, value)| {
            read_at(&Node::new(value, format!("{}[{index}]", node.place.path)), mistakes)
        });
        Some(Self { is_empty: values.is_empty(), values: each.collect() })
    }
}
