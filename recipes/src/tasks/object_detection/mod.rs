//! Objects in images that are detected.

mod check;
pub(crate) mod options;
mod task;
mod train;
