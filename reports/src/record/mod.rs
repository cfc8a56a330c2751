//! The record of a run: `events.jsonl`, one JSON object a line, and the tables made from it; and the scores of the test examples.
//!
//! Each object has a key `event` with its kind, and `time`, when it was appended. [`StepEvent`], [`EvaluationEvent`] and
//! [`NoteEvent`] are the kinds that the tables and plots read, [`ProgressEvent`] says where runs and stages begin and end; any
//! other object may be appended and is kept.

mod events;
mod log;
mod scores;
mod tables;

pub(crate) use events::numbers_or_null;
pub use events::{EvaluationEvent, FinalFigures, NoteEvent, ProgressEvent, RunStatus, StepEvent};
pub use log::{EventLog, LogMark, now, read_events};
pub use scores::{ScoresBySeed, read_scores, write_scores};
pub use tables::{table_of_objects, tables_from_events, write_table};
