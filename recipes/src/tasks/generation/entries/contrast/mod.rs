//! Pairs of images and texts, and of texts and translations, that an encoder is to find for each other.

mod check;
mod encoder;
mod evaluate;
mod examples;
pub(super) mod options;
mod retrieval;
mod train;

pub(super) use evaluate::ContrastEvaluator;
pub(super) use train::{ContrastTraining, counts_over_pairs};
