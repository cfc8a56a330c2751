//! Texts and images that a fusion encoder reads together, to say whether they belong together.

mod check;
pub(crate) mod options;
mod task;
mod train;
