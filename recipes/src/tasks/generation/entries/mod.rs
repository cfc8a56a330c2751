//! Texts that are written about images, answers, captions and translations in any of several languages, and pairs of images and texts
//! that are contrasted beside them; and spans that are left out of texts, by which the language model of such a model learns before.

mod attention;
mod caption_mask;
mod check;
mod check_texts;
mod contrast;
mod drawings;
mod evaluate;
mod example_set;
mod examples;
mod image_codes;
mod image_token_check;
mod labels;
mod nearest_caption;
pub(crate) mod options;
mod region_check;
mod span_check;
mod span_corruption;
mod span_evaluate;
mod span_texts;
mod task;
mod teacher_images;
mod teacher_texts;
mod token_losses;
mod train;
mod translations;
mod trivial;
mod writer;
