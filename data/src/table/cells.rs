//! Tables as columns of text.

use std::borrow::Cow;

use indexmap::IndexMap;

use crate::error::{DataError, Fault, Place};
use crate::source::TableSource;

/// A table, every column a column of text.
#[derive(Debug, Clone)]
pub struct Table<'s> {
    pub(super) source: String,
    /// The names of all columns, those that are not read as well.
    pub(super) names: Vec<String>,
    pub(super) columns: IndexMap<String, Vec<Cow<'s, str>>>,
    pub(super) rows: usize,
    /// Rows in which nothing stands.
    pub(super) blank: usize,
    /// The line of the header.
    pub(super) header: usize,
    /// The line on which each row begins, counted from 1. Parquet has none.
    pub(super) lines: Option<Vec<usize>>,
    pub(super) notes: Vec<String>,
}

impl Table<'_> {
    /// A table of nothing yet.
    pub(super) fn empty(source: &TableSource) -> Self {
        Self {
            source: source.name.clone(),
            names: Vec::new(),
            columns: IndexMap::new(),
            rows: 0,
            blank: 0,
            header: 1,
            lines: None,
            notes: source.notes.iter().map(ToString::to_string).collect(),
        }
    }

    /// Number of rows, without those in which nothing stands.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of blank rows.
    #[must_use]
    pub fn blank_rows(&self) -> usize {
        self.blank
    }

    /// Notes on how it was read, where its name does not say so; each begins with the table's name.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.notes.iter().map(|note| format!("{}: {note}", self.source))
    }

    /// The names of the columns in their order, also of those that are not read.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether a column of this name was read.
    #[must_use]
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.contains_key(name)
    }

    /// The texts of a column, empty where there is no value.
    ///
    /// # Errors
    /// Where there is no such column; the error lists those there are.
    pub fn column(&self, name: &str) -> Result<Vec<&str>, DataError> {
        let texts = self.columns.get(name).ok_or_else(|| {
            let line = self.lines.as_ref().map(|_| self.header);
            let place = Place { source: self.source.clone(), line, column: None };
            DataError::new(place, Fault::MissingColumn { name: name.to_owned(), found: self.names.clone() })
        })?;
        Ok(texts.iter().map(AsRef::as_ref).collect())
    }

    /// The texts of a column that may be missing.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<Vec<&str>> {
        Some(self.columns.get(name)?.iter().map(AsRef::as_ref).collect())
    }

    /// The line of a row, where the format has lines; else the number of the row, both counted from 1.
    #[must_use]
    pub fn line(&self, row: usize) -> usize {
        self.lines.as_ref().and_then(|lines| lines.get(row)).copied().unwrap_or(row + 1)
    }

    /// The place of a row, for an error message.
    #[must_use]
    pub fn place(&self, row: usize) -> Place {
        Place::line(&self.source, self.line(row))
    }
}
