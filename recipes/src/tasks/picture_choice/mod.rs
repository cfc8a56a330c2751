//! Choosing the true one of several descriptions of a picture.

mod check;
mod evaluate;
pub(crate) mod options;
mod questions;
mod task;
mod train;
mod words;
