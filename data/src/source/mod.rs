//! Bytes of a table: from a file, or from what the program carries.

mod bytes;
mod format;
mod pattern;
mod table_source;

pub use format::TableFormat;
pub use pattern::files;
pub(crate) use table_source::for_each_file;
pub(crate) use table_source::local;
pub use table_source::{Extent, TableSource};
