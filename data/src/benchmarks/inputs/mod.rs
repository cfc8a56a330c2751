//! Inputs of a benchmark's parts: what a model is asked, with what is right where the files say it.

mod bitext;
mod choices;
mod examples;
mod images;
mod passages;
mod sentences;
mod texts;

pub(super) use bitext::{in_sorted_order, sentences_with_ids, side_by_side};
pub(super) use choices::choices;
pub use examples::{
    ChoiceExample, Examples, IdentifiedSentence, Part, PassageExample, SentenceExample, TextExample,
};
pub(super) use images::ImageReader;
pub use images::{ImageCaption, ImageSet, VisualQuestion};
pub(super) use passages::passages;
pub(super) use sentences::{sentences_of_lists, sentences_of_words};
pub(super) use texts::{TextColumns, texts};
