//! Running a recipe: stages, baseline, evaluation and report.
//!
//! A run can be killed at any moment and resumed: each training goes on from its newest sound checkpoint or is taken as
//! finished, each record of what a teacher wrote is completed, and everything after the trainings is computed anew. A run
//! that is finished stays as it is.

mod environment;
mod evaluation;
mod initial;
mod options;
mod ranks;
pub(crate) mod result;
pub(crate) mod rounds;
pub(crate) mod stage;
mod start;
mod summaries;
pub(crate) mod trainings;
mod unfinished;
mod whole;

pub use options::{RunOptions, StartMode};
pub use ranks::started_ranks;
pub use start::resumable;
pub(crate) use whole::train_only;
pub use whole::{Finished, run};
