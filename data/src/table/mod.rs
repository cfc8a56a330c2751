//! Any table as columns of text.
//!
//! polars reads the columns. It says little about where a file is broken, so a pass over the lines comes
//! first: it checks the encoding, the number of columns and the presence of those that are needed, and
//! reports every fault with its line.

mod delimited;
mod frame;
mod json_lines;

use polars::prelude::{DataFrame, DataType};

use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{Format, Source};

/// Where a delimited table's column names come from. JSON lines and Parquet name their own.
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

/// A table, every column a column of text.
#[derive(Debug, Clone)]
pub struct Table {
    source: String,
    frame: DataFrame,
    /// The line on which each row begins, counted from 1. Parquet has none.
    lines: Option<Vec<usize>>,
}

impl Table {
    /// Reads a source whole. `needed` names the columns that must be there and hold text.
    ///
    /// # Errors
    /// All faults of the lines at once; see [`Fault`].
    pub fn read(source: &Source, header: Header<'_>, needed: &[&str]) -> Result<Self, DataError> {
        let (frame, lines) = match source.format {
            Format::Tsv => delimited::read(source, b'\t', None, header)?,
            Format::Csv => delimited::read(source, b',', Some(b'"'), header)?,
            Format::JsonLines => json_lines::read(source, needed)?,
            Format::Parquet => (frame::of_parquet(source, needed)?, None),
        };
        let table = Self { source: source.name.clone(), frame, lines };
        let mut problems = Problems::default();
        for name in needed {
            if let Err(error) = table.column(name) {
                problems.extend(error);
            }
        }
        if table.rows() == 0 {
            problems.push(Place::file(&table.source), Fault::NoRows);
        }
        problems.or(table)
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.frame.height()
    }

    /// The names of the columns in their order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.frame.get_column_names().into_iter().map(ToString::to_string).collect()
    }

    /// Whether there is a column of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.frame.get_column_index(name).is_some()
    }

    /// The texts of a column, empty where there is no value.
    ///
    /// # Errors
    /// Where there is no such column; the error lists those there are.
    pub fn column(&self, name: &str) -> Result<Vec<&str>, DataError> {
        let place =
            || Place { source: self.source.clone(), line: self.lines.as_ref().map(|_| 1), column: None };
        let column = self.frame.column(name).map_err(|_| {
            DataError::new(place(), Fault::MissingColumn { name: name.to_owned(), found: self.names() })
        })?;
        debug_assert_eq!(column.dtype(), &DataType::String);
        let texts =
            column.str().map_err(|error| DataError::new(place(), Fault::Reader(error.to_string())))?;
        Ok(texts.iter().map(Option::unwrap_or_default).collect())
    }

    /// The line of a row, where the format has lines; else the number of the row, both counted from 1.
    #[must_use]
    pub fn line(&self, row: usize) -> usize {
        self.lines.as_ref().map_or(row + 1, |lines| lines[row])
    }

    /// The place of a row, for an error message.
    #[must_use]
    pub fn place(&self, row: usize) -> Place {
        Place::line(&self.source, self.line(row))
    }
}

/// The lines of a source without their ends, with their numbers from 1. A byte order mark and the carriage returns of
/// Windows are left out.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    bytes
        .strip_prefix("\u{feff}".as_bytes())
        .unwrap_or(bytes)
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

/// A line as text, or a problem noted with its line and column.
pub(crate) fn utf8<'a>(
    source: &Source,
    number: usize,
    line: &'a [u8],
    problems: &mut Problems,
) -> Option<&'a str> {
    match std::str::from_utf8(line) {
        Ok(text) => Some(text),
        Err(error) => {
            let valid = String::from_utf8_lossy(&line[..error.valid_up_to()]);
            let column = Some(valid.chars().count() + 1);
            let place = Place { source: source.name.clone(), line: Some(number), column };
            problems.push(place, Fault::NotUtf8(line[error.valid_up_to()]));
            None
        }
    }
}
