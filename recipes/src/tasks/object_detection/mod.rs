//! Objects in images that are detected.

mod check;
mod evaluate;
pub(crate) mod options;
mod task;
mod train;
