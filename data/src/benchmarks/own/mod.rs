//! Formats of data of one's own, whose files and columns a suite names.

mod bitext_table;
mod files;
mod language_columns;
mod made_up;
mod order;
mod tagged_words;
mod text_table;

pub use bitext_table::BitextTable;
pub use language_columns::{GroupBy, LanguageColumns};
pub use made_up::{MadeUp, MadeUpContent};
pub use tagged_words::TaggedWords;
pub use text_table::TextTable;
