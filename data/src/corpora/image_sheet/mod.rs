//! Sheets of pictures with a table of what they show.

mod caption_template;
mod columns;
mod groups;
mod options;
mod reader;
mod rows;
mod sheet_files;

pub use options::ImageSheet;
pub use sheet_files::{SheetFiles, Sides};
