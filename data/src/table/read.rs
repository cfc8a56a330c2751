//! Reading of a table, by its format.

use super::cells::Table;
use super::columns::Columns;
use super::{delimited, json, parquet};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{Format, Source};

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
}
