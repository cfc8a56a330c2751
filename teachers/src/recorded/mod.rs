//! Answers that were recorded before: records of generated texts, and tables of anything that a teacher says of a text.

mod answers;
mod cells;
mod classes;
mod options;
mod record;
mod rows;
mod table;

pub use answers::{Answer, AnswerForm, AnsweringTeacher, AskedText, Asking, placed};
pub use options::{MissingAnswers, RecordedOptions};
pub use record::RecordedTeacher;
pub use table::{RecordedTable, is_record};
