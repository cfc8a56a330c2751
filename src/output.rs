//! Results on standard output: lines, tables, JSON.

use std::io::Write;

use alambic_files::text::{json_visible, shortened, visible_output};
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{CellAlignment, LineStyle, Table};
use serde::Serialize;

use crate::failure::Failure;

/// Prints a text and ends its line; names and texts from files reach a terminal as [`visible_output`] has them.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    Ok(writeln!(anstream::stdout(), "{}", visible_output(text))?)
}

/// Prints a value as JSON over several lines.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    line(&json_visible(&serde_json::to_string_pretty(value)?))
}

/// Prints a value as JSON on one line.
pub(crate) fn json_line<T: Serialize>(value: &T) -> Result<(), Failure> {
    line(&json_visible(&serde_json::to_string(value)?))
}

/// The most characters of a cell.
const LONGEST_CELL: usize = 400;

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) enum Column<'a> {
    /// Read from the left.
    Text(&'a str),
    /// Numbers, their last digits below each other.
    Number(&'a str),
}

/// Prints a table.
pub(crate) fn table(columns: &[Column<'_>], rows: Vec<Vec<String>>) -> Result<(), Failure> {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    table.set_header(columns.iter().map(|column| match column {
        Column::Text(text) | Column::Number(text) => *text,
    }));
    table.add_rows(rows.into_iter().map(|row| row.into_iter().map(|cell| shortened(&cell, LONGEST_CELL))));
    for (index, column) in columns.iter().enumerate() {
        if let (Column::Number(_), Some(column)) = (column, table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    line(&table.trim_fmt())
}
