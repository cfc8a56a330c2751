//! Lines and rows of files of labels and of predictions.

use std::borrow::Cow;

use super::files::LanguageFile;
use super::python::strip;
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{TableFormat, TableSource};
use crate::table::{Columns, Table, lines, utf8};

/// The lines of a file without white space around them, with their numbers; an empty one at the end is left out.
pub(super) fn stripped<'s>(source: &'s TableSource, problems: &mut Problems) -> Vec<(usize, &'s str)> {
    let mut all: Vec<(usize, &str)> = lines(&source.bytes)
        .filter_map(|(number, line)| Some((number, strip(utf8(source, number, line, problems)?))))
        .collect();
    if all.last().is_some_and(|(_, line)| line.is_empty()) {
        all.pop();
    }
    all
}

/// How many columns the first line of a file has that is not empty, separated by tabs.
pub(super) fn columns(source: &TableSource) -> usize {
    let first = lines(&source.bytes).find(|(_, line)| !line.trim_ascii().is_empty());
    first.map_or(0, |(_, line)| line.split(|&byte| byte == b'\t').count())
}

/// Whether the first line of a file names a column, as raw downloads do and prepared files do not.
pub(super) fn has_header(source: &TableSource, column: &str) -> bool {
    let first = lines(&source.bytes).find(|(_, line)| !line.trim_ascii().is_empty());
    first.is_some_and(|(_, line)| {
        line.split(|&byte| byte == b'\t').any(|name| name.trim_ascii() == column.as_bytes())
    })
}

/// The same source read as another format than its name says.
pub(super) fn as_format(source: &TableSource, format: TableFormat) -> TableSource {
    let bytes: Cow<'static, [u8]> = source.bytes.clone();
    TableSource { format, bytes, name: source.name.clone(), notes: source.notes.clone(), ..*source }
}

/// A value of each row of a table of JSON lines; what is no class says so with its line.
pub(super) fn json_column<T>(
    file: &LanguageFile<'_>,
    wanted: &Columns<'_>,
    column: &str,
    read: impl Fn(&str, usize, &Table<'_>) -> Result<Option<T>, Fault>,
) -> Result<Vec<T>, DataError> {
    let source = as_format(file.source, TableFormat::JsonLines);
    let table = Table::read(&source, wanted)?;
    let mut problems = Problems::default();
    let mut values = Vec::new();
    for (row, value) in table.column(column)?.into_iter().enumerate() {
        match read(value, row, &table) {
            Ok(value) => values.extend(value),
            Err(fault) => problems.push(table.place(row), fault),
        }
    }
    problems.or(values)
}

/// A fault of a whole file.
pub(super) fn of_file(source: &TableSource, fault: impl Into<Fault>) -> DataError {
    DataError::new(Place::file(&source.name), fault.into())
}
