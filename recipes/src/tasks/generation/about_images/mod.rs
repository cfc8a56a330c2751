//! Texts that are written about images: answers to questions, and captions, in any of several languages.

mod check;
mod evaluate;
mod examples;
pub(crate) mod options;
mod task;
mod train;
mod writer;
