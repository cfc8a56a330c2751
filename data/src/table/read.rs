//! Reading of a table, by its format.

use super::cells::Table;
use super::columns::Columns;
use super::{delimited, json, parquet};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{TableFormat, TableSource};

impl<'s> Table<'s> {
    /// Reads a source whole.
    ///
    /// # Errors
    /// All faults of the lines at once; see [`Fault`].
    pub fn read(source: &'s TableSource, columns: &Columns<'_>) -> Result<Self, DataError> {
        let table = match source.format {
            TableFormat::Tsv | TableFormat::Csv => delimited::read(source, columns)?,
            TableFormat::JsonLines => json::read(source, columns)?,
            TableFormat::Parquet => parquet::read(source, columns)?,
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
