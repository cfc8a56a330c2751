//! Texts that are read: classified, tagged, rated, predicted where they are masked, or turned into states.

mod augment;
mod check;
mod check_answers;
mod check_augment;
mod check_evaluation;
mod check_labels;
mod check_masking;
mod evaluate;
pub(crate) mod labels;
pub(crate) mod options;
mod task;
mod train;
