//! Texts that are written about images, answers, captions and translations in any of several languages, and pairs of images and texts
//! that are contrasted beside them.

mod check;
mod check_texts;
mod contrast;
mod evaluate;
mod examples;
pub(crate) mod options;
mod task;
mod train;
mod translations;
mod writer;
