//! An object of JSON a line, with `label`.

use super::super::classes::class_of;
use super::super::references::{Predictions, References};
use super::super::rows::as_format;
use super::check_count;
use crate::error::{DataError, Problems};
use crate::source::{TableFormat, TableSource};
use crate::table::{Columns, Table};

pub(super) fn read(source: &TableSource, references: &References) -> Result<Predictions, DataError> {
    let known: Vec<&str> = references.classes.iter().map(String::as_str).collect();
    let lines = as_format(source, TableFormat::JsonLines);
    let table = Table::read(&lines, &Columns { values: &["label"], ..Columns::default() })?;
    let mut problems = Problems::default();
    let mut labels = Vec::new();
    for (row, label) in table.column("label")?.into_iter().enumerate() {
        match class_of(label.trim(), &known) {
            Ok(label) => labels.push(label),
            Err(fault) => problems.push(table.place(row), fault),
        }
    }
    if let Err(error) = check_count(source, "lines", table.rows(), references) {
        problems.extend(error);
    }
    problems.or(Predictions::Classes(labels))
}

pub(super) fn text(labels: &[String]) -> String {
    labels.iter().fold(String::new(), |text, label| text + "{\"label\": " + label + "}\n")
}
