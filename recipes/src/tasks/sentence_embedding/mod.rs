//! Parallel sentences, whose embeddings a student learns from a teacher.

mod bitext;
mod by_layer;
mod check;
mod evaluate;
pub(crate) mod options;
mod pairs;
mod similarity;
mod task;
mod train;
