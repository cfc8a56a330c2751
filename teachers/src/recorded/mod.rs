//! Answers that were recorded before: records of generated texts, and tables of answers of any kind.

mod cells;
mod classes;
mod options;
mod record;
mod rows;
mod table;

pub use options::RecordedOptions;
pub use record::RecordedTeacher;
pub use table::{RecordedTable, is_record};
