//! Texts that are written about images: answers to questions, and captions, in any of several languages; and spans that are left out
//! of texts, by which the language model of such a model learns before.

mod attention;
mod check;
mod evaluate;
mod examples;
mod labels;
pub(crate) mod options;
mod span_check;
mod span_corruption;
mod span_evaluate;
mod span_texts;
mod task;
mod teacher_texts;
mod train;
mod writer;
