//! Extractive question answering: answers that are spans of a passage (Rajpurkar et al., 2016 and 2018).

mod check;
mod evaluate;
pub(crate) mod options;
mod task;
mod train;
