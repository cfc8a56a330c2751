//! Pre-training on texts, images and pairs of both, as UNIMO has it.

mod check;
mod examples;
mod left_out;
mod mask;
pub(crate) mod options;
mod pair_lists;
mod pair_reader;
mod pairs;
mod region_classes;
mod task;
mod train;
