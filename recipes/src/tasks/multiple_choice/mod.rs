//! Multiple choice: which of several choices belongs to a prompt, by a score of each pair (SWAG: Zellers et al., 2018).

mod check;
mod evaluate;
pub(crate) mod options;
mod questions;
mod task;
mod train;
