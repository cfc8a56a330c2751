//! The record of a run: `events.jsonl`, one JSON object a line, and the tables made from it.
//!
//! Each object has a key `event` with its kind. [`StepEvent`], [`EvaluationEvent`] and [`NoteEvent`] are the
//! kinds that the tables and plots read; any other object may be appended and is kept.

mod events;
mod log;
mod tables;

pub(crate) use events::numbers_or_null;
pub use events::{EvaluationEvent, NoteEvent, StepEvent};
pub use log::{EventLog, LogMark, read_events};
pub use tables::{table_of_objects, tables_from_events, write_table};
