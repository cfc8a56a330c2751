//! Results on standard output: lines, tables, JSON.

use std::io::Write;

use alambic_files::text::{json_visible, visible_output};
use serde::Serialize;
use terminal_size::terminal_size_of;

use crate::failure::Failure;
use crate::table::layout;

pub(crate) use crate::table::Column;

/// Prints a text and ends its line; names and texts from files reach a terminal as [`visible_output`] has them.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    Ok(writeln!(anstream::stdout(), "{}", visible_output(text))?)
}

/// Writes bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    Ok(std::io::stdout().write_all(bytes)?)
}

/// Prints a value as JSON over several lines.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    line(&json_visible(&serde_json::to_string_pretty(value)?))
}

/// Prints a value as JSON on one line.
pub(crate) fn json_line<T: Serialize>(value: &T) -> Result<(), Failure> {
    line(&json_visible(&serde_json::to_string(value)?))
}

/// Prints a table, as wide as the terminal; into a file or a pipe with each row in one line, unless `COLUMNS` says how wide.
pub(crate) fn table(columns: &[Column<'_>], rows: Vec<Vec<String>>) -> Result<(), Failure> {
    line(&layout(columns, rows, width()))
}

/// Columns of the terminal, or those that `COLUMNS` names; none where neither is known.
fn width() -> Option<usize> {
    let terminal = terminal_size_of(std::io::stdout()).map(|(width, _)| usize::from(width.0));
    let named = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
    terminal.or_else(named).filter(|&width| width > 0)
}
