//! Any table as columns of text.
//!
//! One pass reads a table: it finds the columns that the recipe names, borrows their texts from the source's bytes wherever
//! nothing has to be unescaped, and reports every fault with its line. Columns that nobody names are passed over, whatever is
//! in them.

mod delimited;
mod fields;
mod json;
mod lines;
mod parquet;
mod scan;
mod values;

use std::borrow::Cow;

use alambic_settings::choices;
use indexmap::IndexMap;

use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{Format, Source};

pub(crate) use lines::{lines, unmarked, utf8};

/// Where a delimited table's column names come from. JSON and Parquet name their own.
#[derive(Debug, Clone, Copy, Default)]
pub enum Header<'a> {
    /// From the first line.
    #[default]
    First,
    /// From the first line if it holds all of `marks`; else there is no header and the columns are `names`.
    Unless {
        /// Column names that tell a header from a row.
        marks: &'a [&'a str],
        /// Names of the columns of a table without a header.
        names: &'a [&'a str],
    },
    /// There is none; columns are called by their number, counted from 1.
    Numbers,
}

impl Header<'_> {
    /// That of a table which names its columns in the first line or nowhere.
    #[must_use]
    pub fn named(has_header: bool) -> Self {
        if has_header { Self::First } else { Self::Numbers }
    }
}

choices! {
    /// What quotes are in delimited tables.
    pub enum Quoting {
        /// Marks around fields in CSV, as RFC 4180 says. In TSV they are marks where every one in the file is set as a writer
        /// of quoted fields sets it (as pandas' `to_csv(sep="\t")`), and characters where one is not, as in the files of
        /// GLUE.
        AsWritten = "as-written",
        /// Marks around fields: two within them stand for one, and separators and line ends within them are text.
        DoubleQuotes = "double-quotes",
        /// Characters like others.
        None = "none",
    }
}

/// What of a table is read.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// Where the names of columns come from.
    pub header: Header<'a>,
    /// What quotes are.
    pub quoting: Quoting,
    /// Columns that must be there and hold texts.
    pub texts: &'a [&'a str],
    /// Columns that must be there, and hold texts, numbers or truth values.
    pub values: &'a [&'a str],
    /// Columns that are read like `values` where they are there.
    pub optional: &'a [&'a str],
}

impl Default for Columns<'_> {
    fn default() -> Self {
        Self { header: Header::First, quoting: Quoting::AsWritten, texts: &[], values: &[], optional: &[] }
    }
}

impl<'a> Columns<'a> {
    /// Those that must be there.
    fn needed(&self) -> impl Iterator<Item = &'a str> {
        self.texts.iter().chain(self.values).copied()
    }

    /// All that are read, each once.
    fn all(&self) -> Vec<&'a str> {
        let mut all: Vec<&str> = Vec::new();
        for name in self.needed().chain(self.optional.iter().copied()) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    }

    /// Whether a column must hold texts.
    fn is_text(&self, name: &str) -> bool {
        self.texts.contains(&name)
    }
}

/// A table, every column a column of text.
#[derive(Debug, Clone)]
pub struct Table<'s> {
    source: String,
    /// The names of all columns, those that are not read as well.
    names: Vec<String>,
    columns: IndexMap<String, Vec<Cow<'s, str>>>,
    rows: usize,
    /// Rows in which nothing stands.
    blank: usize,
    /// The line of the header.
    header: usize,
    /// The line on which each row begins, counted from 1. Parquet has none.
    lines: Option<Vec<usize>>,
    notes: Vec<String>,
}

impl<'s> Table<'s> {
    /// Reads a source whole.
    ///
    /// # Errors
    /// All faults of the lines at once; see [`Fault`].
    pub fn read(source: &'s Source, columns: &Columns<'_>) -> Result<Self, DataError> {
        let table = match source.format {
            Format::Tsv | Format::Csv => delimited::read(source, columns)?,
            Format::JsonLines => json::read(source, columns)?,
            Format::Parquet => parquet::read(source, columns)?,
        };
        let mut problems = Problems::default();
        for name in columns.needed() {
            if let Err(error) = table.column(name) {
                problems.extend(error);
            }
        }
        if table.rows == 0 {
            problems.push(Place::file(&table.source), Fault::NoRows);
        }
        problems.or(table)
    }

    /// A table of nothing yet.
    fn empty(source: &Source) -> Self {
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

    /// Number of rows in which nothing stands.
    #[must_use]
    pub fn blank(&self) -> usize {
        self.blank
    }

    /// How it was read, where that is not plain from its name: each with the table's own.
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
    pub fn has(&self, name: &str) -> bool {
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

/// The columns of a delimited table that are read, as they fill.
struct Kept<'t> {
    columns: IndexMap<String, Vec<Cow<'t, str>>>,
    /// For each column the place of its field in a row.
    fields: Vec<usize>,
}

impl<'t> Kept<'t> {
    /// Finds the columns among the names of a header. It is a problem if one has its name twice.
    fn new(columns: &Columns<'_>, names: &[String], header: &Place, problems: &mut Problems) -> Self {
        let mut kept = Self { columns: IndexMap::new(), fields: Vec::new() };
        for wanted in columns.all() {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == wanted);
            let Some((place, _)) = places.next() else { continue };
            if places.next().is_some() {
                problems.push(header.clone(), Fault::DuplicateColumn(wanted.to_owned()));
            }
            kept.columns.insert(wanted.to_owned(), Vec::new());
            kept.fields.push(place);
        }
        kept
    }

    /// Takes the fields of a row.
    fn push(&mut self, fields: &mut [Cow<'t, str>]) {
        for (column, &place) in self.columns.values_mut().zip(&self.fields) {
            column.push(fields.get_mut(place).map(std::mem::take).unwrap_or_default());
        }
    }
}
