//! Texts about images, for pre-training as Oscar+ has it.

mod check;
pub(crate) mod options;
mod pairs;
mod task;
mod train;
