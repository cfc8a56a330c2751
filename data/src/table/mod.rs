//! Any table as columns of text.
//!
//! One pass reads a table: it finds the columns that the recipe names, borrows their texts from the source's bytes wherever
//! nothing has to be unescaped, and reports every fault with its line. Columns that nobody names are passed over, whatever is
//! in them.

mod cells;
mod column_buffers;
mod columns;
mod delimited;
mod fields;
mod json;
mod lines;
mod parquet;
mod read;
mod scan;
mod values;

pub use cells::Table;
pub use columns::{Columns, Header, Quoting};
pub(crate) use lines::{lines, unmarked, utf8};
