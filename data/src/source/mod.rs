//! Bytes of a table: from a file, or from what the program carries.

mod bytes;
mod files;
mod format;
mod pattern;
mod table_source;

pub use files::Files;
pub(crate) use files::{CorpusFile, CorpusFiles};
pub use format::TableFormat;
pub use pattern::files;
pub(crate) use table_source::for_each_file;
pub(crate) use table_source::local;
pub use table_source::{Extent, TableSource};
