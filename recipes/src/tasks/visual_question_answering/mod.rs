//! Questions about images that are answered.

mod check;
mod evaluate;
pub(crate) mod options;
mod questions;
mod task;
mod timings;
mod train;

pub(crate) use questions::answer_all;
